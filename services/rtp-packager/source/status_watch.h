#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "services/common/net/source_url.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/stream_title.h"
#include "services/rtp-packager/source/station_status.h"

namespace headwater {

enum class StatusResult {
  kTitle,
  kNoTitle,  // the page is about the stream and tells none
  kFailed,   // it could not be had, or is not about the stream
};
inline constexpr size_t kStatusResults = 3;

struct StatusWatchOptions {
  // After the stream began to play.
  Duration first = 10s;
  // Between requests; doubled up to the longest while no title is told.
  Duration period = 15s;
  Duration period_max = 60s;
  // In a row, of both pages while none has answered. Then the server is left in peace.
  int failures_max = 3;
};

// When to ask a stream's server for its status page, and what plays by the answers, where the
// stream itself has told no title. Icecast's page first; where that is not about this stream
// Shoutcast's, at once; the one that is is asked from then on. Pure.
class StatusWatch {
 public:
  StatusWatch(const StatusWatchOptions& options, SourceUrl stream, MonoTime now)
      : options_(options),
        stream_(std::move(stream)),
        wait_(options.period),
        next_(now + options.first) {}

  // When to ask page(); kNever: no more.
  MonoTime next() const { return next_; }
  SourceUrl page() const { return StatusPageOf(stream_, page_); }

  // What page() has answered.
  StatusResult OnAnswer(std::string_view body, MonoTime now);
  // It has not.
  StatusResult OnFailure(MonoTime now);
  // A title, or none any more, that differs from the last one; told once.
  std::optional<StreamTitle> TakeNews() { return std::exchange(news_, std::nullopt); }

 private:
  StatusWatchOptions options_;
  SourceUrl stream_;
  StatusPage page_ = StatusPage::kIcecast;
  bool known_ = false;  // page_ is about the stream
  int failures_ = 0;    // in a row
  Duration wait_;
  MonoTime next_;
  StreamTitle told_;
  std::optional<StreamTitle> news_;
};

}  // namespace headwater
