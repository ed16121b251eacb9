#pragma once

#include <absl/time/time.h>

#include <array>
#include <cstdint>
#include <optional>

#include "services/common/base/bytes.h"
#include "services/common/time/mono_time.h"
#include "services/mcast-monitor/ntp_packet.h"
#include "services/mcast-monitor/ntp_server.h"

namespace headwater::monitor {

// What the kernel says of its clock (adjtimex(2)).
struct KernelClock {
  bool readable = false;
  bool unsynchronised = true;
  bool insert_second = false;
  bool delete_second = false;
  absl::Duration max_error;
};
// The kernel knows neither stratum nor delay: the first is configured, the second within max_error.
ClockState FromKernel(const KernelClock& kernel, uint8_t stratum, absl::Time wall, MonoTime now);

// Asks the daemon that disciplines this machine's clock (chrony) what it would tell a client, by
// NTP itself; what it says of its clock is true of ours, which is the same. It is believed only
// while it answers and while its time is ours. Pure: the caller sends and receives.
class ClockPoll {
 public:
  static constexpr Duration kInterval = 4s;
  // So long without an answer, and nothing is known any more.
  static constexpr Duration kPatience = 15s;
  // The daemon's time is of the same clock: more than this apart it is another machine's.
  static constexpr absl::Duration kApartMax = absl::Milliseconds(100);

  // A question; the one before is no longer waited for. `nonce` is random, so that nobody else's
  // packet is taken for the answer.
  std::array<uint8_t, NtpPacket::kSize> Ask(uint64_t nonce);
  // True when it was the answer. `received` is when it came.
  bool OnAnswer(Bytes bytes, absl::Time received, MonoTime now);
  ClockState State(MonoTime now) const;

 private:
  NtpTimestamp asked_ = 0;
  std::optional<ClockState> told_;
};

}  // namespace headwater::monitor
