#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "services/common/loop/event_loop.h"
#include "services/rtp-packager/source/http/curl_multi.h"
#include "services/rtp-packager/source/http/http_fetch.h"
#include "services/rtp-packager/source/http/http_source_options.h"
#include "services/rtp-packager/source/http/name_resolver.h"
#include "services/rtp-packager/source/http/status_fetch.h"
#include "services/rtp-packager/source/source.h"

namespace headwater {

// Counted since the opener was made.
struct HttpSourceStats {
  uint64_t opened = 0;
  // GETs, whatever came of them.
  uint64_t requests = 0;
  uint64_t redirects = 0;
  uint64_t playlists = 0;
  // Openings that came to media.
  uint64_t answered = 0;
  // Ends told to observers, by SourceErrorReason.
  std::array<uint64_t, static_cast<size_t>(SourceErrorReason::kInternal) + 1> closed = {};
  HlsStats hls;
  StatusCounts status = {};
};

// Opens sources over HTTP: resolves, connects, follows redirects and lists, takes ICY apart. All on
// the loop's thread.
class HttpSourceOpener : public SourceOpener {
 public:
  HttpSourceOpener(EventLoop& loop, HttpSourceOptions options);
  // No source may be left.
  ~HttpSourceOpener() override;

  std::unique_ptr<Source> Open(const SourceRequest& request, SourceObserver& observer) override;

  const HttpSourceStats& stats() const { return stats_; }
  size_t open_count() const { return open_count_; }

 private:
  friend class HttpSource;

  EventLoop& loop_;
  HttpSourceOptions options_;
  NameResolver resolver_;
  CurlMulti multi_;
  HttpSourceStats stats_;
  size_t open_count_ = 0;
};

}  // namespace headwater
