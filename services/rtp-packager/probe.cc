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

Probe::Probe(SourceOpener& opener, const std::string& url, bool local, Done done)
    : done_(std::move(done)) {
  source_ = opener.Open({.urls = {url}, .first = 0, .local = local}, *this);
}

void Probe::OnRequested(MonoTime) {}

void Probe::OnAnswered(const SourceHead& head) {
  result_.head = head;
  framer_ = MakeFramer(head.content_type);
}

void Probe::OnMedia(Bytes media) {
  if (finished_) return;
  framer_->Push(media);
  Step();
}

bool Probe::Step() {
  while (true) {
    switch (framer_->Next()) {
      case FramerStep::kNeedBytes:
        return false;
      case FramerStep::kFormat:
        result_.format = ToRtpFormat(framer_->format());
        if (result_.format.bits_per_second == 0) {
          result_.format.bits_per_second = static_cast<uint32_t>(result_.head.bitrate_kbps) * 1000;
        }
        break;
      case FramerStep::kFrame:
        Finish(std::move(result_));
        return true;
      case FramerStep::kTitle:
        result_.title = framer_->title();
        break;
      case FramerStep::kError:
        Finish(absl::FailedPreconditionError(absl::StrCat("codec: ", framer_->error())));
        return true;
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
  if (framer_) {
    framer_->Finish();
    if (Step()) return;
  }
  Finish(StatusOf(error));
}

}  // namespace headwater::packager
