#include "services/rtp-packager/source/status_watch.h"

#include <algorithm>

namespace headwater {

StatusResult StatusWatch::OnAnswer(std::string_view body, MonoTime now) {
  const std::optional<StreamTitle> title = ReadStatusPage(body, stream_);
  if (!title) return OnFailure(now);
  known_ = true;
  failures_ = 0;
  if (*title != told_) news_ = told_ = *title;
  const bool has_title = !title->title.empty();
  wait_ = has_title ? options_.period : std::min(2 * wait_, options_.period_max);
  next_ = now + wait_;
  return has_title ? StatusResult::kTitle : StatusResult::kNoTitle;
}

StatusResult StatusWatch::OnFailure(MonoTime now) {
  if (!known_ && page_ == StatusPage::kIcecast) {
    page_ = StatusPage::kShoutcast;
    next_ = now;
    return StatusResult::kFailed;
  }
  if (!known_) page_ = StatusPage::kIcecast;
  wait_ = std::min(2 * wait_, options_.period_max);
  next_ = ++failures_ < options_.failures_max ? now + wait_ : kNever;
  return StatusResult::kFailed;
}

}  // namespace headwater
