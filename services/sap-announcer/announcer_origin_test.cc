// Versions, deletions and restarts: what listeners may rely on over a session's life.
#include "services/sap-announcer/announcer_fixture.h"

namespace headwater {
namespace {

class AnnouncerOriginTest : public AnnouncerFixture {
 protected:
  // Changes the title once a minute.
  void PlayTitles(Announcement& radio, int count) {
    for (int i = 0; i < count; ++i) {
      Advance(60s);
      radio.title = "Title " + std::to_string(i);
      radio.began_ntp = now().ntp_seconds;
      ASSERT_TRUE(Apply(radio).ok());
    }
  }
};

TEST_F(AnnouncerOriginTest, ChangesVersionAndHashWithTheTitleAtOnce) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  const Sent first = Take().at(0);
  Advance(30'500ms);
  Take();
  radio.title = "Another";
  radio.began_ntp = now().ntp_seconds;
  ASSERT_TRUE(Apply(radio).ok());
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].datagram.reason, SendReason::kChange);
  EXPECT_NE(sent[0].packet.hash, first.packet.hash);
  const auto before = ParseSdp(first.packet.payload), after = ParseSdp(sent[0].packet.payload);
  EXPECT_EQ(after->origin_id, before->origin_id);
  EXPECT_EQ(after->origin_version, kBeginNtp + 30);
  EXPECT_EQ(after->began_ntp, kBeginNtp + 30);
  EXPECT_EQ(after->info, "Another");
}

TEST_F(AnnouncerOriginTest, NeverDeletesWhileTheSessionLives) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  PlayTitles(radio, 30);
  for (const auto& sent : Take()) EXPECT_FALSE(sent.packet.deletion);
}

TEST_F(AnnouncerOriginTest, DeletesTheLastEightVersionsThreeTimes) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  PlayTitles(radio, 12);
  Advance(10s);
  std::vector<uint16_t> announced;
  for (const auto& sent : Take()) {
    if (announced.empty() || announced.back() != sent.packet.hash)
      announced.push_back(sent.packet.hash);
  }
  ASSERT_EQ(announced.size(), 13u);
  const std::set<uint16_t> last(announced.end() - 8, announced.end());

  const Duration end = time_;
  ASSERT_TRUE(Stop().ok());
  EXPECT_EQ(announcer_->endings(), 1u);
  Advance(10s);
  EXPECT_EQ(announcer_->endings(), 0u);
  std::map<uint16_t, std::vector<Duration>> deleted;
  for (const auto& sent : Take()) {
    EXPECT_TRUE(sent.packet.deletion);
    EXPECT_TRUE(sent.packet.payload.starts_with("o=- ")) << sent.packet.payload;
    deleted[sent.packet.hash].push_back(sent.at - end);
  }
  EXPECT_EQ(deleted.size(), 8u);
  for (const auto& [hash, times] : deleted) {
    EXPECT_TRUE(last.contains(hash));
    EXPECT_EQ(times, (std::vector<Duration>{0ms, 700ms, 1500ms}));
  }
  EXPECT_EQ(announcer_->NextDeadline(), kNever);
}

TEST_F(AnnouncerOriginTest, DropsDeletionsWhenJoinedAgain) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  const Origin before = origin();
  Advance(60s);
  ASSERT_TRUE(Stop().ok());
  Advance(300ms);
  Take();
  ASSERT_TRUE(Apply(Radio({{"lan", 2}})).ok());
  Advance(5s);
  for (const auto& sent : Take()) EXPECT_FALSE(sent.packet.deletion);
  EXPECT_GT(origin().id, before.id);
  EXPECT_GT(origin().version, before.version);
}

TEST_F(AnnouncerOriginTest, DeletesInALinkThatIsLeftAndNotInTheOther) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}, {"vlan20", 1}})).ok());
  Take();
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Advance(5s);
  int deletions = 0;
  for (const auto& sent : Take()) {
    EXPECT_EQ(sent.packet.deletion, sent.datagram.link == "vlan20");
    deletions += sent.packet.deletion;
  }
  EXPECT_EQ(deletions, 3);
}

TEST_F(AnnouncerOriginTest, GoesOnAfterARestartAsTheSameOrigin) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  PlayTitles(radio, 3);
  const Origin before = origin();
  const uint16_t hash = Take().back().packet.hash;

  Restart(AnnouncerOptions{});
  radio.origin = before;
  Advance(20s);
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin(), before);
  auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].packet.hash, hash);
  // The manager goes on to send the origin that it knows.
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin(), before);

  ASSERT_TRUE(Stop().ok());
  Advance(5s);
  std::set<uint16_t> deleted;
  for (const auto& s : Take()) {
    if (s.packet.deletion) deleted.insert(s.packet.hash);
  }
  EXPECT_EQ(deleted.size(), 4u);
  for (uint64_t version : before.Versions())
    EXPECT_TRUE(deleted.contains(SapHash(before.id, version)));
}

TEST_F(AnnouncerOriginTest, HandsOverWithoutAWordAndGoesOnWhenItIsHandedBack) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  radio.origin = origin();
  const uint16_t hash = Take().back().packet.hash;
  ASSERT_TRUE(announcer_->HandOver(0, radio.channel, now()).ok());
  EXPECT_EQ(announcer_->Find(radio.channel), nullptr);
  EXPECT_TRUE(announcer_->TakeChanged().contains(radio.channel));
  Advance(60s);
  EXPECT_TRUE(Take().empty()) << "neither deleted nor announced";
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin(), radio.origin);
  EXPECT_EQ(Take().at(0).packet.hash, hash);
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Apply(radio, 2).ok() ? announcer_->HandOver(1, radio.channel, now()) : absl::OkStatus()))
      << "a manager that another one has followed";
}

TEST_F(AnnouncerOriginTest, NoticesATitleThatBeganDuringItsRestart) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  radio.origin = origin();
  Restart(AnnouncerOptions{});
  Advance(20s);
  radio.title = "Missed";
  radio.began_ntp = now().ntp_seconds - 5;
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin().version, now().ntp_seconds);
  EXPECT_EQ(origin().past_versions, (std::vector<uint64_t>{kBeginNtp}));
}

TEST_F(AnnouncerOriginTest, BelievesTheManagerThatTheTitleChangedDuringItsRestart) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  radio.origin = origin();
  Restart(AnnouncerOptions{});
  // Within the second of the version before: its time alone would not tell.
  radio.title = "Missed";
  radio.began_ntp = now().ntp_seconds;
  radio.changed = true;
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin().version, kBeginNtp + 1);
  EXPECT_EQ(origin().past_versions, (std::vector<uint64_t>{kBeginNtp}));
  // It knows the session now.
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin().version, kBeginNtp + 1);
}

TEST_F(AnnouncerOriginTest, UsesNoVersionAgainThatItHasDeleted) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Announcement radio = Radio({{"lan", 2}});
  radio.origin = origin();
  ASSERT_TRUE(Stop().ok());
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin().id, radio.origin.id);
  EXPECT_GT(origin().version, radio.origin.version);
}

TEST_F(AnnouncerOriginTest, TakesTheHigherVersionOfAnotherAnnouncer) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Announcement radio = Radio({{"lan", 1}});
  radio.origin = {.id = origin().id, .version = kBeginNtp + 7, .past_versions = {kBeginNtp + 3}};
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin().Versions(), (std::vector<uint64_t>{kBeginNtp + 7, kBeginNtp + 3, kBeginNtp}));
}

TEST_F(AnnouncerOriginTest, ReplacesASessionThatTheManagerReplaces) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Take();
  Announcement radio = Radio({{"lan", 1}});
  radio.origin = {.id = 42, .version = 43, .past_versions = {}};
  radio.format.payload_type = 96;
  ASSERT_TRUE(Apply(radio).ok());
  EXPECT_EQ(origin(), radio.origin);
  const auto sent = Take();
  EXPECT_TRUE(sent.front().packet.deletion);
  EXPECT_FALSE(sent.back().packet.deletion);
}

TEST_F(AnnouncerOriginTest, GivesSessionsOfOneSecondTheirOwnIds) {
  std::set<uint64_t> ids;
  for (int i = 1; i <= 50; ++i) {
    Announcement radio = Radio({{"lan", 1}});
    radio.channel.group = Ip("ff3e::8000:" + std::to_string(i));
    ASSERT_TRUE(Apply(radio).ok());
    ids.insert(announcer_->Find(radio.channel)->announcement.origin.id);
  }
  EXPECT_EQ(ids.size(), 50u);
}

}  // namespace
}  // namespace headwater
