#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "services/common/net/ip_address.h"
#include "services/sap-announcer/rtsp_message.h"
#include "services/sap-announcer/token_bucket.h"

namespace headwater {

// A station as a player on one link is told of it; or why not.
struct RtspDescription {
  // Anything but 200 is a refusal, and the rest says nothing.
  int status = 200;
  std::string reason = "OK";
  std::string sdp;
  IpAddress group;
  IpAddress source;
  uint8_t ttl = 0;
};

// Responses sent, by method ("other" for what is no method of RTSP, "none" for what is no request)
// and status: a closed set.
using RtspCounts = std::map<std::pair<std::string_view, int>, uint64_t>;

// One player's connection (RFC 2326): bytes in, bytes and questions out. What a session of RTSP is
// elsewhere, a join of the group is here; so SETUP tells where to join, PLAY and TEARDOWN only
// agree, and nothing is remembered but one session id. It is the connection's: on another one it is
// not known. Pure; not thread-safe.
//
// Requests are answered in order, and what comes while a description is awaited waits, up to
// RtspReader::kWaitingBytesMax. The connection is closed after what is not understood, and when
// more than kRequestsPerSecond come after a burst of kRequestsBurst.
class RtspConnection {
 public:
  static constexpr uint64_t kRequestsPerSecond = 10;
  static constexpr uint64_t kRequestsBurst = 50;
  // Without a request: before SETUP, and after it. Players are told kSessionTimeout and send a
  // keepalive in time.
  static constexpr Duration kIdle = 15s;
  static constexpr Duration kSessionTimeout = 60s;
  static constexpr Duration kSessionGrace = 15s;

  struct Output {
    std::string bytes;
    // Answer with OnDescription.
    std::optional<RtspTarget> ask;
    // After the bytes.
    bool close = false;
  };

  RtspConnection(uint64_t seed, MonoTime now);

  void OnBytes(Bytes bytes, MonoTime now, Output& out);
  // What `ask` has asked for.
  void OnDescription(const RtspDescription& description, MonoTime now, Output& out);

  // When to close it; kNever while a description is awaited.
  MonoTime Deadline() const;
  // Since the last call.
  RtspCounts TakeCounts() { return std::exchange(counts_, {}); }

 private:
  // Requests that need no description are answered here, others begin to wait.
  void Work(MonoTime now, Output& out);
  void Handle(const RtspRequest& request, Output& out);
  // A refusal of the request as such; 200 when it is to be handled.
  RtspResponse Check(const RtspRequest& request) const;
  RtspResponse Answer(const RtspRequest& request);
  RtspResponse Setup(const RtspRequest& request, const RtspDescription& description);
  bool IsSession(const RtspRequest& request) const;
  void Send(std::string_view method, const std::string* cseq, RtspResponse response, Output& out);

  std::minstd_rand random_;
  RtspReader reader_;
  TokenBucket requests_;
  MonoTime heard_;
  // The request that waits for its description.
  std::optional<RtspRequest> waiting_;
  // Empty before SETUP and after TEARDOWN.
  std::string session_;
  bool closed_ = false;
  RtspCounts counts_;
};

}  // namespace headwater
