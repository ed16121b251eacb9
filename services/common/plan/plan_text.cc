#include "services/common/plan/plan_text.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "services/common/base/status_macros.h"

namespace headwater {
namespace {

template <typename T>
std::optional<T> ParseInteger(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

absl::Status Bad(std::string_view text, std::string_view wanted) {
  return absl::InvalidArgumentError(fmt::format("\"{}\" is not {}", text, wanted));
}

std::optional<IpAddress> ParseBracketed(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  return IpAddress::Parse(text);
}

}  // namespace

absl::StatusOr<uint32_t> ParseNumber(std::string_view text) {
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  const auto value =
      hex ? ParseInteger<uint32_t>(text.substr(2), 16) : ParseInteger<uint32_t>(text, 10);
  if (!value) return Bad(text, "a number such as 0x80000001");
  return *value;
}

std::string NumberText(uint32_t number) { return fmt::format("{:#010x}", number); }

absl::StatusOr<std::pair<uint32_t, int>> ParseNumberPrefix(std::string_view text) {
  constexpr std::string_view kWanted = "a number prefix such as 0x80000000/4";
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Bad(text, kWanted);
  const auto number = ParseNumber(text.substr(0, slash));
  const auto length = ParseInteger<int>(text.substr(slash + 1), 10);
  if (!number.ok() || !length || *length < 0 || *length > 32) return Bad(text, kWanted);
  return std::pair(*number, *length);
}

absl::StatusOr<AddressBlock> ParseAddressBlock(std::string_view text) {
  constexpr std::string_view kWanted = "an address block such as 239.192.0.0/16 or 2001:db8::/64";
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return Bad(text, kWanted);
  const auto address = IpAddress::Parse(text.substr(0, slash));
  const auto length = ParseInteger<int>(text.substr(slash + 1), 10);
  if (!address || !length || *length < 0 || *length > (address->is_v4() ? 32 : 128))
    return Bad(text, kWanted);
  return AddressBlock{*address, *length};
}

absl::StatusOr<Channel> ParseChannel(std::string_view text) {
  constexpr std::string_view kWanted =
      "a group such as ff3e::8000:1, or with a source 2001:db8::1@ff3e::8000:1";
  const size_t at = text.find('@');
  auto group = ParseBracketed(text.substr(0, at));
  if (at == std::string_view::npos) {
    if (!group || !group->IsMulticast()) return Bad(text, kWanted);
    return Channel{*group, std::nullopt};
  }
  auto source = ParseBracketed(text.substr(at + 1));
  if (!group || !source || group->family() != source->family()) return Bad(text, kWanted);
  if (!group->IsMulticast()) std::swap(group, source);
  if (!group->IsMulticast() || source->IsMulticast()) return Bad(text, kWanted);
  return Channel{*group, *source};
}

}  // namespace headwater
