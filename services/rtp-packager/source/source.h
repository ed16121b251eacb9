#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

// Why a source did not come to be, or ended. The names (SourceErrorReasonName) are those of
// SessionStatus.error_reason.
enum class SourceErrorReason {
  kDns,         // the name does not resolve
  kConnect,     // refused, unreachable, no connection in time, reset before the response
  kTls,         // handshake or certificate
  kHttpStatus,  // an answer that is neither success nor redirect
  kRedirect,    // too many, a loop, from https to http, to another scheme, without Location
  kHtml,        // a web page
  kHeader,      // response header too large, never ending, or not HTTP
  kCodec,       // neither media nor playlist by type and first bytes
  kPolicy,      // leads to an address or scheme that is not allowed
  kPlaylist,    // a playlist that is empty, too large, too deeply nested or unreadable
  kSilence,     // connected, and then nothing for the time allowed
  kClosed,      // the media came to its end
  kInternal,    // our own limit or failure
};

// "dns", "connect", "tls", "http_status", ...
std::string_view SourceErrorReasonName(SourceErrorReason reason);

struct SourceError {
  SourceErrorReason reason = SourceErrorReason::kInternal;
  // One line of at most 500 bytes, fit for logs and people: "http://x/y: 404 Not Found". Never a
  // password.
  std::string text;
};

// What the response that turned out to be media says about itself. All text is UTF-8, without
// control characters, bounded.
struct SourceHead {
  // The URL that answered, without user name and password.
  std::string url;
  // Every URL requested on the way, this one last: redirects and playlist targets.
  std::vector<std::string> hops;
  // Lower case, without parameters: "audio/mpeg"; empty when the server named none. It may lie: the
  // framer decides.
  std::string content_type;
  // icy-name, icy-url, icy-genre, icy-br (0 means unknown).
  std::string icy_name;
  std::string icy_url;
  std::string icy_genre;
  int bitrate_kbps = 0;
  // Media that comes in pieces may stay away so long without being gone; the source itself ends
  // when it is longer. 0: it flows.
  Duration pause_max{};
  // Which of SourceRequest.urls led here: where to begin when it is opened again.
  size_t url_index = 0;
};

// All calls come on the loop's thread, never from inside SourceOpener::Open, in this order:
// OnRequested, OnAnswered, then OnMedia and OnTitle in stream order; OnClosed may come at any point
// and is the last. The observer may destroy the source in any of them, and hears nothing more once
// it has.
class SourceObserver {
 public:
  virtual ~SourceObserver() = default;

  // Once: the moment just before the first SYN (or GET on a kept connection) of the first URL
  // tried.
  virtual void OnRequested(MonoTime time) = 0;
  // The response header of what turned out to be media is here.
  virtual void OnAnswered(const SourceHead& head) = 0;
  // Media bytes without ICY metadata, as they arrived; valid during the call.
  virtual void OnMedia(Bytes media) = 0;
  // Only when it differs from the last one.
  virtual void OnTitle(const StreamTitle& title) = 0;
  // No URL gave media, or the media ended. Open again to go on.
  virtual void OnClosed(const SourceError& error) = 0;
};

// One opening of a station, from the first name to resolve to the end of its media.
class Source {
 public:
  virtual ~Source() = default;  // aborts; sends nothing more to the observer

  // Paused, it reads no further: TCP holds the server back, and no time limit for silence runs.
  // What has been read already may still come. May be called from within the observer's calls.
  virtual void SetPaused(bool paused) { static_cast<void>(paused); }
  // The media itself tells titles: they need not be looked for elsewhere. May be called likewise.
  virtual void SetTitled() {}
};

struct SourceRequest {
  // http, https or icy URLs, tried in order, each at most once, beginning with `first` and wrapping
  // round. At most 32 are looked at.
  std::vector<std::string> urls;
  size_t first = 0;
  // May lead to addresses that are not public (a directory marked local).
  bool local = false;
};

class SourceOpener {
 public:
  virtual ~SourceOpener() = default;

  // Begins at once. The observer must outlive the source; the opener must outlive both.
  virtual std::unique_ptr<Source> Open(const SourceRequest& request, SourceObserver& observer) = 0;
};

}  // namespace headwater
