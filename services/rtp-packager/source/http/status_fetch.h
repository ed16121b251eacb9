#pragma once

#include <absl/functional/any_invocable.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "services/rtp-packager/source/content_decoder.h"
#include "services/rtp-packager/source/http/http_fetch.h"
#include "services/rtp-packager/source/status_watch.h"

namespace headwater {

// Of requests, by what came of them.
using StatusCounts = std::array<uint64_t, kStatusResults>;

// Asks a stream's server for its status page when a StatusWatch says so: one request at a time,
// under the same rules as the stream's own, without redirects, kStatusBytesMax and document_timeout
// for all of it. On the loop's thread; it tells nothing from inside its constructor, and may be
// destroyed by what it tells.
class StatusFetch : private HttpFetchObserver {
 public:
  using OnTitle = absl::AnyInvocable<void(const StreamTitle&)>;

  // `stream` plays from now on; `counts` outlives this.
  StatusFetch(HttpClient client, const SourceUrl& stream, bool local, StatusCounts& counts,
              OnTitle on_title);
  ~StatusFetch() override;

 private:
  void Ask();
  void OnFetchRequested(MonoTime) override {}
  void OnFetchHead(const ResponseHead& head) override;
  void OnFetchBody(Bytes body) override;
  void OnFetchEnd(const std::optional<SourceError>& error) override;
  void Fail();
  void Count(StatusResult result);
  // Until the next request.
  void Wait();
  void SetTimer(MonoTime when, void (StatusFetch::*action)());

  HttpClient client_;
  bool local_;
  StatusCounts& counts_;
  OnTitle on_title_;
  StatusWatch watch_;
  EventLoop::TimerId timer_ = 0;
  std::unique_ptr<HttpFetch> fetch_;
  std::optional<ContentDecoder> decoder_;
  std::string body_;
};

}  // namespace headwater
