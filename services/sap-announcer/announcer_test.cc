#include "services/sap-announcer/announcer.h"

#include <gmock/gmock.h>

#include "services/common/base/absl_text.h"
#include "services/sap-announcer/announcer_fixture.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

class AnnouncerTest : public AnnouncerFixture {};

std::string Text(const absl::Status& status) { return std::string(FromAbsl(status.message())); }

TEST_F(AnnouncerTest, AnnouncesAtOnceOnEachLinkFromItsOwnAddress) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}, {"vlan20", 1}})).ok());
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 2u);
  const char* addresses[] = {"2001:db8::1", "2001:db8:20::1"};
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(sent[i].datagram.reason, SendReason::kInitial);
    EXPECT_EQ(sent[i].datagram.group, Radio({}).channel.group);
    EXPECT_EQ(sent[i].datagram.source, Ip(addresses[i]));
    EXPECT_EQ(sent[i].datagram.hop_limit, 64);
    const auto sdp = ParseSdp(sent[i].packet.payload);
    ASSERT_TRUE(sdp.ok());
    EXPECT_EQ(sdp->source, Ip(addresses[i]));
    EXPECT_EQ(sdp->origin_address, Ip(addresses[i]));
  }
}

TEST_F(AnnouncerTest, AnnouncesEachSecond) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Take();
  Advance(60s);
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 60u);
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].at, 1s * (i + 1));
    EXPECT_EQ(sent[i].datagram.reason, SendReason::kPeriodic);
  }
}

TEST_F(AnnouncerTest, TakesANewPaceWithoutANewAnnouncement) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Advance(10s);
  Take();
  AnnouncerOptions options;
  options.interval = options.interval_max = 5s;
  announcer_->SetOptions(options);
  Advance(1s);
  EXPECT_EQ(Take().size(), 1u) << "was due already";
  Advance(20s);
  EXPECT_EQ(Take().size(), 4u);
}

TEST_F(AnnouncerTest, SlowsDownForALargeSdpButNotBeyondFiveSeconds) {
  Announcement radio = Radio({{"lan", 1}});
  for (Leg& leg : legs_) leg.mtu = 9000;
  SetLegs();
  radio.media_bits_per_second = 0;
  radio.format.fmtp = "config=" + std::string(6000, 'a');
  ASSERT_TRUE(Apply(radio).ok());
  Take();
  Advance(60s);
  const auto sent = Take();
  ASSERT_GE(sent.size(), 12u);
  for (size_t i = 1; i < sent.size(); ++i) EXPECT_LE(sent[i].at - sent[i - 1].at, 5s);
  EXPECT_LE(sent.size(), 20u);
}

TEST_F(AnnouncerTest, DoesNotLetALatecomerWait) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}, {"vlan20", 1}})).ok());
  Advance(10'300ms);
  Take();
  ASSERT_TRUE(Apply(Radio({{"lan", 2}, {"vlan20", 1}})).ok());
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].datagram.link, "lan");
  EXPECT_EQ(sent[0].datagram.reason, SendReason::kJoin);
  // The same state again calls for nothing.
  ASSERT_TRUE(Apply(Radio({{"lan", 2}, {"vlan20", 1}})).ok());
  EXPECT_TRUE(Take().empty());
}

TEST_F(AnnouncerTest, KeepsToItsBandwidthWhateverHappens) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  uint64_t joins = 1;
  for (int i = 0; i < 1000; ++i) {
    radio.links["lan"] = ++joins;
    if (i % 7 == 0) radio.title = "Title " + std::to_string(i);
    ASSERT_TRUE(Apply(radio).ok());
    Advance(10ms);
  }
  // Ten seconds at 16 kbit/s and the depth of two seconds.
  uint64_t bits = 0;
  for (const auto& sent : Take())
    bits += BitsOnLink(sent.datagram.bytes.size(), sent.datagram.group);
  EXPECT_LE(bits, 16'000u * 12);
  EXPECT_GE(bits, 16'000u * 11);
  EXPECT_GT(announcer_->stats().deferred, 40u);
}

TEST_F(AnnouncerTest, TellsTheNewestWhenItHadToWait) {
  Announcement radio = Radio({{"lan", 1}});
  ASSERT_TRUE(Apply(radio).ok());
  for (int i = 0; i < 20; ++i) {
    radio.title = "Title " + std::to_string(i);
    ASSERT_TRUE(Apply(radio).ok());
  }
  const size_t at_once = Take().size();
  EXPECT_LT(at_once, 15u);
  Advance(1s);
  EXPECT_EQ(ParseSdp(Take()[0].packet.payload)->info, "Title 19");
}

TEST_F(AnnouncerTest, GivesMoreToRicherMedia) {
  Announcement radio = Radio({{"lan", 1}});
  radio.media_bits_per_second = 4'000'000;
  ASSERT_TRUE(Apply(radio).ok());
  for (uint64_t joins = 2; joins < 40; ++joins) {
    radio.links["lan"] = joins;
    ASSERT_TRUE(Apply(radio).ok());
  }
  EXPECT_EQ(Take().size(), 39u);
}

TEST_F(AnnouncerTest, RefusesWhatDoesNotFitOneDatagram) {
  Announcement radio = Radio({{"lan", 1}});
  radio.format.fmtp = "configuration=" + std::string(5000, 'A');
  const absl::Status status = Apply(radio);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Text(status), HasSubstr("does not fit the MTU of 1500 of link lan"));
  EXPECT_TRUE(Take().empty());
  EXPECT_TRUE(announcer_->announcements().empty());
}

TEST_F(AnnouncerTest, RefusesAnUnknownLink) {
  const absl::Status status = Apply(Radio({{"lan", 1}, {"vlan99", 1}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Text(status), HasSubstr("no leg in link vlan99"));
  EXPECT_TRUE(announcer_->announcements().empty());
}

TEST_F(AnnouncerTest, RefusesWhenNoLegCanSend) {
  legs_[0].up = false;
  SetLegs();
  EXPECT_THAT(Text(Apply(Radio({{"lan", 1}}))), HasSubstr("is down"));
  legs_[0].up = true;
  legs_[0].service_ipv6.reset();
  SetLegs();
  EXPECT_THAT(Text(Apply(Radio({{"lan", 1}}))), HasSubstr("no service address"));
  EXPECT_TRUE(Take().empty());
}

TEST_F(AnnouncerTest, NamesTheFieldThatIsWrong) {
  Announcement radio = Radio({{"lan", 1}});
  radio.hop_limit = 0;
  EXPECT_THAT(Text(Apply(radio)), HasSubstr("hop_limit"));
  radio = Radio({{"lan", 1}});
  radio.channel.group = Ip("2001:db8::5");
  EXPECT_THAT(Text(Apply(radio)), HasSubstr("channel.group"));
  radio = Radio({{"lan", 1}});
  radio.format.clock_rate = 0;
  EXPECT_THAT(Text(Apply(radio)), HasSubstr("format.clock_rate"));
}

TEST_F(AnnouncerTest, RefusesALowerEpoch) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}}), 5).ok());
  EXPECT_EQ(Apply(Radio({{"lan", 2}}), 4).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Stop(4).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Stop(5).ok());
}

TEST_F(AnnouncerTest, RefusesAnotherFormat) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Announcement radio = Radio({{"lan", 1}});
  radio.format.payload_type = 96;
  EXPECT_EQ(Apply(radio).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(AnnouncerTest, HoldsNoMoreThanItsLimit) {
  AnnouncerOptions options;
  options.announcements_max = 2;
  Restart(options);
  for (int i = 1; i <= 3; ++i) {
    Announcement radio = Radio({{"lan", 1}});
    radio.channel.group = Ip("ff3e::8000:" + std::to_string(i));
    EXPECT_EQ(Apply(radio).ok(), i <= 2);
  }
}

TEST_F(AnnouncerTest, GoesOnWhenALegComesBack) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}, {"vlan20", 1}})).ok());
  const Origin before = origin();
  Take();
  legs_[0].up = false;
  SetLegs();
  Advance(3500ms);
  for (const auto& sent : Take()) EXPECT_EQ(sent.datagram.link, "vlan20");
  legs_[0].up = true;
  SetLegs();
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].datagram.link, "lan");
  EXPECT_EQ(origin(), before);
}

TEST_F(AnnouncerTest, RaisesTheVersionWhenTheServiceAddressChanges) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  const Origin before = origin();
  Take();
  legs_[0].service_ipv6 = Ip("2001:db8::99");
  SetLegs();
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].packet.source, Ip("2001:db8::99"));
  EXPECT_GT(origin().version, before.version);
}

TEST_F(AnnouncerTest, ServesAnSsmChannelFromItsSourceOnly) {
  Announcement radio = Radio({{"lan", 1}, {"vlan20", 1}});
  radio.channel = {Ip("ff3e::8000:1"), Ip("2001:db8::1")};
  ASSERT_TRUE(Apply(radio).ok());
  const auto sent = Take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].datagram.link, "lan");
}

TEST_F(AnnouncerTest, EndsWhatNobodyManages) {
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Advance(599s);
  announcer_->Touch(MonoTime(time_));
  Advance(599s);
  EXPECT_EQ(announcer_->announcements().size(), 1u);
  Take();
  Advance(1s);
  EXPECT_TRUE(announcer_->announcements().empty());
  EXPECT_TRUE(Take().back().packet.deletion);
  EXPECT_EQ(announcer_->stats().orphaned, 1u);
}

TEST_F(AnnouncerTest, TellsWhatChanged) {
  const Channel channel = Radio({}).channel;
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  EXPECT_EQ(announcer_->TakeChanged(), std::set<Channel>{channel});
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Advance(5s);
  EXPECT_TRUE(announcer_->TakeChanged().empty());
  ASSERT_TRUE(Stop().ok());
  EXPECT_EQ(announcer_->TakeChanged(), std::set<Channel>{channel});
}

TEST_F(AnnouncerTest, KeepsToTheRfcInTheWellKnownGroup) {
  AnnouncerOptions options;
  options.well_known_groups = true;
  options.orphan_timeout = 24h;
  Restart(options);
  ASSERT_TRUE(Apply(Radio({{"lan", 1}})).ok());
  Advance(3600s);
  std::vector<Sent> sent = Take();
  std::erase_if(sent, [](const Sent& s) { return s.datagram.reason != SendReason::kWellKnown; });
  EXPECT_EQ(sent[0].at, 0s);
  ASSERT_GE(sent.size(), 8u);
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(sent[i].datagram.group, Ip("ff0e::2:7ffe"));
    EXPECT_EQ(sent[i].datagram.hop_limit, 255);
    if (i == 0) continue;
    EXPECT_GE(sent[i].at - sent[i - 1].at, 200s);
    EXPECT_LE(sent[i].at - sent[i - 1].at, 400s);
  }
  ASSERT_TRUE(Stop().ok());
  Advance(5s);
  sent = Take();
  EXPECT_EQ(std::count_if(sent.begin(), sent.end(),
                          [&](const Sent& s) { return s.datagram.group == Ip("ff0e::2:7ffe"); }),
            3);
}

TEST_F(AnnouncerTest, SharesTheWellKnownBandwidthAmongAll) {
  AnnouncerOptions options;
  options.well_known_groups = true;
  options.orphan_timeout = 24h;
  options.interval = 5s;
  options.well_known_bits_per_second = 400;
  Restart(options);
  for (int i = 1; i <= 50; ++i) {
    Announcement radio = Radio({{"lan", 1}});
    radio.channel.group = Ip("ff3e:40:2001:db8::8000:" + std::to_string(i));
    ASSERT_TRUE(Apply(radio).ok());
  }
  Advance(600s);
  Take();
  Advance(3600s);
  uint64_t bits = 0;
  for (const auto& sent : Take()) {
    if (sent.datagram.reason == SendReason::kWellKnown) bits += 8 * sent.datagram.bytes.size();
  }
  EXPECT_NEAR(static_cast<double>(bits) / 3600, 400, 80);
}

}  // namespace
}  // namespace headwater
