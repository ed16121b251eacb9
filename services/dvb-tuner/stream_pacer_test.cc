#include "services/dvb-tuner/stream_pacer.h"

#include <gtest/gtest.h>

namespace headwater::tuner {
namespace {

constexpr uint64_t kMillisecond = 27'000;

mpegts::Packet Clock(uint64_t milliseconds, uint16_t pid = 256) {
  return {.pid = mpegts::Pid{pid}, .pcr = milliseconds * kMillisecond};
}
const mpegts::Packet kOther = {.pid = mpegts::Pid{300}};

Duration Send(StreamPacer& pacer, const mpegts::Packet& last, int others) {
  Duration time{};
  for (int i = 0; i < others; ++i) time = pacer.OnPacket(kOther);
  time = pacer.OnPacket(last);
  return time;
}

TEST(StreamPacerTest, FollowsTheClock) {
  StreamPacer pacer;
  const Duration start = pacer.OnPacket(Clock(1000));
  EXPECT_EQ(Send(pacer, Clock(1040), 9) - start, 40ms);
  EXPECT_EQ(Send(pacer, Clock(1080), 9) - start, 80ms);
  // Between two references by packets: ten had 40 ms.
  EXPECT_EQ(pacer.OnPacket(kOther) - start, 84ms);
}

TEST(StreamPacerTest, PassesJumpsAtThePaceOfBefore) {
  StreamPacer pacer;
  const Duration start = pacer.OnPacket(Clock(1000));
  Send(pacer, Clock(1040), 9);
  EXPECT_EQ(Send(pacer, Clock(10), 9) - start, 80ms);  // the file begins anew
  EXPECT_EQ(Send(pacer, Clock(50), 9) - start, 120ms);
  EXPECT_EQ(Send(pacer, Clock(99'000), 9) - start, 160ms);
}

TEST(StreamPacerTest, TakesOneProgrammesClock) {
  StreamPacer pacer;
  const Duration start = pacer.OnPacket(Clock(1000));
  pacer.OnPacket(Clock(777'000, 400));
  EXPECT_EQ(Send(pacer, Clock(1040), 8) - start, 40ms);
}

TEST(StreamPacerTest, NeverGoesBack) {
  StreamPacer pacer;
  Duration last{};
  uint64_t clock = 0;
  for (int i = 0; i < 1000; ++i) {
    clock = (clock * 2862933555777941757u + 3037000493u) % 100'000;
    const Duration time = pacer.OnPacket(i % 3 == 0 ? Clock(clock) : kOther);
    EXPECT_GE(time, last);
    last = time;
  }
}

}  // namespace
}  // namespace headwater::tuner
