#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/mcast-monitor/clock_poll.h"
#include "services/mcast-monitor/ntp_server.h"

namespace headwater::monitor {
namespace {

using Outcome = NtpServer::Outcome;

const IpAddress kClient = *IpAddress::Parse("192.168.10.7");
const absl::Time kNow = absl::FromUnixSeconds(1'795'896'000) + absl::Microseconds(250'000);
constexpr MonoTime kStart = MonoTime{} + 1h;

std::vector<uint8_t> Request(NtpTimestamp transmit = 0x1122334455667788) {
  const auto bytes = NtpPacket{.version = 4, .poll = 6, .transmit = transmit}.Serialize();
  return {bytes.begin(), bytes.end()};
}

ClockState Synchronised() {
  return {.synchronised = true,
          .leap = 1,
          .stratum = 3,
          .root_delay = absl::Milliseconds(20),
          .root_dispersion = absl::Milliseconds(5),
          .reference_id = 0xc0000201,
          .reference = kNow - absl::Seconds(30),
          .read = kStart};
}

// Captured from chronyd 4.3 -Q (an NTPv4 client request, poll 0), with its random transmit time.
constexpr uint8_t kChronyRequest[] = {0x23, 0x00, 0x06, 0x20, 0,    0,    0,   0, 0, 0, 0, 0, 0,
                                      0,    0,    0,    0,    0,    0,    0,   0, 0, 0, 0, 0, 0,
                                      0,    0,    0,    0,    0,    0,    0,   0, 0, 0, 0, 0, 0,
                                      0,    0x53, 0x9f, 0x1b, 0x0c, 0xd2, 0x1, 7, 9};

TEST(NtpPacketTest, ReadsAClientsRequest) {
  const auto packet = NtpPacket::Parse(kChronyRequest);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->version, 4);
  EXPECT_EQ(packet->mode, NtpMode::kClient);
  EXPECT_EQ(packet->poll, 6);
  EXPECT_EQ(packet->transmit, 0x539f1b0cd2010709u);
  EXPECT_THAT(packet->Serialize(), ::testing::ElementsAreArray(kChronyRequest));
}

TEST(NtpPacketTest, RefusesEveryTruncationAndVersion) {
  for (size_t size = 0; size < NtpPacket::kSize; ++size)
    EXPECT_FALSE(NtpPacket::Parse(Bytes(kChronyRequest).first(size))) << size;
  std::vector<uint8_t> bytes = Request();
  for (const int version : {0, 5, 7}) {
    bytes[0] = static_cast<uint8_t>(version << 3 | 3);
    EXPECT_FALSE(NtpPacket::Parse(bytes)) << version;
  }
}

TEST(NtpTimestampTest, GoesThereAndBackOverTheEndOfTheEra) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2026-11-28T20:00:00.5Z", "2036-02-07T06:28:15Z",
                           "2036-02-07T06:28:17Z", "2060-01-01T00:00:00Z"}) {
    absl::Time time;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr));
    const absl::Duration off = FromNtp(ToNtp(time), time + absl::Hours(24 * 365 * 20)) - time;
    EXPECT_LT(absl::AbsDuration(off), absl::Microseconds(1)) << text;
  }
  EXPECT_EQ(ToNtp(absl::UnixEpoch()) >> 32, 2'208'988'800u);
  EXPECT_EQ(ToNtpShort(absl::Milliseconds(500)), 0x8000u);
  EXPECT_EQ(ToNtpShort(-absl::Seconds(1)), 0u);
  EXPECT_EQ(ToNtpShort(absl::Hours(100)), 0xffffffffu);
}

TEST(NtpServerTest, AnswersWithTheClocksState) {
  NtpServer server({});
  server.set_clock(Synchronised());
  auto verdict = server.Handle(Request(), kClient, kNow, kStart + 1000s);
  ASSERT_EQ(verdict.outcome, Outcome::kAnswered);
  NtpPacket& answer = *verdict.answer;
  NtpServer::SetTransmit(answer, kNow + absl::Microseconds(30));
  EXPECT_EQ(answer.mode, NtpMode::kServer);
  EXPECT_EQ(answer.leap, 1);
  EXPECT_EQ(answer.stratum, 3);
  EXPECT_EQ(answer.poll, 6);
  EXPECT_EQ(answer.reference_id, 0xc0000201);
  EXPECT_EQ(answer.origin, 0x1122334455667788u);
  EXPECT_EQ(answer.receive, ToNtp(kNow));
  EXPECT_EQ(answer.transmit, ToNtp(kNow + absl::Microseconds(30)));
  EXPECT_EQ(answer.root_delay, ToNtpShort(absl::Milliseconds(20)));
  // 15 parts in a million of 1000 s on top.
  EXPECT_NEAR(answer.root_dispersion, ToNtpShort(absl::Milliseconds(20)), 2);
}

TEST(NtpServerTest, TellsNoTimeAtAllWhileTheClockIsNotSynchronised) {
  const auto expect_none = [](const ClockState& clock, MonoTime now) {
    NtpServer server({});
    server.set_clock(clock);
    auto verdict = server.Handle(Request(), kClient, kNow, now);
    ASSERT_EQ(verdict.outcome, Outcome::kUnsynchronised);
    NtpServer::SetTransmit(*verdict.answer, kNow);
    EXPECT_EQ(verdict.answer->leap, 3);
    EXPECT_EQ(verdict.answer->stratum, 0);
    EXPECT_EQ(verdict.answer->receive | verdict.answer->transmit | verdict.answer->reference, 0u);
  };
  expect_none(ClockState(), kStart);
  ClockState clock = Synchronised();
  clock.leap = 3;
  expect_none(clock, kStart);
  clock = Synchronised();
  clock.stratum = 16;
  expect_none(clock, kStart);
  // Read so long ago that it may be off by 16 s.
  expect_none(Synchronised(), kStart + 24h * 13);
}

TEST(NtpServerTest, AnswersClientsAlone) {
  NtpServer server({});
  server.set_clock(Synchronised());
  for (const int mode : {0, 1, 2, 4, 5, 6, 7}) {
    std::vector<uint8_t> bytes = Request();
    bytes[0] = static_cast<uint8_t>(4 << 3 | mode);
    EXPECT_EQ(server.Handle(bytes, kClient, kNow, kStart).outcome, Outcome::kNotClient) << mode;
  }
  EXPECT_EQ(server.Handle(Bytes(), kClient, kNow, kStart).outcome, Outcome::kMalformed);
  EXPECT_EQ(server.count(Outcome::kNotClient), 7u);
}

TEST(NtpServerTest, TellsWhoAsksTooOftenAndThenFallsSilent) {
  NtpServer server({.burst = 2, .interval = 10s});
  server.set_clock(Synchronised());
  const auto ask = [&](MonoTime now) { return server.Handle(Request(), kClient, kNow, now); };
  EXPECT_EQ(ask(kStart).outcome, Outcome::kAnswered);
  EXPECT_EQ(ask(kStart).outcome, Outcome::kAnswered);
  const auto told = ask(kStart);
  ASSERT_EQ(told.outcome, Outcome::kRate);
  EXPECT_EQ(told.answer->reference_id, KissCode("RATE"));
  EXPECT_EQ(told.answer->stratum, 0);
  EXPECT_EQ(told.answer->leap, 3);
  EXPECT_EQ(told.answer->transmit, told.answer->origin) << "none of our time";
  EXPECT_EQ(ask(kStart + 1s).outcome, Outcome::kDropped);
  EXPECT_EQ(ask(kStart + 11s).outcome, Outcome::kAnswered);
}

TEST(RateLimiterTest, ForgetsTheOldestAndBoundsAllTogether) {
  RateLimiter limiter({.burst = 1, .interval = 1h, .total_per_second = 10, .sources_max = 3});
  using Verdict = RateLimiter::Verdict;
  for (uint32_t i = 0; i < 5; ++i)
    EXPECT_EQ(limiter.Ask(IpAddress::V4(i), kStart), Verdict::kAnswer);
  EXPECT_EQ(limiter.sources(), 3u);
  EXPECT_EQ(limiter.Ask(IpAddress::V4(4), kStart), Verdict::kTell);
  EXPECT_EQ(limiter.Ask(IpAddress::V4(0), kStart), Verdict::kAnswer) << "forgotten";
  for (uint32_t i = 10; i < 13; ++i) limiter.Ask(IpAddress::V4(i), kStart);
  EXPECT_EQ(limiter.Ask(IpAddress::V4(99), kStart), Verdict::kSilent) << "all together";
  EXPECT_EQ(limiter.Ask(IpAddress::V4(99), kStart + 1s), Verdict::kAnswer);
}

TEST(RateLimiterTest, OneThatAsksWithoutEndTakesNothingFromTheOthers) {
  RateLimiter limiter({.burst = 2, .interval = 1h, .total_per_second = 10});
  for (int i = 0; i < 1000; ++i) limiter.Ask(IpAddress::V4(1), kStart);
  EXPECT_EQ(limiter.Ask(IpAddress::V4(2), kStart), RateLimiter::Verdict::kAnswer);
}

std::vector<uint8_t> Told(const NtpPacket& packet) {
  const auto bytes = packet.Serialize();
  return {bytes.begin(), bytes.end()};
}

TEST(ClockPollTest, TakesWhatChronyTellsAClientAndForgetsItWhenChronyFallsSilent) {
  ClockPoll poll;
  EXPECT_FALSE(poll.State(kStart).synchronised);
  poll.Ask(77);
  NtpPacket answer{.leap = 0,
                   .mode = NtpMode::kServer,
                   .stratum = 4,
                   .root_delay = 0x1000,
                   .reference_id = 0x7f7f0101,
                   .reference = ToNtp(kNow - absl::Seconds(5)),
                   .origin = 78,
                   .transmit = ToNtp(kNow)};
  EXPECT_FALSE(poll.OnAnswer(Told(answer), kNow, kStart)) << "not to our question";
  answer.origin = 77;
  EXPECT_TRUE(poll.OnAnswer(Told(answer), kNow, kStart));
  EXPECT_FALSE(poll.OnAnswer(Told(answer), kNow, kStart)) << "twice";
  const ClockState state = poll.State(kStart + 10s);
  EXPECT_TRUE(state.synchronised) << state.problem;
  EXPECT_EQ(state.stratum, 4);
  EXPECT_EQ(state.root_delay, absl::Seconds(1) / 16);
  EXPECT_FALSE(poll.State(kStart + 16s).synchronised);
}

TEST(ClockPollTest, BelievesNeitherAnUnsynchronisedChronyNorAnothersClock) {
  ClockPoll poll;
  NtpPacket answer{.mode = NtpMode::kServer, .stratum = 4, .origin = 1, .transmit = ToNtp(kNow)};
  poll.Ask(1);
  answer.leap = 3;
  EXPECT_TRUE(poll.OnAnswer(Told(answer), kNow, kStart));
  EXPECT_FALSE(poll.State(kStart).synchronised);
  answer.leap = 0;
  poll.Ask(1);
  EXPECT_TRUE(poll.OnAnswer(Told(answer), kNow + absl::Seconds(2), kStart));
  EXPECT_THAT(poll.State(kStart).problem, ::testing::HasSubstr("another clock"));
}

TEST(KernelClockTest, IsSynchronisedOnlyWhenTheKernelSaysSo) {
  KernelClock kernel{.readable = true, .unsynchronised = true};
  EXPECT_FALSE(FromKernel(kernel, 3, kNow, kStart).synchronised);
  kernel.unsynchronised = false;
  kernel.insert_second = true;
  kernel.max_error = absl::Milliseconds(3);
  const ClockState state = FromKernel(kernel, 3, kNow, kStart);
  EXPECT_TRUE(state.synchronised);
  EXPECT_EQ(state.leap, 1);
  EXPECT_EQ(state.stratum, 3);
  EXPECT_EQ(state.root_dispersion, absl::Milliseconds(3));
  EXPECT_FALSE(FromKernel({.unsynchronised = false}, 3, kNow, kStart).synchronised);
}

}  // namespace
}  // namespace headwater::monitor
