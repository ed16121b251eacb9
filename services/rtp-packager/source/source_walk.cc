#include "services/rtp-packager/source/source_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

constexpr size_t kUrlsMax = 32;
constexpr size_t kErrorBytesMax = 500;
// How much of a URL an error shows.
constexpr size_t kShownUrlBytesMax = 200;

std::string Shown(const std::string& url) { return CleanText(url, kShownUrlBytesMax); }

}  // namespace

SourceWalk::SourceWalk(const SourceWalkOptions& options, const SourceRequest& request)
    : options_(options) {
  Begin(request);
  Next();
}

void SourceWalk::Begin(const SourceRequest& request) {
  const size_t count = std::min(request.urls.size(), kUrlsMax);
  if (count == 0) AddError(SourceErrorReason::kInternal, "the station has no URL");
  std::vector<Step> steps;
  for (size_t i = 0; i < count; ++i) {
    const size_t index = (request.first + i) % count;
    const auto url = SourceUrl::Parse(request.urls[index]);
    if (!url.ok()) {
      const bool scheme = url.error() == SourceUrlError::kScheme;
      AddError(scheme ? SourceErrorReason::kPolicy : SourceErrorReason::kInternal,
               fmt::format("{}: {}", RedactUrl(request.urls[index]),
                           scheme ? "not an http, https or icy URL" : "not a valid URL"));
      continue;
    }
    Step step;
    step.url = *url;
    step.url_index = index;
    steps.push_back(std::move(step));
  }
  pending_.assign(std::make_move_iterator(steps.rbegin()), std::make_move_iterator(steps.rend()));
}

void SourceWalk::Next() {
  if (pending_.empty()) {
    done_ = true;
    return;
  }
  if (requests_ == options_.requests_max) {
    AddError(SourceErrorReason::kPlaylist,
             fmt::format("gave up after {} requests", options_.requests_max));
    done_ = true;
    return;
  }
  ++requests_;
  step_ = std::move(pending_.back());
  pending_.pop_back();
  step_.hops.push_back(step_.url.ToString());
}

void SourceWalk::OnRedirect(std::string_view location) {
  const std::string target = RedactUrl(location);
  const auto fail = [&](SourceErrorReason reason, std::string_view what) {
    OnFailure(reason, what);
  };
  if (step_.redirects == options_.redirects_max) {
    return fail(SourceErrorReason::kRedirect,
                fmt::format("more than {} redirects", options_.redirects_max));
  }
  const auto url = step_.url.Resolve(location);
  if (!url.ok()) {
    const bool scheme = url.error() == SourceUrlError::kScheme;
    return fail(SourceErrorReason::kRedirect,
                fmt::format("redirects to {}, {}", target,
                            scheme ? "not an http or https URL" : "not a valid URL"));
  }
  if (step_.url.tls && !url->tls) {
    return fail(SourceErrorReason::kRedirect,
                fmt::format("redirects from https to {}", Shown(url->ToString())));
  }
  if (std::find(step_.hops.begin(), step_.hops.end(), url->ToString()) != step_.hops.end()) {
    return fail(SourceErrorReason::kRedirect,
                fmt::format("redirect loop, back to {}", Shown(url->ToString())));
  }
  Step next = std::move(step_);
  next.url = *url;
  ++next.redirects;
  pending_.push_back(std::move(next));
  Next();
}

void SourceWalk::OnPlaylist(const std::vector<std::string>& targets, std::string_view base) {
  if (step_.depth == options_.playlist_depth_max) {
    return OnFailure(SourceErrorReason::kPlaylist, fmt::format("playlists nested more than {} deep",
                                                               options_.playlist_depth_max));
  }
  if (targets.empty()) return OnFailure(SourceErrorReason::kPlaylist, "an empty playlist");
  std::vector<Step> steps = StepsTo(targets, base);
  if (steps.empty()) {
    return OnFailure(SourceErrorReason::kPlaylist,
                     fmt::format("a playlist without a usable URL, beginning with {}",
                                 RedactUrl(targets.front())));
  }
  Branch(std::move(steps));
}

void SourceWalk::OnPage(const std::vector<std::string>& targets, std::string_view base,
                        std::string_view what) {
  std::vector<Step> steps;
  if (!step_.from_page && step_.depth < options_.playlist_depth_max) steps = StepsTo(targets, base);
  if (steps.empty()) return OnFailure(SourceErrorReason::kHtml, what);
  for (Step& step : steps) step.from_page = true;
  Branch(std::move(steps));
}

std::vector<SourceWalk::Step> SourceWalk::StepsTo(const std::vector<std::string>& targets,
                                                  std::string_view base) const {
  const auto resolved = step_.url.Resolve(base);
  const SourceUrl& from = resolved.ok() ? *resolved : step_.url;
  std::vector<Step> steps;
  for (size_t i = 0; i < std::min(targets.size(), options_.playlist_targets_max); ++i) {
    const auto url = from.Resolve(targets[i]);
    if (!url.ok()) continue;
    // A list that names itself, or one that led to it.
    if (std::find(step_.hops.begin(), step_.hops.end(), url->ToString()) != step_.hops.end())
      continue;
    steps.push_back({.url = *url,
                     .url_index = step_.url_index,
                     .redirects = 0,
                     .depth = step_.depth + 1,
                     .from_page = step_.from_page,
                     .hops = step_.hops});
  }
  return steps;
}

void SourceWalk::Branch(std::vector<Step> steps) {
  pending_.insert(pending_.end(), std::make_move_iterator(steps.rbegin()),
                  std::make_move_iterator(steps.rend()));
  Next();
}

void SourceWalk::OnFailure(SourceErrorReason reason, std::string_view what) {
  AddError(reason, Describe(what));
  Next();
}

std::string SourceWalk::Describe(std::string_view what) const {
  std::string text = fmt::format("{}: {}", Shown(step_.url.ToString()), what);
  if (step_.hops.size() > 1) text += fmt::format(" (by way of {})", Shown(step_.hops.front()));
  return CleanText(text, kErrorBytesMax);
}

void SourceWalk::AddError(SourceErrorReason reason, std::string text) {
  error_.reason = reason;
  if (error_.text.empty()) {
    error_.text = std::move(text);
  } else if (error_.text.size() + text.size() + 2 <= kErrorBytesMax) {
    error_.text.append("; ").append(text);
  }
}

SourceError SourceWalk::error() const { return error_; }

}  // namespace headwater
