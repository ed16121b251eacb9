#include "services/mcast-monitor/clock_poll.h"

#include <fmt/format.h>

namespace headwater::monitor {
namespace {

// 127.0.0.1, as reference clocks without a name of their own have it.
constexpr uint32_t kLocalReference = 0x7f000001;

}  // namespace

ClockState FromKernel(const KernelClock& kernel, uint8_t stratum, absl::Time wall, MonoTime now) {
  ClockState state{.read = now};
  if (!kernel.readable || kernel.unsynchronised) {
    state.problem =
        kernel.readable ? "the kernel's clock is not synchronised" : "the kernel does not tell";
    return state;
  }
  state.synchronised = true;
  state.problem.clear();
  state.leap = kernel.insert_second ? 1 : kernel.delete_second ? 2 : 0;
  state.stratum = stratum;
  state.root_dispersion = kernel.max_error;
  state.reference_id = kLocalReference;
  state.reference = wall;
  return state;
}

std::array<uint8_t, NtpPacket::kSize> ClockPoll::Ask(uint64_t nonce) {
  asked_ = nonce;
  return NtpPacket{.transmit = nonce}.Serialize();
}

bool ClockPoll::OnAnswer(Bytes bytes, absl::Time received, MonoTime now) {
  const std::optional<NtpPacket> answer = NtpPacket::Parse(bytes);
  if (!answer || answer->mode != NtpMode::kServer || asked_ == 0 || answer->origin != asked_)
    return false;
  asked_ = 0;
  ClockState state{.read = now};
  if (answer->leap == kLeapUnsynchronised || answer->stratum == 0 ||
      answer->stratum > kStratumMax || answer->transmit == 0) {
    state.problem = "chrony says that the clock is not synchronised";
    told_ = state;
    return true;
  }
  const absl::Duration apart = absl::AbsDuration(received - FromNtp(answer->transmit, received));
  if (apart > kApartMax) {
    state.problem = fmt::format("chrony's time is {} s from this machine's: another clock",
                                absl::ToDoubleSeconds(apart));
    told_ = state;
    return true;
  }
  state.synchronised = true;
  state.problem.clear();
  state.leap = answer->leap;
  state.stratum = answer->stratum;
  state.root_delay = FromNtpShort(answer->root_delay);
  state.root_dispersion = FromNtpShort(answer->root_dispersion);
  state.reference_id = answer->reference_id;
  state.reference = FromNtp(answer->reference, received);
  told_ = state;
  return true;
}

ClockState ClockPoll::State(MonoTime now) const {
  if (told_ && now - told_->read <= kPatience) return *told_;
  ClockState state{.read = now};
  state.problem = told_ ? "chrony has stopped to answer" : "chrony has not answered yet";
  return state;
}

}  // namespace headwater::monitor
