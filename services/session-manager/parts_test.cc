// The small parts of the core, each by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/session-manager/admission.h"
#include "services/session-manager/backoff.h"
#include "services/session-manager/membership_view.h"
#include "services/session-manager/outlet.h"
#include "services/session-manager/sender.h"
#include "services/session-manager/session_state.h"
#include "services/session-manager/station_cache.h"
#include "services/session-manager/timeline.h"

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;

IpAddress Address(std::string_view text) { return *IpAddress::Parse(text); }

TEST(AdmissionTest, FullLinksAreTakenOutAndGivenBack) {
  Admission admission({.sessions_per_link_max = 1});
  std::vector<std::string> links = {"a", "b"};
  EXPECT_EQ(admission.Admit(links, MonoTime{}), Refusal::kNone);
  links = {"a", "c"};
  EXPECT_EQ(admission.Admit(links, MonoTime{}), Refusal::kNone);
  EXPECT_THAT(links, ElementsAre("c"));
  links = {"a"};
  EXPECT_EQ(admission.Admit(links, MonoTime{}), Refusal::kLinkSessions);
  admission.ReleaseLink("a");
  EXPECT_EQ(admission.AdmitLink("a"), Refusal::kNone);
  EXPECT_EQ(admission.sessions(), 2u);
}

TEST(AdmissionTest, TokensComeAtTheRate) {
  Admission admission({.starts_per_second = 10, .starts_burst = 1});
  const MonoTime start = MonoTime{} + 100s;
  std::vector<std::string> links = {"a"};
  EXPECT_EQ(admission.Admit(links, start), Refusal::kNone);
  EXPECT_EQ(admission.Admit(links, start + 99ms), Refusal::kStartRate);
  const MonoTime next = admission.NextToken(start + 99ms);
  EXPECT_LE(next, start + 101ms);
  EXPECT_EQ(admission.Admit(links, next), Refusal::kNone);
}

TEST(BackoffTest, DoublesUpToTheMaximumWithJitter) {
  Backoff backoff({}, 7);
  Duration expected = 1s;
  for (int attempt = 1; attempt <= 40; ++attempt) {
    const Duration wait = backoff.Next(attempt);
    EXPECT_GE(wait, expected * 8 / 10) << attempt;
    EXPECT_LE(wait, expected * 12 / 10) << attempt;
    expected = std::min<Duration>(60s, expected * 2);
  }
}

TEST(TimelineTest, KeepsTheStartAndTheNewest) {
  Timeline timeline;
  for (int i = 0; i < 200; ++i) {
    timeline.Add(absl::FromUnixSeconds(i), "title", std::to_string(i));
  }
  const auto steps = timeline.Steps();
  ASSERT_EQ(steps.size(), Timeline::kStepsMax);
  EXPECT_EQ(steps.front().text, "0");
  EXPECT_EQ(steps[Timeline::kFirstMax - 1].text, "15");
  EXPECT_EQ(steps[Timeline::kFirstMax].text, "152");
  EXPECT_EQ(steps.back().text, "199");
}

TEST(TimelineTest, TellsStepsByTime) {
  Timeline timeline;
  timeline.Add(absl::FromUnixSeconds(5), "start", "");
  timeline.Add(absl::FromUnixSeconds(3), "report", "");
  EXPECT_EQ(timeline.Steps().front().step, "report");
}

TEST(StationCacheTest, AsksOnceAndAgainWhenOld) {
  StationCache cache(60s);
  const MonoTime start = MonoTime{} + 100s;
  EXPECT_EQ(cache.Find(1, start), nullptr);
  EXPECT_TRUE(cache.BeginResolve(1, start));
  EXPECT_FALSE(cache.BeginResolve(1, start));
  cache.OnStation(1, {.number = 1, .known_format = {}}, start);
  EXPECT_NE(cache.Find(1, start + 59s), nullptr);
  EXPECT_EQ(cache.Find(1, start + 60s), nullptr);
  EXPECT_TRUE(cache.BeginResolve(1, start + 60s));
  cache.OnFailure(1, start + 60s);
  EXPECT_FALSE(cache.BeginResolve(1, start + 60100ms));
  EXPECT_TRUE(cache.BeginResolve(1, start + 60200ms));
}

TEST(StationCacheTest, ForgetsTheOldestAtItsLimit) {
  StationCache cache(1h);
  const MonoTime start = MonoTime{} + 100s;
  for (uint32_t i = 0; i <= StationCache::kStationsMax; ++i) {
    cache.BeginResolve(i, start + i * 1ms);
    cache.OnStation(i, {.number = i, .known_format = {}}, start + i * 1ms);
  }
  EXPECT_EQ(cache.Find(0, start + 10s), nullptr);
  EXPECT_NE(cache.Find(1, start + 10s), nullptr);
}

TEST(HopLimitTest, FollowsTheScope) {
  EXPECT_EQ(HopLimitByScope(Address("ff32::1")), 1);
  EXPECT_EQ(HopLimitByScope(Address("ff35::1")), 16);
  EXPECT_EQ(HopLimitByScope(Address("ff38::1")), 32);
  EXPECT_EQ(HopLimitByScope(Address("ff3e::1")), 64);
  EXPECT_EQ(HopLimitByScope(Address("224.0.0.9")), 1);
  EXPECT_EQ(HopLimitByScope(Address("239.255.1.1")), 16);
  EXPECT_EQ(HopLimitByScope(Address("239.192.0.1")), 32);
  EXPECT_EQ(HopLimitByScope(Address("232.1.1.1")), 64);
}

class MembershipViewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    view_.OnConnected(0, now_);
    view_.OnLink(0, "lan", LinkSync::kSynced, now_, changed_);
    view_.OnSynced(0, now_, changed_);
  }
  bool Has(std::string_view group) {
    return !view_
                .Find({.group = Address(group), .source = std::nullopt},
                      [](const std::string&, IpAddress::Family) {
                        return std::optional<IpAddress>();
                      })
                .empty();
  }
  void Group(std::string_view group) {
    view_.OnGroup(0, {.link = "lan", .group = Address(group), .exclude = true}, changed_);
  }

  MonoTime now_ = MonoTime{} + 1000s;
  MembershipView view_{1, 260s};
  MembershipView::Groups changed_;
};

TEST_F(MembershipViewTest, RemembersWhileTheStreamIsAway) {
  Group("ff3e::1");
  view_.OnDisconnected(0, now_);
  EXPECT_TRUE(Has("ff3e::1"));
  EXPECT_FALSE(view_.AllSynced());
  EXPECT_EQ(view_.NextDeadline(), now_ + 260s);
  view_.OnTime(now_ + 259s, changed_);
  EXPECT_TRUE(Has("ff3e::1"));
  changed_.clear();
  view_.OnTime(now_ + 260s, changed_);
  EXPECT_FALSE(Has("ff3e::1"));
  EXPECT_THAT(changed_, ElementsAre(Address("ff3e::1")));
  EXPECT_EQ(view_.NextDeadline(), kNever);
}

TEST_F(MembershipViewTest, ForgetsWhatASyncedLinkNoLongerSays) {
  Group("ff3e::1");
  Group("ff3e::2");
  view_.OnConnected(0, now_ + 1s);
  view_.OnLink(0, "lan", LinkSync::kWarming, now_ + 1s, changed_);
  Group("ff3e::2");
  view_.OnSynced(0, now_ + 1s, changed_);
  EXPECT_TRUE(Has("ff3e::1"));
  view_.OnLink(0, "lan", LinkSync::kSynced, now_ + 2s, changed_);
  EXPECT_FALSE(Has("ff3e::1"));
  EXPECT_TRUE(Has("ff3e::2"));
}

TEST_F(MembershipViewTest, WhatAWarmingLinkHasHeardStandsBeyondTheInterval) {
  Group("ff3e::1");
  view_.OnConnected(0, now_);
  view_.OnLink(0, "lan", LinkSync::kWarming, now_, changed_);
  Group("ff3e::2");
  view_.OnSynced(0, now_, changed_);
  view_.OnTime(now_ + 261s, changed_);
  EXPECT_FALSE(Has("ff3e::1"));
  EXPECT_TRUE(Has("ff3e::2"));
}

TEST_F(MembershipViewTest, ALinkThatIsNoLongerConfiguredIsForgotten) {
  Group("ff3e::1");
  view_.OnConnected(0, now_);
  view_.OnLink(0, "other", LinkSync::kSynced, now_, changed_);
  view_.OnSynced(0, now_, changed_);
  EXPECT_TRUE(view_.AllSynced());
  EXPECT_TRUE(Has("ff3e::1"));
  view_.OnTime(now_ + 260s, changed_);
  EXPECT_FALSE(Has("ff3e::1"));
}

TEST_F(MembershipViewTest, DropsAndCountsBeyondItsLimit) {
  for (uint32_t i = 0; i <= MembershipView::kGroupsMax; ++i) {
    view_.OnGroup(0, {.link = "lan", .group = IpAddress::V4(0xef000000 + i), .exclude = true},
                  changed_);
  }
  EXPECT_EQ(view_.dropped_total(), 1u);
  EXPECT_FALSE(Has(IpAddress::V4(0xef000000 + MembershipView::kGroupsMax).ToString()));
}

class OutletTest : public ::testing::Test {
 protected:
  OutletStep Next(bool wanted, bool may_stop = true) {
    return outlet_.Next(wanted ? &spec_ : nullptr, may_stop, now_);
  }
  PackagerStatus Status(PackagerState state) {
    return {.channel = spec_.channel, .state = state, .format = {}};
  }
  void Apply() {
    outlet_.BeginApply(spec_);
    outlet_.OnApplied(true, now_);
    outlet_.OnStatus(Status(PackagerState::kOpening));
  }

  MonoTime now_ = MonoTime{} + 1000s;
  SessionSpec spec_{.channel = {.group = Address("ff3e::1"), .source = std::nullopt},
                    .station = {.known_format = {}},
                    .format = {}};
  PackagerOutlet outlet_;
};

TEST_F(OutletTest, TellsOnceAndThenOnlyChanges) {
  EXPECT_EQ(Next(true), OutletStep::kApply);
  outlet_.BeginApply(spec_);
  EXPECT_EQ(Next(true), OutletStep::kNothing);
  outlet_.OnApplied(true, now_);
  outlet_.OnStatus(Status(PackagerState::kOpening));
  EXPECT_EQ(Next(true), OutletStep::kNothing);
  EXPECT_EQ(outlet_.NextDeadline(true), kNever);
  spec_.transmit = true;
  EXPECT_EQ(Next(true), OutletStep::kApply);
}

TEST_F(OutletTest, TellsAgainWhenNothingIsListed) {
  outlet_.BeginApply(spec_);
  outlet_.OnApplied(true, now_);
  EXPECT_EQ(Next(true), OutletStep::kNothing);
  EXPECT_EQ(outlet_.NextDeadline(true), now_ + 1s);
  now_ += 1s;
  EXPECT_EQ(Next(true), OutletStep::kApply);
}

TEST_F(OutletTest, WaitsLongerAfterEachFailure) {
  outlet_.BeginApply(spec_);
  outlet_.OnApplied(false, now_);
  EXPECT_EQ(Next(true), OutletStep::kNothing);
  EXPECT_EQ(outlet_.NextDeadline(true), now_ + 100ms);
  now_ += 100ms;
  EXPECT_EQ(Next(true), OutletStep::kApply);
  outlet_.BeginApply(spec_);
  outlet_.OnApplied(false, now_);
  EXPECT_EQ(outlet_.NextDeadline(true), now_ + 200ms);
}

TEST_F(OutletTest, AStopIsOverWhenItIsNoLongerListed) {
  Apply();
  EXPECT_EQ(Next(false, /*may_stop=*/false), OutletStep::kNothing);
  EXPECT_EQ(Next(false), OutletStep::kStop);
  outlet_.BeginStop();
  EXPECT_EQ(outlet_.current(), nullptr);
  outlet_.OnStopped(true, now_);
  EXPECT_EQ(Next(false), OutletStep::kNothing);
  EXPECT_EQ(Next(true), OutletStep::kNothing);
  outlet_.OnRemoved();
  EXPECT_EQ(Next(false), OutletStep::kForget);
  EXPECT_EQ(Next(true), OutletStep::kApply);
}

TEST_F(OutletTest, AStopWithoutEffectIsRepeated) {
  Apply();
  outlet_.BeginStop();
  outlet_.OnStopped(true, now_);
  now_ = outlet_.NextDeadline(false);
  EXPECT_EQ(Next(false), OutletStep::kStop);
}

TEST_F(OutletTest, WhatFailedBeforeIsClearedAway) {
  outlet_.OnStatus(Status(PackagerState::kFailed));
  EXPECT_EQ(Next(true), OutletStep::kStop);
}

TEST_F(OutletTest, ARestartedServiceIsToldAgain) {
  Apply();
  outlet_.OnConnected();
  outlet_.OnSynced();
  EXPECT_EQ(outlet_.current(), nullptr);
  EXPECT_EQ(Next(true), OutletStep::kApply);
}

}  // namespace
}  // namespace headwater::session_manager
