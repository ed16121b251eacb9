#include "services/rtp-packager/source/response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "services/common/net/source_url.h"
#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

constexpr size_t kTextBytesMax = 256;
// What servers use is 8 to 32 KiB; more only delays titles and is not worth believing.
constexpr size_t kMetaintMax = 16 * 1024 * 1024;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

std::string_view Trim(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return text;
}

// Leading digits; 0 for anything else or above `max`.
size_t ReadNumber(std::string_view text, size_t max) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && number <= max ? number : 0;
}

std::string_view StandardPhrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 410:
      return "Gone";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "";
  }
}

}  // namespace

bool ResponseHead::AddLine(std::string_view line) {
  ++lines_;
  bytes_ += line.size();
  if (lines_ > kLinesMax || bytes_ > kBytesMax) return false;
  line = Trim(line);
  if (line.empty()) {
    // The header of a 1xx answer is followed by the real one.
    complete_ = status_ >= 200;
    return true;
  }
  if (line.starts_with("HTTP/") || line.starts_with("ICY ")) {
    StartStatus(line);
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  AddField(Lower(Trim(line.substr(0, colon))), Trim(line.substr(colon + 1)));
  return true;
}

void ResponseHead::StartStatus(std::string_view line) {
  complete_ = false;
  location_.reset();
  content_encoding_.clear();
  bare_ = line.starts_with("HTTP/0.9 ");
  metaint_ = 0;
  head_ = {};
  const size_t space = line.find(' ');
  const std::string_view rest = space == std::string_view::npos ? "" : Trim(line.substr(space));
  status_ = static_cast<int>(ReadNumber(rest, 999));
  phrase_ = CleanText(rest.substr(std::min(rest.size(), size_t{3})), 80);
}

void ResponseHead::AddField(std::string_view name, std::string_view value) {
  if (name == "content-type") {
    head_.content_type = CleanText(Lower(Trim(value.substr(0, value.find(';')))), 100);
  } else if (name == "location") {
    // Too long to be a URL of ours: kept as one that will not parse.
    location_ = value.substr(0, SourceUrl::kBytesMax + 1);
  } else if (name == "content-encoding") {
    content_encoding_ = CleanText(Lower(value), 100);
  } else if (name == "icy-metaint") {
    metaint_ = ReadNumber(value, kMetaintMax);
  } else if (name == "icy-name") {
    head_.icy_name = CleanText(value, kTextBytesMax);
  } else if (name == "icy-url") {
    head_.icy_url = CleanText(value, kTextBytesMax);
  } else if (name == "icy-genre") {
    head_.icy_genre = CleanText(value, kTextBytesMax);
  } else if (name == "icy-br") {
    head_.bitrate_kbps = static_cast<int>(ReadNumber(value, 10000));
  }
}

std::string ResponseHead::StatusText() const {
  const std::string_view phrase = phrase_.empty() ? StandardPhrase(status_) : phrase_;
  return phrase.empty() ? fmt::format("{}", status_) : fmt::format("{} {}", status_, phrase);
}

}  // namespace headwater
