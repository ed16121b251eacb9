#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/directory-resolver/lineup.h"
#include "services/directory-resolver/number_book.h"
#include "services/directory-resolver/options.h"
#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

// Longer queries, and words after the sixteenth, are cut.
inline constexpr size_t kQueryBytesMax = 256;
inline constexpr size_t kQueryWordsMax = 16;

class Catalogue;

// Stations whose title or tags hold every word of the query, in any case: words at the beginning of
// the title count most, then at the beginning of its words, then anywhere in it, then in tags. Ties
// go by catalogue, then the most votes, then by number.
std::vector<const Station*> SearchCatalogues(std::initializer_list<const Catalogue*> catalogues,
                                             std::string_view query, size_t count,
                                             absl::FunctionRef<bool(const Station&)> is_wanted);

// All stations, by number. Immutable; pointers are valid as long as it lives.
class Catalogue {
 public:
  Catalogue() = default;
  // Numbers must differ.
  explicit Catalogue(std::vector<Station> stations);

  const Station* Find(uint32_t number) const;
  const std::vector<Station>& stations() const { return stations_; }

 private:
  friend std::vector<const Station*> SearchCatalogues(
      std::initializer_list<const Catalogue*> catalogues, std::string_view query, size_t count,
      absl::FunctionRef<bool(const Station&)> is_wanted);
  // Where a station's text begins; it ends where the next one's begins.
  struct Folded {
    size_t title = 0;
    size_t tags = 0;
  };
  std::string_view TitleAt(size_t index) const;
  std::string_view TagsAt(size_t index) const;

  std::vector<Station> stations_;
  // Titles and tags without case, each tag after a newline; in one piece, since a search reads all.
  std::string text_;
  // Same order as the stations, and the end.
  std::vector<Folded> folded_;
};

// The stations of a directory, or a part of them.
struct DirectoryLineup {
  std::string directory;
  std::vector<LineupStation> stations;
  // A file that a person can correct: a fault in it refuses the load. In what was fetched or added
  // it leaves out the station, with a warning.
  bool strict = true;
  // By people, into the catalogue.
  bool added = false;
  // What was left out before, a few lines.
  std::vector<std::string> warnings = {};
};

// What a catalogue is built with.
struct CatalogueParts {
  const Options& options;
  const NumberPlan& plan;
  NumberBook& book;
  // At most 64 lines are added.
  std::vector<std::string>& warnings;
};

// Gives every station its number and adds the test tone if the plan has it. Of stations with the
// same number the first remains. The book gets what was new; on an error it is in no defined state.
// INVALID_ARGUMENT names file, line and what is wrong: a number by hand that leads elsewhere or is
// another station's, a directory that is full.
absl::StatusOr<Catalogue> BuildCatalogue(std::vector<DirectoryLineup> lineups,
                                         CatalogueParts parts);

// Whether a number by hand leads to its directory. INVALID_ARGUMENT says where it leads.
absl::Status CheckByHand(const LineupStation& row, const NumberPrefix& prefix,
                         const NumberPlan& plan);

}  // namespace headwater::directory_resolver
