#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/carrier.h"
#include "services/dvb-tuner/tuner.h"

namespace headwater::tuner {

// What follows the '?' of a SAT>IP URL (SAT>IP 1.2.2 section 3.5.10): how to tune, and all PIDs.
// `frontend` 0: the server's choice. Nothing for what SAT>IP cannot say (ATSC, ISDB-T, network).
std::optional<std::string> SatipQuery(const Carrier& carrier, int frontend);

// The status that a server sends by RTCP (section 3.5.7): "ver=1.0;src=1;tuner=1,240,1,7,...".
// Nothing for other packets. Level is of 255, quality of 15.
std::optional<Signal> ParseSatipStatus(Bytes rtcp);

// The RTSP of one carrier from one SAT>IP server: SETUP, PLAY, keepalive, TEARDOWN. Bytes and time
// in, bytes out.
class SatipSession {
 public:
  static constexpr size_t kHeaderMax = 16384;

  // `authority` as in a URL, "192.0.2.5:554".
  SatipSession(std::string authority, std::string query, uint16_t rtp_port)
      : authority_(std::move(authority)), query_(std::move(query)), rtp_port_(rtp_port) {}

  // The connection stands.
  std::string Begin(MonoTime now);
  // What is to be sent now; empty: nothing.
  std::string OnBytes(Bytes bytes, MonoTime now);
  std::string OnTime(MonoTime now);
  MonoTime NextDeadline() const { return deadline_; }
  // To be sent last.
  std::string End();

  bool playing() const { return state_ == State::kPlaying; }
  // Not empty: it has failed, and is done with.
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t { kIdle, kSetup, kPlay, kPlaying, kFailed };

  std::string Request(std::string_view method, const std::string& url, std::string_view headers);
  std::string OnResponse(std::string_view header, MonoTime now);
  void Fail(std::string error);
  std::string StreamUrl() const;

  std::string authority_;
  std::string query_;
  uint16_t rtp_port_;
  State state_ = State::kIdle;
  int sequence_ = 0;
  std::string held_;
  std::string session_;
  std::string stream_;
  Duration timeout_ = 60s;
  bool asked_ = false;
  MonoTime deadline_ = kNever;
  std::string error_;
};

}  // namespace headwater::tuner
