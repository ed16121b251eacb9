#include "services/common/net/source_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

constexpr size_t kHostBytesMax = 253;
constexpr size_t kCredentialBytesMax = 256;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string LowerText(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), Lower);
  return lower;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = Lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// Nothing when a decoded byte would be a control character: it has no place in a header.
std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      c = static_cast<char>(HexValue(text[i + 1]) << 4 | HexValue(text[i + 2]));
      i += 2;
    }
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

// Path and query as they go on the wire.
std::string EncodeTarget(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    const bool unsafe = byte <= 0x20 || byte >= 0x7f || c == '"' || c == '<' || c == '>' ||
                        c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}';
    if (unsafe) {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// Name or dotted IPv4. A name whose last label is a number is an IPv4 address to some readers and a
// name to others, so it is neither.
bool ParseHostName(std::string_view text, SourceUrl& url) {
  if (text.empty() || text.size() > kHostBytesMax) return false;
  url.host = LowerText(text);
  url.literal = IpAddress::Parse(url.host);
  if (url.literal) return url.literal->is_v4();
  std::string_view name = url.host;
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.front() == '.' || name.find("..") != std::string_view::npos)
    return false;
  for (const char c : name) {
    if (!IsDigit(c) && !IsAlpha(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return !IsDigit(name.substr(name.rfind('.') + 1).front());
}

bool ParseHost(std::string_view text, SourceUrl& url) {
  if (!text.starts_with('[')) return ParseHostName(text, url);
  if (!text.ends_with(']')) return false;
  url.literal = IpAddress::Parse(text.substr(1, text.size() - 2));
  if (!url.literal || !url.literal->is_v6()) return false;
  url.host = url.literal->ToString();
  return true;
}

bool ParsePort(std::string_view text, SourceUrl& url) {
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), url.port);
  return error == std::errc() && end == text.data() + text.size() && url.port != 0;
}

bool ParseUserInfo(std::string_view text, SourceUrl& url) {
  const size_t colon = text.find(':');
  auto user = PercentDecode(text.substr(0, colon));
  auto password =
      PercentDecode(colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
  if (!user || !password) return false;
  if (user->size() > kCredentialBytesMax || password->size() > kCredentialBytesMax) return false;
  url.user = *std::move(user);
  url.password = *std::move(password);
  return true;
}

bool ParseAuthority(std::string_view text, SourceUrl& url) {
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    if (!ParseUserInfo(text.substr(0, at), url)) return false;
    text.remove_prefix(at + 1);
  }
  const size_t bracket = text.rfind(']');
  const size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos && !ParsePort(text.substr(colon + 1), url)) return false;
  return ParseHost(text.substr(0, colon), url);
}

// Length of "scheme" when the text begins with "scheme:", else 0 (RFC 3986 section 3.1).
size_t SchemeSize(std::string_view text) {
  if (text.empty() || !IsAlpha(text.front())) return 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == ':') return i;
    if (!IsAlpha(text[i]) && !IsDigit(text[i]) && text[i] != '+' && text[i] != '-' &&
        text[i] != '.') {
      return 0;
    }
  }
  return 0;
}

// RFC 3986 section 5.2.4, for a path that begins with '/'.
std::string RemoveDotSegments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool directory = true;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    directory = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!directory) kept.push_back(segment);
  }
  std::string out;
  for (const std::string_view segment : kept) out.append("/").append(segment);
  if (directory || out.empty()) out += '/';
  return out;
}

// "path?query" of a reference without scheme and authority, merged with the base's.
std::string MergeTarget(std::string_view base, std::string_view reference) {
  const std::string_view base_path = base.substr(0, base.find('?'));
  const std::string_view path = reference.substr(0, reference.find('?'));
  const std::string_view query = reference.substr(path.size());
  if (path.empty()) return std::string(query.empty() ? base : base_path).append(query);
  if (path.starts_with('/')) return RemoveDotSegments(path).append(query);
  std::string merged(base_path.substr(0, base_path.rfind('/') + 1));
  return RemoveDotSegments(merged.append(path)).append(query);
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

// The kernel takes ::ffff:192.0.2.1 for 192.0.2.1 (RFC 4291 section 2.5.5.2).
IpAddress Unmapped(const IpAddress& address) {
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const Bytes bytes = address.bytes();
  const bool mapped =
      bytes.size() == 16 && std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
  return mapped ? IpAddress::V4(address.low32()) : address;
}

}  // namespace

Result<SourceUrl, SourceUrlError> SourceUrl::Parse(std::string_view text) {
  text = Trim(text);
  if (text.size() > kBytesMax || HasControlCharacter(text)) return SourceUrlError::kSyntax;
  const size_t scheme_size = SchemeSize(text);
  const std::string scheme = LowerText(text.substr(0, scheme_size));
  if (scheme.empty()) return SourceUrlError::kSyntax;
  if (scheme != "http" && scheme != "https" && scheme != "icy") return SourceUrlError::kScheme;
  text.remove_prefix(scheme_size + 1);
  if (!text.starts_with("//")) return SourceUrlError::kSyntax;
  text.remove_prefix(2);
  SourceUrl url;
  url.tls = scheme == "https";
  url.port = url.tls ? 443 : 80;
  const std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  // A backslash ends the authority for browsers and is part of it for others.
  if (authority.find('\\') != std::string_view::npos) return SourceUrlError::kSyntax;
  if (!ParseAuthority(authority, url)) return SourceUrlError::kSyntax;
  text.remove_prefix(authority.size());
  text = text.substr(0, text.find('#'));
  const std::string_view path = text.substr(0, text.find('?'));
  url.target = path.empty() ? "/" : RemoveDotSegments(path);
  url.target = EncodeTarget(url.target.append(text.substr(path.size())));
  return url;
}

Result<SourceUrl, SourceUrlError> SourceUrl::Resolve(std::string_view reference) const {
  reference = Trim(reference);
  if (reference.size() > kBytesMax || HasControlCharacter(reference))
    return SourceUrlError::kSyntax;
  const auto with_credentials = [this](Result<SourceUrl, SourceUrlError> url) {
    if (url.ok() && url->user.empty() && url->password.empty() && SameOrigin(*url)) {
      url->user = user;
      url->password = password;
    }
    return url;
  };
  if (SchemeSize(reference) > 0) return with_credentials(Parse(reference));
  if (reference.starts_with("//")) {
    return with_credentials(Parse(std::string(tls ? "https:" : "http:").append(reference)));
  }
  SourceUrl url = *this;
  url.target = EncodeTarget(MergeTarget(target, reference.substr(0, reference.find('#'))));
  if (url.target.size() > kBytesMax) return SourceUrlError::kSyntax;
  return url;
}

bool SourceUrl::SameOrigin(const SourceUrl& other) const {
  return tls == other.tls && host == other.host && port == other.port;
}

std::string SourceUrl::Authority() const {
  const bool usual = port == (tls ? 443 : 80);
  const std::string name = literal && literal->is_v6() ? fmt::format("[{}]", host) : host;
  return usual ? name : fmt::format("{}:{}", name, port);
}

std::string SourceUrl::ToString() const {
  return fmt::format("{}://{}{}", tls ? "https" : "http", Authority(), target);
}

bool IsAddressAllowed(const IpAddress& address, bool local) {
  const IpAddress meant = Unmapped(address);
  if (meant.IsMulticast() || meant.IsUnspecified()) return false;
  return local || address.IsPublic();
}

std::string RedactUrl(std::string_view text) {
  std::string clean = CleanText(text.substr(0, SourceUrl::kBytesMax), SourceUrl::kBytesMax);
  const size_t slashes = clean.find("//");
  const size_t begin = slashes == std::string::npos ? 0 : slashes + 2;
  // Up to the last '@' before the path: nobody knows how a malformed URL was meant.
  const size_t end = clean.find_first_of("/?#", begin);
  const size_t at = clean.substr(0, end).rfind('@');
  if (at != std::string::npos && at >= begin) clean.erase(begin, at + 1 - begin);
  return CleanText(clean, 200);
}

}  // namespace headwater
