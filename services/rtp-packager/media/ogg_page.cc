#include "services/rtp-packager/media/ogg_page.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>

namespace headwater {
namespace {

constexpr size_t kChecksumAt = 22;
constexpr size_t kChecksumSize = 4;

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i << 24;
    for (int bit = 0; bit < 8; ++bit) value = value << 1 ^ (value >> 31 != 0 ? 0x04c11db7 : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

// Ogg is little-endian.
uint64_t Little(Bytes bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

uint32_t OggChecksum(Bytes page) {
  uint32_t value = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    const bool zero = i >= kChecksumAt && i < kChecksumAt + kChecksumSize;
    const uint8_t byte = zero ? 0 : page[i];
    value = value << 8 ^ kTable[value >> 24 ^ byte];
  }
  return value;
}

// "OggS"| version: 8| flags: 8| granule: 64| serial: 32| sequence: 32| checksum: 32| segments: 8|
// their sizes, each 8| body
Result<OggPageView, OggPageError> OggPageView::Parse(Bytes bytes) {
  constexpr std::string_view kCapture = "OggS";
  const size_t seen = std::min(bytes.size(), kCapture.size());
  if (AsText(bytes.first(seen)) != kCapture.substr(0, seen)) return OggPageError::kNoPage;
  if (bytes.size() < kOggPageHeaderSize) return OggPageError::kTooFewBytes;
  if (bytes[4] != 0) return OggPageError::kNoPage;
  const size_t head = kOggPageHeaderSize + bytes[26];
  if (bytes.size() < head) return OggPageError::kTooFewBytes;
  OggPageView page;
  page.segments = bytes.subspan(kOggPageHeaderSize, bytes[26]);
  page.size = std::accumulate(page.segments.begin(), page.segments.end(), head);
  if (bytes.size() < page.size) return OggPageError::kTooFewBytes;
  page.body = bytes.subspan(head, page.size - head);
  const uint32_t checksum =
      static_cast<uint32_t>(Little(bytes.subspan(kChecksumAt, kChecksumSize)));
  page.intact = OggChecksum(bytes.first(page.size)) == checksum;
  page.continued = (bytes[5] & 1) != 0;
  page.begins = (bytes[5] & 2) != 0;
  page.ends = (bytes[5] & 4) != 0;
  page.granule = static_cast<int64_t>(Little(bytes.subspan(6, 8)));
  page.serial = static_cast<uint32_t>(Little(bytes.subspan(14, 4)));
  page.sequence = static_cast<uint32_t>(Little(bytes.subspan(18, 4)));
  return page;
}

}  // namespace headwater
