#include <algorithm>
#include <charconv>

#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

// The words of one line, split at spaces.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}

  // Empty when there is none left.
  std::string_view Next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    const std::string_view word = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(word.size());
    return word;
  }
  bool Done() { return Words(rest_).Next().empty(); }

 private:
  std::string_view rest_;
};

// The whole text as a decimal number that fits.
template <typename T>
std::optional<T> Number(std::string_view text) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return value;
}

// Text up to `separator`, which is removed with it; all of it when there is none.
std::string_view Split(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

// "IN IP4 192.0.2.1": an address of the family that it claims.
std::optional<IpAddress> ParseAddress(std::string_view net, std::string_view type,
                                      std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::Parse(text);
  if (net != "IN" || !address || type != (address->is_v4() ? "IP4" : "IP6")) return std::nullopt;
  return address;
}

// Reads line by line into an Sdp; the first error ends it.
class Parser {
 public:
  Result<Sdp, SdpError> Parse(std::string_view text) {
    if (text.size() > kSdpBytesMax) return SdpError::kTooLong;
    if (!text.starts_with("v=0\r\n") && !text.starts_with("v=0\n")) return SdpError::kNotSdp;
    if (text.find('\0') != std::string_view::npos) return SdpError::kBadLine;
    while (!text.empty() && media_ < 2) {
      std::string_view line = Split(text, '\n');
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty() && text.empty()) break;
      if (line.size() < 2 || line[1] != '=') return SdpError::kBadLine;
      if (const auto error = ParseLine(line[0], line.substr(2))) return *error;
    }
    return Finish();
  }

 private:
  using Outcome = std::optional<SdpError>;

  Outcome ParseLine(char letter, std::string_view value) {
    switch (letter) {
      case 'o':
        return ParseOrigin(value);
      case 'c':
        return ParseConnection(value);
      case 't':
        return ParseTime(value);
      case 'm':
        return ParseMedia(value);
      case 'a':
        return ParseAttribute(value);
      case 'b':
        return ParseBandwidth(value);
      // i= after m= is the medium's title, not the session's.
      case 's':
        if (media_ == 0) sdp_.name = value;
        break;
      case 'i':
        if (media_ == 0) sdp_.info = value;
        break;
      case 'u':
        if (media_ == 0) sdp_.url = value;
        break;
      default:
        break;
    }
    return std::nullopt;
  }

  Outcome ParseOrigin(std::string_view value) {
    Words words(value);
    words.Next();  // user name
    const auto id = Number<uint64_t>(words.Next());
    const auto version = Number<uint64_t>(words.Next());
    const std::string_view net = words.Next(), type = words.Next(), text = words.Next();
    const auto address = ParseAddress(net, type, text);
    if (!id || !version || !address || !words.Done() || has_origin_) return SdpError::kBadOrigin;
    sdp_.origin_id = *id;
    sdp_.origin_version = *version;
    sdp_.origin_address = *address;
    has_origin_ = true;
    return std::nullopt;
  }

  Outcome ParseConnection(std::string_view value) {
    if (media_ == 1 && has_media_connection_) return SdpError::kBadConnection;
    Words words(value);
    const std::string_view net = words.Next(), type = words.Next();
    std::string_view text = words.Next();
    const auto group = ParseAddress(net, type, Split(text, '/'));
    if (!group || !words.Done()) return SdpError::kBadConnection;
    sdp_.ttl = 0;
    if (!text.empty()) {
      // IPv6 has no TTL there (RFC 8866 section 5.7); ranges of addresses are not ours.
      const auto ttl = Number<uint8_t>(text);
      if (!ttl || !group->is_v4()) return SdpError::kBadConnection;
      sdp_.ttl = *ttl;
    }
    sdp_.group = *group;
    has_connection_ = true;
    has_media_connection_ = media_ == 1;
    return std::nullopt;
  }

  Outcome ParseTime(std::string_view value) {
    Words words(value);
    const auto began = Number<uint64_t>(words.Next());
    const auto end = Number<uint64_t>(words.Next());
    if (!began || !end || !words.Done()) return SdpError::kBadTime;
    // The first of several.
    if (!has_time_) sdp_.began_ntp = *began;
    has_time_ = true;
    return std::nullopt;
  }

  Outcome ParseBandwidth(std::string_view value) {
    const std::string_view type = Split(value, ':');
    const auto kbps = Number<uint32_t>(value);
    if (!kbps) return SdpError::kBadLine;
    if (type == "AS") sdp_.bandwidth_kbps = *kbps;
    return std::nullopt;
  }

  Outcome ParseMedia(std::string_view value) {
    if (++media_ == 2) return std::nullopt;
    Words words(value);
    words.Next();  // audio, video
    const auto port = Number<uint16_t>(words.Next());
    const std::string_view protocol = words.Next();
    const auto payload_type = Number<uint8_t>(words.Next());
    if (!port || protocol != "RTP/AVP" || !payload_type || *payload_type > 127) {
      return SdpError::kBadMedia;
    }
    sdp_.port = *port;
    sdp_.format.payload_type = *payload_type;
    return std::nullopt;
  }

  Outcome ParseAttribute(std::string_view value) {
    const std::string_view name = Split(value, ':');
    if (name == "source-filter") return ParseSourceFilter(value);
    if (media_ == 0) return std::nullopt;
    if (name == "rtpmap") return ParseRtpmap(value);
    if (name != "fmtp") return std::nullopt;
    if (Number<uint8_t>(Split(value, ' ')) == sdp_.format.payload_type) sdp_.format.fmtp = value;
    return std::nullopt;
  }

  Outcome ParseSourceFilter(std::string_view value) {
    Words words(value);
    if (words.Next() != "incl") return SdpError::kBadFilter;
    const std::string_view net = words.Next(), type = words.Next();
    words.Next();  // the group or *
    const auto source = ParseAddress(net, type, words.Next());
    if (!source || !words.Done()) return SdpError::kBadFilter;
    sdp_.source = source;
    return std::nullopt;
  }

  Outcome ParseRtpmap(std::string_view value) {
    Words words(value);
    const auto payload_type = Number<uint8_t>(words.Next());
    std::string_view text = words.Next();
    const std::string_view encoding = Split(text, '/');
    const auto clock = Number<uint32_t>(Split(text, '/'));
    const auto channels = text.empty() ? 0 : Number<uint32_t>(text);
    if (!payload_type || encoding.empty() || !clock || *clock == 0 || !channels) {
      return SdpError::kBadFormat;
    }
    if (payload_type != sdp_.format.payload_type) return std::nullopt;
    sdp_.format.encoding = encoding;
    sdp_.format.clock_rate = *clock;
    sdp_.format.channels = *channels;
    return std::nullopt;
  }

  Result<Sdp, SdpError> Finish() {
    if (!has_origin_) return SdpError::kBadOrigin;
    if (!has_connection_) return SdpError::kBadConnection;
    if (!has_time_) return SdpError::kBadTime;
    if (media_ == 0) return SdpError::kBadMedia;
    SdpFormat& format = sdp_.format;
    if (format.encoding.empty() && (format.payload_type == 14 || format.payload_type == 33)) {
      format.encoding = format.payload_type == 14 ? "MPA" : "MP2T";
      format.clock_rate = 90'000;
    }
    return std::move(sdp_);
  }

  Sdp sdp_;
  int media_ = 0;
  bool has_origin_ = false;
  bool has_connection_ = false;
  bool has_media_connection_ = false;
  bool has_time_ = false;
};

}  // namespace

std::string_view ToString(SdpError error) {
  switch (error) {
    case SdpError::kTooLong:
      return "too_long";
    case SdpError::kNotSdp:
      return "not_sdp";
    case SdpError::kBadLine:
      return "bad_line";
    case SdpError::kBadOrigin:
      return "bad_origin";
    case SdpError::kBadTime:
      return "bad_time";
    case SdpError::kBadConnection:
      return "bad_connection";
    case SdpError::kBadMedia:
      return "bad_media";
    case SdpError::kBadFormat:
      return "bad_format";
    case SdpError::kBadFilter:
      return "bad_filter";
  }
  return "unknown";
}

Result<Sdp, SdpError> ParseSdp(std::string_view text) { return Parser().Parse(text); }

}  // namespace headwater
