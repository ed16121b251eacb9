#include "services/dvb-tuner/dvblast_control.h"

#include <cstring>

namespace headwater::tuner {
namespace {

constexpr uint8_t kMagic = 0x49;
// struct dvb_frontend_info of linux/dvb/frontend.h, with which the answer begins; then the status,
// the bit error rate, strength and signal to noise.
constexpr size_t kFrontendInfoSize = 168;
constexpr size_t kFrontendStatusSize = kFrontendInfoSize + 12;
constexpr uint32_t kHasLock = 0x10;
// ts_pid_info_t: two times, four counters of a word each, the scrambling bits, padding.
constexpr size_t kPidStatusSize = 56;

static_assert(sizeof(long) == 8, "dvblast's counters are longs");

template <typename T>
T HostField(Bytes bytes, size_t offset) {
  T value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

std::vector<uint8_t> Request(ControlCommand command, Bytes body) {
  std::vector<uint8_t> bytes = {kMagic, static_cast<uint8_t>(command), 0, 0, 0, 0, 0, 0};
  const auto size = static_cast<uint32_t>(kControlHeaderSize + body.size());
  std::memcpy(bytes.data() + 4, &size, sizeof(size));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

}  // namespace

std::vector<uint8_t> ControlRequest(ControlCommand command) { return Request(command, {}); }

std::vector<uint8_t> ControlRequest(ControlCommand command, uint16_t argument) {
  const std::array<uint8_t, 2> body = {static_cast<uint8_t>(argument >> 8),
                                       static_cast<uint8_t>(argument)};
  return Request(command, body);
}

std::optional<ControlReply> ControlReplyAssembler::Push(Bytes datagram) {
  if (datagram.size() > kControlChunkMax) {
    size_ = 0;
    return std::nullopt;
  }
  if (size_ == 0) {
    if (datagram.size() < kControlHeaderSize || datagram[0] != kMagic) return std::nullopt;
    const auto size = HostField<uint32_t>(datagram, 4);
    if (size < kControlHeaderSize || size > kControlAnswerMax) return std::nullopt;
    held_.clear();
    size_ = size;
  }
  held_.insert(held_.end(), datagram.begin(), datagram.end());
  if (held_.size() > size_) size_ = 0;
  if (size_ == 0 || held_.size() < size_) return std::nullopt;
  size_ = 0;
  return ControlReply{static_cast<ControlAnswer>(held_[1]),
                      {held_.begin() + kControlHeaderSize, held_.end()}};
}

std::optional<FrontendStatus> ParseFrontendStatus(Bytes body) {
  if (body.size() != kFrontendStatusSize) return std::nullopt;
  FrontendStatus status;
  status.locked = (HostField<uint32_t>(body, kFrontendInfoSize) & kHasLock) != 0;
  status.bit_errors = HostField<uint32_t>(body, kFrontendInfoSize + 4);
  status.strength = HostField<uint16_t>(body, kFrontendInfoSize + 8);
  status.snr = HostField<uint16_t>(body, kFrontendInfoSize + 10);
  return status;
}

std::optional<PidStatus> ParsePidStatus(Bytes body) {
  if (body.size() != kPidStatusSize) return std::nullopt;
  PidStatus status;
  status.packets = HostField<uint64_t>(body, 16);
  status.continuity_errors = HostField<uint64_t>(body, 24);
  status.transport_errors = HostField<uint64_t>(body, 32);
  status.bytes_per_second = HostField<uint64_t>(body, 40);
  // 1 is reserved, and not a key.
  status.scrambled = body[48] >= 2;
  return status;
}

std::vector<Bytes> SplitSections(Bytes body) {
  std::vector<Bytes> sections;
  while (body.size() >= 3) {
    const size_t size = 3 + ((body[1] & 0x0fu) << 8 | body[2]);
    if (size > body.size()) break;
    sections.push_back(body.first(size));
    body = body.subspan(size);
  }
  return sections;
}

}  // namespace headwater::tuner
