#include "services/rtp-packager/source/probe.h"

#include <algorithm>
#include <utility>

namespace headwater {

Probe::Probe(SourceOpener& opener, const SourceRequest& request, Done done)
    : done_(std::move(done)), source_(opener.Open(request, *this)) {}

void Probe::OnAnswered(const SourceHead& head) { result_.head = head; }

void Probe::OnTitle(const StreamTitle& title) { result_.title = title; }

void Probe::OnMedia(Bytes media) {
  const size_t wanted = std::min(media.size(), kMediaBytes - result_.media.size());
  result_.media.insert(result_.media.end(), media.begin(),
                       media.begin() + static_cast<std::ptrdiff_t>(wanted));
  if (result_.media.size() < kMediaBytes) return;
  source_.reset();
  Done done = std::move(done_);
  done(std::move(result_), std::nullopt);
}

void Probe::OnClosed(const SourceError& error) {
  Done done = std::move(done_);
  // A short file, or a slow station: what there is may do.
  if (!result_.media.empty()) return done(std::move(result_), std::nullopt);
  done(std::nullopt, error);
}

}  // namespace headwater
