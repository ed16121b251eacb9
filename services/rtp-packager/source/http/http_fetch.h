#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/loop/event_loop.h"
#include "services/common/net/source_url.h"
#include "services/rtp-packager/source/http/curl_multi.h"
#include "services/rtp-packager/source/http/http_source_options.h"
#include "services/rtp-packager/source/http/name_resolver.h"
#include "services/rtp-packager/source/response_head.h"
#include "services/rtp-packager/source/source.h"

namespace headwater {

// What all fetches of an opener share, and the session of one opening.
struct HttpClient {
  EventLoop& loop;
  const HttpSourceOptions& options;
  NameResolver& resolver;
  CurlMulti& multi;
  std::shared_ptr<CurlSession> session;
};

// Hears of one fetch, on the loop's thread, never from inside its constructor; may destroy it in
// any call.
class HttpFetchObserver {
 public:
  virtual ~HttpFetchObserver() = default;

  // Just before the first SYN.
  virtual void OnFetchRequested(MonoTime time) = 0;
  // Once, when the header is complete.
  virtual void OnFetchHead(const ResponseHead& head) = 0;
  virtual void OnFetchBody(Bytes body) = 0;
  // The last call; without an error the body is complete. `text` says what happened and names no
  // URL.
  virtual void OnFetchEnd(const std::optional<SourceError>& error) = 0;
};

// One GET of one URL: the name is resolved, each address is checked against the policy, and the
// connection goes to one of those that passed and to no other: by a proxy too, which is asked for
// that address and not for the name. It ends within lookup, connect and answer timeout unless the
// header comes; from there the time is the observer's to watch. A header over its limits ends it.
class HttpFetch : private CurlObserver {
 public:
  // `range`: "0-499", or empty for the whole.
  HttpFetch(HttpClient client, const SourceUrl& url, bool local, HttpFetchObserver& observer,
            std::string range = "");
  ~HttpFetch() override;  // aborts
  HttpFetch(const HttpFetch&) = delete;
  HttpFetch& operator=(const HttpFetch&) = delete;

  void SetPaused(bool paused);

 private:
  bool OnSocket(const sockaddr* address) override;
  void OnConnected() override;
  bool OnHeaderLine(std::string_view line) override;
  void OnBody(Bytes body) override;
  void OnDone(const CurlEnd& end) override;

  void Start(const NameResolver::Addresses& addresses);
  void StartDirect(const NameResolver::Addresses& allowed);
  void ResolveProxy(const SourceUrl& proxy);
  void StartByProxy(const SourceUrl& proxy, const NameResolver::Addresses& addresses);
  CurlRequest MakeRequest() const;
  // One lookup, within its time.
  void Resolve(const std::string& host, NameResolver::Callback callback);
  void FailLookup(const std::string& host, LookupError error);
  SourceError ErrorOf(const CurlEnd& end) const;
  SourceError ConnectErrorOf(const CurlEnd& end) const;
  // Ends it after `delay`, unless the timer is set anew or cleared.
  void FailAfter(Duration delay, SourceErrorReason reason, std::string text);
  void ClearTimer();
  void Fail(SourceError error);

  HttpClient client_;
  SourceUrl url_;
  bool local_;
  HttpFetchObserver& observer_;
  std::string range_;
  NameResolver::LookupId lookup_ = 0;
  CurlMulti::Transfer* transfer_ = nullptr;
  EventLoop::TimerId timer_ = 0;
  // By a proxy: its addresses, which nobody but the configuration chose, and what it is asked for.
  NameResolver::Addresses proxy_addresses_;
  std::optional<IpAddress> target_;
  bool requested_ = false;
  bool paused_ = false;
  size_t lines_ = 0;
  std::optional<SourceError> own_error_;  // why we aborted it ourselves
  ResponseHead head_;
};

}  // namespace headwater
