#include "services/dvb-tuner/stream_pacer.h"

namespace headwater::tuner {

Duration StreamPacer::OnPacket(const mpegts::Packet& packet) {
  time_ += per_packet_;
  ++since_clock_;
  if (!packet.pcr || packet.error) return time_;
  if (!clock_pid_) clock_pid_ = packet.pid;
  if (packet.pid != *clock_pid_) return time_;
  constexpr uint64_t kTicksPerMicrosecond = 27;
  const uint64_t before = clock_.value_or(*packet.pcr);
  clock_ = *packet.pcr;
  const auto interval = std::chrono::microseconds((*packet.pcr - before) / kTicksPerMicrosecond);
  const bool jumps = *packet.pcr <= before || packet.discontinuity || interval > kIntervalMax;
  if (!jumps) {
    // Where it should have been by now: what the guess was wrong by is made good.
    time_ = std::max(time_ - per_packet_, clock_time_ + interval);
    per_packet_ = interval / static_cast<Duration::rep>(since_clock_);
  }
  clock_time_ = time_;
  since_clock_ = 0;
  return time_;
}

}  // namespace headwater::tuner
