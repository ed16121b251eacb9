// What people and plays say of stations; the rest of Directory is in directory.cc.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/directory.h"

namespace headwater::directory_resolver {
namespace {

constexpr size_t kTextMax = 256;

// Whose an alias is: for ever that station's.
std::string AliasIdentity(uint32_t number) { return "station:" + NumberText(number); }

absl::Status NeverGiven(uint32_t number) {
  return absl::NotFoundError(fmt::format("number {} was never given", NumberText(number)));
}

absl::Status GivenToAnother(uint32_t number, const NumberBook::Owner& owner) {
  return absl::AlreadyExistsError(
      fmt::format("number {} was given to another station ({} of directory {}) and is never given "
                  "to a second one",
                  NumberText(number), owner.identity, owner.directory));
}

// Whether a station of the one directory may be played by the rules of the other: the same URLs may
// be opened, and what is sent has the same format.
bool PlayAlike(const PlanDirectory& one, const PlanDirectory& other) {
  return one.local == other.local && one.container == other.container;
}

// Where people may add stations: not where a number means another thing.
bool TakesStations(const DirectoryOptions& directory) {
  return directory.plan.kind == StationKind::kHttp &&
         directory.source != DirectorySource::kFavourites;
}

}  // namespace

const DirectoryOptions* Directory::OptionsOf(const std::string& directory) const {
  const auto found =
      std::find_if(directories_.begin(), directories_.end(),
                   [&](const DirectoryOptions& row) { return row.plan.name == directory; });
  return found == directories_.end() ? nullptr : &*found;
}

void Directory::BuildAliases() {
  std::vector<Station> stations;
  for (const auto& [number, alias] : marks_.aliases()) {
    const Station* first = catalogue_.Find(alias.number);
    const PlanDirectory* home = plan_.DirectoryOf(number);
    if (first == nullptr || home == nullptr) continue;
    // The configuration may have changed since the alias was given.
    const PlanDirectory* of = plan_.FindDirectory(first->directory);
    if (of == nullptr || !PlayAlike(*home, *of)) continue;
    Station& station = stations.emplace_back(*first);
    station.number = number;
    station.directory = home->name;
  }
  aliases_ = Catalogue(std::move(stations));
}

absl::StatusOr<StationRecord> Directory::Describe(uint32_t number) const {
  StationRecord record;
  record.number = number;
  record.station = catalogue_.Find(number);
  if (record.station == nullptr) record.station = aliases_.Find(number);
  if (const NumberBook::Owner* owner = book_.Find(number)) {
    record.directory = owner->directory;
    record.identity = owner->identity;
  } else if (record.station == nullptr) {
    return NeverGiven(number);
  } else {
    record.directory = record.station->directory;
  }
  const uint32_t first = marks_.First(number);
  if (first != number) record.alias_of = first;
  record.disabled = marks_.IsDisabled(first);
  record.health = marks_.HealthOf(first);
  for (const auto& [alias, of] : marks_.aliases()) {
    if (of.number != first) continue;
    if (of.favourite) record.favourite = alias;
    record.aliases.push_back(alias);
  }
  return record;
}

absl::StatusOr<uint32_t> Directory::SetDisabled(uint32_t number, bool disabled) {
  const uint32_t first = marks_.First(number);
  if (book_.Find(first) == nullptr && catalogue_.Find(first) == nullptr) return NeverGiven(number);
  marks_.SetDisabled(first, disabled);
  return first;
}

absl::StatusOr<const DirectoryOptions*> Directory::HomeOf(const AliasQuery& query,
                                                          const Station& station) const {
  std::string name = query.directory;
  if (query.alias != 0) {
    const NumberPrefix* row = plan_.PrefixOf(query.alias);
    if (row == nullptr || (!name.empty() && row->directory != name)) {
      return absl::FailedPreconditionError(
          fmt::format("number {} leads to {}", NumberText(query.alias),
                      row == nullptr ? "no directory" : "directory " + row->directory));
    }
    name = row->directory;
  } else if (query.favourite) {
    const auto favourites = std::find_if(
        directories_.begin(), directories_.end(),
        [](const auto& directory) { return directory.source == DirectorySource::kFavourites; });
    if (favourites == directories_.end())
      return absl::FailedPreconditionError("no directory is of kind \"favourites\"");
    name = favourites->plan.name;
  }
  const DirectoryOptions* home = OptionsOf(name);
  if (home == nullptr)
    return absl::NotFoundError(fmt::format("no directory is named \"{}\"", name));
  const PlanDirectory* of = plan_.FindDirectory(station.directory);
  if (of != nullptr && !PlayAlike(*of, home->plan)) {
    return absl::FailedPreconditionError(
        fmt::format("directories {} and {} differ in local or container: an alias plays by the "
                    "rules of its own directory",
                    of->name, name));
  }
  return home;
}

absl::StatusOr<uint32_t> Directory::RemoveAlias(const AliasQuery& query, const SaveAlias& save) {
  const uint32_t first = marks_.First(query.number);
  for (const auto& [alias, of] : marks_.aliases()) {
    const bool named = query.favourite ? of.favourite : alias == query.alias;
    if (!named || of.number != first) continue;
    const uint32_t removed = alias;
    RETURN_IF_ERROR(save({}, removed, std::nullopt));
    marks_.RemoveAlias(removed);
    BuildAliases();
    return removed;
  }
  if (query.favourite) return 0;
  return absl::NotFoundError(
      fmt::format("number {} is no alias of {}", NumberText(query.alias), NumberText(first)));
}

absl::StatusOr<uint32_t> Directory::SetAlias(const AliasQuery& query, const SaveAlias& save) {
  if (query.remove) return RemoveAlias(query, save);
  ASSIGN_OR_RETURN(const Station* asked, Resolve(query.number));
  const uint32_t first = marks_.First(asked->number);
  const Station* station = catalogue_.Find(first);
  ASSIGN_OR_RETURN(const DirectoryOptions* home, HomeOf(query, *station));
  const std::string identity = AliasIdentity(first);
  uint32_t alias = query.alias;
  if (alias == 0) {
    ASSIGN_OR_RETURN(alias, book_.Assign(home->plan.name, identity, home->prefix, plan_));
  } else if (const NumberBook::Owner* owner = book_.Find(alias);
             owner != nullptr && owner->identity != identity) {
    return GivenToAnother(alias, *owner);
  } else if (catalogue_.Find(alias) != nullptr) {
    return absl::AlreadyExistsError(fmt::format("number {} is a station", NumberText(alias)));
  } else {
    RETURN_IF_ERROR(book_.Claim(alias, home->plan.name, identity));
  }
  const StationMarks::Alias of = {first, home->source == DirectorySource::kFavourites};
  RETURN_IF_ERROR(save(book_.unsaved(), alias, of));
  book_.Saved();
  marks_.SetAlias(alias, of);
  BuildAliases();
  return alias;
}

bool Directory::ShowsFormat(uint32_t number, const PlayResult& result) const {
  const PlanDirectory* home = plan_.DirectoryOf(number);
  const bool wrapped = home != nullptr && home->container != MediaContainer::kNone;
  return result.ok && !(result.check && wrapped);
}

absl::StatusOr<std::pair<uint32_t, StationHealth>> Directory::OnResult(uint32_t number,
                                                                       const PlayResult& result,
                                                                       absl::Time now) {
  if (catalogue_.Find(number) == nullptr && aliases_.Find(number) == nullptr)
    return Resolve(number).status();
  const uint32_t first = marks_.First(number);
  return std::pair(first, marks_.OnResult(first, result, now));
}

absl::StatusOr<std::pair<std::string, LineupStation>> Directory::PlanAdded(
    const Station& wanted) const {
  const auto invalid = [](std::string text) { return absl::InvalidArgumentError(text); };
  LineupStation row;
  row.title = CleanText(wanted.title, kTextMax);
  if (row.title.empty()) return invalid("title: a station needs one");
  if (wanted.urls.empty() || wanted.urls.size() > kStationUrlsMax)
    return invalid(fmt::format("urls: a station needs 1 to {}", kStationUrlsMax));
  for (const std::string& url : wanted.urls) {
    if (!IsStationUrl(url) || NormalisedUrl(url).empty())
      return invalid(
          fmt::format("urls: \"{}\" is not an http, https or icy URL of at most {} "
                      "printable ASCII characters",
                      CleanText(url, 200), kStationUrlBytesMax));
  }
  row.urls = wanted.urls;
  for (const std::string& tag : wanted.tags) {
    if (std::string clean = CleanText(tag, 64); !clean.empty() && row.tags.size() < kStationTagsMax)
      row.tags.push_back(std::move(clean));
  }
  if (IsStationUrl(wanted.homepage)) row.homepage = wanted.homepage;
  if (IsStationUrl(wanted.logo_url)) row.logo_url = wanted.logo_url;
  row.identity = "url:" + NormalisedUrl(row.urls.front());
  if (wanted.number != 0) row.number = wanted.number;

  const DirectoryOptions* home = OptionsOf(wanted.directory);
  if (!wanted.directory.empty()) {
    if (plan_.FindDirectory(wanted.directory) == nullptr)
      return absl::NotFoundError(fmt::format("no directory is named \"{}\"", wanted.directory));
  } else {
    // One that is for this before one that has a file or a document of its own.
    for (const DirectoryOptions& directory : directories_) {
      const bool better = home == nullptr || (directory.source == DirectorySource::kCatalogue &&
                                              home->source != DirectorySource::kCatalogue);
      if (TakesStations(directory) && better) home = &directory;
    }
  }
  if (home == nullptr || !TakesStations(*home)) {
    return absl::FailedPreconditionError(
        home == nullptr && wanted.directory.empty()
            ? "no directory takes stations: configure one of kind \"catalogue\""
            : fmt::format("directory {} takes no stations", wanted.directory));
  }
  if (row.number) RETURN_IF_ERROR(CheckByHand(row, home->prefix, plan_));
  return std::pair(home->plan.name, std::move(row));
}

absl::StatusOr<uint32_t> Directory::NumberForAdded(const std::string& directory,
                                                   const LineupStation& row) const {
  if (row.number) {
    const NumberBook::Owner* owner = book_.Find(*row.number);
    if (owner != nullptr && (owner->directory != directory || owner->identity != row.identity))
      return GivenToAnother(*row.number, *owner);
    return *row.number;
  }
  NumberBook sheet = NumberBook::Over(book_);
  return sheet.Assign(directory, row.identity, OptionsOf(directory)->prefix, plan_);
}

std::map<std::string, DirectoryCounts> Directory::Counts() const {
  std::map<std::string, DirectoryCounts> counts;
  for (const DirectoryOptions& directory : directories_) counts[directory.plan.name] = {};
  std::map<std::string, uint32_t> live;
  for (const Catalogue* catalogue : {&catalogue_, &aliases_}) {
    for (const Station& station : catalogue->stations()) {
      const bool disabled = marks_.IsDisabled(marks_.First(station.number));
      DirectoryCounts& row = counts[station.directory];
      ++(disabled ? row.disabled : row.stations);
      if (book_.Find(station.number) != nullptr) ++live[station.directory];
    }
  }
  for (const auto& [name, given] : book_.Counts()) {
    if (const auto row = counts.find(name); row != counts.end())
      row->second.tombstones = given - std::min(given, live[name]);
  }
  return counts;
}

}  // namespace headwater::directory_resolver
