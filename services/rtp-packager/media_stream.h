#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/test_tone.h"
#include "services/rtp-packager/media/transcoder.h"
#include "services/rtp-packager/source/source.h"

namespace headwater::packager {

enum class StreamState : uint8_t { kOpening, kReady, kSending, kSilent, kFailed };
std::string_view StreamStateName(StreamState state);

enum class StreamEvent : uint8_t {
  kFormatKnown,  // the framer has found the format and the first frame
  kTransmit,     // a session is to be sent, and the reserve is there
  kSourceGone,   // nothing from the source for silence_after, and the queue is played out
  kMediaBack,    // the source flows again, and the reserve is there
  kGivenUp,      // no URL gave media, another format than announced, the silence limit
};
std::string_view StreamEventName(StreamEvent event);

// A (state, event) without a row changes nothing.
struct StreamTransition {
  StreamState from;
  StreamEvent event;
  StreamState to;
};
inline constexpr std::array kStreamTransitions = {
    StreamTransition{StreamState::kOpening, StreamEvent::kFormatKnown, StreamState::kReady},
    StreamTransition{StreamState::kOpening, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kReady, StreamEvent::kTransmit, StreamState::kSending},
    StreamTransition{StreamState::kReady, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kSending, StreamEvent::kSourceGone, StreamState::kSilent},
    StreamTransition{StreamState::kSending, StreamEvent::kGivenUp, StreamState::kFailed},
    StreamTransition{StreamState::kSilent, StreamEvent::kMediaBack, StreamState::kSending},
    StreamTransition{StreamState::kSilent, StreamEvent::kGivenUp, StreamState::kFailed},
};
std::optional<StreamState> NextState(StreamState from, StreamEvent event);

// What a stream is made from.
struct StreamConfig {
  uint32_t number = 0;
  // The built-in tone; then there are no URLs.
  bool test_tone = false;
  std::string title;
  std::vector<std::string> urls;
  bool local = false;
  Duration silence_limit{};
  // What listeners were told before the source was heard: anything else is transcoded into it.
  std::optional<RtpFormat> announced;
  // Wrapped in MPEG-TS; of the first opening.
  bool transport_stream = false;
  // Of a DVB service: whose datagrams are taken. Nothing: not known; an earlier one stays.
  std::optional<IpAddress> feed_source;
  // Of a DVB service: some PIDs as they are, among which there need not be tables.
  bool bare_pids = false;
};

// The world as streams see it. All outlive the stream.
struct StreamEnvironment {
  SourceOpener* opener = nullptr;
  const TestTone* tone = nullptr;
  // Null: nothing is transcoded.
  TranscoderMaker* transcoders = nullptr;
  std::function<ClockPair()> now;
  // Something changed outside of OnTime: call OnTime soon, and look at the status.
  std::function<void()> wake;
};

// What the source says, as the SDP is to say it.
struct StreamTexts {
  std::string name;
  std::string title;
  std::string url;
  std::optional<absl::Time> began;
  bool operator==(const StreamTexts&) const = default;
};

struct StreamTimes {
  std::optional<MonoTime> source_requested;
  std::optional<MonoTime> source_answered;
  std::optional<MonoTime> format_known;
};

struct StreamStats {
  uint64_t reopens_total = 0;
  uint64_t silences_total = 0;
  // Times that media came too late and the timeline was shifted.
  uint64_t underruns_total = 0;
  // Bytes thrown away because a paused source went on.
  uint64_t overflow_octets_total = 0;
};

// Takes what is due. The payload is valid during the call.
class PayloadSink {
 public:
  virtual ~PayloadSink() = default;
  // `due`: when its first sample is to be sent by the normal pace.
  virtual void OnPayload(const RtpPayload& payload, MonoTime due) = 0;
};

// One source and its timeline, as the packager sees it; sessions share it. Pure; loop thread only.
class MediaStream {
 public:
  virtual ~MediaStream() = default;

  // What may change while it runs: URLs and limits for the next opening, where a feed comes from.
  virtual void Update(const StreamConfig& config) = 0;
  // Sending starts as soon as there is enough media. Idempotent. With `goes_on` listeners have been
  // sent this until now, and need no burst.
  virtual void Transmit(bool goes_on) = 0;
  // Gives out all that is due.
  virtual void OnTime(PayloadSink& sink) = 0;
  virtual MonoTime NextDeadline() const = 0;

  virtual StreamState state() const = 0;
  // One line, for Silent and Failed; empty otherwise.
  virtual const std::string& error() const = 0;
  // Of SessionStatus.error_reason.
  virtual std::string_view error_reason() const = 0;
  // From Ready on, or earlier.
  virtual const std::optional<RtpFormat>& format() const = 0;
  // What the source would be announced as if nothing had been; nothing where that is format().
  virtual const std::optional<RtpFormat>& source_format() const = 0;
  virtual const StreamTexts& texts() const = 0;
  // Now playing, without user name and password; empty where there is none.
  virtual const std::string& source_url() const = 0;
  virtual const StreamTimes& times() const = 0;
  virtual const StreamStats& stats() const = 0;
  // Media held.
  virtual Duration queue_length() const = 0;
  // Rises whenever state, error, format, texts or URL change.
  virtual uint64_t revision() const = 0;
};

}  // namespace headwater::packager
