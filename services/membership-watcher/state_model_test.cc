#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "services/membership-watcher/group_state.h"
#include "services/membership-watcher/testing/packet_builder.h"

namespace headwater::membership {
namespace {

using enum RecordType;
using Letters = std::set<char>;

constexpr Duration kMali = 270s;
constexpr Duration kLlqt = 2s;

Letters Intersection(const Letters& a, const Letters& b) {
  Letters out;
  for (char letter : a) {
    if (b.contains(letter)) out.insert(letter);
  }
  return out;
}

Letters Without(const Letters& a, const Letters& b) {
  Letters out;
  for (char letter : a) {
    if (!b.contains(letter)) out.insert(letter);
  }
  return out;
}

// The tables of RFC 9777 sections 7.4.1 and 7.4.2 (and RFC 9776 sections 6.4.1 and 6.4.2) written
// down a second time, as plainly as they stand there: sets, a timer for each source of A or X, one
// for the filter. Slow, and apart from the code that it judges.
class Model {
 public:
  std::string Apply(RecordType type, const Letters& list, MonoTime now) {
    asked_.clear();
    if (exclude_) {
      InExclude(type, list, now);
    } else {
      InInclude(type, list, now);
    }
    return asked_;
  }

  void Expire(MonoTime now) {
    for (auto it = timers_.begin(); it != timers_.end();) {
      if (it->second > now) {
        ++it;
        continue;
      }
      if (exclude_) y_.insert(it->first);
      it = timers_.erase(it);
    }
    if (exclude_ && filter_ <= now) {
      exclude_ = false;
      y_.clear();
    }
  }

  MonoTime Next() const {
    MonoTime next = exclude_ ? filter_ : kNever;
    for (const auto& [letter, timer] : timers_) next = std::min(next, timer);
    return next;
  }

  std::string State() const {
    const Letters a = Running();
    if (!exclude_) return a.empty() ? "-" : "I(" + std::string(a.begin(), a.end()) + ")";
    return "X(" + std::string(a.begin(), a.end()) + "," + std::string(y_.begin(), y_.end()) + ")";
  }

 private:
  Letters Running() const {
    Letters out;
    for (const auto& [letter, timer] : timers_) out.insert(letter);
    return out;
  }
  void Set(const Letters& letters, MonoTime until) {
    for (char letter : letters) {
      timers_[letter] = until;
      y_.erase(letter);
    }
  }
  void Delete(const Letters& letters) {
    for (char letter : letters) {
      timers_.erase(letter);
      y_.erase(letter);
    }
  }
  void AskSources(const Letters& letters, MonoTime now) {
    std::string asked;
    for (char letter : letters) {
      auto timer = timers_.find(letter);
      if (timer == timers_.end() || timer->second <= now + kLlqt) continue;
      timer->second = now + kLlqt;
      asked += letter;
    }
    if (!asked.empty()) asked_ += "Q(" + asked + ")";
  }

  void InInclude(RecordType type, const Letters& b, MonoTime now) {
    const Letters a = Running();
    switch (type) {
      case kIsInclude:
      case kAllow:
        return Set(b, now + kMali);
      case kToInclude:
        Set(b, now + kMali);
        return AskSources(Without(a, b), now);
      case kBlock:
        return AskSources(Intersection(a, b), now);
      case kIsExclude:
      case kToExclude:
        exclude_ = true;
        y_ = Without(b, a);
        Delete(Without(a, b));
        if (type == kToExclude) AskSources(Intersection(a, b), now);
        filter_ = now + kMali;
        return;
    }
  }

  void InExclude(RecordType type, const Letters& a, MonoTime now) {
    const Letters x = Running();
    const Letters y = y_;
    switch (type) {
      case kIsInclude:
      case kAllow:
        return Set(a, now + kMali);
      case kToInclude:
        Set(a, now + kMali);
        AskSources(Without(x, a), now);
        filter_ = std::min(filter_, now + kLlqt);
        asked_ += "Q";
        return;
      case kBlock:
        Set(Without(Without(a, x), y), filter_);
        return AskSources(Without(a, y), now);
      case kIsExclude:
      case kToExclude:
        Delete(Without(x, a));
        Delete(Without(y, a));
        Set(Without(Without(a, x), y), type == kIsExclude ? now + kMali : filter_);
        if (type == kToExclude) AskSources(Without(a, y), now);
        filter_ = now + kMali;
        return;
    }
  }

  bool exclude_ = false;
  MonoTime filter_;
  std::map<char, MonoTime> timers_;
  Letters y_;
  std::string asked_;
};

// The same events for the model and for GroupState.
class Pair {
 public:
  Pair() {
    timing_.querier = true;
    timing_.complete = true;
    limits_.immediate_leave = false;
  }

  void Record(RecordType type, const Letters& letters) {
    const std::string asked = model_.Apply(type, letters, now_);
    std::vector<IpAddress> sources;
    for (char letter : letters) sources.push_back(Source(letter));
    RecordContext context{.host = host_,
                          .version = Version::kMldV2,
                          .now = now_,
                          .received = {},
                          .timing = timing_,
                          .limits = limits_,
                          .room = 1000,
                          .counts = counts_};
    // A table forgets a group that is done and makes it anew.
    if (state_.done()) state_ = GroupState(group_);
    state_.OnRecord({type, group_, sources}, context);
    std::vector<SpecificQuery> queries;
    state_.OnTime(now_, timing_, queries);
    model_.Expire(now_);
    what_ = std::to_string(static_cast<int>(type)) + std::string(letters.begin(), letters.end());
    ExpectSame();
    for (char letter : asked) {
      if (letter < 'a' || letter > 'f') continue;
      EXPECT_TRUE(AsksFor(queries, letter)) << what_ << ": " << letter << " of " << asked;
    }
  }

  void Advance(Duration duration) {
    const MonoTime until = now_ + duration;
    for (;;) {
      const MonoTime next = std::min(model_.Next(), state_.NextDeadline());
      if (next > until) break;
      now_ = std::max(now_, next);
      std::vector<SpecificQuery> queries;
      state_.OnTime(now_, timing_, queries);
      model_.Expire(now_);
      ExpectSame();
    }
    now_ = until;
    ExpectSame();
  }

  void ExpectSame() {
    ASSERT_EQ(State(), model_.State()) << "after " << what_ << " at " << (now_ - MonoTime{}) / 1ms;
  }

 private:
  static IpAddress Source(char letter) {
    return IpAddress::V6(
        {0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(letter)});
  }
  static bool AsksFor(const std::vector<SpecificQuery>& queries, char letter) {
    for (const SpecificQuery& query : queries) {
      for (const IpAddress& source : query.sources) {
        if (source == Source(letter)) return true;
      }
    }
    return false;
  }
  std::string State() const {
    if (!state_.present()) return "-";
    std::string listed;
    for (const IpAddress& source : state_.sources()) {
      listed += static_cast<char>(source.bytes()[15]);
    }
    if (state_.mode() == FilterMode::kInclude) return "I(" + listed + ")";
    std::string running;
    for (const IpAddress& source : state_.requested()) {
      running += static_cast<char>(source.bytes()[15]);
    }
    return "X(" + running + "," + listed + ")";
  }

  const IpAddress group_ = Address("ff3e:40::1");
  const IpAddress host_ = Address("fe80::a");
  Model model_;
  GroupState state_{group_};
  Timing timing_;
  TableOptions limits_;
  GroupCounts counts_;
  MonoTime now_{};
  std::string what_ = "nothing";
};

Letters FromBits(unsigned bits) {
  Letters letters;
  for (int i = 0; i < 4; ++i) {
    if ((bits >> i & 1) != 0) letters.insert(static_cast<char>('a' + i));
  }
  return letters;
}

constexpr RecordType kTypes[] = {kIsInclude, kIsExclude, kToInclude, kToExclude, kAllow, kBlock};

// The moments at which something can differ: while specific queries are out, when they end, when
// what was there before ends, when what is new ends.
constexpr Duration kMoments[] = {0ms, 1s, 2s, 100s, 170s, 268s, 270s, 272s};

// Every state over three sources (each absent, wanted or refused; INCLUDE, EXCLUDE, none), every
// record type, every list over four sources, then time to the end of every timer.
TEST(StateModelTest, EveryStateAndRecordAndTimer) {
  for (unsigned wanted = 0; wanted < 8; ++wanted) {
    for (unsigned refused = 0; refused < 9; ++refused) {
      if (refused < 8 && (wanted & refused) != 0) continue;
      for (RecordType type : kTypes) {
        for (unsigned list = 0; list < 16; ++list) {
          Pair pair;
          if (wanted != 0) pair.Record(kAllow, FromBits(wanted));
          // 8 stands for INCLUDE.
          if (refused < 8) pair.Record(kIsExclude, FromBits(wanted | refused));
          pair.Advance(100s);
          pair.Record(type, FromBits(list));
          Duration before = 0s;
          for (Duration moment : kMoments) {
            pair.Advance(moment - before);
            before = moment;
            if (::testing::Test::HasFatalFailure() || ::testing::Test::HasFailure()) return;
          }
        }
      }
    }
  }
}

TEST(StateModelTest, RandomHistories) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    Pair pair;
    for (int step = 0; step < 60; ++step) {
      pair.Record(kTypes[random() % 6], FromBits(static_cast<unsigned>(random() % 16)));
      const unsigned pause = static_cast<unsigned>(random() % 8);
      pair.Advance(pause < 3 ? std::chrono::milliseconds(random() % 3000) : kMoments[pause]);
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace headwater::membership
