#include "services/common/mpegts/ts_packet.h"

#include <gtest/gtest.h>

#include <numeric>

namespace headwater::mpegts {
namespace {

using Verdict = ContinuityCounter::Verdict;

std::vector<uint8_t> Count(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{1});
  return bytes;
}

// The fourth packet of a stream that FFmpeg has made:
//   Header 0x47410030: start indicator 1, PID 0x100, adaptation field and payload, continuity 0
//   Adaptation field: length 7, random access, PCR base 63000 extension 0 (0.7 s)
TEST(TsPacketTest, FromCapture) {
  std::vector<uint8_t> bytes = {0x47, 0x41, 0x00, 0x30, 0x07, 0x50, 0x00, 0x00, 0x7b, 0x0c, 0x7e,
                                0x00, 0x00, 0x00, 0x01, 0xc0, 0x0b, 0x75, 0x80, 0x80, 0x05};
  bytes.resize(kPacketSize, 0xaa);
  const auto packet = ParsePacket(bytes);
  ASSERT_TRUE(packet.ok());
  EXPECT_EQ(packet->pid, Pid(0x100));
  EXPECT_TRUE(packet->unit_start);
  EXPECT_FALSE(packet->error || packet->scrambled || packet->discontinuity);
  EXPECT_TRUE(packet->random_access);
  EXPECT_EQ(packet->pcr, 63000u * 300);
  EXPECT_EQ(packet->payload.size(), 176u);
  EXPECT_EQ(packet->payload[3], 0xc0);
}

TEST(TsPacketTest, RoundTripsAtEveryPayloadLength) {
  for (const bool with_pcr : {false, true}) {
    for (size_t size = 0; size <= 200; ++size) {
      const std::vector<uint8_t> payload = Count(size);
      Packet packet = {.pid = Pid(0x1abc),
                       .unit_start = size % 2 == 0,
                       .scrambled = size % 3 == 0,
                       .continuity = static_cast<uint8_t>(size & 15),
                       .has_payload = true,
                       .payload = payload};
      if (with_pcr) packet.pcr = 300 * 0x1ffffffffull + 299;
      std::vector<uint8_t> bytes;
      const size_t taken = packet.SerializeTo(bytes);
      EXPECT_EQ(taken, std::min<size_t>(size, with_pcr ? 176 : 184));
      ASSERT_EQ(bytes.size(), kPacketSize);
      const auto again = ParsePacket(bytes);
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(again->pid, packet.pid);
      EXPECT_EQ(again->unit_start, packet.unit_start);
      EXPECT_EQ(again->scrambled, packet.scrambled);
      EXPECT_EQ(again->continuity, packet.continuity);
      EXPECT_EQ(again->pcr, packet.pcr);
      EXPECT_TRUE(std::equal(again->payload.begin(), again->payload.end(), payload.begin(),
                             payload.begin() + static_cast<ptrdiff_t>(taken)));
    }
  }
}

TEST(TsPacketTest, RefusesWhatIsNoPacket) {
  std::vector<uint8_t> bytes(kPacketSize, 0xff);
  bytes[0] = kSync;
  bytes[3] = 0x30;
  bytes[4] = 183;
  EXPECT_TRUE(ParsePacket(bytes).ok()) << "a field that leaves no payload";
  bytes[4] = 184;
  EXPECT_EQ(ParsePacket(bytes).error(), PacketError::kBadAdaptationField);
  bytes[4] = 3;  // cannot hold the PCR that its flags promise
  EXPECT_EQ(ParsePacket(bytes).error(), PacketError::kBadAdaptationField);
  // Stuffing with the flag of a PCR: no time of any clock.
  bytes[4] = 183;
  ASSERT_TRUE(ParsePacket(bytes).ok());
  EXPECT_EQ(ParsePacket(bytes)->pcr, std::nullopt);
  bytes[4] = 3;
  bytes[0] = 0x46;
  EXPECT_EQ(ParsePacket(bytes).error(), PacketError::kNoSync);
  for (size_t size = 0; size < kPacketSize; ++size) {
    EXPECT_EQ(ParsePacket(Bytes(bytes).first(size)).error(), PacketError::kTooShort);
  }
}

TEST(ContinuityCounterTest, TellsWhatIsMissingFromWhatIsRepeated) {
  const std::vector<uint8_t> one = Count(10);
  const std::vector<uint8_t> other = Count(11);
  ContinuityCounter counter;
  const auto check = [&](uint8_t continuity, Bytes payload, bool discontinuity = false) {
    return counter.Check({.continuity = continuity,
                          .has_payload = true,
                          .discontinuity = discontinuity,
                          .payload = payload});
  };
  EXPECT_EQ(check(15, one), Verdict::kGap) << "what was before is not known";
  EXPECT_EQ(check(0, other), Verdict::kNext);
  EXPECT_EQ(check(0, other), Verdict::kRepeated);
  EXPECT_EQ(check(0, one), Verdict::kGap) << "16 missing";
  EXPECT_EQ(check(2, one), Verdict::kGap);
  EXPECT_EQ(counter.Check({.continuity = 2, .has_payload = false}), Verdict::kNext);
  EXPECT_EQ(check(3, one), Verdict::kNext);
  EXPECT_EQ(check(4, one, true), Verdict::kGap) << "the stream says so";
}

}  // namespace
}  // namespace headwater::mpegts
