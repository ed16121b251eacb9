#include "services/rtp-packager/probe.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater::packager {

absl::Status StatusOf(const SourceError& error) {
  const std::string text =
      absl::StrCat(ToAbsl(SourceErrorReasonName(error.reason)), ": ", error.text);
  switch (error.reason) {
    case SourceErrorReason::kDns:
    case SourceErrorReason::kConnect:
    case SourceErrorReason::kTls:
    case SourceErrorReason::kHttpStatus:
    case SourceErrorReason::kHeader:
    case SourceErrorReason::kSilence:
    case SourceErrorReason::kClosed:
    case SourceErrorReason::kInternal:
      return absl::UnavailableError(text);
    case SourceErrorReason::kRedirect:
    case SourceErrorReason::kHtml:
    case SourceErrorReason::kCodec:
    case SourceErrorReason::kPolicy:
    case SourceErrorReason::kPlaylist:
      break;
  }
  return absl::FailedPreconditionError(text);
}

Probe::Probe(SourceOpener& opener, TranscoderMaker* transcoders, const ProbeRequest& request,
             Done done)
    : done_(std::move(done)), transcoders_(transcoders) {
  source_ = opener.Open({.urls = {request.url}, .first = 0, .local = request.local}, *this);
}

void Probe::OnRequested(MonoTime) {}

void Probe::OnAnswered(const SourceHead& head) {
  result_.head = head;
  intake_ = std::make_unique<Intake>(IntakeOptions{
      .content_type = head.content_type, .transcoders = transcoders_, .ready = [this] { Step(); }});
}

void Probe::OnMedia(Bytes media) {
  if (finished_) return;
  intake_->Push(media);
  Step();
}

void Probe::Step() {
  while (!finished_) {
    switch (intake_->Next()) {
      case MediaStep::kNothing:
        return;
      case MediaStep::kFormat:
        result_.format = intake_->rtp();
        if (result_.format.bits_per_second == 0) {
          result_.format.bits_per_second = static_cast<uint32_t>(result_.head.bitrate_kbps) * 1000;
        }
        break;
      case MediaStep::kFrame:
        return Finish(std::move(result_));
      case MediaStep::kTitle:
        result_.title = intake_->title();
        break;
      case MediaStep::kEnd:
        return Finish(ended_);
      case MediaStep::kError:
        return Finish(absl::FailedPreconditionError(absl::StrCat("codec: ", intake_->error())));
    }
  }
}

void Probe::Finish(absl::StatusOr<ProbeResult> result) {
  finished_ = true;
  Done done = std::move(done_);
  done(std::move(result));
}

void Probe::OnTitle(const StreamTitle& title) { result_.title = title; }

void Probe::OnClosed(const SourceError& error) {
  if (finished_) return;
  ended_ = StatusOf(error);
  if (!intake_) return Finish(ended_);
  intake_->Finish();
  Step();
}

}  // namespace headwater::packager
