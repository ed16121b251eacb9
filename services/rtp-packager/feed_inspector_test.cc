#include "services/rtp-packager/feed_inspector.h"

#include <gtest/gtest.h>

#include "services/rtp-packager/feed_samples.h"

namespace headwater::packager {
namespace {

using mpegts::Pid;

class FeedInspectorTest : public ::testing::Test {
 protected:
  void Push(const std::vector<uint8_t>& packets) {
    for (Bytes rest = packets; !rest.empty(); rest = rest.subspan(mpegts::kPacketSize)) {
      inspector_.OnPacket(rest.first(mpegts::kPacketSize));
    }
  }
  // Packets of one PID with these counters, each with a payload of its own.
  void PushCounters(Pid pid, const std::vector<int>& counters) {
    for (const int counter : counters) Push(MediaPacket(pid, static_cast<uint8_t>(counter)));
  }

  FeedInspector inspector_;
};

TEST_F(FeedInspectorTest, MediaIsWhatAMapNames) {
  Push(MediaPacket(Pid(0x101), 0));
  EXPECT_FALSE(inspector_.TakeMedia());
  EXPECT_TRUE(inspector_.TakeAny());
  ServiceTables tables;
  Push(tables.Association());
  EXPECT_FALSE(inspector_.has_tables());
  Push(tables.Map());
  EXPECT_TRUE(inspector_.has_tables());
  Push(MediaPacket(Pid(0x222), 0));
  EXPECT_FALSE(inspector_.TakeMedia());
  Push(MediaPacket(Pid(0x101), 1));
  EXPECT_TRUE(inspector_.TakeMedia());
  EXPECT_FALSE(inspector_.TakeMedia()) << "only once";
}

TEST_F(FeedInspectorTest, WhatStaysScrambledIsNoMediaNorIsAClockAlone) {
  ServiceTables tables;
  Push(tables.Association());
  Push(tables.Map());
  std::vector<uint8_t> packet = MediaPacket(Pid(0x101), 0);
  packet[3] |= 0x80;
  Push(packet);
  EXPECT_FALSE(inspector_.TakeMedia());
  packet[3] = 0x20;  // no payload
  packet[4] = 183;
  Push(packet);
  EXPECT_FALSE(inspector_.TakeMedia());
  EXPECT_TRUE(inspector_.TakeAny());
}

TEST_F(FeedInspectorTest, AChangedMapCountsAtOnce) {
  ServiceTables tables;
  Push(tables.Association());
  Push(tables.Map());
  tables.map.version = 1;
  tables.map.streams = {{.type = 0x1b, .pid = Pid(0x300)}};
  Push(tables.Map());
  Push(MediaPacket(Pid(0x101), 0));
  EXPECT_FALSE(inspector_.TakeMedia());
  Push(MediaPacket(Pid(0x300), 0));
  EXPECT_TRUE(inspector_.TakeMedia());
  tables.association.version = 1;
  tables.association.programs = {{.number = 9, .map = Pid(0x90)}};
  Push(tables.Association());
  EXPECT_FALSE(inspector_.has_tables());
}

TEST_F(FeedInspectorTest, CountsWhatIsMissingByPid) {
  PushCounters(Pid(1), {14, 15, 0, 1});
  EXPECT_EQ(inspector_.missing_total(), 0u);
  PushCounters(Pid(1), {4});
  EXPECT_EQ(inspector_.missing_total(), 2u);
  PushCounters(Pid(2), {9, 10});
  EXPECT_EQ(inspector_.missing_total(), 2u);
  PushCounters(Pid(1), {5, 5, 6});
  EXPECT_EQ(inspector_.missing_total(), 2u) << "one repetition is allowed";
  PushCounters(Pid(1), {6, 6});
  EXPECT_EQ(inspector_.missing_total(), 17u) << "a second one is sixteen packets on";
  inspector_.ForgetContinuity();
  PushCounters(Pid(1), {12, 13});
  EXPECT_EQ(inspector_.missing_total(), 17u);
}

TEST_F(FeedInspectorTest, NullPacketsBrokenOnesAndThoseWithoutPayloadAreNoGap) {
  PushCounters(Pid(1), {1});
  PushCounters(Pid::kNull, {3, 9});
  std::vector<uint8_t> broken = MediaPacket(Pid(1), 7);
  broken[1] |= 0x80;
  Push(broken);
  std::vector<uint8_t> clock;
  mpegts::Packet{.pid = Pid(1), .continuity = 1, .pcr = 1}.SerializeTo(clock);
  Push(clock);
  PushCounters(Pid(1), {2});
  EXPECT_EQ(inspector_.missing_total(), 0u);
  std::vector<uint8_t> anew;
  const std::vector<uint8_t> payload(100);
  mpegts::Packet{.pid = Pid(1),
                 .continuity = 9,
                 .has_payload = true,
                 .discontinuity = true,
                 .payload = payload}
      .SerializeTo(anew);
  Push(anew);
  EXPECT_EQ(inspector_.missing_total(), 0u) << "the stream says so itself";
}

TEST_F(FeedInspectorTest, TablesGoOnFromTheFeedsOwnCounters) {
  ServiceTables tables;
  for (int i = 0; i < 5; ++i) Push(tables.Association());
  Push(tables.Map());
  std::vector<uint8_t> out;
  inspector_.AppendTables(out);
  ASSERT_EQ(out.size(), 2 * mpegts::kPacketSize);
  EXPECT_EQ(mpegts::ParsePacket(out)->pid, Pid::kPat);
  EXPECT_EQ(mpegts::ParsePacket(out)->continuity, 5);
  const auto map = mpegts::ParsePacket(Bytes(out).subspan(mpegts::kPacketSize));
  EXPECT_EQ(map->pid, Pid(0x100));
  EXPECT_EQ(map->continuity, 1);
  Push(out);
  inspector_.AppendTables(out);
  EXPECT_EQ(mpegts::ParsePacket(Bytes(out).subspan(2 * mpegts::kPacketSize))->continuity, 6);
}

TEST_F(FeedInspectorTest, HoldsAWholeCarrier) {
  ServiceTables tables;
  tables.association.programs.clear();
  for (uint16_t i = 1; i <= 200; ++i) {
    tables.association.programs.push_back({.number = i, .map = Pid(0x100 + i)});
  }
  Push(tables.Association());
  for (uint16_t i = 1; i <= 200; ++i) {
    tables.map = {.program = i, .pcr = Pid(0x800 + i), .streams = {{2, Pid(0x800 + i), {}}}};
    tables.map_pid = Pid(0x100 + i);
    tables.map_continuity = 0;
    Push(tables.Map());
  }
  std::vector<uint8_t> out;
  inspector_.AppendTables(out);
  // The PAT's 812 bytes, and the first 64 maps.
  EXPECT_EQ(out.size(), (5 + 64) * mpegts::kPacketSize);
}

}  // namespace
}  // namespace headwater::packager
