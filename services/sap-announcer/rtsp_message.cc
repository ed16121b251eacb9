#include "services/sap-announcer/rtsp_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

constexpr std::string_view kVersion = "RTSP/1.0";
constexpr size_t kReasonBytesMax = 200;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return Lower(c); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Up to `mark`, which is taken away too; all when there is none.
std::string_view TakeUntil(std::string_view& text, char mark) {
  const size_t at = text.find(mark);
  const std::string_view before = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return before;
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f);
  });
}

// RFC 2326 section 15.1 has the characters of a token; letters, digits and these are what is used.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const char lower = Lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

template <typename T>
std::optional<T> ParseNumber(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string PercentDecoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && i + 2 < text.size()
                          ? ParseNumber<uint8_t>(text.substr(i + 1, 2), 16)
                          : std::nullopt;
    decoded += byte ? static_cast<char>(*byte) : text[i];
    if (byte) i += 2;
  }
  return decoded;
}

std::optional<RtspError> ParseRequestLine(std::string_view line, RtspRequest& request) {
  if (!IsPrintable(line)) return RtspError::kBadRequestLine;
  const std::string_view method = TakeUntil(line, ' ');
  const std::string_view uri = TakeUntil(line, ' ');
  if (!IsToken(method) || uri.empty() || line.empty()) return RtspError::kBadRequestLine;
  if (line != kVersion) return RtspError::kBadVersion;
  request.method = method;
  request.uri = uri;
  return std::nullopt;
}

std::optional<RtspError> ParseHeaderLine(std::string_view line, RtspRequest& request) {
  if (request.headers.size() >= RtspReader::kHeadersMax) return RtspError::kTooLong;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsPrintable(line)) return RtspError::kBadHeader;
  std::string name = Lower(Trim(line.substr(0, colon)));
  const std::string_view value = Trim(line.substr(colon + 1));
  // A folded line would go on with a value that has been judged already.
  if (!IsToken(name) || line.front() == ' ' || line.front() == '\t') return RtspError::kBadHeader;
  if (name == "content-length") {
    const auto length = ParseNumber<size_t>(value, 10);
    if (!length) return RtspError::kBadHeader;
    if (*length > RtspReader::kBodyBytesMax) return RtspError::kTooLong;
    request.body_bytes = *length;
  }
  request.headers.emplace_back(std::move(name), value);
  return std::nullopt;
}

}  // namespace

const std::string* RtspRequest::Find(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view ToString(RtspError error) {
  switch (error) {
    case RtspError::kBadRequestLine:
      return "the request line is not understood";
    case RtspError::kBadVersion:
      return "only RTSP/1.0 is spoken here";
    case RtspError::kBadHeader:
      return "a header line is not understood";
    case RtspError::kTooLong:
      return "the request is too long";
  }
  return "";
}

bool RtspReader::Add(Bytes bytes) {
  if (buffer_.size() + bytes.size() > kWaitingBytesMax) return false;
  buffer_ += AsText(bytes);
  return true;
}

Result<std::optional<RtspRequest>, RtspError> RtspReader::Next() {
  const size_t skipped = std::min(skip_, buffer_.size());
  buffer_.erase(0, skipped);
  skip_ -= skipped;
  if (skip_ > 0) return std::optional<RtspRequest>();
  buffer_.erase(0, std::min(buffer_.find_first_not_of("\r\n"), buffer_.size()));

  RtspRequest request;
  std::string_view rest = buffer_;
  while (true) {
    const size_t end = rest.find('\n');
    const size_t used = buffer_.size() - rest.size();
    const size_t header_bytes = end == std::string_view::npos ? buffer_.size() : used + end + 1;
    if (header_bytes > kHeaderBytesMax) return RtspError::kTooLong;
    if (end == std::string_view::npos) return std::optional<RtspRequest>();
    std::string_view line = TakeUntil(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    const auto error = used == 0 ? ParseRequestLine(line, request) : ParseHeaderLine(line, request);
    if (error) return *error;
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  skip_ = request.body_bytes;
  return std::optional<RtspRequest>(std::move(request));
}

std::string ToText(const RtspResponse& response) {
  std::string text = fmt::format("{} {} {}\r\n", kVersion, response.status,
                                 CleanText(response.reason, kReasonBytesMax));
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (!response.body.empty()) text += fmt::format("Content-Length: {}\r\n", response.body.size());
  return text + "\r\n" + response.body;
}

std::string RtspTarget::ToString() const {
  return group ? group->ToString() : fmt::format("{:#010x}", number);
}

std::optional<RtspTarget> ParseRtspTarget(std::string_view uri) {
  constexpr std::string_view kScheme = "rtsp://";
  if (Lower(uri.substr(0, kScheme.size())) == kScheme) {
    uri.remove_prefix(kScheme.size());
    TakeUntil(uri, '/');
  } else if (uri.starts_with('/')) {
    uri.remove_prefix(1);
  } else {
    return std::nullopt;
  }
  uri = TakeUntil(uri, '#');
  uri = TakeUntil(uri, '?');
  while (uri.ends_with('/')) uri.remove_suffix(1);
  const std::string decoded = PercentDecoded(uri);
  std::string_view name = decoded;
  if (Lower(name.substr(0, 2)) == "0x") {
    const auto number = ParseNumber<uint32_t>(name.substr(2), 16);
    if (!number || *number < 0x80000000) return std::nullopt;
    return RtspTarget{.group = std::nullopt, .number = *number};
  }
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  const auto group = IpAddress::Parse(name);
  if (!group || !group->IsMulticast()) return std::nullopt;
  return RtspTarget{.group = group, .number = 0};
}

bool OffersMulticast(std::string_view transport) {
  while (!transport.empty()) {
    std::string_view offer = TakeUntil(transport, ',');
    const std::string protocol = Lower(Trim(TakeUntil(offer, ';')));
    bool multicast = protocol == "rtp/avp" || protocol == "rtp/avp/udp";
    while (!offer.empty()) {
      const std::string parameter = Lower(Trim(TakeUntil(offer, ';')));
      // Interleaved is a unicast by another name (RFC 2326 section 10.12).
      if (parameter == "unicast" || parameter.starts_with("interleaved")) multicast = false;
    }
    if (multicast) return true;
  }
  return false;
}

}  // namespace headwater
