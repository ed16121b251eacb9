#include "services/membership-watcher/group_range.h"

#include <charconv>

namespace headwater::membership {
namespace {

// The four bits of a group's scope are no part of its range.
uint8_t Masked(const IpAddress& address, size_t i) {
  const uint8_t byte = address.bytes()[i];
  return address.is_v6() && i == 1 ? byte & 0xf0 : byte;
}

}  // namespace

std::optional<GroupRange> GroupRange::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = IpAddress::Parse(text.substr(0, slash));
  const std::string_view length = text.substr(slash + 1);
  int bits = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!address || error != std::errc() || end != length.data() + length.size()) return std::nullopt;
  const int least = address->is_v4() ? 4 : 8;
  const int most = address->is_v4() ? 32 : 128;
  if (!address->IsMulticast() || bits < least || bits > most) return std::nullopt;
  return GroupRange{*address, bits};
}

bool GroupRange::Contains(const IpAddress& group) const {
  if (group.family() != address.family()) return false;
  const auto whole = static_cast<size_t>(bits) / 8;
  for (size_t i = 0; i < whole; ++i) {
    if (Masked(group, i) != Masked(address, i)) return false;
  }
  const int rest = bits % 8;
  if (rest == 0) return true;
  return ((Masked(group, whole) ^ Masked(address, whole)) & (0xff00 >> rest) & 0xff) == 0;
}

std::vector<GroupRange> DefaultSsmRanges() {
  return {{IpAddress::V4(0xe8000000), 8},
          {IpAddress::V6({0xff, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 32}};
}

}  // namespace headwater::membership
