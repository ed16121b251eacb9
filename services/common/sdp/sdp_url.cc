#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

bool IsUrlCharacter(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
}

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The rest of `url` after "http://" or "https://" in any case; empty for anything else.
std::string_view AfterScheme(std::string_view url) {
  std::string lower(url.substr(0, 8));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.starts_with("http://")) return url.substr(7);
  if (lower == "https://") return url.substr(8);
  return {};
}

}  // namespace

bool IsSdpUrl(std::string_view url) {
  if (url.size() > kSdpUrlMax) return false;
  const std::string_view rest = AfterScheme(url);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty() || authority.front() == ':' || authority.back() == '@') return false;
  for (size_t i = 0; i < url.size(); ++i) {
    if (!IsUrlCharacter(url[i])) return false;
    const bool escape = url[i] == '%';
    if (escape && (i + 2 >= url.size() || !IsHexDigit(url[i + 1]) || !IsHexDigit(url[i + 2]))) {
      return false;
    }
  }
  return true;
}

}  // namespace headwater
