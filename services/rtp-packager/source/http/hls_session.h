#pragma once

#include <memory>
#include <optional>
#include <string>

#include "services/rtp-packager/source/content_decoder.h"
#include "services/rtp-packager/source/hls/hls_player.h"
#include "services/rtp-packager/source/http/hls_decryptor.h"
#include "services/rtp-packager/source/http/http_fetch.h"

namespace headwater {

// Hears of an HLS stream as a SourceObserver hears of a source; may destroy the session in any
// call.
class HlsObserver {
 public:
  virtual ~HlsObserver() = default;

  // A request goes out.
  virtual void OnHlsRequest() = 0;
  // Once, before the first media; `content_type` is its resource's.
  virtual void OnHlsAnswered(const std::string& content_type) = 0;
  virtual void OnHlsMedia(Bytes media) = 0;
  virtual void OnHlsTitle(const std::string& title) = 0;
  // The last call.
  virtual void OnHlsEnd(const SourceError& error) = 0;
};

// Does what an HlsPlayer says: each of its fetches is a request of its own, whose address and
// redirects are checked as a station's are; what stops coming for answer_timeout has failed. On the
// loop's thread; it tells nothing from inside its constructor or SetPaused.
class HlsSession : private HttpFetchObserver {
 public:
  // `player` has begun.
  HlsSession(HttpClient client, bool local, HlsPlayer player, HlsObserver& observer);
  ~HlsSession() override;

  // Paused, it reads no further and asks for nothing new.
  void SetPaused(bool paused);
  const HlsPlayer& player() const { return player_; }

 private:
  void StepAt(MonoTime when);
  void Step();
  void Request(const SourceUrl& url);
  void Redirect(std::string_view location);
  void OnFetchRequested(MonoTime) override {}
  void OnFetchHead(const ResponseHead& head) override;
  void OnFetchBody(Bytes body) override;
  void OnFetchEnd(const std::optional<SourceError>& error) override;
  void Take(Bytes piece);
  void Collect(Bytes body);
  void Give(Bytes bytes);
  void Finish();
  void Fail(SourceErrorReason reason, std::string_view text);
  void WatchSilence();

  HttpClient client_;
  bool local_;
  HlsPlayer player_;
  HlsObserver& observer_;
  std::shared_ptr<char> life_;
  EventLoop::TimerId timer_ = 0;
  bool paused_ = false;
  bool answered_ = false;
  std::string title_;  // told last

  // The fetch under way.
  HlsFetch fetch_;
  SourceUrl url_;
  uint64_t requests_ = 0;  // made so far
  size_t redirects_ = 0;
  std::string content_type_;
  std::string collected_;  // a document's; at most its limit and one chunk
  std::optional<ContentDecoder> decoder_;
  std::optional<HlsDecryptor> decryptor_;
  MonoTime last_bytes_;
  std::unique_ptr<HttpFetch> http_;
};

}  // namespace headwater
