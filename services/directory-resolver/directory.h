#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/directory-resolver/catalogue.h"
#include "services/directory-resolver/export.h"
#include "services/directory-resolver/number_book.h"
#include "services/directory-resolver/options.h"
#include "services/directory-resolver/station_marks.h"

namespace headwater::directory_resolver {

// A known format and when it was first seen so: the version of an exported SDP.
struct StoredFormat {
  KnownFormat known;
  absl::Time since;
};

// What an export is asked for, beyond the players' choice.
struct ExportQuery {
  enum class Format { kM3u, kXspf, kSdp, kXmltv };
  Format format = Format::kM3u;
  // One station; nothing means all of the directory.
  std::optional<uint32_t> number;
  // Empty: every directory.
  std::string directory;
  ExportChoice choice;
};

// A page of stations, by number.
struct StationQuery {
  enum class Set { kPlayable, kFavourite, kDisabled, kFailing };
  // Empty: every directory.
  std::string directory;
  // Where the page begins.
  uint32_t first = 0;
  size_t count = 0;
  Set set = Set::kPlayable;
};
struct StationPage {
  std::vector<const Station*> stations;
  // Where the next page begins; nothing after the last.
  std::optional<uint32_t> next;
};

// All that is known of a number. Pointers are valid until the next change of the directory.
struct StationRecord {
  uint32_t number = 0;
  // Null: a tombstone.
  const Station* station = nullptr;
  std::string directory;
  std::string identity;
  bool disabled = false;
  std::vector<uint32_t> aliases;
  // 0: none, here and below.
  uint32_t favourite = 0;
  uint32_t alias_of = 0;
  const StationHealth* health = nullptr;
};

// A second number to give or to take back.
struct AliasQuery {
  uint32_t number = 0;
  // 0: the lowest free one of `directory`.
  uint32_t alias = 0;
  std::string directory;
  bool remove = false;
  bool favourite = false;
};

// How many numbers of a directory lead where.
struct DirectoryCounts {
  uint32_t stations = 0;
  uint32_t disabled = 0;
  uint32_t tombstones = 0;
};

// The number plan and the stations now in force, and what plays and people have said of them. Not
// thread-safe.
class Directory {
 public:
  // Writes what a load has assigned; a failure refuses the load.
  using SaveNumbers = std::function<absl::Status(const std::vector<NumberRecord>&)>;
  // Writes an alias with the numbers that it took; nothing: it leads nowhere now.
  using SaveAlias = std::function<absl::Status(const std::vector<NumberRecord>&, uint32_t alias,
                                               const std::optional<StationMarks::Alias>& of)>;

  // What was stored before.
  Directory(std::vector<NumberRecord> numbers, std::map<uint32_t, StoredFormat> formats,
            StationMarks marks = {});

  // Takes new options and lineups, all or nothing: on an error everything stays as it was.
  absl::Status Load(const Options& options, std::vector<DirectoryLineup> lineups,
                    const SaveNumbers& save);

  // The station as it is played, under the number asked for also when that is an alias. NOT_FOUND
  // names the number and the directory that should hold it; FAILED_PRECONDITION: it is disabled.
  absl::StatusOr<const Station*> Resolve(uint32_t number) const;
  // What a session is to play: that station; or, of a carrier whose numbers are made from frequency
  // and service id, a service that no table has told of yet: the tuner finds out whether it is
  // there. Errors as Resolve.
  absl::StatusOr<Station> ResolveToPlay(uint32_t number) const;
  const KnownFormat* FormatOf(uint32_t number) const;
  // Keeps the format that a play has shown. Nothing: it is known already. NOT_FOUND: no such
  // station. INVALID_ARGUMENT: not a format.
  absl::StatusOr<std::optional<StoredFormat>> LearnFormat(uint32_t number, const KnownFormat& known,
                                                          absl::Time now);

  StationPage List(const StationQuery& query) const;
  // See SearchCatalogues. Aliases come before the stations that match as well.
  std::vector<const Station*> Search(std::string_view query, size_t count) const;
  // What an export is asked of, by number. NOT_FOUND: no such station or directory.
  absl::StatusOr<std::vector<const Station*>> Selected(const ExportQuery& query) const;
  // All but XMLTV, which needs the guide. NOT_FOUND as Selected. FAILED_PRECONDITION and
  // INVALID_ARGUMENT as WriteSdp, and for a single station that the player has no URL for.
  absl::StatusOr<std::string> Export(const ExportQuery& query) const;
  // NOT_FOUND: the number was never given.
  absl::StatusOr<StationRecord> Describe(uint32_t number) const;

  // The station's own number. NOT_FOUND: the number was never given.
  absl::StatusOr<uint32_t> SetDisabled(uint32_t number, bool disabled);
  // The alias. NOT_FOUND: no such station or directory; ALREADY_EXISTS: the number was given to
  // another; FAILED_PRECONDITION: it leads to no directory that may hold it, or there is none of
  // favourites.
  absl::StatusOr<uint32_t> SetAlias(const AliasQuery& query, const SaveAlias& save);
  // Whether the format that a result brings is what is sent: where stations have a container, a
  // check has seen what goes into it.
  bool ShowsFormat(uint32_t number, const PlayResult& result) const;
  // The station's own number and what is now known of its health. NOT_FOUND: no such station.
  absl::StatusOr<std::pair<uint32_t, StationHealth>> OnResult(uint32_t number,
                                                              const PlayResult& result,
                                                              absl::Time now);
  const Station* NextCheck(absl::Time now, absl::Duration age) {
    return marks_.NextCheck(catalogue_, now, age);
  }

  // Checks a station that a person wants to add: its directory (empty: the first that takes
  // stations) and how it would stand there, with its identity. INVALID_ARGUMENT names the field;
  // NOT_FOUND, FAILED_PRECONDITION: there is no such directory, or it takes none.
  absl::StatusOr<std::pair<std::string, LineupStation>> PlanAdded(const Station& wanted) const;
  // The number that it would have. RESOURCE_EXHAUSTED, ALREADY_EXISTS as for any number.
  absl::StatusOr<uint32_t> NumberForAdded(const std::string& directory,
                                          const LineupStation& row) const;

  // The number that a station of the directory has or had.
  std::optional<uint32_t> NumberOf(const std::string& directory,
                                   const std::string& identity) const {
    return book_.NumberOf(directory, identity);
  }
  const NumberPlan& plan() const { return plan_; }
  // Rises whenever the plan changes.
  uint64_t plan_revision() const { return plan_revision_; }
  const Catalogue& catalogue() const { return catalogue_; }
  const StationMarks& marks() const { return marks_; }
  std::map<std::string, DirectoryCounts> Counts() const;
  size_t numbers() const { return book_.size(); }
  size_t formats() const { return formats_.size(); }
  // The plan's warnings, the stations whose number it now gives to another directory, and those
  // that were left out.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  ExportedStation Exported(const Station& station) const {
    return {&station, FormatOf(station.number)};
  }
  const DirectoryOptions* OptionsOf(const std::string& directory) const;
  bool IsIn(const Station& station, StationQuery::Set set) const;
  // The directory that an alias is to be in. Errors as SetAlias.
  absl::StatusOr<const DirectoryOptions*> HomeOf(const AliasQuery& query,
                                                 const Station& station) const;
  absl::StatusOr<uint32_t> RemoveAlias(const AliasQuery& query, const SaveAlias& save);
  void BuildAliases();

  NumberBook book_;
  std::map<uint32_t, StoredFormat> formats_;
  StationMarks marks_;
  std::vector<DirectoryOptions> directories_;
  NumberPlan plan_;
  uint64_t plan_revision_ = 0;
  Catalogue catalogue_;
  // The stations of aliases, under the alias's number and directory.
  Catalogue aliases_;
  std::vector<std::string> warnings_;
};

}  // namespace headwater::directory_resolver
