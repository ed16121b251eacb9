// DVB services: what a tuner sends leaves as RTP, as it is and at once.
#include "services/rtp-packager/feed_stream.h"

#include <gmock/gmock.h>

#include <set>

#include "services/rtp-packager/feed_samples.h"
#include "services/rtp-packager/media/ts_muxer.h"
#include "services/rtp-packager/packager_fixture.h"

namespace headwater::packager {
namespace {

using mpegts::Pid;
using ::testing::HasSubstr;

class FeedStreamTest : public PackagerFixture {
 protected:
  static SessionRequest Dvb(const Channel& channel, bool transmit) {
    SessionRequest request = Request(channel, transmit);
    request.kind = SourceKind::kDvb;
    request.urls.clear();
    request.feed_source = Tuner();
    return request;
  }
  static IpAddress Tuner() { return *IpAddress::Parse("::1"); }

  // Seven packets, the first two of them tables.
  std::vector<uint8_t> Datagram() {
    std::vector<uint8_t> bytes = tables_.Association();
    const std::vector<uint8_t> map = tables_.Map();
    bytes.insert(bytes.end(), map.begin(), map.end());
    for (int i = 0; i < 5; ++i) Append(MediaPacket(Pid(0x101), continuity_++ & 15), bytes);
    return bytes;
  }
  static void Append(const std::vector<uint8_t>& from, std::vector<uint8_t>& to) {
    to.insert(to.end(), from.begin(), from.end());
  }
  void Take(const std::vector<uint8_t>& bytes, const IpAddress& from = Tuner()) {
    feeds_.Deliver(from, bytes);
    Settle();
  }
  void Flow(Duration time) {
    for (const MonoTime end = now() + time; now() < end;) {
      Take(Datagram());
      Advance(20ms);
    }
  }
  static size_t PacketsOf(const Rtp& rtp, Pid pid) {
    size_t count = 0;
    for (Bytes rest = rtp.payload; !rest.empty(); rest = rest.subspan(mpegts::kPacketSize)) {
      count += mpegts::ParsePacket(rest)->pid == pid ? 1 : 0;
    }
    return count;
  }

  ServiceTables tables_;
  uint8_t continuity_ = 0;
};

TEST_F(FeedStreamTest, TellsFormatAndFeedAtOnceAndIsReadyWithTablesAndMedia) {
  SessionRequest request = Dvb(V6(), false);
  request.feed_source.reset();
  Apply(request);
  SessionStatus status = StatusOf(V6());
  EXPECT_EQ(status.state, StreamState::kOpening);
  EXPECT_EQ(status.format->encoding, "MP2T");
  EXPECT_EQ(status.format->payload_type, 33);
  EXPECT_EQ(status.format->clock_rate, 90000u);
  EXPECT_EQ(status.feed->ToString(), "[::1]:40001");
  Take(Datagram());
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening) << "its source is not known yet";
  request.feed_source = Tuner();
  Apply(request);
  Take(MediaPacket(Pid(0x101), 0));
  Take(tables_.Association());
  Take(tables_.Map());
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening);
  Take(MediaPacket(Pid(0x102), 0));
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kReady);
  Flow(1s);
  EXPECT_TRUE(rtp_.empty());
  EXPECT_EQ(core_->Stats().feeds.foreign_total, 1u);
  EXPECT_EQ(feeds_.opened, 1);
}

TEST_F(FeedStreamTest, EachDatagramLeavesAsItCameWhenItCame) {
  Apply(Dvb(V6(), false));
  Flow(100ms);
  Apply(Dvb(V6(), true));
  const MonoTime told = now();
  Advance(50ms);
  const std::vector<uint8_t> first = Datagram();
  Take(first);
  ASSERT_EQ(rtp_.size(), 1u) << "nothing of before is kept";
  EXPECT_EQ(rtp_[0].payload, first);
  EXPECT_TRUE(rtp_[0].header.marker);
  EXPECT_EQ(rtp_[0].time, told + 50ms);
  Flow(2s);
  const auto packets = RtpOf(V6());
  ASSERT_EQ(packets.size(), 101u);
  for (size_t i = 1; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].header.sequence, packets[i - 1].header.sequence.Next());
    EXPECT_FALSE(packets[i].header.marker);
    const auto ticks = packets[i].header.timestamp.DistanceFrom(packets[0].header.timestamp);
    EXPECT_EQ(ticks, (packets[i].time - packets[0].time) / 1us * 90 / 1000) << i;
  }
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(StatusOf(V6()).continuity_errors_total, 0u);
  EXPECT_TRUE(StatusOf(V6()).first_rtp.has_value());
  EXPECT_GE(rtcp_.size(), 1u) << "sender reports as for any session";
}

TEST_F(FeedStreamTest, MorePacketsThanFitAreCut) {
  Apply(Dvb(V6(), true));
  Flow(100ms);
  rtp_.clear();
  std::vector<uint8_t> large;
  for (int i = 0; i < 3; ++i) Append(Datagram(), large);
  large.resize(16 * mpegts::kPacketSize);
  Take(large);
  const auto packets = RtpOf(V6());
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(packets[1].payload.size(), 7 * mpegts::kPacketSize);
  EXPECT_EQ(packets[2].payload.size(), 2 * mpegts::kPacketSize);
  std::vector<uint8_t> together;
  for (const Rtp& each : packets) Append(each.payload, together);
  EXPECT_EQ(together, large);
}

TEST_F(FeedStreamTest, WhatIsNoTransportStreamOrNotTheTunersIsCountedAndDropped) {
  Apply(Dvb(V6(), true));
  Flow(100ms);
  rtp_.clear();
  const std::vector<uint8_t> good = Datagram();
  Take(good, *IpAddress::Parse("2001:db8::66"));
  std::vector<uint8_t> bad = good;
  bad.pop_back();
  Take(bad);
  bad = good;
  bad[3 * mpegts::kPacketSize] = 0x48;
  Take(bad);
  // RTP around it, as dvblast sends unless it is told otherwise.
  bad.assign(12, 0x80);
  Append(good, bad);
  Take(bad);
  Take({});
  feeds_.Deliver(Tuner(), good, /*truncated=*/true);
  Settle();
  EXPECT_TRUE(rtp_.empty());
  const FeedStats stats = core_->Stats().feeds;
  EXPECT_EQ(stats.foreign_total, 1u);
  EXPECT_EQ(stats.malformed_total, 5u);
  EXPECT_EQ(stats.missing_total, 0u) << "none of it was looked at";
}

TEST_F(FeedStreamTest, MissingPacketsAreCounted) {
  Apply(Dvb(V6(), true));
  Flow(100ms);
  Datagram();
  Take(Datagram());
  // One of each table and five of the media.
  EXPECT_EQ(StatusOf(V6()).continuity_errors_total, 7u);
  Stop(V6());
  EXPECT_EQ(core_->Stats().feeds.missing_total, 7u);
}

TEST_F(FeedStreamTest, AFeedThatIsGoneIsBridgedWithNullPacketsAndTables) {
  Apply(Dvb(V6(), true));
  Flow(1s);
  const size_t before = RtpOf(V6()).size();
  Advance(1900ms);
  EXPECT_EQ(RtpOf(V6()).size(), before);
  Advance(10s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  EXPECT_EQ(StatusOf(V6()).error_reason, "silence");
  const auto packets = RtpOf(V6());
  ASSERT_GE(packets.size(), before + 90);
  for (size_t i = before; i < packets.size(); ++i) {
    EXPECT_EQ(packets[i].payload.size(), 7 * mpegts::kPacketSize);
    EXPECT_EQ(PacketsOf(packets[i], Pid::kPat), 1u);
    EXPECT_EQ(PacketsOf(packets[i], Pid(0x100)), 1u);
    EXPECT_EQ(PacketsOf(packets[i], Pid::kNull), 5u);
    EXPECT_EQ(packets[i].header.sequence, packets[i - 1].header.sequence.Next());
    const Duration step = packets[i].time - packets[i - 1].time;
    EXPECT_LE(step, i == before ? 2001ms : 101ms);
    EXPECT_EQ(packets[i].header.timestamp.DistanceFrom(packets[i - 1].header.timestamp),
              step / 1us * 90 / 1000);
  }
  // Tables alone are no media.
  Take(tables_.Association());
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  rtp_.clear();
  Flow(1s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(StatusOf(V6()).error, "");
  EXPECT_TRUE(rtp_[0].header.marker);
  EXPECT_EQ(rtp_.size(), 50u);
  EXPECT_EQ(core_->Stats().silences_total, 1u);
  EXPECT_EQ(StatusOf(V6()).continuity_errors_total, 0u) << "what was away is not missing";
}

TEST_F(FeedStreamTest, SilenceEndsAtItsLimit) {
  SessionRequest request = Dvb(V6(), true);
  request.silence_limit = 5s;
  Apply(request);
  Flow(1s);
  Advance(8s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "silence");
  EXPECT_EQ(Byes(V6()), 2u);
  EXPECT_FALSE(StatusOf(V6()).feed.has_value());
  EXPECT_FALSE(feeds_.open());
  Take(Datagram());
}

TEST_F(FeedStreamTest, OneThatNothingComesToFailsAndSaysWhatCame) {
  Apply(Dvb(V6(), true));
  Take(Datagram(), *IpAddress::Parse("2001:db8::66"));
  Take({1, 2, 3});
  Advance(options_.opening_limit + 1s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_THAT(StatusOf(V6()).error, HasSubstr("1 datagrams came from elsewhere"));
  EXPECT_THAT(StatusOf(V6()).error, HasSubstr("1 datagrams were no such packets"));
}

TEST_F(FeedStreamTest, WithoutASocketItFails) {
  feeds_.error = "no port is free";
  Apply(Dvb(V6(), true));
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "feed");
  EXPECT_EQ(StatusOf(V6()).error, "no port is free");
}

TEST_F(FeedStreamTest, BothFamiliesAndAllLinksShareIt) {
  SessionRequest request = Dvb(V6(), true);
  request.links = {"lan", "vlan20"};
  Apply(request);
  Flow(1s);
  request = Dvb(V4(), true);
  // Not known to this one; what was told before holds.
  request.feed_source.reset();
  Apply(request);
  Flow(1s);
  EXPECT_EQ(feeds_.opened, 1);
  EXPECT_EQ(RtpOf(V6(), 0).size(), RtpOf(V6(), 1).size());
  ASSERT_FALSE(RtpOf(V4()).empty());
  EXPECT_EQ(RtpOf(V4()).back().payload, RtpOf(V6()).back().payload);
  EXPECT_NE(RtpOf(V4()).back().header.ssrc, RtpOf(V6()).back().header.ssrc);
  EXPECT_EQ(StatusOf(V4()).feed, StatusOf(V6()).feed);
  Stop(V6());
  EXPECT_TRUE(feeds_.open());
  Stop(V4());
  EXPECT_FALSE(feeds_.open());
}

TEST_F(FeedStreamTest, GoesOnFromThePackagerBefore) {
  SessionRequest request = Dvb(V6(), true);
  request.ssrc = 77;
  request.sequence = 4000;
  request.sent_before = {RtpTimestamp(1'000'000), clocks_.wall - absl::Seconds(2)};
  request.format = StatusOf(V6()).format;
  Apply(request);
  Flow(200ms);
  const auto packets = RtpOf(V6());
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets[0].header.ssrc, Ssrc{77});
  EXPECT_EQ(packets[0].header.sequence.value(), 4000);
  const auto ahead = packets[0].header.timestamp.DistanceFrom(RtpTimestamp(1'000'000));
  EXPECT_GE(ahead, 2 * 90000);
  EXPECT_LE(ahead, 2 * 90000 + 9000);
}

TEST_F(FeedStreamTest, BarePidsNeedNoTables) {
  SessionRequest request = Dvb(V6(), true);
  request.bare_pids = true;
  Apply(request);
  Advance(100ms);
  Take(MediaPacket(Pid::kNull, 0));
  EXPECT_TRUE(rtp_.empty());
  Take(MediaPacket(Pid(0x23), 0));
  EXPECT_EQ(rtp_.size(), 1u);
  Advance(3s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  EXPECT_EQ(PacketsOf(rtp_.back(), Pid::kNull), 7u);
}

TEST_F(FeedStreamTest, ATransportStreamOfOurOwnMuxerPasses) {
  AudioFormat format;
  format.layer = 2;
  format.sample_rate = 48000;
  format.channels = 2;
  format.frame_samples = 1152;
  TsMuxer muxer(format, {.id = 1, .name = "Radio"});
  Apply(Dvb(V6(), true));
  Advance(50ms);
  size_t octets = 0;
  for (Duration at{}; at < 2s; at += 24ms) {
    std::vector<uint8_t> packets;
    muxer.Write(std::vector<uint8_t>(384, 0x55), at, at + 24ms, packets);
    octets += packets.size();
    Take(packets);
    Advance(24ms);
  }
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(StatusOf(V6()).octets_total, octets);
  EXPECT_EQ(StatusOf(V6()).continuity_errors_total, 0u);
}

TEST_F(FeedStreamTest, DeadlinesDoNotMoveWithEachDatagram) {
  Apply(Dvb(V6(), true));
  Flow(100ms);
  const MonoTime before = core_->NextDeadline();
  std::set<MonoTime> seen;
  for (int i = 0; i < 40; ++i) {
    Take(Datagram());
    seen.insert(core_->NextDeadline());
    Advance(1ms);
  }
  EXPECT_LE(seen.size(), 2u) << "a timer would be set for each";
  EXPECT_GE(before, MonoTime{});
}

}  // namespace
}  // namespace headwater::packager
