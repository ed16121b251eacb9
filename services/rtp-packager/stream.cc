#include "services/rtp-packager/stream.h"

#include <algorithm>
#include <utility>

#include "services/rtp-packager/media/ts_payload.h"

namespace headwater::packager {
namespace {

// Titles that wait for the audio that they belong to.
constexpr size_t kTitlesMax = 16;
// An opening that gave media for this long was a good one: the next begins with the shortest wait.
constexpr Duration kGoodOpening = 5s;
// What has no RTP payload is made so where it is wrapped in MPEG-TS: every set-top box decodes it,
// few decode Opus.
constexpr AudioFormat kInTransportStream = {.codec = AudioCodec::kMpegAudio,
                                            .layer = 2,
                                            .object_type = 0,
                                            .sample_rate = 48000,
                                            .channels = 2,
                                            .frame_samples = 1152};

}  // namespace

Stream::Stream(const Options& options, StreamConfig config, const StreamEnvironment& environment)
    : options_(options), config_(std::move(config)), environment_(environment) {
  texts_.name = config_.title;
  last_media_ = environment_.now().mono;
  if (config_.test_tone) {
    OpenTone();
  } else {
    OpenSource(0);
  }
}

Stream::~Stream() = default;

void Stream::Update(const StreamConfig& config) {
  config_.urls = config.urls;
  config_.local = config.local;
  config_.silence_limit = config.silence_limit;
}

void Stream::Fire(StreamEvent event) {
  const std::optional<StreamState> next = NextState(state_, event);
  if (!next) return;
  state_ = *next;
  if (event == StreamEvent::kSourceGone) ++stats_.silences_total;
  if (state_ == StreamState::kReady || state_ == StreamState::kSending) {
    error_.clear();
    error_reason_ = {};
  }
  Touch();
}

void Stream::Touch() {
  ++revision_;
  environment_.wake();
}

void Stream::OpenTone() {
  const MonoTime now = environment_.now().mono;
  times_ = {now, now, now};
  texts_.title = "440 Hz";
  texts_.began = environment_.now().wall;
  audio_ = environment_.tone->format;
  SetFormat(ToRtpFormat(audio_), now);
  if (state_ == StreamState::kOpening) Fire(StreamEvent::kFormatKnown);
}

void Stream::OpenSource(size_t first) {
  const MonoTime now = environment_.now().mono;
  opened_at_ = now;
  reopen_at_ = kNever;
  flowing_ = false;
  paused_ = false;
  intake_.reset();
  ended_.reset();
  url_index_ = config_.urls.empty() ? 0 : first % config_.urls.size();
  source_ = environment_.opener->Open(
      {.urls = config_.urls, .first = url_index_, .local = config_.local}, *this);
}

void Stream::CloseSource() {
  source_.reset();
  ended_.reset();
  paused_ = false;
}

void Stream::OnRequested(MonoTime time) {
  if (!times_.source_requested) times_.source_requested = time;
}

void Stream::OnAnswered(const SourceHead& head) {
  const MonoTime now = environment_.now().mono;
  if (!times_.source_answered) times_.source_answered = now;
  url_index_ = head.url_index;
  source_url_ = head.url;
  content_type_ = head.content_type;
  source_pause_max_ = head.pause_max;
  if (!head.icy_name.empty()) texts_.name = head.icy_name;
  if (!head.icy_url.empty()) texts_.url = head.icy_url;
  if (head.bitrate_kbps > 0) icy_bits_per_second_ = static_cast<uint32_t>(head.bitrate_kbps) * 1000;
  intake_ = std::make_unique<Intake>(OptionsOfIntake());
  Touch();
}

IntakeOptions Stream::OptionsOfIntake() const {
  IntakeOptions options = {.content_type = content_type_,
                           .announced = config_.announced,
                           .transcoders = environment_.transcoders,
                           .ready = environment_.wake};
  if (config_.transport_stream) {
    // Listeners were told of the transport stream alone, until the first frames of it.
    options.announced.reset();
    options.fallback = kInTransportStream;
  }
  if (format_) {
    options.announced = audio_announced_;
    options.audio = audio_;
  }
  return options;
}

void Stream::OnMedia(Bytes media) {
  if (state_ == StreamState::kFailed || !intake_) return;
  if (queue_.octets() > 2 * options_.queue_bytes_max || queue_.length() > 2 * options_.queue_max) {
    stats_.overflow_octets_total += media.size();
    return;
  }
  const MonoTime now = environment_.now().mono;
  intake_->Push(media);
  DrainIntake(now);
  if (state_ == StreamState::kFailed) return;
  UpdatePause();
  // While media flows in time, the next deadline is known; anything else wants a look.
  if (state_ != StreamState::kSending || starved_) environment_.wake();
}

void Stream::DrainIntake(MonoTime now) {
  while (intake_ && state_ != StreamState::kFailed) {
    // What is transcoded waits there: so it is held back when nobody takes it from here.
    if (intake_->transcoding() && QueueFull()) return;
    switch (intake_->Next()) {
      case MediaStep::kNothing:
        return;
      case MediaStep::kFormat:
        OnFormat(now);
        break;
      case MediaStep::kFrame:
        if (queue_.empty()) filling_since_ = now;
        queue_.Push(intake_->frame());
        last_media_ = now;
        flowing_ = true;
        Fire(StreamEvent::kFormatKnown);
        break;
      case MediaStep::kTitle:
        if (source_ && !intake_->title().title.empty()) source_->SetTitled();
        OnTitle(intake_->title());
        break;
      case MediaStep::kEnd:
        if (ended_) OnEnd(SourceError(*ended_));
        return;
      case MediaStep::kError:
        OnIntakeError();
        return;
    }
  }
}

void Stream::OnFormat(MonoTime now) {
  audio_ = intake_->format();
  std::optional<RtpFormat> source = intake_->source_format();
  if (source && config_.transport_stream) source = InTransportStream(*source);
  if (source_format_ != source) {
    source_format_ = std::move(source);
    Touch();
  }
  if (format_) return;
  RtpFormat audio = intake_->rtp();
  if (audio.bits_per_second == 0) audio.bits_per_second = icy_bits_per_second_;
  SetFormat(std::move(audio), now);
}

void Stream::SetFormat(RtpFormat audio, MonoTime now) {
  RtpFormat announced = config_.transport_stream ? InTransportStream(audio) : audio;
  if (config_.announced && !config_.announced->SameAnnouncement(announced)) {
    GiveUp("codec", "the source is now " + announced.description + ", announced was " +
                        config_.announced->description);
    return;
  }
  format_ = std::move(announced);
  audio_announced_ = std::move(audio);
  times_.format_known = now;
  clock_.emplace(format_->clock_rate, RtpTimestamp(0));
  payloader_ = MakeOwnPayloader();
}

std::unique_ptr<Payloader> Stream::MakeOwnPayloader() const {
  const PayloaderOptions options = {.payload_max = options_.payload_max,
                                    .group_max = options_.group_max};
  if (!config_.transport_stream) return MakePayloader(audio_.codec, options);
  return MakeTsPayloader(audio_, {.id = static_cast<uint16_t>(config_.number), .name = texts_.name},
                         options);
}

void Stream::OnIntakeError() {
  switch (intake_->fault()) {
    case Intake::Fault::kUnusable:
      return OnUnusable("codec", intake_->error());
    case Intake::Fault::kFormat:
      return GiveUp("codec", intake_->error());
    case Intake::Fault::kLimit:
      return OnUnusable("limit", intake_->error());
  }
}

void Stream::OnTitle(const StreamTitle& title) {
  // The first is what plays now, by all that the server tells; later ones begin with the audio that
  // they came with.
  if (!has_title_ || state_ != StreamState::kSending) {
    ShowTitle(title);
    return;
  }
  if (titles_.size() >= kTitlesMax) {
    ShowTitle(titles_.front().title);
    titles_.pop_front();
  }
  titles_.push_back({queue_.pushed_total(), title});
}

void Stream::ShowTitle(const StreamTitle& title) {
  has_title_ = true;
  texts_.title = title.title;
  if (!title.url.empty()) texts_.url = title.url;
  texts_.began = environment_.now().wall;
  Touch();
}

void Stream::ShowDueTitles() {
  while (!titles_.empty() && titles_.front().frame <= queue_.popped_total()) {
    ShowTitle(titles_.front().title);
    titles_.pop_front();
  }
}

void Stream::OnClosed(const SourceError& error) {
  const MonoTime now = environment_.now().mono;
  CloseSource();
  ended_ = error;
  if (state_ == StreamState::kFailed) return;
  if (!intake_) return OnEnd(error);
  // The last frame needs no further bytes to be one. What is being transcoded comes later.
  intake_->Finish();
  DrainIntake(now);
}

void Stream::OnEnd(const SourceError& error) {
  ended_.reset();
  intake_.reset();
  last_error_ = error.text;
  if (state_ == StreamState::kOpening) {
    if (error.reason == SourceErrorReason::kClosed) {
      GiveUp("silence", "ended before any audio: " + error.text);
    } else {
      GiveUp(SourceErrorReasonName(error.reason), error.text);
    }
    return;
  }
  // Where it played, it is tried again first; an opening that failed has tried every URL.
  ScheduleReopen(environment_.now().mono, url_index_);
}

void Stream::OnUnusable(std::string_view reason, const std::string& text) {
  const MonoTime now = environment_.now().mono;
  last_error_ = text;
  CloseSource();
  intake_.reset();
  if (state_ == StreamState::kOpening && url_index_ + 1 >= config_.urls.size()) {
    GiveUp(reason, last_error_);
    return;
  }
  ScheduleReopen(now, url_index_ + 1);
  if (state_ == StreamState::kOpening) reopen_at_ = now;
  environment_.wake();
}

void Stream::ScheduleReopen(MonoTime now, size_t first) {
  const bool good = flowing_ && now - opened_at_ >= kGoodOpening;
  backoff_ = good || backoff_ == Duration{} ? options_.reopen_min
                                            : std::min(2 * backoff_, options_.reopen_max);
  reopen_at_ = now + backoff_;
  url_index_ = first;
  ++stats_.reopens_total;
  environment_.wake();
}

void Stream::GiveUp(std::string_view reason, std::string text) {
  error_reason_ = reason;
  error_ = std::move(text);
  reopen_at_ = kNever;
  CloseSource();
  intake_.reset();
  Fire(StreamEvent::kGivenUp);
}

bool Stream::QueueFull() const {
  return queue_.length() >= options_.queue_max || queue_.octets() >= options_.queue_bytes_max;
}

void Stream::UpdatePause() {
  if (!source_) return;
  const bool held = intake_ && intake_->full();
  const bool roomy = queue_.length() < options_.queue_max * 9 / 10 &&
                     queue_.octets() < options_.queue_bytes_max * 9 / 10;
  if (!paused_ && (held || QueueFull())) {
    paused_ = true;
    source_->SetPaused(true);
  } else if (paused_ && roomy && !held) {
    paused_ = false;
    last_media_ = environment_.now().mono;
    source_->SetPaused(false);
  }
}

}  // namespace headwater::packager
