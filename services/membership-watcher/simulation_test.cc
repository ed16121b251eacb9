#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "services/membership-watcher/link_membership.h"
#include "services/membership-watcher/testing/packet_builder.h"
#include "services/membership-watcher/wire/mld.h"
#include "services/membership-watcher/wire/mrd.h"

namespace headwater::membership {
namespace {

using Packet = std::vector<uint8_t>;

const char* const kGroup = "ff3e:40::1";

Options ShortTimes() {
  Options options;
  options.ipv6.query_interval = 10s;
  options.ipv6.query_response_interval = 2s;
  return options;
}

// Between two losses: a robustness of 2 makes good for one packet lost in a listening interval, and
// for no more (RFC 9777 section 9.1).
constexpr Duration kBetweenLosses = 2 * 10s + 2 * 2s;

struct Host {
  std::string address;
  Version version = Version::kMldV2;
  bool listens = false;
  MonoTime since{};  // since when `listens` is what it is
  // MLDv1: whether it was the last to report, and the answer that another's report may suppress.
  bool last_reporter = false;
  int answer = 0;
  MonoTime answer_at{};
};

// One link: two routers (the second, of the lower address, comes and goes), hosts of both versions,
// and a wire that loses, doubles, delays and so reorders. Packets are whole ones; time is virtual.
class Simulation {
 public:
  explicit Simulation(unsigned seed) : random_(seed) {
    for (int i = 0; i < 4; ++i) {
      const bool older = seed % 3 == 0 && i % 2 == 0;
      hosts_.push_back({.address = "fe80::1" + std::to_string(i),
                        .version = older ? Version::kMldV1 : Version::kMldV2});
    }
    for (int i = 0; i < 2; ++i) routers_.push_back(std::make_unique<LinkMembership>(ShortTimes()));
    SetRouter(0, true);
  }

  void Run(Duration duration) {
    const MonoTime end = now_ + duration;
    const MonoTime last_act = end - 60s;
    while (now_ < end) {
      Act(now_ < last_act);
      Step(std::min(end, now_ + Random(200ms, 3s)));
      ExpectListenersAreKnown();
      if (::testing::Test::HasFailure()) return;
    }
  }
  void EveryoneLeaves() {
    for (Host& host : hosts_) SetListening(host, false);
    lossless_ = true;
    Step(now_ + kBetweenLosses + 2s);
  }
  bool present(size_t router) const {
    return routers_[router]->table().Find(Address(kGroup)) != nullptr;
  }

 private:
  Duration Random(Duration from, Duration to) {
    return from + Duration(static_cast<Duration::rep>(
                      random_() % static_cast<uint64_t>((to - from).count() + 1)));
  }
  bool Chance(unsigned percent) { return random_() % 100 < percent; }
  void At(MonoTime when, std::function<void()> what) { events_.emplace(when, std::move(what)); }

  void Act(bool routers_too) {
    if (Chance(30)) {
      Host& host = hosts_[random_() % hosts_.size()];
      SetListening(host, !host.listens);
    }
    if (routers_too && Chance(5)) SetRouter(1, !second_up_);
  }

  // All events and timers up to then, in order.
  void Step(MonoTime until) {
    for (;;) {
      MonoTime next = events_.empty() ? kNever : events_.begin()->first;
      for (const auto& router : routers_) next = std::min(next, router->NextDeadline());
      if (next > until) break;
      now_ = std::max(now_, next);
      while (!events_.empty() && events_.begin()->first <= now_) {
        auto what = std::move(events_.begin()->second);
        events_.erase(events_.begin());
        what();
      }
      for (size_t i = 0; i < routers_.size(); ++i) {
        Actions actions;
        routers_[i]->OnTime(now_, actions);
        Perform(i, actions);
      }
    }
    now_ = until;
  }

  void SetRouter(size_t index, bool up) {
    if (index == 1) second_up_ = up;
    up_since_[index] = now_;
    // A querier that falls silent is a loss as well: its queries are missing until the other one
    // asks.
    if (!up) lose_again_ = now_ + 2 * 10s + 1s + kBetweenLosses;
    Actions actions;
    const char* address = index == 0 ? "fe80::5" : "fe80::2";
    routers_[index]->OnInterface(
        {.up = up, .ipv4 = {}, .link_local = Address(address), .mtu = 1500}, now_, actions);
    Perform(index, actions);
  }

  void Perform(size_t router, const Actions& actions) {
    for (const Action& action : actions) {
      const auto* send = std::get_if<SendQuery>(&action);
      if (send != nullptr && send->to != AllSnoopers(false))
        Broadcast(WrapPacket(send->from, send->to, send->message), router, nullptr);
    }
  }

  // To every other router and host, each with a delay of its own.
  void Broadcast(const Packet& packet, size_t from_router, const Host* from_host) {
    const bool lost = !lossless_ && now_ >= lose_again_ && Chance(30);
    if (lost) {
      lose_again_ = now_ + kBetweenLosses + Random(0s, 30s);
      return;
    }
    for (size_t i = 0; i < routers_.size(); ++i) {
      if (i == from_router) continue;
      for (int copy = Chance(30) ? 2 : 1; copy > 0; --copy) {
        At(now_ + Random(0ms, 20ms), [this, i, packet] {
          Actions actions;
          routers_[i]->OnPacket(packet, now_, {}, actions);
          Perform(i, actions);
        });
      }
    }
    for (Host& host : hosts_) {
      if (&host == from_host) continue;
      At(now_ + Random(0ms, 20ms), [this, &host, packet] { Hear(host, packet); });
    }
  }

  void Say(Host& host, RecordType type) {
    const Report report{host.version, {{type, Address(kGroup), {}}}};
    if (type != RecordType::kToInclude) host.last_reporter = true;
    Broadcast(ReportPacket(host.address, report), routers_.size(), &host);
  }

  void SetListening(Host& host, bool listens) {
    if (host.listens == listens) return;
    host.listens = listens;
    host.since = now_;
    host.answer_at = {};
    ++host.answer;
    const bool older = host.version == Version::kMldV1;
    const RecordType type = !listens ? RecordType::kToInclude
                            : older  ? RecordType::kIsExclude
                                     : RecordType::kToExclude;
    // An MLDv1 host that was not the last to report need not say that it leaves.
    if (older && !listens && !host.last_reporter) return;
    Say(host, type);
    if (older && !listens) return;
    At(now_ + Random(0ms, older ? 5s : 1s), [this, &host, type, since = host.since] {
      if (host.since == since) Say(host, type);
    });
  }

  void Hear(Host& host, const Packet& packet) {
    const auto message = ParseMld(packet);
    ASSERT_TRUE(message.ok());
    if (const auto* report = std::get_if<Report>(&message->body)) {
      if (report->version != Version::kMldV1 || host.version != Version::kMldV1) return;
      if (report->records[0].type != RecordType::kIsExclude) return;
      host.last_reporter = false;
      host.answer_at = {};
      ++host.answer;  // suppressed
      return;
    }
    if (!host.listens || !std::holds_alternative<Query>(message->body)) return;
    const Query& query = std::get<Query>(message->body);
    const MonoTime when = now_ + Random(0ms, query.max_response);
    if (host.answer_at > now_ && host.answer_at <= when) return;  // one answer for both
    host.answer_at = when;
    const int answer = ++host.answer;
    At(when, [this, &host, answer] {
      if (host.answer == answer && host.listens) Say(host, RecordType::kIsExclude);
    });
  }

  // A host that has had the time to say so, and to say it again, is known to every router that says
  // that it knows all.
  void ExpectListenersAreKnown() {
    for (const Host& host : hosts_) {
      const Duration settled = host.version == Version::kMldV1 ? 6s : 2s;
      if (!host.listens || now_ < host.since + settled) continue;
      for (size_t i = 0; i < routers_.size(); ++i) {
        // Its first query may be the packet that is lost: then the second startup query tells.
        if (routers_[i]->sync() != LinkSync::kSynced || now_ < up_since_[i] + 6s) continue;
        EXPECT_TRUE(present(i)) << "router " << i << " lost " << host.address << " at "
                                << (now_ - MonoTime{}) / 1ms << " ms";
      }
    }
  }

  std::mt19937 random_;
  MonoTime now_{};
  std::multimap<MonoTime, std::function<void()>> events_;
  std::vector<Host> hosts_;
  std::vector<std::unique_ptr<LinkMembership>> routers_;
  bool second_up_ = false;
  std::array<MonoTime, 2> up_since_ = {};
  bool lossless_ = false;
  MonoTime lose_again_{};
};

TEST(SimulationTest, NoListenerIsLostAndNoGroupStays) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed);
    simulation.Run(300s);
    ASSERT_FALSE(::testing::Test::HasFailure());
    simulation.EveryoneLeaves();
    ASSERT_FALSE(simulation.present(0));
    ASSERT_FALSE(simulation.present(1));
  }
}

}  // namespace
}  // namespace headwater::membership
