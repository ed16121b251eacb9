#include "services/mcast-monitor/ber_reader.h"

#include <fmt/format.h>

#include <iterator>

namespace headwater::monitor {
namespace {

constexpr size_t kOidNumbersMax = 128;

}  // namespace

Bytes BerReader::Fail() {
  ok_ = false;
  return {};
}

Bytes BerReader::Any(uint8_t& tag) {
  tag = 0;
  if (!ok_ || bytes_.size() - position_ < 2) return Fail();
  const uint8_t found = bytes_[position_];
  if ((found & 0x1f) == 0x1f) return Fail();  // tags of several bytes: not in SNMP
  size_t length = bytes_[position_ + 1];
  size_t at = position_ + 2;
  if (length >= 0x80) {
    size_t count = length & 0x7f;
    if (count == 0 || count > 4 || bytes_.size() - at < count) return Fail();
    length = 0;
    for (; count > 0; --count) length = length << 8 | bytes_[at++];
  }
  if (length > bytes_.size() - at) return Fail();
  position_ = at + length;
  tag = found;
  return bytes_.subspan(at, length);
}

Bytes BerReader::Take(uint8_t wanted) {
  uint8_t tag;
  const Bytes contents = Any(tag);
  return tag == wanted ? contents : Fail();
}

int64_t BerReader::Integer() {
  int64_t value = 0;
  const Bytes contents = Take(kBerInteger);
  if (ok_ && !BerInteger(contents, true, value)) Fail();
  return value;
}

bool BerInteger(Bytes contents, bool is_signed, int64_t& out) {
  out = 0;
  // An unsigned number of 64 bits has a leading zero.
  if (contents.size() == 9 && contents[0] == 0 && !is_signed) contents = contents.subspan(1);
  if (contents.empty() || contents.size() > 8) return false;
  uint64_t value = is_signed && (contents[0] & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (const uint8_t byte : contents) value = value << 8 | byte;
  out = static_cast<int64_t>(value);
  return true;
}

std::string OidText(Bytes contents) {
  std::string text;
  uint64_t number = 0;
  size_t numbers = 0;
  bool open = false;
  for (const uint8_t byte : contents) {
    number = number << 7 | (byte & 0x7f);
    if (number > 0xffffffff + uint64_t{80}) return {};
    open = (byte & 0x80) != 0;
    if (open) continue;
    if (++numbers > kOidNumbersMax) return {};
    if (numbers == 1) {
      // X.690 section 8.19.4: the first two numbers are one.
      const uint64_t first = number < 40 ? 0 : number < 80 ? 1 : 2;
      fmt::format_to(std::back_inserter(text), "{}.{}", first, number - 40 * first);
    } else {
      fmt::format_to(std::back_inserter(text), ".{}", number);
    }
    number = 0;
  }
  return open ? std::string() : text;
}

}  // namespace headwater::monitor
