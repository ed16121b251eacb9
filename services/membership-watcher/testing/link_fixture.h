#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/membership-watcher/link_membership.h"
#include "services/membership-watcher/testing/packet_builder.h"
#include "services/membership-watcher/wire/igmp.h"
#include "services/membership-watcher/wire/mld.h"
#include "services/membership-watcher/wire/mrd.h"

namespace headwater::membership {

inline constexpr const char* kGroup = "ff3e:40:2001:db8:d0be:f00d:8000:1";
inline constexpr const char* kGroup4 = "239.192.0.1";
inline constexpr const char* kSsm = "ff3e::8000:1";
inline constexpr const char* kSource = "2001:db8::1";
inline constexpr const char* kSource2 = "2001:db8::2";
inline constexpr const char* kOwn = "fe80::5";
inline constexpr const char* kOwn4 = "192.0.2.5";
inline constexpr const char* kHost = "fe80::a";
inline constexpr const char* kHost2 = "fe80::b";
inline constexpr const char* kHost4 = "192.0.2.10";

// A general query of another router, whose own values are a robustness of 3 and 60 s.
inline Query General(Version version, std::chrono::milliseconds response = 10s) {
  Query query;
  query.version = version;
  if (version != Version::kMldV1 && version != Version::kMldV2) query.group = Address("0.0.0.0");
  query.max_response = response;
  query.robustness = IsOlder(version) ? uint8_t{0} : uint8_t{3};
  query.query_interval = std::chrono::seconds(IsOlder(version) ? 0 : 60);
  return query;
}

// A link whose packets, time and interface the test plays; queries that it sends are read back with
// the codecs.
class LinkFixture : public ::testing::Test {
 protected:
  explicit LinkFixture(const Options& options = {}) : link_(options) {}

  void Up() {
    link_.OnInterface(
        {.up = true, .ipv4 = Address(kOwn4), .link_local = Address(kOwn), .mtu = 1500}, now_,
        actions_);
    Drain();
  }
  // Up, and the startup queries are answered by nobody.
  void UpAndSynced() {
    Up();
    Advance(2s);
    ASSERT_EQ(link_.sync(), LinkSync::kSynced);
    sent_.clear();
    log_.clear();
  }
  void Report(std::string_view host, RecordType type, std::string_view group,
              std::vector<std::string> sources = {}) {
    Record record{type, Address(group), {}};
    for (const std::string& source : sources) record.sources.push_back(Address(source));
    const bool ipv4 = record.group.is_v4();
    Packet(ReportPacket(host, {ipv4 ? Version::kIgmpV3 : Version::kMldV2, {record}}));
  }
  void Older(Version version, std::string_view host, RecordType type, std::string_view group) {
    Packet(ReportPacket(host, {version, {{type, Address(group), {}}}}));
  }
  void Packet(const std::vector<uint8_t>& packet) {
    link_.OnPacket(packet, now_, wall(), actions_);
    Drain();
  }
  void Advance(Duration duration) {
    const MonoTime until = now_ + duration;
    int steps = 0;
    while (link_.NextDeadline() <= until) {
      now_ = std::max(now_, link_.NextDeadline());
      link_.OnTime(now_, actions_);
      Drain();
      ASSERT_LT(++steps, 10000) << "a deadline that does not move";
    }
    now_ = until;
  }
  absl::Time wall() const {
    return absl::FromUnixSeconds(1'800'000'000) + absl::FromChrono(now_ - MonoTime{});
  }

  void Drain() {
    for (const Action& action : actions_) {
      if (const auto* warning = std::get_if<QueryWarning>(&action)) {
        warnings_.emplace_back(Text(warning->fault));
      }
      if (std::holds_alternative<LinkChanged>(action)) log_.push_back("link");
      if (const auto* changed = std::get_if<GroupChanged>(&action)) {
        log_.push_back("+" + changed->group.ToString());
      }
      if (const auto* removed = std::get_if<GroupRemoved>(&action)) {
        log_.push_back("-" + removed->group.ToString());
      }
      const auto* send = std::get_if<SendQuery>(&action);
      if (send != nullptr && send->to == AllSnoopers(send->from.is_v4())) {
        to_snoopers_.push_back(*send);
      } else if (send != nullptr) {
        const auto packet = WrapPacket(send->from, send->to, send->message);
        auto message = send->from.is_v4() ? ParseIgmp(packet) : ParseMld(packet);
        ASSERT_TRUE(message.ok());
        sent_.push_back({now_, std::get<Query>(message->body), message->from, message->to,
                         send->message.size()});
      }
    }
    actions_.clear();
  }

  const GroupState* Find(std::string_view group) { return link_.table().Find(Address(group)); }
  uint64_t Joins(std::string_view group) { return Find(group)->joins_total(); }
  std::vector<std::string> Hosts(std::string_view group) {
    std::vector<std::string> hosts;
    const GroupState* state = Find(group);
    if (state == nullptr) return hosts;
    for (const Member& member : state->members()) hosts.push_back(member.host.ToString());
    return hosts;
  }
  std::vector<std::string> Sources(std::string_view group) {
    std::vector<std::string> sources;
    for (const IpAddress& source : Find(group)->sources()) sources.push_back(source.ToString());
    return sources;
  }
  // Queries about one group, in order.
  std::vector<Query> SentAbout(std::string_view group) {
    std::vector<Query> queries;
    for (const Sent& sent : sent_) {
      if (sent.query.group == Address(group)) queries.push_back(sent.query);
    }
    return queries;
  }

  struct Sent {
    MonoTime at;
    Query query;
    IpAddress from;
    IpAddress to;
    size_t bytes;
  };
  LinkMembership link_;
  MonoTime now_{};
  Actions actions_;
  std::vector<Sent> sent_;
  std::vector<std::string> log_;
  std::vector<std::string> warnings_;
  std::vector<SendQuery> to_snoopers_;
};

}  // namespace headwater::membership
