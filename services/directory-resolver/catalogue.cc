#include "services/directory-resolver/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/directory-resolver/text_fold.h"

namespace headwater::directory_resolver {
namespace {

std::vector<std::string> Words(std::string_view query) {
  std::vector<std::string> words;
  const std::string folded = FoldCase(query.substr(0, kQueryBytesMax));
  for (size_t at = 0; words.size() < kQueryWordsMax;) {
    at = folded.find_first_not_of(" \t\r\n", at);
    if (at == std::string::npos) break;
    const size_t end = std::min(folded.find_first_of(" \t\r\n", at), folded.size());
    words.push_back(folded.substr(at, end - at));
    at = end;
  }
  return words;
}

// 0: the word is not there.
int Score(std::string_view word, std::string_view title, std::string_view tags) {
  int best = tags.find(word) != std::string_view::npos ? 1 : 0;
  for (size_t at = title.find(word); at != std::string_view::npos; at = title.find(word, at + 1)) {
    if (at == 0) return 4;
    best = std::max(best, title[at - 1] == ' ' || title[at - 1] == '-' ? 3 : 2);
  }
  return best;
}

Station ToStation(const LineupStation& row, uint32_t number, const PlanDirectory& directory) {
  Station station;
  station.number = number;
  station.title = row.title;
  station.kind = directory.kind;
  station.urls = row.urls;
  station.directory = directory.name;
  station.tags = row.tags;
  station.homepage = row.homepage;
  station.logo_url = row.logo_url;
  return station;
}

// Whatever the reason, it is the lineup that has to change.
absl::Status At(const std::string& place, const absl::Status& status) {
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{}: {}", place, FromAbsl(status.message()))));
}

// A number by hand must lead to its own directory.
absl::Status CheckByHand(const LineupStation& row, const NumberPrefix& prefix,
                         const NumberPlan& plan) {
  const NumberPrefix* leads = plan.PrefixOf(*row.number);
  if (leads != nullptr && leads->directory == prefix.directory) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "{}: number {} leads to {}; directory {} has {}", row.place, NumberText(*row.number),
      leads == nullptr ? "no directory" : "directory " + leads->directory, prefix.directory,
      prefix.ToString()));
}

}  // namespace

Catalogue::Catalogue(std::vector<Station> stations) : stations_(std::move(stations)) {
  std::sort(stations_.begin(), stations_.end(),
            [](const Station& a, const Station& b) { return a.number < b.number; });
  folded_.reserve(stations_.size());
  for (const Station& station : stations_) {
    Folded folded{FoldCase(station.title), {}};
    for (const std::string& tag : station.tags) folded.tags += "\n" + FoldCase(tag);
    folded_.push_back(std::move(folded));
  }
}

const Station* Catalogue::Find(uint32_t number) const {
  const auto found = std::lower_bound(
      stations_.begin(), stations_.end(), number,
      [](const Station& station, uint32_t wanted) { return station.number < wanted; });
  return found != stations_.end() && found->number == number ? &*found : nullptr;
}

Catalogue::Page Catalogue::List(std::string_view directory, uint32_t first, size_t count) const {
  Page page;
  auto at = std::lower_bound(
      stations_.begin(), stations_.end(), first,
      [](const Station& station, uint32_t wanted) { return station.number < wanted; });
  for (; at != stations_.end(); ++at) {
    if (!directory.empty() && at->directory != directory) continue;
    if (page.stations.size() == count) {
      page.next = at->number;
      break;
    }
    page.stations.push_back(&*at);
  }
  return page;
}

std::vector<const Station*> Catalogue::Search(std::string_view query, size_t count) const {
  const std::vector<std::string> words = Words(query);
  std::vector<std::pair<int, const Station*>> found;
  if (words.empty()) return {};
  for (size_t i = 0; i < stations_.size(); ++i) {
    int total = 0;
    for (const std::string& word : words) {
      const int score = Score(word, folded_[i].title, folded_[i].tags);
      total = score == 0 ? 0 : total + score;
      if (total == 0) break;
    }
    if (total > 0) found.emplace_back(-total, &stations_[i]);
  }
  // Stations are in order of number, and so are their addresses: ties need no rule of their own.
  const size_t kept = std::min(count, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(kept), found.end());
  std::vector<const Station*> stations;
  for (size_t i = 0; i < kept; ++i) stations.push_back(found[i].second);
  return stations;
}

absl::StatusOr<Catalogue> BuildCatalogue(const Options& options, const NumberPlan& plan,
                                         const std::vector<DirectoryLineup>& lineups,
                                         NumberBook& book) {
  std::map<std::string_view, const NumberPrefix*> prefix_of;
  for (const DirectoryOptions& directory : options.directories)
    prefix_of[directory.plan.name] = &directory.prefix;
  std::vector<Station> stations;
  std::map<uint32_t, std::string> place_by_number;
  // By hand first: what is assigned goes around them.
  for (const DirectoryLineup& lineup : lineups) {
    const PlanDirectory& directory = *plan.FindDirectory(lineup.directory);
    for (const LineupStation& row : lineup.stations) {
      if (!row.number) continue;
      RETURN_IF_ERROR(CheckByHand(row, *prefix_of.at(lineup.directory), plan));
      const auto [other, added] = place_by_number.emplace(*row.number, row.place);
      if (!added) {
        return absl::InvalidArgumentError(fmt::format("{}: number {} is already at {}", row.place,
                                                      NumberText(*row.number), other->second));
      }
      if (absl::Status status = book.Claim(*row.number, lineup.directory, row.identity);
          !status.ok())
        return At(row.place, status);
      stations.push_back(ToStation(row, *row.number, directory));
    }
  }
  for (const DirectoryLineup& lineup : lineups) {
    const PlanDirectory& directory = *plan.FindDirectory(lineup.directory);
    for (const LineupStation& row : lineup.stations) {
      if (row.number) continue;
      absl::StatusOr<uint32_t> number =
          book.Assign(lineup.directory, row.identity, *prefix_of.at(lineup.directory), plan);
      if (!number.ok()) return At(row.place, number.status());
      stations.push_back(ToStation(row, *number, directory));
    }
  }
  if (options.test_tone) {
    Station tone;
    tone.number = kTestToneNumber;
    tone.title = "Headwater test tone";
    tone.kind = StationKind::kTest;
    tone.directory = kTestDirectory;
    tone.tags = {"test"};
    stations.push_back(std::move(tone));
  }
  return Catalogue(std::move(stations));
}

}  // namespace headwater::directory_resolver
