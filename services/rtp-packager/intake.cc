#include "services/rtp-packager/intake.h"

#include <utility>

#include "services/rtp-packager/media/announcement.h"

namespace headwater::packager {

Intake::Intake(IntakeOptions options)
    : options_(std::move(options)), framer_(MakeFramer(options_.content_type)) {}

Intake::~Intake() = default;

void Intake::Push(Bytes bytes) {
  if (phase_ == Phase::kOver) return;
  backlog_ = full() ? backlog_ + bytes.size() : 0;
  if (backlog_ > kBacklogMax) {
    dropped_ += bytes.size();
    return;
  }
  if (phase_ == Phase::kStream) return transcoder_->Push(bytes);
  if (holding_ && held_.size() + bytes.size() > kHeldMax) {
    holding_ = false;
    held_ = {};
  }
  if (holding_) held_.insert(held_.end(), bytes.begin(), bytes.end());
  framer_->Push(bytes);
}

void Intake::Finish() {
  if (std::exchange(finished_, true) || phase_ == Phase::kOver) return;
  if (phase_ == Phase::kStream) return transcoder_->Finish();
  framer_->Finish();
}

bool Intake::full() const {
  if (!transcoder_) return false;
  return phase_ == Phase::kReturning || transcoder_->full();
}

MediaStep Intake::Next() {
  while (phase_ != Phase::kOver) {
    if (transcoder_) {
      if (const auto step = NextTranscoded()) return *step;
      if (phase_ != Phase::kFrames || transcoder_->full()) return MediaStep::kNothing;
    }
    if (const auto step = NextFramed()) return *step;
  }
  return MediaStep::kNothing;
}

std::optional<MediaStep> Intake::NextTranscoded() {
  const MediaStep step = transcoder_->Next();
  switch (step) {
    case MediaStep::kNothing:
      return std::nullopt;
    case MediaStep::kFormat:
      OnTranscodedFormat();
      return step;
    case MediaStep::kFrame:
      frame_ = transcoder_->frame();
      return step;
    case MediaStep::kTitle:
      title_ = transcoder_->title();
      return step;
    case MediaStep::kEnd:
      if (phase_ == Phase::kReturning) {
        transcoder_.reset();
        phase_ = Phase::kFraming;
        return OnFramerFormat();
      }
      phase_ = Phase::kOver;
      return step;
    case MediaStep::kError:
      break;
  }
  if (phase_ == Phase::kStream) return Fail(Fault::kUnusable, transcoder_->error());
  return Fail(Fault::kFormat, Mismatch(source_format_->description) + ": " + transcoder_->error());
}

std::optional<MediaStep> Intake::NextFramed() {
  switch (framer_->Next()) {
    case FramerStep::kNeedBytes:
      if (!finished_) return MediaStep::kNothing;
      if (transcoder_) {
        transcoder_->Finish();
        phase_ = Phase::kStream;
        return std::nullopt;
      }
      phase_ = Phase::kOver;
      return MediaStep::kEnd;
    case FramerStep::kFormat:
      holding_ = false;
      held_ = {};
      return OnFramerFormat();
    case FramerStep::kFrame:
      if (!transcoder_) {
        frame_ = framer_->frame();
        return MediaStep::kFrame;
      }
      transcoder_->PushFrame(framer_->format(), framer_->frame());
      return std::nullopt;
    case FramerStep::kTitle:
      title_ = framer_->title();
      return MediaStep::kTitle;
    case FramerStep::kError:
      break;
  }
  if (framer_->unsupported() && holding_ && options_.transcoders != nullptr) return BeginStream();
  return Fail(Fault::kUnusable, framer_->error());
}

// Passes it through, or has it transcoded from here on.
std::optional<MediaStep> Intake::OnFramerFormat() {
  RtpFormat native = ToRtpFormat(framer_->format());
  if (options_.announced && !options_.announced->SameAnnouncement(native)) {
    return BeginFrames(native);
  }
  if (transcoder_) {
    transcoder_->Finish();
    phase_ = Phase::kReturning;
    return std::nullopt;
  }
  audio_ = framer_->format();
  rtp_ = std::move(native);
  source_format_.reset();
  options_.audio = audio_;
  options_.announced = rtp_;
  return MediaStep::kFormat;
}

std::optional<AudioFormat> Intake::Target() const {
  if (!options_.announced) return options_.fallback;
  std::optional<AudioFormat> target = EncodableAs(*options_.announced);
  // MPA's SDP says neither layer nor rate nor channels, but a player had better not see them
  // change.
  const std::optional<AudioFormat>& before = options_.audio;
  if (target && before && target->codec == AudioCodec::kMpegAudio &&
      before->codec == AudioCodec::kMpegAudio) {
    target = before;
  }
  return target;
}

bool Intake::MakeTranscoder(const AudioFormat& target, TranscodeReason reason) {
  transcoder_ = options_.transcoders->Make({target, reason}, options_.ready);
  return transcoder_ != nullptr;
}

std::optional<MediaStep> Intake::BeginStream() {
  const std::optional<AudioFormat> target = Target();
  if (!target) return Fail(Fault::kFormat, Mismatch(framer_->error()));
  if (!MakeTranscoder(*target, TranscodeReason::kNoPayload)) {
    return Fail(Fault::kLimit, "transcoders_max are running: " + framer_->error());
  }
  phase_ = Phase::kStream;
  transcoder_->Push(held_);
  holding_ = false;
  held_ = {};
  if (finished_) transcoder_->Finish();
  return std::nullopt;
}

std::optional<MediaStep> Intake::BeginFrames(const RtpFormat& native) {
  source_format_ = native;
  if (transcoder_) return std::nullopt;
  const std::optional<AudioFormat> target = Target();
  if (!target || options_.transcoders == nullptr) {
    return Fail(Fault::kFormat, Mismatch(native.description));
  }
  if (!MakeTranscoder(*target, TranscodeReason::kFormatChanged)) {
    return Fail(Fault::kLimit, "transcoders_max are running: " + Mismatch(native.description));
  }
  phase_ = Phase::kFrames;
  return std::nullopt;
}

void Intake::OnTranscodedFormat() {
  audio_ = transcoder_->format();
  rtp_ = ToRtpFormat(audio_);
  rtp_.description = transcoder_->source() + ", sent as " + audio_.ToString();
  if (options_.announced && phase_ == Phase::kStream && !source_format_) {
    RtpFormat alone = ToRtpFormat(options_.fallback);
    alone.description = transcoder_->source() + ", sent as " + options_.fallback.ToString();
    if (!alone.SameAnnouncement(*options_.announced)) source_format_ = std::move(alone);
  }
  if (!options_.announced) options_.announced = rtp_;
  options_.audio = audio_;
}

MediaStep Intake::Fail(Fault fault, std::string error) {
  phase_ = Phase::kOver;
  fault_ = fault;
  error_ = std::move(error);
  transcoder_.reset();
  return MediaStep::kError;
}

std::string Intake::Mismatch(const std::string& now) const {
  return "the source is now " + now + ", announced was " + options_.announced->description;
}

}  // namespace headwater::packager
