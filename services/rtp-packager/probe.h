#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "services/rtp-packager/intake.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/transcoder.h"
#include "services/rtp-packager/source/source.h"

namespace headwater::packager {

// What a URL turned out to be.
struct ProbeResult {
  RtpFormat format;
  SourceHead head;
  StreamTitle title;
};

struct ProbeRequest {
  std::string url;
  // May lead to private addresses.
  bool local = false;
};

// Opens one URL as a session would, until its format is known. `done` is called once, never from
// inside the constructor, and may destroy the probe. UNAVAILABLE: worth another try;
// FAILED_PRECONDITION: what is there cannot be sent. The caller sets the time limit.
class Probe : public SourceObserver {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<ProbeResult>)>;

  // Without `transcoders` what would be transcoded cannot be sent.
  Probe(SourceOpener& opener, TranscoderMaker* transcoders, const ProbeRequest& request, Done done);

  void OnRequested(MonoTime time) override;
  void OnAnswered(const SourceHead& head) override;
  void OnMedia(Bytes media) override;
  void OnTitle(const StreamTitle& title) override;
  void OnClosed(const SourceError& error) override;

 private:
  // `done` may have been called, and this be gone.
  void Step();
  void Finish(absl::StatusOr<ProbeResult> result);

  Done done_;
  bool finished_ = false;
  TranscoderMaker* const transcoders_;
  std::unique_ptr<Intake> intake_;
  // The source's end, while what it gave is still being transcoded.
  absl::Status ended_;
  ProbeResult result_;
  std::unique_ptr<Source> source_;
};

// UNAVAILABLE or FAILED_PRECONDITION, with the reason's name in front of the text.
absl::Status StatusOf(const SourceError& error);

}  // namespace headwater::packager
