// Sessions of one packager: sharing a stream, links, ends, limits, receiver reports.
#include "services/rtp-packager/packager.h"

#include <gmock/gmock.h>

#include "services/rtp-packager/packager_fixture.h"

namespace headwater::packager {
namespace {

using ::testing::HasSubstr;

class PackagerTest : public PackagerFixture {
 protected:
  std::string Refusal(const SessionRequest& request) {
    return std::string(core_->Apply(request).message());
  }
  static std::vector<uint8_t> ReportAbout(uint32_t ssrc, uint32_t reporter, uint8_t lost) {
    std::vector<uint8_t> bytes;
    SerializeTo(ReceiverReport{Ssrc{reporter}, {{.ssrc = Ssrc{ssrc}, .fraction_lost = lost}}},
                bytes);
    SerializeTo(SourceDescription{{{Ssrc{reporter}, "listener"}}}, bytes);
    return bytes;
  }
  static std::vector<uint8_t> ByeOf(uint32_t ssrc) {
    std::vector<uint8_t> bytes;
    SerializeTo(ReceiverReport{Ssrc{ssrc}, {}}, bytes);
    SerializeTo(Bye{{Ssrc{ssrc}}, ""}, bytes);
    return bytes;
  }
};

TEST_F(PackagerTest, APacketOfOneStreamCostsNothingForTheOthers) {
  constexpr uint32_t kStreams = 50;
  for (uint32_t i = 0; i < kStreams; ++i) {
    SessionRequest request = Request({IpAddress::V4(0xefc00100 + i), std::nullopt}, true);
    request.number = kNumber + i;
    Apply(request);
    Answer(7s);
    Advance(7ms);  // so that no two are due at the same time
  }
  Advance(1s);
  rtp_.clear();
  clock_reads_ = 0;
  Advance(4s);
  EXPECT_GT(rtp_.size(), 40 * kStreams);
  EXPECT_LT(clock_reads_, 6 * rtp_.size());
}

TEST_F(PackagerTest, SecondFamilySharesTheStreamAndStartsAtOnce) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(5s);
  rtp_.clear();
  const MonoTime joined = now();
  Apply(Request(V4(), false));
  EXPECT_EQ(StatusOf(V4()).state, StreamState::kReady);
  EXPECT_EQ(opener_.opened(), 1u);
  Apply(Request(V4(), true));
  Play(5s);
  const auto six = RtpOf(V6());
  const auto four = RtpOf(V4());
  ExpectContinuous(six, 100ms);
  ExpectContinuous(four, 100ms);
  EXPECT_LE(four[0].time - joined, 100ms);
  EXPECT_TRUE(four[0].header.marker);
  EXPECT_NE(four[0].header.ssrc, six[0].header.ssrc);
  EXPECT_EQ(four.back().payload, six.back().payload);
  Stop(V6());
  rtp_.clear();
  Play(1s);
  EXPECT_TRUE(RtpOf(V6()).empty());
  ExpectContinuous(RtpOf(V4()), 100ms);
  Stop(V4());
  EXPECT_FALSE(opener_.latest().alive());
  EXPECT_EQ(core_->streams(), 0u);
}

TEST_F(PackagerTest, StopSaysByeTwiceAndThenNothing) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  rtcp_.clear();
  const MonoTime stopped = now();
  Stop(V6());
  rtp_.clear();
  EXPECT_FALSE(core_->Status(V6()).has_value());
  Advance(10s);
  EXPECT_TRUE(rtp_.empty());
  ASSERT_EQ(rtcp_.size(), 2u);
  EXPECT_TRUE(rtcp_[0].HasBye() && rtcp_[1].HasBye());
  EXPECT_EQ(rtcp_[0].time, stopped);
  EXPECT_EQ(rtcp_[1].time, stopped + options_.bye_gap);
  EXPECT_TRUE(core_->drained());
}

TEST_F(PackagerTest, JoinAfterTheFirstByeDropsTheSecond) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t before = StatusOf(V6()).ssrc;
  Stop(V6());
  Apply(Request(V6(), true));
  EXPECT_NE(StatusOf(V6()).ssrc, before);
  Answer(4s);
  Play(1s);
  EXPECT_EQ(Byes(V6()), 1u);
}

TEST_F(PackagerTest, StopIsIdempotentAndOfNothingIsFine) {
  Stop(V6());
  Apply(Request(V6(), false));
  Stop(V6());
  Stop(V6());
  EXPECT_TRUE(core_->drained()) << "nothing was sent: no BYE to wait for";
}

TEST_F(PackagerTest, LinksChangeLiveAndEachGetsOneDatagram) {
  SessionRequest request = Request(V6(), true);
  Apply(request);
  Answer(4s);
  Play(1s);
  EXPECT_TRUE(RtpOf(V6(), 1).empty());
  request.links = {"lan", "vlan20"};
  Apply(request);
  rtp_.clear();
  Play(1s);
  EXPECT_EQ(RtpOf(V6(), 0).size(), RtpOf(V6(), 1).size());
  ExpectContinuous(RtpOf(V6(), 1), 100ms);
  EXPECT_EQ(RtpOf(V6(), 1)[0].datagram.hop_limit, 16);
  EXPECT_EQ(RtpOf(V6(), 1)[0].datagram.dscp, 46);
  request.links = {"vlan20"};
  Apply(request);
  rtp_.clear();
  Play(1s);
  EXPECT_TRUE(RtpOf(V6(), 0).empty());
  EXPECT_FALSE(RtpOf(V6(), 1).empty());
  EXPECT_EQ(StatusOf(V6()).links, std::vector<std::string>{"vlan20"});
}

TEST_F(PackagerTest, LegThatGoesDownAndComesBackGoesOnWithTheSession) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const size_t before = RtpOf(V6()).size();
  core_->SetLeg(0, Leg{});
  Play(1s);
  EXPECT_EQ(RtpOf(V6()).size(), before);
  core_->SetLeg(0, MakeLeg(7, "192.0.2.1", "2001:db8::1"));
  Play(1s);
  EXPECT_GT(RtpOf(V6()).size(), before);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(PackagerTest, SsmChannelIsSentOnlyWhereItsSourceIsOurs) {
  const Channel channel{*IpAddress::Parse("ff3e::8000:1"), IpAddress::Parse("2001:db8:1::1")};
  SessionRequest request = Request(channel, true);
  request.links = {"lan", "vlan20"};
  Apply(request);
  Answer(4s);
  Play(1s);
  EXPECT_TRUE(RtpOf(channel, 0).empty());
  EXPECT_FALSE(RtpOf(channel, 1).empty());
}

TEST_F(PackagerTest, RefusesWhatMakesNoSenseAndNamesTheField) {
  SessionRequest request = Request(V6(), false);
  request.channel.group = *IpAddress::Parse("2001:db8::1");
  EXPECT_THAT(Refusal(request), HasSubstr("channel.group"));
  request.channel.group = *IpAddress::Parse("224.0.0.22");
  EXPECT_THAT(Refusal(request), HasSubstr("channel.group"));
  request = Request(V6(), false);
  request.number = 1;
  EXPECT_THAT(Refusal(request), HasSubstr("station.number"));
  request = Request(V6(), false);
  request.urls = {"file:///etc/passwd"};
  EXPECT_THAT(Refusal(request), HasSubstr("station.urls"));
  request.urls.clear();
  EXPECT_THAT(Refusal(request), HasSubstr("station.urls"));
  request = Request(V6(), false);
  request.dscp = 64;
  EXPECT_THAT(Refusal(request), HasSubstr("dscp"));
  request = Request(V6(), false);
  request.hop_limit = 0;
  EXPECT_THAT(Refusal(request), HasSubstr("hop_limit"));
  request = Request(V6(), false);
  request.links = {"attic"};
  EXPECT_THAT(Refusal(request), HasSubstr("no leg in link attic"));
  EXPECT_EQ(opener_.opened(), 0u);
}

TEST_F(PackagerTest, LimitOfSessionsRefusesNewOnesOnly) {
  options_.sessions_max = 2;
  Start();
  Apply(Request(V6(), false));
  Apply(Request(V4(), false));
  SessionRequest third = Request({*IpAddress::Parse("ff3e::9"), std::nullopt}, false);
  EXPECT_EQ(core_->Apply(third).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(core_->Apply(Request(V6(), true)).ok());
}

TEST_F(PackagerTest, ChangedOptionsCountForWhatRunsToo) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  options_.sessions_max = 1;
  options_.silence_after = 500ms;
  core_->SetOptions(options_);
  EXPECT_EQ(core_->Apply(Request(V4(), true)).code(), absl::StatusCode::kResourceExhausted);
  // The reserve of 4 s, then the new limit, where the old one would take 2 s.
  Advance(6s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  options_.sessions_max = 2;
  core_->SetOptions(options_);
  EXPECT_TRUE(core_->Apply(Request(V4(), true)).ok());
}

TEST_F(PackagerTest, LowerEpochIsRefused) {
  SessionRequest request = Request(V6(), false);
  request.epoch = 5;
  Apply(request);
  request.epoch = 4;
  EXPECT_EQ(core_->Apply(request).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(core_->Stop(4, V6()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(core_->Status(V6()).has_value());
  EXPECT_EQ(core_->Stats().epoch_refused_total, 2u);
}

TEST_F(PackagerTest, SessionsThatNobodyWatchesEnd) {
  Apply(Request(V6(), true));
  Answer(4s);
  core_->SetWatchers(0);
  Play(options_.unwatched_limit - 1s);
  EXPECT_TRUE(core_->Status(V6()).has_value());
  Play(2s);
  EXPECT_FALSE(core_->Status(V6()).has_value());
  EXPECT_EQ(Byes(V6()), 2u);
}

TEST_F(PackagerTest, AManagerThatComesBackInTimeKeepsThem) {
  Apply(Request(V6(), true));
  Answer(4s);
  core_->SetWatchers(0);
  Play(options_.unwatched_limit - 1s);
  core_->SetWatchers(1);
  Play(5s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(PackagerTest, CountersAreToldOnceASecondAndStatesAtOnce) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(2s);
  int told = 0;
  for (int i = 0; i < 50; ++i) {
    changes_.clear();
    Play(100ms);
    told += static_cast<int>(changes_.size());
  }
  EXPECT_GE(told, 4);
  EXPECT_LE(told, 6);
}

TEST_F(PackagerTest, FailedStreamDoesNotTakeANewSessionWithIt) {
  Apply(Request(V6(), false));
  opener_.latest().Close({SourceErrorReason::kConnect, "refused"});
  Advance(1ms);
  ASSERT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  Apply(Request(V4(), false));
  EXPECT_EQ(StatusOf(V4()).state, StreamState::kOpening);
  Answer(4s);
  EXPECT_EQ(StatusOf(V4()).state, StreamState::kReady);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  Stop(V6());
  Stop(V4());
  EXPECT_EQ(core_->streams(), 0u);
}

TEST_F(PackagerTest, ReceiverReportsAreSummed) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t ssrc = StatusOf(V6()).ssrc;
  const IpAddress listener = *IpAddress::Parse("2001:db8::99");
  core_->OnGroupRtcp(0, V6().group, listener, ReportAbout(ssrc, 0x111, 64));
  core_->OnGroupRtcp(0, V4().group, listener, ReportAbout(ssrc, 0x222, 64));
  core_->OnUnicastRtcp(0, listener, ReportAbout(ssrc, 0x333, 0));
  core_->OnUnicastRtcp(0, listener, ReportAbout(0xdead, 0x444, 0));
  const ReceiverSummary receivers = StatusOf(V6()).receivers;
  EXPECT_EQ(receivers.receivers, 2u) << "one to the group, one to our address";
  EXPECT_EQ(receivers.reports_total, 2u);
  EXPECT_DOUBLE_EQ(receivers.fraction_lost_max, 0.25);
}

TEST_F(PackagerTest, ForgedByeIsCountedAndPlayedThrough) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t ssrc = StatusOf(V6()).ssrc;
  core_->OnGroupRtcp(0, V6().group, *IpAddress::Parse("2001:db8::66"), ByeOf(ssrc));
  rtp_.clear();
  Play(1s);
  ExpectContinuous(RtpOf(V6()), 100ms);
  EXPECT_EQ(StatusOf(V6()).receivers.forged_total, 1u);
  EXPECT_EQ(Byes(V6()), 0u);
}

TEST_F(PackagerTest, CollisionChangesTheSsrcWithoutBye) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t before = StatusOf(V6()).ssrc;
  std::vector<uint8_t> report;
  SerializeTo(SenderReport{.ssrc = Ssrc{before}}, report);
  SerializeTo(SourceDescription{{{Ssrc{before}, "somebody"}}}, report);
  const auto last = RtpOf(V6()).back().header;
  core_->OnGroupRtcp(0, V6().group, *IpAddress::Parse("2001:db8::66"), report);
  rtp_.clear();
  Play(1s);
  const auto packets = RtpOf(V6());
  EXPECT_NE(StatusOf(V6()).ssrc, before);
  EXPECT_EQ(static_cast<uint32_t>(packets[0].header.ssrc), StatusOf(V6()).ssrc);
  EXPECT_EQ(packets[0].header.sequence, last.sequence.Next());
  ExpectContinuous(packets, 100ms);
  EXPECT_EQ(Byes(V6()), 0u);
}

TEST_F(PackagerTest, ASessionThatGoesOnIsAheadByTheTimeThatHasPassed) {
  SessionRequest request = Request(V6(), true);
  request.ssrc = 0x1234;
  request.sequence = 65535;
  request.sent_before = {RtpTimestamp(0xffffff00), clocks_.wall - absl::Seconds(3)};
  Apply(request);
  Answer(4s);
  const MonoTime answered = now();
  Play(1s);
  const auto packets = RtpOf(V6());
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets[0].header.sequence.value(), 65535);
  // It was away for 3 s, and then opened its source; 90 kHz.
  const double away = 3 + std::chrono::duration<double>(packets[0].time - answered).count();
  EXPECT_NEAR(
      static_cast<double>(packets[0].header.timestamp.DistanceFrom(RtpTimestamp(0xffffff00))),
      away * 90000, 2);
  ExpectContinuous(packets, 100ms);
  const auto told = StatusOf(V6()).last_sent;
  ASSERT_TRUE(told);
  EXPECT_EQ(told->timestamp, packets.back().header.timestamp);
  EXPECT_EQ(told->sent, clocks_.ToWall(packets.back().time));
}

TEST_F(PackagerTest, AHandoverSaysNoByeAndTellsWhereToGoOn) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const auto sent = RtpOf(V6());
  const auto end = core_->HandOver(0, V6());
  ASSERT_TRUE(end.ok() && *end);
  EXPECT_EQ((*end)->sequence, sent.back().header.sequence.Next().value());
  ASSERT_TRUE((*end)->next_sent);
  const RtpTimestamp last = sent.back().header.timestamp;
  const int64_t step = last.DistanceFrom(sent[sent.size() - 2].header.timestamp);
  EXPECT_EQ((*end)->next_sent->timestamp.DistanceFrom(last), step);
  // The burst at the start has brought it ahead of what is to be heard.
  const absl::Duration ahead = (*end)->next_sent->sent - clocks_.ToWall(sent.back().time);
  EXPECT_NEAR(absl::ToDoubleSeconds(ahead), 0.4375 + static_cast<double>(step) / 90000, 0.01);
  Advance(1s);
  EXPECT_EQ(Byes(V6()), 0u);
  EXPECT_EQ(RtpOf(V6()).size(), sent.size());
  EXPECT_FALSE(core_->Status(V6()));
  ASSERT_TRUE(core_->HandOver(0, V6()).ok());
  EXPECT_FALSE(*core_->HandOver(0, V6())) << "there is none";
}

TEST_F(PackagerTest, ASessionIsPreparedAndGoesOnFromWhereTheOtherSenderHasStopped) {
  SessionRequest request = Request(V6(), false);
  request.ssrc = 0x1234;
  request.sequence = 5000;
  request.sent_before = {RtpTimestamp(1000), clocks_.wall};
  Apply(request);
  Answer(4s);
  Play(2s);
  // The other one's packets, which are no collision yet.
  std::vector<uint8_t> bytes;
  RtpHeader{.payload_type = 14, .ssrc = Ssrc{0x1234}}.SerializeTo(bytes);
  core_->OnGroupRtp(0, V6().group, *IpAddress::Parse("2001:db8::66"), bytes);
  EXPECT_EQ(core_->Stats().collisions_total, 0u);
  EXPECT_TRUE(RtpOf(V6()).empty());
  request.transmit = true;
  request.sequence = 4321;
  request.sent_before = {RtpTimestamp(900000), clocks_.wall + absl::Milliseconds(20)};
  const MonoTime asked = now();
  const absl::Time due = request.sent_before->sent;
  Apply(request);
  Advance(500ms);
  const auto packets = RtpOf(V6());
  ASSERT_GT(packets.size(), 3u);
  EXPECT_EQ(packets[0].time, asked) << "at once";
  EXPECT_EQ(packets[0].header.sequence.value(), 4321);
  EXPECT_EQ(packets[0].header.timestamp, RtpTimestamp(900000));
  EXPECT_EQ(packets[0].header.ssrc, Ssrc{0x1234});
  // Listeners have what they need: no burst.
  const double media = static_cast<double>(packets.back().header.timestamp.DistanceFrom(
                           packets[0].header.timestamp)) /
                       90000;
  EXPECT_NEAR(media, std::chrono::duration<double>(packets.back().time - asked).count(), 0.01);
  // What is sent now is to be heard when the other sender's report says.
  const auto& report = std::get<SenderReport>(rtcp_.at(0).packets.at(0));
  EXPECT_EQ(report.ntp, NtpTime::From(due - absl::Milliseconds(20)));
  EXPECT_EQ(report.timestamp, RtpTimestamp(900000 - 1800));
  // Told once more, it does not begin anew.
  request.sequence = 1;
  Apply(request);
  Play(300ms);
  ExpectContinuous(RtpOf(V6()), 100ms);
}

TEST_F(PackagerTest, ATimestampFromTheFutureDoesNotTakeTheSessionBack) {
  SessionRequest request = Request(V6(), true);
  request.ssrc = 0x1234;
  request.sent_before = {RtpTimestamp(1000), clocks_.wall + absl::Hours(1)};
  Apply(request);
  Answer(4s);
  Play(1s);
  EXPECT_EQ(RtpOf(V6())[0].header.timestamp, RtpTimestamp(1000)) << "the clock was set back";
}

TEST_F(PackagerTest, RtpOfAnotherSenderWithOurSsrcIsACollisionAndOurOwnIsALoop) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t before = StatusOf(V6()).ssrc;
  const auto packet = [](uint32_t ssrc) {
    std::vector<uint8_t> bytes;
    RtpHeader{.payload_type = 14, .ssrc = Ssrc{ssrc}}.SerializeTo(bytes);
    return bytes;
  };
  const IpAddress stranger = *IpAddress::Parse("2001:db8::66");
  core_->OnGroupRtp(0, V6().group, *IpAddress::Parse("2001:db8:1::1"), packet(before));
  EXPECT_EQ(core_->Stats().loops_total, 1u) << "of the other leg";
  core_->OnGroupRtp(0, V4().group, stranger, packet(before));
  core_->OnGroupRtp(0, V6().group, stranger, packet(before + 1));
  core_->OnGroupRtp(0, V6().group, stranger, Bytes());
  EXPECT_EQ(StatusOf(V6()).ssrc, before);
  EXPECT_EQ(core_->Stats().collisions_total, 0u);
  changes_.clear();
  core_->OnGroupRtp(0, V6().group, stranger, packet(before));
  const uint32_t after = StatusOf(V6()).ssrc;
  EXPECT_NE(after, before);
  EXPECT_EQ(core_->Ssrcs(), std::vector<Ssrc>{Ssrc{after}});
  EXPECT_TRUE(core_->TakeChanges().contains(V6()));
  core_->OnGroupRtp(0, V6().group, stranger, packet(after));
  EXPECT_EQ(StatusOf(V6()).ssrc, after) << "not again within a minute";
  EXPECT_EQ(core_->Stats().collisions_total, 2u);
  EXPECT_EQ(Byes(V6()), 0u);
}

TEST_F(PackagerTest, AnotherStationUnderARunningChannelIsAnotherSession) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  const uint32_t before = StatusOf(V6()).ssrc;
  SessionRequest request = Request(V6(), false);
  request.number = kNumber + 1;
  Apply(request);
  EXPECT_NE(StatusOf(V6()).ssrc, before);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening);
  EXPECT_EQ(opener_.opened(), 2u);
}

}  // namespace
}  // namespace headwater::packager
