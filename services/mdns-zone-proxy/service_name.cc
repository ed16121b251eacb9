#include "services/mdns-zone-proxy/service_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "services/common/text/clean_text.h"

namespace headwater::zone {
namespace {

constexpr size_t kLabelMax = 63;
constexpr size_t kNameMax = 253;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// "_ipp": 1 to 63 of letters, digits and '-'. RFC 6335 has 15 at most, and devices have more.
bool IsUnderscored(std::string_view label) {
  return label.size() >= 2 && label.size() <= kLabelMax && label[0] == '_' &&
         std::all_of(label.begin() + 1, label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// At most `bytes` of it, cut between characters of UTF-8.
std::string_view CutTo(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

bool IsInstanceName(std::string_view name) {
  return !name.empty() && name.size() <= kLabelMax && IsUtf8(name) &&
         std::none_of(name.begin(), name.end(), IsControl);
}

bool IsServiceType(std::string_view type) {
  const size_t dot = type.find('.');
  if (dot == std::string_view::npos || !IsUnderscored(type.substr(0, dot))) return false;
  return type.substr(dot) == "._tcp" || type.substr(dot) == "._udp";
}

std::optional<Subtype> ParseSubtype(std::string_view text) {
  constexpr std::string_view kSub = "._sub.";
  const size_t found = text.find(kSub);
  if (found == std::string_view::npos) return std::nullopt;
  Subtype subtype = {std::string(text), std::string(text.substr(found + kSub.size()))};
  if (!IsUnderscored(text.substr(0, found)) || !IsServiceType(subtype.type)) return std::nullopt;
  return subtype;
}

std::string Fold(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return folded;
}

std::string EscapeLabel(std::string_view label) {
  std::string text;
  for (const char c : label) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    if (plain) {
      text += c;
    } else if (c == '.' || c == '\\') {
      text += '\\';
      text += c;
    } else {
      text += fmt::format("\\{:03}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return text;
}

std::string FullName(const ServiceKey& key) {
  return fmt::format("{}.{}.local", EscapeLabel(key.name), key.type);
}

std::optional<std::string> ParseWireName(Bytes wire) {
  std::string name;
  size_t bytes = 0;
  while (true) {
    if (wire.empty() || wire[0] > kLabelMax || wire.size() < 1u + wire[0]) return std::nullopt;
    const size_t size = wire[0];
    if (size == 0) break;
    bytes += 1 + size;
    if (bytes > kNameMax) return std::nullopt;
    const Bytes label = wire.subspan(1, size);
    if (!name.empty()) name += '.';
    name += EscapeLabel(AsText(label));
    wire = wire.subspan(1 + size);
  }
  if (name.empty() || wire.size() != 1) return std::nullopt;
  return name;
}

std::string AlternateName(std::string_view name, std::string_view zone, int attempt) {
  if (attempt == 0) return std::string(name);
  const std::string suffix =
      attempt == 1 ? fmt::format(" ({})", zone) : fmt::format(" ({}) #{}", zone, attempt);
  return std::string(CutTo(name, kLabelMax - std::min(suffix.size(), kLabelMax))) + suffix;
}

std::string AlternateHost(std::string_view host, std::string_view zone, int attempt) {
  if (attempt == 0) return std::string(host);
  const std::string suffix =
      attempt == 1 ? fmt::format("-{}", zone) : fmt::format("-{}-{}", zone, attempt);
  // The first label ends at a dot that is not escaped; an escape is cut as a whole.
  size_t end = 0;
  size_t cut = 0;
  size_t size = 0;
  while (end < host.size() && host[end] != '.') {
    const bool digits =
        host[end] == '\\' && end + 1 < host.size() && host[end + 1] >= '0' && host[end + 1] <= '9';
    end += host[end] != '\\' ? 1 : digits ? 4 : 2;
    if (++size + suffix.size() <= kLabelMax) cut = end;
  }
  end = std::min(end, host.size());
  cut = std::min(cut, end);
  return fmt::format("{}{}{}", host.substr(0, cut), suffix, host.substr(end));
}

}  // namespace headwater::zone
