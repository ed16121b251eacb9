#include "services/directory-resolver/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
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

// A row of a lineup with its number.
struct Placed {
  uint32_t number;
  LineupStation* row;
  const PlanDirectory* directory;
  bool added;
};

// Takes the row's text: a catalogue is large.
Station ToStation(const Placed& placed) {
  LineupStation& row = *placed.row;
  Station station;
  station.number = placed.number;
  station.title = std::move(row.title);
  station.kind = placed.directory->kind;
  station.urls = std::move(row.urls);
  station.directory = placed.directory->name;
  station.tags = std::move(row.tags);
  station.homepage = std::move(row.homepage);
  station.logo_url = std::move(row.logo_url);
  station.details = std::move(row.details);
  station.added = placed.added;
  station.dvb = std::move(row.dvb);
  return station;
}

// Whatever the reason, it is the lineup that has to change.
absl::Status At(const std::string& place, const absl::Status& status) {
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{}: {}", place, FromAbsl(status.message()))));
}

class Builder {
 public:
  Builder(std::vector<DirectoryLineup>& lineups, CatalogueParts& parts)
      : lineups_(lineups), parts_(parts) {
    for (const DirectoryOptions& directory : parts.options.directories)
      prefix_of_[directory.plan.name] = &directory.prefix;
  }

  // By number.
  absl::StatusOr<std::vector<Station>> Build() {
    size_t count = 1;
    for (const DirectoryLineup& lineup : lineups_) count += lineup.stations.size();
    placed_.reserve(count);
    // By hand first: what is assigned goes around them.
    for (const bool by_hand : {true, false}) {
      for (DirectoryLineup& lineup : lineups_) RETURN_IF_ERROR(AddAll(lineup, by_hand));
    }
    for (const DirectoryLineup& lineup : lineups_)
      parts_.warnings.insert(parts_.warnings.end(), lineup.warnings.begin(), lineup.warnings.end());
    if (left_out_ > kWarningsMax)
      parts_.warnings.push_back(
          fmt::format("and {} more stations left out", left_out_ - kWarningsMax));
    std::stable_sort(placed_.begin(), placed_.end(),
                     [](const Placed& a, const Placed& b) { return a.number < b.number; });
    std::vector<Station> stations;
    stations.reserve(count);
    for (const Placed& placed : placed_) {
      if (stations.empty() || stations.back().number != placed.number)
        stations.push_back(ToStation(placed));
    }
    return stations;
  }

 private:
  static constexpr size_t kWarningsMax = 8;

  absl::Status AddAll(DirectoryLineup& lineup, bool by_hand) {
    const PlanDirectory* directory = parts_.plan.FindDirectory(lineup.directory);
    const NumberPrefix& prefix = *prefix_of_.at(lineup.directory);
    for (LineupStation& row : lineup.stations) {
      if (row.number.has_value() != by_hand) continue;
      const absl::StatusOr<uint32_t> number =
          by_hand ? ByHand(row, prefix)
                  : parts_.book.Assign(prefix.directory, row.identity, prefix, parts_.plan);
      if (number.ok()) {
        placed_.push_back({*number, &row, directory, lineup.added});
      } else if (lineup.strict) {
        return At(row.place, number.status());
      } else if (++left_out_ <= kWarningsMax) {
        parts_.warnings.push_back(fmt::format("station \"{}\" of directory {} is left out: {}",
                                              row.title, lineup.directory,
                                              FromAbsl(number.status().message())));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ByHand(const LineupStation& row, const NumberPrefix& prefix) {
    RETURN_IF_ERROR(CheckByHand(row, prefix, parts_.plan));
    const auto [other, added] = place_by_number_.emplace(*row.number, row.place);
    if (!added) {
      return absl::InvalidArgumentError(
          fmt::format("number {} is already at {}", NumberText(*row.number), other->second));
    }
    RETURN_IF_ERROR(parts_.book.Claim(*row.number, prefix.directory, row.identity));
    return *row.number;
  }

  std::vector<DirectoryLineup>& lineups_;
  CatalogueParts& parts_;
  std::map<std::string_view, const NumberPrefix*> prefix_of_;
  std::map<uint32_t, std::string> place_by_number_;
  std::vector<Placed> placed_;
  size_t left_out_ = 0;
};

}  // namespace

Catalogue::Catalogue(std::vector<Station> stations) : stations_(std::move(stations)) {
  const auto by_number = [](const Station& a, const Station& b) { return a.number < b.number; };
  // Stations are large to move, and mostly come in order.
  if (!std::is_sorted(stations_.begin(), stations_.end(), by_number))
    std::sort(stations_.begin(), stations_.end(), by_number);
  size_t bytes = 0;
  for (const Station& station : stations_) {
    bytes += station.title.size();
    for (const std::string& tag : station.tags) bytes += 1 + tag.size();
  }
  text_.reserve(bytes);
  folded_.reserve(stations_.size() + 1);
  for (const Station& station : stations_) {
    Folded& folded = folded_.emplace_back();
    folded.title = text_.size();
    AppendFolded(station.title, text_);
    folded.tags = text_.size();
    for (const std::string& tag : station.tags) {
      text_.push_back('\n');
      AppendFolded(tag, text_);
    }
  }
  folded_.push_back({text_.size(), text_.size()});
}

std::string_view Catalogue::TitleAt(size_t index) const {
  const Folded& folded = folded_[index];
  return std::string_view(text_).substr(folded.title, folded.tags - folded.title);
}

std::string_view Catalogue::TagsAt(size_t index) const {
  const size_t begin = folded_[index].tags;
  return std::string_view(text_).substr(begin, folded_[index + 1].title - begin);
}

const Station* Catalogue::Find(uint32_t number) const {
  const auto found = std::lower_bound(
      stations_.begin(), stations_.end(), number,
      [](const Station& station, uint32_t wanted) { return station.number < wanted; });
  return found != stations_.end() && found->number == number ? &*found : nullptr;
}

std::vector<const Station*> SearchCatalogues(std::initializer_list<const Catalogue*> catalogues,
                                             std::string_view query, size_t count,
                                             absl::FunctionRef<bool(const Station&)> is_wanted) {
  struct Hit {
    int score;
    size_t catalogue;
    const Station* station;
    // Best first. Within a catalogue stations are in order of number, and so are their addresses.
    bool operator<(const Hit& other) const {
      return std::tuple(-score, catalogue, ~station->details.votes, station) <
             std::tuple(-other.score, other.catalogue, ~other.station->details.votes,
                        other.station);
    }
  };
  const std::vector<std::string> words = Words(query);
  std::vector<Hit> hits;
  if (words.empty()) return {};
  for (size_t which = 0; which < catalogues.size(); ++which) {
    const Catalogue& catalogue = *std::data(catalogues)[which];
    for (size_t i = 0; i < catalogue.stations_.size(); ++i) {
      const std::string_view title = catalogue.TitleAt(i);
      const std::string_view tags = catalogue.TagsAt(i);
      int total = 0;
      for (const std::string& word : words) {
        const int score = Score(word, title, tags);
        total = score == 0 ? 0 : total + score;
        if (total == 0) break;
      }
      if (total > 0 && is_wanted(catalogue.stations_[i]))
        hits.push_back({total, which, &catalogue.stations_[i]});
    }
  }
  const size_t kept = std::min(count, hits.size());
  std::partial_sort(hits.begin(), hits.begin() + static_cast<ptrdiff_t>(kept), hits.end());
  std::vector<const Station*> stations;
  for (size_t i = 0; i < kept; ++i) stations.push_back(hits[i].station);
  return stations;
}

absl::Status CheckByHand(const LineupStation& row, const NumberPrefix& prefix,
                         const NumberPlan& plan) {
  const NumberPrefix* leads = plan.PrefixOf(*row.number);
  if (leads != nullptr && leads->directory == prefix.directory) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("number {} leads to {}; directory {} has {}", NumberText(*row.number),
                  leads == nullptr ? "no directory" : "directory " + leads->directory,
                  prefix.directory, prefix.ToString()));
}

absl::StatusOr<Catalogue> BuildCatalogue(std::vector<DirectoryLineup> lineups,
                                         CatalogueParts parts) {
  ASSIGN_OR_RETURN(std::vector<Station> stations, Builder(lineups, parts).Build());
  if (parts.options.test_tone) {
    Station tone;
    tone.number = kTestToneNumber;
    tone.title = "Headwater test tone";
    tone.kind = StationKind::kTest;
    tone.directory = kTestDirectory;
    tone.tags = {"test"};
    const auto after = std::find_if(stations.begin(), stations.end(), [](const Station& station) {
      return station.number > kTestToneNumber;
    });
    stations.insert(after, std::move(tone));
  }
  return Catalogue(std::move(stations));
}

}  // namespace headwater::directory_resolver
