#include "services/sap-announcer/rtsp_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace headwater {
namespace {

constexpr std::array<std::string_view, 6> kAnswered = {"OPTIONS", "DESCRIBE", "SETUP",
                                                       "PLAY",    "TEARDOWN", "GET_PARAMETER"};
// RFC 2326 section 10 has these too.
constexpr std::array<std::string_view, 5> kNotAllowed = {"ANNOUNCE", "PAUSE", "RECORD", "REDIRECT",
                                                         "SET_PARAMETER"};
constexpr char kPublic[] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER";
constexpr size_t kCSeqDigitsMax = 10;
// RTCP is the next one.
constexpr uint16_t kRtpPort = 5004;

// The constant itself, for counting: what a player calls its method is not.
std::string_view MethodLabel(std::string_view method) {
  for (const auto& known : kAnswered) {
    if (known == method) return known;
  }
  for (const auto& known : kNotAllowed) {
    if (known == method) return known;
  }
  return "other";
}

bool IsCSeq(const std::string* text) {
  return text != nullptr && !text->empty() && text->size() <= kCSeqDigitsMax &&
         std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '9'; });
}

template <size_t kSize>
bool Contains(const std::array<std::string_view, kSize>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

RtspResponse Refusal(int status, std::string reason) {
  return {.status = status, .reason = std::move(reason), .headers = {}, .body = {}};
}

// The request's URL as the base of the SDP, which has no a=control.
std::string ContentBase(std::string_view uri) {
  return std::string(uri) + (uri.ends_with('/') ? "" : "/");
}

int StatusOf(RtspError error) {
  if (error == RtspError::kBadVersion) return 505;
  return error == RtspError::kTooLong ? 413 : 400;
}

}  // namespace

RtspConnection::RtspConnection(uint64_t seed, MonoTime now)
    : random_(static_cast<std::minstd_rand::result_type>(seed)),
      requests_(kRequestsPerSecond, kRequestsBurst, now),
      heard_(now) {}

MonoTime RtspConnection::Deadline() const {
  if (waiting_) return kNever;
  return heard_ + (session_.empty() ? kIdle : kSessionTimeout + kSessionGrace);
}

void RtspConnection::OnBytes(Bytes bytes, MonoTime now, Output& out) {
  if (closed_) return;
  if (!reader_.Add(bytes)) {
    closed_ = out.close = true;
    return;
  }
  Work(now, out);
}

void RtspConnection::OnDescription(const RtspDescription& description, MonoTime now, Output& out) {
  if (closed_ || !waiting_) return;
  const RtspRequest request = *std::exchange(waiting_, std::nullopt);
  RtspResponse response = Refusal(description.status, description.reason);
  if (description.status == 200 && request.method == "SETUP") {
    response = Setup(request, description);
  } else if (description.status == 200) {
    response.headers = {{"Content-Type", "application/sdp"},
                        {"Content-Base", ContentBase(request.uri)}};
    response.body = description.sdp;
  }
  Send(request.method, request.Find("cseq"), std::move(response), out);
  heard_ = now;
  Work(now, out);
}

void RtspConnection::Work(MonoTime now, Output& out) {
  while (!waiting_ && !closed_) {
    const auto request = reader_.Next();
    if (!request) {
      Send("none", nullptr,
           Refusal(StatusOf(request.error()), std::string(ToString(request.error()))), out);
      closed_ = out.close = true;
      return;
    }
    if (!*request) return;
    heard_ = now;
    if (!requests_.Take(1, now)) {
      closed_ = out.close = true;
      return;
    }
    Handle(**request, out);
  }
}

void RtspConnection::Handle(const RtspRequest& request, Output& out) {
  RtspResponse response = Check(request);
  const std::string* cseq = request.Find("cseq");
  if (response.status != 200) return Send(request.method, cseq, std::move(response), out);
  if (request.method == "DESCRIBE" || request.method == "SETUP") {
    const auto target = ParseRtspTarget(request.uri);
    if (target) {
      waiting_ = request;
      out.ask = target;
      return;
    }
    return Send(request.method, cseq,
                Refusal(404, "The path is no multicast group and no number like 0x80000001"), out);
  }
  Send(request.method, cseq, Answer(request), out);
}

RtspResponse RtspConnection::Check(const RtspRequest& request) const {
  if (!IsCSeq(request.Find("cseq"))) return Refusal(400, "CSeq is missing or no number");
  if (Contains(kNotAllowed, request.method)) {
    RtspResponse refusal = Refusal(405, request.method + " is not allowed: this is live");
    refusal.headers = {{"Allow", kPublic}};
    return refusal;
  }
  if (!Contains(kAnswered, request.method)) return Refusal(501, "Not Implemented");
  if (const std::string* require = request.Find("require")) {
    // RFC 2326 section 12.32.
    RtspResponse refusal = Refusal(551, "Option not supported");
    refusal.headers = {{"Unsupported", *require}};
    return refusal;
  }
  const std::string* accept = request.Find("accept");
  if (request.method == "DESCRIBE" && accept != nullptr &&
      accept->find("application/sdp") == std::string::npos &&
      accept->find("*/*") == std::string::npos) {
    return Refusal(406, "Stations are described by application/sdp only");
  }
  if (request.method != "SETUP") return {};
  const std::string* transport = request.Find("transport");
  if (transport == nullptr) return Refusal(400, "SETUP has no Transport");
  if (!OffersMulticast(*transport)) {
    return Refusal(461, "Stations are sent by multicast only: ask for RTP/AVP;multicast");
  }
  // Two groups under one session would need two players.
  if (request.Find("session") != nullptr && !IsSession(request)) {
    return Refusal(454, "Session Not Found");
  }
  return {};
}

bool RtspConnection::IsSession(const RtspRequest& request) const {
  const std::string* session = request.Find("session");
  if (session == nullptr || session_.empty()) return false;
  // Some players send ";timeout=..." back.
  return std::string_view(*session).substr(0, session->find(';')) == session_;
}

RtspResponse RtspConnection::Answer(const RtspRequest& request) {
  RtspResponse response;
  const bool in_session = IsSession(request);
  if (request.method == "OPTIONS") {
    response.headers = {{"Public", kPublic}};
  } else if (request.method == "GET_PARAMETER" && request.body_bytes > 0) {
    return Refusal(451, "There are no parameters here");
  } else if (request.Find("session") != nullptr ? !in_session : request.method != "GET_PARAMETER") {
    return Refusal(454, "Session Not Found");
  }
  if (in_session) response.headers.emplace_back("Session", session_);
  // The player has joined or does it now; that is what starts the station.
  if (request.method == "PLAY") response.headers.emplace_back("Range", "npt=now-");
  if (request.method == "TEARDOWN") session_.clear();
  return response;
}

RtspResponse RtspConnection::Setup(const RtspRequest& request, const RtspDescription& description) {
  if (request.Find("session") == nullptr) session_ = fmt::format("{:08x}", random_());
  RtspResponse response;
  const auto timeout = std::chrono::duration_cast<std::chrono::seconds>(kSessionTimeout);
  response.headers = {
      {"Session", fmt::format("{};timeout={}", session_, timeout.count())},
      {"Transport", fmt::format("RTP/AVP;multicast;destination={};source={};port={}-{};ttl={}",
                                description.group.ToString(), description.source.ToString(),
                                kRtpPort, kRtpPort + 1, description.ttl)}};
  return response;
}

void RtspConnection::Send(std::string_view method, const std::string* cseq, RtspResponse response,
                          Output& out) {
  ++counts_[{method == "none" ? "none" : MethodLabel(method), response.status}];
  if (IsCSeq(cseq)) response.headers.insert(response.headers.begin(), {"CSeq", *cseq});
  response.headers.emplace_back("Server", "Headwater");
  out.bytes += ToText(response);
}

}  // namespace headwater
