#pragma once

#include <absl/functional/any_invocable.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "services/rtp-packager/source/source.h"

namespace headwater {

// What a URL turned out to be.
struct ProbeResult {
  SourceHead head;    // with the hops
  StreamTitle title;  // as far as one came
  // The first media bytes, for a framer to find the format in.
  std::vector<uint8_t> media;
};

// Opens a URL as a session would, reads the beginning of its media, and closes it. One URL, once.
class Probe : private SourceObserver {
 public:
  // Exactly one of the two is set. Called once, on the loop's thread, not from inside the
  // constructor; may destroy the probe.
  using Done =
      absl::AnyInvocable<void(std::optional<ProbeResult> result, std::optional<SourceError> error)>;

  // Enough for several frames of any rate that stations send.
  static constexpr size_t kMediaBytes = 16 * 1024;

  Probe(SourceOpener& opener, const SourceRequest& request, Done done);
  ~Probe() override = default;  // aborts
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

 private:
  void OnRequested(MonoTime) override {}
  void OnAnswered(const SourceHead& head) override;
  void OnMedia(Bytes media) override;
  void OnTitle(const StreamTitle& title) override;
  void OnClosed(const SourceError& error) override;

  Done done_;
  ProbeResult result_;
  std::unique_ptr<Source> source_;
};

}  // namespace headwater
