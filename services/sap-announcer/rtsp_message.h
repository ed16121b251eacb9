#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/common/net/ip_address.h"

namespace headwater {

// A request of RTSP 1.0 (RFC 2326 section 6). A body is read over and dropped: no request that is
// answered here needs one.
struct RtspRequest {
  std::string method;
  std::string uri;
  // Names in lower case, in their order; values without white space at the ends.
  std::vector<std::pair<std::string, std::string>> headers;
  size_t body_bytes = 0;

  // The first of that name (lower case); null when there is none.
  const std::string* Find(std::string_view name) const;
};

enum class RtspError {
  kBadRequestLine,  // not <method> <uri> <version>, or interleaved binary data
  kBadVersion,      // another protocol, or RTSP 2.0
  kBadHeader,       // not <name>: <value>, folded, or with control characters
  kTooLong,         // header, body, or what waits is over its limit
};
std::string_view ToString(RtspError error);

// Cuts what a player sends into requests. After an error it is of no more use: where the next
// request begins is not known. Lines end with CRLF or LF; empty lines before a request are skipped.
class RtspReader {
 public:
  static constexpr size_t kHeaderBytesMax = 8192;
  static constexpr size_t kHeadersMax = 64;
  static constexpr size_t kBodyBytesMax = 4096;
  // Of requests that wait for one before them.
  static constexpr size_t kWaitingBytesMax = 32 * 1024;

  // False when more would wait than may; then nothing is taken.
  bool Add(Bytes bytes);
  // The next whole request; nothing while more bytes are needed.
  Result<std::optional<RtspRequest>, RtspError> Next();

 private:
  std::string buffer_;
  // Of a body that is being read over.
  size_t skip_ = 0;
};

// A response (RFC 2326 section 7), with a body where there is one.
struct RtspResponse {
  int status = 200;
  // One line; cleaned of control characters when it is written.
  std::string reason = "OK";
  std::vector<std::pair<std::string_view, std::string>> headers;
  std::string body;
};
std::string ToText(const RtspResponse& response);

// What a URI asks for: rtsp://HOST[:PORT]/GROUP, or /0xNUMBER. A group may stand in brackets, all
// may be percent-encoded, a slash or a query at the end says nothing.
struct RtspTarget {
  // A multicast address; else the number counts.
  std::optional<IpAddress> group;
  uint32_t number = 0;

  std::string ToString() const;
  auto operator<=>(const RtspTarget&) const = default;
};
// Nothing when the path names neither.
std::optional<RtspTarget> ParseRtspTarget(std::string_view uri);

// Whether a Transport header takes RTP over UDP multicast (RFC 2326 section 12.39, where multicast
// is the default).
bool OffersMulticast(std::string_view transport);

}  // namespace headwater
