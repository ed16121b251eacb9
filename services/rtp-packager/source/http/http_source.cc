#include "services/rtp-packager/source/http/http_source.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/check.h"
#include "services/common/playlist/list.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/source/content_decoder.h"
#include "services/rtp-packager/source/content_sniffer.h"
#include "services/rtp-packager/source/html_page.h"
#include "services/rtp-packager/source/http/hls_session.h"
#include "services/rtp-packager/source/http/status_fetch.h"
#include "services/rtp-packager/source/icy_splitter.h"
#include "services/rtp-packager/source/source_walk.h"

namespace headwater {
namespace {

std::string Seconds(Duration duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

// Drives a SourceWalk with one fetch after the other. The observer may destroy it in any call, so
// nothing of it is touched after one without asking `life_`.
class HttpSource : public Source, private HttpFetchObserver, private HlsObserver {
 public:
  HttpSource(HttpSourceOpener& opener, const SourceRequest& request, SourceObserver& observer)
      : opener_(opener),
        local_(request.local),
        observer_(observer),
        walk_(opener.options_.walk, request),
        session_(std::make_shared<CurlSession>()),
        life_(std::make_shared<char>()) {
    const bool refused = opener_.open_count_ >= opener_.options_.sources_max;
    ++opener_.open_count_;
    ++opener_.stats_.opened;
    // Nothing is told from inside Open; the next turn of the loop comes at once.
    timer_ = opener_.loop_.At(opener_.loop_.now(), [this, refused] {
      timer_ = 0;
      if (refused) return Close({SourceErrorReason::kInternal, "too many sources are open"});
      Fetch();
    });
  }

  ~HttpSource() override {
    ClearTimer();
    --opener_.open_count_;
  }

  void SetPaused(bool paused) override {
    if (std::exchange(paused_, paused) == paused) return;
    if (fetch_ != nullptr) fetch_->SetPaused(paused);
    if (hls_ != nullptr) hls_->SetPaused(paused);
    // The time in pause is nobody's silence.
    if (!paused) last_media_ = MonoNow();
  }

  void SetTitled() override { status_.reset(); }

 private:
  enum class State {
    kAsking,    // no header yet
    kSniffing,  // a header, and too few bytes to tell what it is
    kReading,   // a list or a page, to its end
    kPlaying,
    kSegments,  // an HLS playlist, which hls_ plays
    kClosed,
  };

  void Fetch() {
    ClearTimer();
    fetch_.reset();
    hls_.reset();
    collected_.clear();
    if (walk_.current() == nullptr) return Close(walk_.error());
    state_ = State::kAsking;
    ++opener_.stats_.requests;
    ++fetches_;
    HttpFetchObserver& self = *this;
    fetch_ = std::make_unique<HttpFetch>(Client(), *walk_.current(), local_, self);
    if (paused_) fetch_->SetPaused(true);
  }

  HttpClient Client() const {
    return {opener_.loop_, opener_.options_, opener_.resolver_, opener_.multi_, session_};
  }

  void OnFetchRequested(MonoTime time) override {
    if (!std::exchange(requested_, true)) observer_.OnRequested(time);
  }

  void OnFetchHead(const ResponseHead& head) override {
    if (head.status() / 100 == 3 && head.location()) {
      ++opener_.stats_.redirects;
      walk_.OnRedirect(*head.location());
      return Fetch();
    }
    if (head.status() / 100 != 2) return Fail(SourceErrorReason::kHttpStatus, head.StatusText());
    if (ContentDecoder::IsUnknown(head.content_encoding())) {
      return Fail(SourceErrorReason::kCodec,
                  fmt::format("an answer compressed by {}, which was not asked for",
                              head.content_encoding()));
    }
    head_ = head.head();
    bare_ = head.bare();
    splitter_.emplace(head.metaint());
    decoder_.emplace(head.content_encoding());
    state_ = State::kSniffing;
    LimitTime(opener_.options_.answer_timeout, SourceErrorReason::kSilence,
              "a header and then no media");
  }

  void OnFetchBody(Bytes body) override {
    const std::weak_ptr<char> life = life_;
    const uint64_t fetch = fetches_;
    while (true) {
      const auto piece = decoder_->Take(body);
      if (!piece.ok()) return FailDecoding(piece.error());
      if (piece->empty()) return;
      Take(*piece);
      if (life.expired() || fetches_ != fetch || state_ == State::kClosed) return;
    }
  }

  void Take(Bytes body) {
    if (state_ == State::kPlaying) return Play(body);
    if (state_ == State::kSniffing) return Sniff(body, false);
    if (state_ == State::kReading) return Read(body);
  }

  void FailDecoding(ContentDecodeError error) {
    const std::string_view what = error == ContentDecodeError::kBomb
                                      ? "a compressed answer that unpacks without end"
                                      : "a compressed answer that is broken";
    if (state_ == State::kPlaying) return Close({SourceErrorReason::kClosed, walk_.Describe(what)});
    Fail(SourceErrorReason::kCodec, std::string(what));
  }

  void OnFetchEnd(const std::optional<SourceError>& error) override {
    if (state_ == State::kPlaying) {
      return Close(
          {SourceErrorReason::kClosed, walk_.Describe(error ? error->text : "the stream ended")});
    }
    if (state_ == State::kSniffing && !error) return Sniff({}, true);
    if (state_ == State::kReading && !error) return FinishReading();
    if (error) return Fail(error->reason, error->text);
    Fail(SourceErrorReason::kHeader, "not an HTTP answer");
  }

  void Sniff(Bytes body, bool complete) {
    if (!collected_.empty() || complete) {
      Collect(body);
      body = AsBytes(collected_);
    }
    // Without any header only the bytes can say that it is no other protocol.
    if (bare_ && body.size() >= 4 && !BeginsAsMedia(body)) {
      return Fail(SourceErrorReason::kHeader, "not an HTTP answer");
    }
    kind_ = SniffContent(head_.content_type, walk_.current()->target, body, complete);
    switch (kind_) {
      case ContentKind::kNeedMore:
        if (collected_.empty()) Collect(body);
        return;
      case ContentKind::kMedia:
        return BeginPlaying(body);
      case ContentKind::kPlaylist:
      case ContentKind::kHls:
      case ContentKind::kHtml:
        if (collected_.empty()) Collect(body);
        return BeginReading(complete);
      case ContentKind::kOther:
        break;
    }
    if (body.empty()) return Fail(SourceErrorReason::kClosed, "an answer without a body");
    Fail(SourceErrorReason::kCodec,
         fmt::format("{} is nothing to play",
                     head_.content_type.empty() ? "data without a type" : head_.content_type));
  }

  void BeginReading(bool complete) {
    state_ = State::kReading;
    if (complete) return FinishReading();
    if (kind_ == ContentKind::kHtml) {
      // What a page says is in what has come, however it ends.
      Limit(opener_.options_.document_timeout, [this] { FinishReading(); });
    } else {
      LimitTime(opener_.options_.document_timeout, SourceErrorReason::kPlaylist, "a playlist");
    }
    Read({});
  }

  void Read(Bytes body) {
    Collect(body);
    const size_t bytes_max = kind_ == ContentKind::kHls ? opener_.options_.hls.limits.bytes_max
                                                        : opener_.options_.document_bytes_max;
    if (collected_.size() <= bytes_max) return;
    if (kind_ == ContentKind::kHtml) return FinishReading();
    Fail(SourceErrorReason::kPlaylist, fmt::format("a playlist larger than {} bytes", bytes_max));
  }

  void FinishReading() {
    if (kind_ == ContentKind::kHtml) return FollowPage();
    kind_ == ContentKind::kHls ? PlayHls() : FollowPlaylist();
  }

  void FollowPage() {
    const HtmlPage page = ReadHtmlPage(collected_);
    walk_.OnPage(page.links, page.base,
                 page.title.empty() ? "a web page" : fmt::format("a web page, \"{}\"", page.title));
    Fetch();
  }

  void FollowPlaylist() {
    ++opener_.stats_.playlists;
    const PlaylistLimits limits = {.bytes_max = opener_.options_.document_bytes_max,
                                   .entries_max = opener_.options_.walk.playlist_targets_max};
    const auto playlist = ParseList(collected_, limits);
    if (!playlist.ok() && playlist.error() == PlaylistError::kHls) return PlayHls();
    if (!playlist.ok()) {
      return Fail(SourceErrorReason::kPlaylist,
                  fmt::format("a playlist that is {}", ToString(playlist.error())));
    }
    std::vector<std::string> targets;
    for (const PlaylistEntry& entry : playlist->entries) targets.push_back(entry.location);
    walk_.OnPlaylist(targets, playlist->base);
    Fetch();
  }

  // The response at hand is the playlist: no second request for it.
  void PlayHls() {
    HlsPlayer player(opener_.options_.hls, opener_.stats_.hls);
    const auto error = player.Begin(*walk_.current(), collected_, opener_.loop_.now());
    if (error) return Fail(error->reason, error->text);
    ClearTimer();
    fetch_.reset();
    collected_.clear();
    state_ = State::kSegments;
    ++fetches_;
    HlsObserver& self = *this;
    hls_ = std::make_unique<HlsSession>(Client(), local_, std::move(player), self);
    if (paused_) hls_->SetPaused(true);
  }

  void OnHlsRequest() override { ++opener_.stats_.requests; }

  void OnHlsAnswered(const std::string& content_type) override {
    answered_ = true;
    FillHead();
    const HlsPlayer& player = hls_->player();
    const std::string url = player.playlist_url().ToString();
    if (url != head_.url) head_.hops.push_back(url);
    head_.url = url;
    head_.content_type = content_type;
    head_.pause_max = player.patience();
    if (!player.has_video()) {
      head_.bitrate_kbps = static_cast<int>(player.bits_per_second() / 1000);
    }
    observer_.OnAnswered(head_);
  }

  void OnHlsMedia(Bytes media) override { observer_.OnMedia(media); }

  void OnHlsTitle(const std::string& title) override { observer_.OnTitle({title, ""}); }

  void OnHlsEnd(const SourceError& error) override {
    const SourceError own = error;
    if (!answered_) return Fail(own.reason, own.text);
    Close({own.reason, walk_.Describe(own.text)});
  }

  void FillHead() {
    ++opener_.stats_.answered;
    head_.url = walk_.current()->ToString();
    head_.hops = walk_.hops();
    head_.url_index = walk_.url_index();
  }

  void BeginPlaying(Bytes body) {
    state_ = State::kPlaying;
    FillHead();
    last_media_ = MonoNow();
    WatchSilence();
    if (opener_.options_.station_json) {
      status_ = std::make_unique<StatusFetch>(
          Client(), *walk_.current(), local_, opener_.stats_.status,
          [this](const StreamTitle& title) { observer_.OnTitle(title); });
    }
    // What has been collected must not move while it is being told.
    const std::string collected = std::exchange(collected_, {});
    const Bytes media = collected.empty() ? body : AsBytes(collected);
    const std::weak_ptr<char> life = life_;
    observer_.OnAnswered(head_);
    if (!life.expired() && state_ == State::kPlaying) Play(media);
  }

  void Play(Bytes input) {
    last_media_ = opener_.loop_.now();
    const std::weak_ptr<char> life = life_;
    while (!input.empty()) {
      const IcySplitter::Piece piece = splitter_->Take(input);
      if (!piece.media.empty()) observer_.OnMedia(piece.media);
      if (life.expired()) return;
      if (piece.title && !piece.title->title.empty()) SetTitled();
      if (piece.title) observer_.OnTitle(*piece.title);
      if (life.expired()) return;
    }
  }

  // One timer that is set again when it comes, not with every chunk. A first lapse is only a
  // suspicion: where this process was not running, the media may be waiting in the socket, and the
  // loop looks there before the second.
  void WatchSilence() {
    ClearTimer();
    const Duration limit = opener_.options_.stall_timeout;
    const MonoTime now = opener_.loop_.now();
    const bool lapsed = !paused_ && now - last_media_ >= limit;
    if (lapsed && std::exchange(suspicious_, true)) {
      return Close({SourceErrorReason::kSilence,
                    walk_.Describe(fmt::format("no data for {}", Seconds(limit)))});
    }
    suspicious_ = lapsed;
    MonoTime next = paused_ ? now + limit : last_media_ + limit;
    if (lapsed) next = now + limit / 20;
    timer_ = opener_.loop_.At(next, [this] {
      timer_ = 0;
      WatchSilence();
    });
  }

  void LimitTime(Duration limit, SourceErrorReason reason, std::string_view what) {
    std::string text = fmt::format("{}, unfinished after {}", what, Seconds(limit));
    Limit(limit, [this, reason, text = std::move(text)] { Fail(reason, std::string(text)); });
  }

  template <typename Action>
  void Limit(Duration limit, Action action) {
    ClearTimer();
    timer_ = opener_.loop_.At(opener_.loop_.now() + limit, [this, action = std::move(action)] {
      timer_ = 0;
      action();
    });
  }

  void Collect(Bytes body) {
    if (body.data() != AsBytes(collected_).data()) collected_ += AsText(body);
  }

  // This URL is no good; on to the next.
  void Fail(SourceErrorReason reason, const std::string& text) {
    walk_.OnFailure(reason, text);
    Fetch();
  }

  void Close(const SourceError& error) {
    ClearTimer();
    fetch_.reset();
    hls_.reset();
    status_.reset();
    state_ = State::kClosed;
    ++opener_.stats_.closed[static_cast<size_t>(error.reason)];
    observer_.OnClosed(error);
  }

  void ClearTimer() { opener_.loop_.Cancel(std::exchange(timer_, 0)); }

  HttpSourceOpener& opener_;
  bool local_;
  SourceObserver& observer_;
  SourceWalk walk_;
  std::shared_ptr<CurlSession> session_;
  std::shared_ptr<char> life_;
  EventLoop::TimerId timer_ = 0;
  State state_ = State::kAsking;
  bool requested_ = false;
  bool paused_ = false;
  bool suspicious_ = false;
  SourceHead head_;
  ContentKind kind_ = ContentKind::kNeedMore;
  std::string collected_;  // at most document_bytes_max and one chunk
  std::optional<IcySplitter> splitter_;
  std::optional<ContentDecoder> decoder_;
  bool bare_ = false;
  uint64_t fetches_ = 0;  // begun, or done with
  MonoTime last_media_;
  std::unique_ptr<HttpFetch> fetch_;
  std::unique_ptr<HlsSession> hls_;
  std::unique_ptr<StatusFetch> status_;
  bool answered_ = false;  // by HLS
};

HttpSourceOpener::HttpSourceOpener(EventLoop& loop, HttpSourceOptions options)
    : loop_(loop),
      options_(std::move(options)),
      resolver_(loop, {.name_servers = options_.name_servers, .cache = options_.lookup_cache}),
      multi_(loop) {}

HttpSourceOpener::~HttpSourceOpener() { HW_CHECK(open_count_ == 0); }

std::unique_ptr<Source> HttpSourceOpener::Open(const SourceRequest& request,
                                               SourceObserver& observer) {
  return std::make_unique<HttpSource>(*this, request, observer);
}

}  // namespace headwater
