#include "services/membership-watcher/wire/mrd.h"

#include <algorithm>

#include "services/common/wire/byte_writer.h"
#include "services/common/wire/checksum.h"

namespace headwater::membership {
namespace {

constexpr uint8_t kIcmpV6 = 58;

uint16_t Count(Duration duration, int64_t most) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  return static_cast<uint16_t>(std::min<int64_t>(seconds, most));
}

uint16_t Checksum(const IpAddress& from, Bytes message) {
  if (from.is_v6()) {
    return Ipv6Checksum(from.bytes(), AllSnoopers(false).bytes(), kIcmpV6, message);
  }
  InternetChecksum sum;
  sum.Add(message);
  return sum.Finish();
}

}  // namespace

const IpAddress& AllSnoopers(bool ipv4) {
  static const IpAddress kIpv4 = IpAddress::V4(0xe000006a);
  static const IpAddress kIpv6 =
      IpAddress::V6({0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x6a});
  return ipv4 ? kIpv4 : kIpv6;
}

// RFC 4286 section 3.1:
//  |     Type      | Ad. Interval  |            Checksum           |
//  |        Query Interval         |      Robustness Variable      |
void SerializeAdvertisement(const IpAddress& from, Duration interval, Duration query_interval,
                            int robustness, std::vector<uint8_t>& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.U8(from.is_v4() ? uint8_t{0x30} : uint8_t{151});
  writer.U8(static_cast<uint8_t>(Count(interval, 0xff)));
  writer.U16(0);
  writer.U16(Count(query_interval, 0xffff));
  writer.U16(static_cast<uint16_t>(robustness));
  writer.PatchU16(2, Checksum(from, Bytes(out).subspan(start)));
}

// Section 3.3:
//  |     Type      |   Reserved    |            Checksum           |
void SerializeTermination(const IpAddress& from, std::vector<uint8_t>& out) {
  const size_t start = out.size();
  ByteWriter writer(out);
  writer.U8(from.is_v4() ? uint8_t{0x32} : uint8_t{153});
  writer.Zeros(3);
  writer.PatchU16(2, Checksum(from, Bytes(out).subspan(start)));
}

}  // namespace headwater::membership
