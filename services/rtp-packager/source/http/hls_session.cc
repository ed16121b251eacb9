#include "services/rtp-packager/source/http/hls_session.h"

#include <fmt/format.h>

#include <utility>

#include "services/common/time/clock.h"

namespace headwater {
namespace {

// A key has 16 bytes; a page in its place need not be read to its end.
constexpr size_t kKeyBytesMax = 64;

}  // namespace

HlsSession::HlsSession(HttpClient client, bool local, HlsPlayer player, HlsObserver& observer)
    : client_(std::move(client)),
      local_(local),
      player_(std::move(player)),
      observer_(observer),
      life_(std::make_shared<char>()) {
  StepAt(client_.loop.now());
}

HlsSession::~HlsSession() { client_.loop.Cancel(timer_); }

void HlsSession::SetPaused(bool paused) {
  if (std::exchange(paused_, paused) == paused) return;
  if (http_ != nullptr && fetch_.is_media()) http_->SetPaused(paused);
  if (paused) return;
  // The time in pause is nobody's silence.
  last_bytes_ = MonoNow();
  player_.OnResumed(client_.loop.now());
  if (http_ == nullptr) StepAt(client_.loop.now());
}

void HlsSession::StepAt(MonoTime when) {
  client_.loop.Cancel(timer_);
  timer_ = client_.loop.At(when, [this] {
    timer_ = 0;
    Step();
  });
}

void HlsSession::Step() {
  client_.loop.Cancel(std::exchange(timer_, 0));
  http_.reset();
  if (paused_) return;
  HlsAction action = player_.Next(client_.loop.now());
  if (const auto* end = std::get_if<HlsEnd>(&action)) return observer_.OnHlsEnd(end->error);
  if (const auto* wait = std::get_if<HlsWait>(&action)) return StepAt(wait->until);
  fetch_ = std::get<HlsFetch>(std::move(action));
  redirects_ = 0;
  Request(fetch_.url);
}

void HlsSession::Request(const SourceUrl& url) {
  client_.loop.Cancel(std::exchange(timer_, 0));
  url_ = url;
  ++requests_;
  collected_.clear();
  decryptor_.reset();
  observer_.OnHlsRequest();
  std::string range;
  if (fetch_.range) {
    range =
        fmt::format("{}-{}", fetch_.range->offset, fetch_.range->offset + fetch_.range->length - 1);
  }
  HttpFetchObserver& self = *this;
  http_ = std::make_unique<HttpFetch>(client_, url_, local_, self, range);
}

void HlsSession::Redirect(std::string_view location) {
  const auto url = url_.Resolve(location);
  if (!url.ok()) {
    return Fail(SourceErrorReason::kRedirect,
                fmt::format("redirects to {}, not a usable URL", RedactUrl(location)));
  }
  if (url_.tls && !url->tls) {
    return Fail(SourceErrorReason::kRedirect,
                fmt::format("redirects from https to {}", RedactUrl(url->ToString())));
  }
  if (redirects_++ >= client_.options.walk.redirects_max) {
    return Fail(SourceErrorReason::kRedirect,
                fmt::format("more than {} redirects", client_.options.walk.redirects_max));
  }
  Request(*url);
}

void HlsSession::OnFetchHead(const ResponseHead& head) {
  if (head.status() / 100 == 3 && head.location()) {
    const std::string location = *head.location();
    return Redirect(location);
  }
  if (head.status() / 100 != 2) return Fail(SourceErrorReason::kHttpStatus, head.StatusText());
  content_type_ = head.head().content_type;
  decoder_.emplace(head.content_encoding());
  last_bytes_ = client_.loop.now();
  WatchSilence();
  if (!fetch_.is_media()) return;
  if (content_type_ == "text/html") {
    return Fail(SourceErrorReason::kHtml, "a web page instead of a segment");
  }
  const bool is_range = head.status() == 206;
  if (fetch_.decryption && fetch_.range && !is_range) {
    return Fail(SourceErrorReason::kHttpStatus, "the whole instead of an encrypted range");
  }
  player_.OnMediaHead(is_range);
  if (fetch_.decryption) decryptor_.emplace(*fetch_.decryption);
  if (paused_) http_->SetPaused(true);
}

void HlsSession::OnFetchBody(Bytes body) {
  const std::weak_ptr<char> life = life_;
  const uint64_t request = requests_;
  while (true) {
    const auto piece = decoder_->Take(body);
    if (!piece.ok()) return Fail(SourceErrorReason::kCodec, "a compressed answer that is broken");
    if (piece->empty()) return;
    Take(*piece);
    if (life.expired() || request != requests_ || http_ == nullptr) return;
  }
}

void HlsSession::Take(Bytes piece) {
  // A document has its time as a whole.
  if (!fetch_.is_media()) return Collect(piece);
  last_bytes_ = client_.loop.now();
  Give(decryptor_ ? decryptor_->Update(piece) : piece);
}

void HlsSession::Collect(Bytes body) {
  collected_ += AsText(body);
  const size_t bytes_max =
      fetch_.what == HlsFetch::What::kKey ? kKeyBytesMax : client_.options.hls.limits.bytes_max;
  if (collected_.size() > bytes_max) {
    Fail(SourceErrorReason::kPlaylist, fmt::format("longer than {} bytes", bytes_max));
  }
}

void HlsSession::Give(Bytes bytes) {
  bytes = player_.OnBytes(bytes, client_.loop.now());
  if (bytes.empty()) return;
  const std::weak_ptr<char> life = life_;
  if (!std::exchange(answered_, true)) observer_.OnHlsAnswered(content_type_);
  if (life.expired()) return;
  if (!fetch_.title.empty() && fetch_.title != title_) {
    title_ = fetch_.title;
    observer_.OnHlsTitle(std::string(title_));
    if (life.expired()) return;
  }
  observer_.OnHlsMedia(bytes);
}

void HlsSession::OnFetchEnd(const std::optional<SourceError>& error) {
  if (error) return Fail(error->reason, error->text);
  Finish();
}

void HlsSession::Finish() {
  if (!fetch_.is_media()) {
    const std::string body = std::exchange(collected_, {});
    player_.OnDocument(url_, body, client_.loop.now());
    return Step();
  }
  if (decryptor_) {
    Bytes last;
    if (!decryptor_->Finish(last)) {
      return Fail(SourceErrorReason::kCodec, "not encrypted by the key that the playlist names");
    }
    const std::weak_ptr<char> life = life_;
    Give(last);
    if (life.expired()) return;
  }
  player_.OnMediaEnd(client_.loop.now());
  Step();
}

void HlsSession::Fail(SourceErrorReason reason, std::string_view text) {
  http_.reset();
  player_.OnFailure({reason, fmt::format("{}: {}", RedactUrl(url_.ToString()), text)},
                    client_.loop.now());
  Step();
}

// One timer that is set again when it comes, not with every chunk.
void HlsSession::WatchSilence() {
  client_.loop.Cancel(std::exchange(timer_, 0));
  const Duration limit = client_.options.answer_timeout;
  const MonoTime now = client_.loop.now();
  if (!paused_ && now >= last_bytes_ + limit) {
    const double seconds = std::chrono::duration<double>(limit).count();
    return Fail(SourceErrorReason::kSilence, fmt::format("no data for {:g} s", seconds));
  }
  timer_ = client_.loop.At(paused_ ? now + limit : last_bytes_ + limit, [this] {
    timer_ = 0;
    WatchSilence();
  });
}

}  // namespace headwater
