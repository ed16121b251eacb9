#include "services/rtp-packager/rtp/rtcp_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace headwater {
namespace {

constexpr Ssrc kOurs{0x0df00d01};
const IpAddress kListener = *IpAddress::Parse("2001:db8::10");
const IpAddress kOtherHost = *IpAddress::Parse("2001:db8::66");
const IpAddress kService = *IpAddress::Parse("2001:db8::1");

class RtcpSessionTest : public ::testing::Test {
 protected:
  static RtcpSessionOptions Defaults() {
    RtcpSessionOptions options;
    options.ssrc = kOurs;
    options.cname = "hw@test";
    return options;
  }

  ClockPair Now() const {
    return {now_, absl::FromUnixSeconds(1'700'000'000) + absl::FromChrono(now_ - MonoTime{})};
  }

  // One packet of 100 ms; `ahead` as in a startup burst.
  void SendRtp(Duration ahead = 0s) {
    session_.OnRtpSent(timestamp_, 1000, now_ + ahead, Now(), actions_);
    timestamp_ = timestamp_ + 9000;
  }
  // Plays for that long, in media time; reports whose times are noted in sent_at_.
  void Play(Duration length, bool with_rtp = true) {
    const MonoTime end = now_ + length;
    MonoTime next_rtp = now_;
    while (true) {
      const MonoTime next = std::min(with_rtp ? next_rtp : kNever, session_.NextDeadline());
      if (next > end) break;
      now_ = std::max(now_, next);
      const size_t before = actions_.size();
      if (with_rtp && now_ >= next_rtp) {
        SendRtp();
        next_rtp += 100ms;
      } else {
        session_.OnTime(Now(), actions_);
      }
      for (size_t i = before; i < actions_.size(); ++i) sent_at_.push_back(now_);
    }
    now_ = end;
  }
  void Receive(const std::vector<RtcpPacket>& packets, const IpAddress& from = kListener,
               RtcpOrigin origin = RtcpOrigin::kForeign) {
    std::vector<uint8_t> bytes;
    for (const RtcpPacket& packet : packets) SerializeTo(packet, bytes);
    session_.OnDatagram(bytes, from, origin, Now(), actions_);
  }
  static ReceiverReport Report(uint32_t from, uint8_t lost = 0, uint32_t jitter = 0) {
    return {Ssrc{from}, {ReportBlock{.ssrc = kOurs, .fraction_lost = lost, .jitter = jitter}}};
  }
  std::vector<std::vector<RtcpPacket>> TakeSent() {
    std::vector<std::vector<RtcpPacket>> sent;
    for (const RtcpAction& action : actions_) {
      if (const auto* send = std::get_if<SendRtcp>(&action)) {
        const auto packets = ParseRtcp(send->bytes);
        EXPECT_TRUE(packets.ok());
        if (packets.ok()) sent.push_back(*packets);
      }
    }
    actions_.clear();
    return sent;
  }

  MonoTime now_{};
  RtpTimestamp timestamp_{0xfffff000};
  RtcpActions actions_;
  std::vector<MonoTime> sent_at_;
  RtcpSession session_{Defaults(), 42};
};

TEST_F(RtcpSessionTest, SendsNothingBeforeTheFirstRtp) {
  EXPECT_EQ(session_.NextDeadline(), kNever);
  session_.Close(Now(), actions_);
  ASSERT_EQ(actions_.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<RtcpClosed>(actions_[0])) << "no BYE of one never heard";
}

TEST_F(RtcpSessionTest, TheFirstSrLeavesWithTheFirstRtpAndMapsItsTimestamp) {
  SendRtp(/*ahead=*/2s);
  const auto sent = TakeSent();
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_EQ(sent[0].size(), 2u);
  const auto& sr = std::get<SenderReport>(sent[0][0]);
  EXPECT_EQ(sr.ssrc, kOurs);
  EXPECT_EQ(sr.packets, 1u);
  EXPECT_EQ(sr.octets, 1000u);
  EXPECT_EQ(sr.ntp, NtpTime::From(Now().wall));
  // Sent 2 s ahead of its due time: what is due now has a timestamp 2 s lower.
  EXPECT_EQ(sr.timestamp, RtpTimestamp(0xfffff000) + -2 * 90000);
  EXPECT_EQ(std::get<SourceDescription>(sent[0][1]).chunks[0].cname, "hw@test");
}

TEST_F(RtcpSessionTest, ReportsAtRandomIntervalsRound5Seconds) {
  Play(3600s);
  EXPECT_EQ(TakeSent().size(), sent_at_.size());
  // What the division by 1.21828 takes, reconsideration gives back: the mean is 5 s.
  EXPECT_NEAR(static_cast<double>(sent_at_.size()), 3600 / 5.0, 40);
  for (size_t i = 2; i < sent_at_.size(); ++i) {
    const Duration gap = sent_at_[i] - sent_at_[i - 1];
    EXPECT_GE(gap, 2052ms);
    EXPECT_LE(gap, 6157ms);
  }
  EXPECT_LE(sent_at_[1] - sent_at_[0], 3079ms) << "half the minimum for the first";
}

TEST_F(RtcpSessionTest, SrTimestampsAdvanceWithWallTime) {
  Play(60s);
  const auto sent = TakeSent();
  ASSERT_GE(sent.size(), 10u);
  const auto& first = std::get<SenderReport>(sent.front()[0]);
  const auto& last = std::get<SenderReport>(sent.back()[0]);
  const double seconds = static_cast<double>(last.ntp.value() - first.ntp.value()) / 0x1p32;
  EXPECT_NEAR(static_cast<double>(last.timestamp.DistanceFrom(first.timestamp)), seconds * 90000,
              2);
}

TEST_F(RtcpSessionTest, WithoutRtpForTwoIntervalsItReportsAsReceiver) {
  SendRtp();
  Play(30s, /*with_rtp=*/false);
  const auto sent = TakeSent();
  EXPECT_TRUE(std::holds_alternative<SenderReport>(sent.front()[0]));
  EXPECT_TRUE(std::holds_alternative<ReceiverReport>(sent.back()[0]));
}

TEST_F(RtcpSessionTest, ByeGoesOutTwice100MsApart) {
  Play(1s);
  TakeSent();
  session_.Close(Now(), actions_);
  session_.Close(Now(), actions_);
  auto sent = TakeSent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(std::get<Bye>(sent[0].back()), (Bye{{kOurs}, {}}));
  EXPECT_EQ(session_.NextDeadline(), now_ + 100ms);
  SendRtp();
  EXPECT_TRUE(actions_.empty()) << "nothing follows a BYE but the second one";
  now_ += 100ms;
  session_.OnTime(Now(), actions_);
  ASSERT_EQ(actions_.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<RtcpClosed>(actions_[1]));
  sent = TakeSent();
  EXPECT_TRUE(std::holds_alternative<Bye>(sent[0].back()));
  EXPECT_EQ(session_.NextDeadline(), kNever);
}

TEST_F(RtcpSessionTest, AggregatesReports) {
  Play(1s);
  Receive({Report(1, 64, 900)});
  Receive({Report(2, 0, 90)});
  Receive({ReceiverReport{Ssrc{3}, {}}});  // hears us not yet
  ReceiverSummary summary = session_.Summary();
  EXPECT_EQ(summary.receivers, 3u);
  EXPECT_DOUBLE_EQ(summary.fraction_lost_max, 0.25);
  EXPECT_DOUBLE_EQ(summary.fraction_lost_mean, 0.125);
  EXPECT_EQ(summary.jitter_max, 10ms);
  EXPECT_EQ(summary.reports_total, 3u);
  Receive({Report(1, 0, 0)});
  summary = session_.Summary();
  EXPECT_EQ(summary.fraction_lost_max, 0) << "the last report of each counts";
  EXPECT_EQ(summary.receivers, 3u);
}

TEST_F(RtcpSessionTest, BlocksAboutOthersDoNotCount) {
  Play(1s);
  Receive({ReceiverReport{Ssrc{1}, {ReportBlock{.ssrc = Ssrc{99}, .fraction_lost = 255}}}});
  EXPECT_EQ(session_.Summary().fraction_lost_max, 0);
  SenderReport stranger;
  stranger.ssrc = Ssrc{5};
  Receive({stranger});
  EXPECT_EQ(session_.Summary().receivers, 1u) << "a foreign sender is not a listener";
}

TEST_F(RtcpSessionTest, AReceiverLeavesByByeOrByTimeout) {
  Play(1s);
  Receive({Report(1)});
  Receive({Report(2)});
  Receive({ReceiverReport{Ssrc{1}, {}}, Bye{{Ssrc{1}}, {}}});
  EXPECT_EQ(session_.Summary().receivers, 1u);
  EXPECT_EQ(session_.stats().byes_total, 1u);
  Play(24s);
  EXPECT_EQ(session_.Summary().receivers, 1u);
  Play(7s);
  EXPECT_EQ(session_.Summary().receivers, 0u);
}

TEST_F(RtcpSessionTest, AStrangerCannotSpeakForAReceiver) {
  Play(1s);
  Receive({Report(1, 10)});
  Receive({Report(1, 255)}, kOtherHost);
  Receive({ReceiverReport{Ssrc{7}, {}}, Bye{{Ssrc{1}}, {}}}, kOtherHost);
  const ReceiverSummary summary = session_.Summary();
  EXPECT_EQ(summary.receivers, 2u);
  EXPECT_LT(summary.fraction_lost_max, 0.5);
  EXPECT_EQ(summary.forged_total, 2u);
}

TEST_F(RtcpSessionTest, ForgedReportsAndByesInOurNameAreCountedNotObeyed) {
  Play(1s);
  TakeSent();
  Receive({ReceiverReport{kOurs, {}}, Bye{{kOurs}, {}}});
  Receive({ReceiverReport{kOurs, {}}});
  SenderReport sr;
  sr.ssrc = kOurs;
  Receive({sr, Bye{{kOurs}, {}}});
  EXPECT_EQ(session_.Summary().forged_total, 3u);
  EXPECT_EQ(session_.Summary().receivers, 0u);
  EXPECT_EQ(session_.ssrc(), kOurs);
  EXPECT_TRUE(actions_.empty());
}

TEST_F(RtcpSessionTest, OurOwnEchoIsNothingAndByAnotherLegALoop) {
  SendRtp();
  const std::vector<uint8_t> ours = std::get<SendRtcp>(actions_[0]).bytes;
  actions_.clear();
  session_.OnDatagram(ours, kService, RtcpOrigin::kOwnLeg, Now(), actions_);
  EXPECT_EQ(session_.stats().loops_total, 0u);
  session_.OnDatagram(ours, kService, RtcpOrigin::kOtherLeg, Now(), actions_);
  EXPECT_EQ(session_.stats().loops_total, 1u);
  EXPECT_EQ(session_.stats().collisions_total, 0u);
  EXPECT_EQ(session_.ssrc(), kOurs);
  EXPECT_TRUE(actions_.empty());
}

TEST_F(RtcpSessionTest, APlayerOnThisHostIsAReceiver) {
  Play(1s);
  Receive({Report(1)}, kService, RtcpOrigin::kOwnLeg);
  EXPECT_EQ(session_.Summary().receivers, 1u);
}

TEST_F(RtcpSessionTest, ACollisionChangesTheSsrcWithoutByeAtMostOnceAMinute) {
  Play(1s);
  Receive({Report(1, 64)});
  TakeSent();
  SenderReport sr;
  sr.ssrc = kOurs;
  Receive({sr}, kOtherHost);
  ASSERT_EQ(actions_.size(), 2u);
  const auto changed = std::get<SsrcChanged>(actions_[0]);
  EXPECT_EQ(changed.before, kOurs);
  EXPECT_NE(changed.now, kOurs);
  EXPECT_EQ(session_.ssrc(), changed.now);
  auto sent = TakeSent();
  ASSERT_EQ(sent[0].size(), 2u) << "SR and SDES, no BYE";
  EXPECT_EQ(std::get<SenderReport>(sent[0][0]).ssrc, changed.now);
  EXPECT_EQ(std::get<SenderReport>(sent[0][0]).packets, 0u);
  EXPECT_EQ(session_.Summary().fraction_lost_max, 0) << "was said about the old SSRC";

  sr.ssrc = session_.ssrc();
  Receive({sr}, kOtherHost);
  EXPECT_EQ(session_.ssrc(), changed.now);
  session_.OnOwnRtp(RtcpOrigin::kForeign, Now(), actions_);
  EXPECT_EQ(session_.ssrc(), changed.now);
  EXPECT_EQ(session_.stats().collisions_total, 3u);
  now_ += 60s;
  session_.OnOwnRtp(RtcpOrigin::kForeign, Now(), actions_);
  EXPECT_NE(session_.ssrc(), changed.now);
}

TEST_F(RtcpSessionTest, ReceiversBeyondTheTableAreEstimated) {
  Play(1s);
  for (uint32_t i = 1; i <= 5000; ++i) Receive({Report(i * 2654435761u)});
  EXPECT_NEAR(session_.Summary().receivers, 5000, 300);
  EXPECT_EQ(session_.stats().overflow_total, 5000u - 1024);
  EXPECT_EQ(session_.Summary().reports_total, 5000u);
  // So many share the bandwidth that each may be silent for an hour (section 6.2.1).
  Play(4 * 3600s, /*with_rtp=*/false);
  EXPECT_EQ(session_.Summary().receivers, 0u) << "all timed out";
}

TEST_F(RtcpSessionTest, ManyReceiversDoNotSlowTheSenderDown) {
  Play(10s);
  for (uint32_t i = 1; i <= 20000; ++i) Receive({Report(i * 2654435761u)});
  sent_at_.clear();
  Play(60s);
  EXPECT_GE(sent_at_.size(), 8u);
}

TEST_F(RtcpSessionTest, MalformedDatagramsAreCounted) {
  session_.OnDatagram(AsBytes("GET / HTTP/1.0"), kListener, RtcpOrigin::kForeign, Now(), actions_);
  session_.OnDatagram({}, kListener, RtcpOrigin::kForeign, Now(), actions_);
  EXPECT_EQ(session_.stats().malformed_total, 2u);
}

TEST_F(RtcpSessionTest, SameSeedSameTimes) {
  RtcpSession other(Defaults(), 42);
  RtcpSession different(Defaults(), 43);
  RtcpActions ignored;
  SendRtp();
  other.OnRtpSent(RtpTimestamp(0), 1, now_, Now(), ignored);
  different.OnRtpSent(RtpTimestamp(0), 1, now_, Now(), ignored);
  EXPECT_EQ(session_.NextDeadline(), other.NextDeadline());
  EXPECT_NE(session_.NextDeadline(), different.NextDeadline());
}

}  // namespace
}  // namespace headwater
