#pragma once

#include <cstdint>
#include <optional>

#include "services/common/base/bytes.h"
#include "services/common/mpegts/ts_packet.h"
#include "services/common/time/mono_time.h"

namespace headwater::tuner {

// When each packet of a recorded stream is due, by the clock of the first programme in it that has
// one (ISO 13818-1 section 2.4.3.5): between two clock references time goes by packets. A clock
// that jumps, or that is not there, is replaced by the pace of before.
class StreamPacer {
 public:
  // The packets from one clock reference to the next, or as many as there are before the end.
  // `interval` is what the clock says of their time.
  static constexpr Duration kIntervalMax = 500ms;
  // 4 Mbit/s until a clock tells.
  static constexpr Duration kPacketStandard = 376us;

  // The time of a packet, counted from the first.
  Duration OnPacket(const mpegts::Packet& packet);

 private:
  std::optional<mpegts::Pid> clock_pid_;
  std::optional<uint64_t> clock_;
  Duration clock_time_{};     // when that was due
  uint64_t since_clock_ = 0;  // packets
  Duration per_packet_ = kPacketStandard;
  Duration time_{};
};

}  // namespace headwater::tuner
