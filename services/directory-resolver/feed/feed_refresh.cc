#include "services/directory-resolver/feed/feed_refresh.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace headwater::directory_resolver {
namespace {

std::vector<std::string> ChangedFields(const LineupStation& before, const LineupStation& after) {
  std::vector<std::string> fields;
  const auto compare = [&fields](const char* name, bool same) {
    if (!same) fields.emplace_back(name);
  };
  compare("title", before.title == after.title);
  compare("urls", before.urls == after.urls);
  compare("tags", before.tags == after.tags);
  compare("homepage", before.homepage == after.homepage);
  compare("logo_url", before.logo_url == after.logo_url);
  StationDetails details = before.details;
  details.votes = after.details.votes;
  compare("details", details == after.details);
  return fields;
}

}  // namespace

absl::Time NextRefresh(const FeedState& state, DirectorySource source, const FeedOptions& options,
                       absl::Time now) {
  if (state.last_attempt == absl::InfinitePast()) return now;
  const absl::Duration refresh = absl::FromChrono(options.refresh);
  const bool failed = !state.error.empty();
  const absl::Duration wait = failed ? std::min(absl::FromChrono(options.retry), refresh) : refresh;
  if (!failed && state.fingerprint != Fingerprint(source, options)) return now;
  return std::min(std::max(state.last_attempt + wait, now), now + wait);
}

absl::Status CheckShrinking(const FeedState& state, DirectorySource source,
                            const FeedOptions& options, size_t before, size_t after) {
  if (after == 0) return absl::FailedPreconditionError("no station of it passes the filter");
  if (state.fingerprint != Fingerprint(source, options)) return absl::OkStatus();
  if (static_cast<double>(after) >= options.shrink_min * static_cast<double>(before))
    return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} stations, where {} are in force: less than a share of {} (shrink_min)", after,
                  before, options.shrink_min));
}

std::vector<FeedChange> DiffStations(const std::vector<LineupStation>& before,
                                     const std::vector<LineupStation>& after) {
  absl::flat_hash_map<std::string_view, size_t> known;
  known.reserve(before.size());
  for (size_t i = 0; i < before.size(); ++i) known.emplace(before[i].identity, i);
  std::vector<FeedChange> changes;
  std::vector<bool> kept(before.size(), false);
  for (size_t i = 0; i < after.size(); ++i) {
    const auto found = known.find(after[i].identity);
    if (found == known.end()) {
      changes.push_back({FeedChange::Kind::kAdded, i, {}});
      continue;
    }
    kept[found->second] = true;
    std::vector<std::string> fields = ChangedFields(before[found->second], after[i]);
    if (!fields.empty()) changes.push_back({FeedChange::Kind::kChanged, i, std::move(fields)});
  }
  for (size_t i = 0; i < before.size(); ++i) {
    if (!kept[i]) changes.push_back({FeedChange::Kind::kRemoved, i, {}});
  }
  return changes;
}

FeedChangeCounts CountChanges(const std::vector<FeedChange>& changes) {
  FeedChangeCounts counts;
  for (const FeedChange& change : changes) {
    switch (change.kind) {
      case FeedChange::Kind::kAdded:
        ++counts.added;
        break;
      case FeedChange::Kind::kRemoved:
        ++counts.removed;
        break;
      case FeedChange::Kind::kChanged:
        ++counts.changed;
        break;
    }
  }
  return counts;
}

}  // namespace headwater::directory_resolver
