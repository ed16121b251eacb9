#include "services/mcast-monitor/ntp_packet.h"

#include <algorithm>

#include "services/common/wire/byte_reader.h"
#include "services/common/wire/byte_writer.h"

namespace headwater::monitor {
namespace {

// From 1900 to 1970.
constexpr int64_t kUnixEpoch = 2'208'988'800;
constexpr int64_t kEra = int64_t{1} << 32;

}  // namespace

NtpTimestamp ToNtp(absl::Time time) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds));
  const auto fraction = static_cast<uint64_t>(nanoseconds) * (uint64_t{1} << 32) / 1'000'000'000;
  return static_cast<uint64_t>(seconds + kUnixEpoch) << 32 | fraction;
}

absl::Time FromNtp(NtpTimestamp timestamp, absl::Time near) {
  const auto fraction = static_cast<int64_t>((timestamp & 0xffffffff) * 1'000'000'000 >> 32);
  const int64_t wanted = absl::ToUnixSeconds(near);
  const int64_t seconds = static_cast<int64_t>(timestamp >> 32) - kUnixEpoch;
  // As many eras on as bring it within half an era of `near`.
  const int64_t eras = (wanted - seconds + (wanted > seconds ? kEra / 2 : -kEra / 2)) / kEra;
  return absl::FromUnixSeconds(seconds + eras * kEra) + absl::Nanoseconds(fraction);
}

uint32_t ToNtpShort(absl::Duration duration) {
  const double value = absl::ToDoubleSeconds(duration) * 65536.0;
  return static_cast<uint32_t>(std::clamp(value, 0.0, 4294967295.0));
}

absl::Duration FromNtpShort(uint32_t value) { return absl::Seconds(value / 65536.0); }

std::optional<NtpPacket> NtpPacket::Parse(Bytes bytes) {
  ByteReader reader(bytes);
  const uint8_t first = reader.U8();
  NtpPacket packet;
  packet.leap = first >> 6;
  packet.version = (first >> 3) & 7;
  packet.mode = static_cast<NtpMode>(first & 7);
  packet.stratum = reader.U8();
  packet.poll = static_cast<int8_t>(reader.U8());
  packet.precision = static_cast<int8_t>(reader.U8());
  packet.root_delay = reader.U32();
  packet.root_dispersion = reader.U32();
  packet.reference_id = reader.U32();
  packet.reference = reader.U64();
  packet.origin = reader.U64();
  packet.receive = reader.U64();
  packet.transmit = reader.U64();
  if (!reader.ok() || packet.version < 1 || packet.version > 4) return std::nullopt;
  return packet;
}

std::array<uint8_t, NtpPacket::kSize> NtpPacket::Serialize() const {
  std::vector<uint8_t> bytes;
  bytes.reserve(kSize);
  ByteWriter writer(bytes);
  writer.U8(static_cast<uint8_t>(leap << 6 | version << 3 | static_cast<uint8_t>(mode)));
  writer.U8(stratum);
  writer.U8(static_cast<uint8_t>(poll));
  writer.U8(static_cast<uint8_t>(precision));
  writer.U32(root_delay);
  writer.U32(root_dispersion);
  writer.U32(reference_id);
  writer.U64(reference);
  writer.U64(origin);
  writer.U64(receive);
  writer.U64(transmit);
  std::array<uint8_t, kSize> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace headwater::monitor
