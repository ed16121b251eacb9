#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
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

// All stations, by number. Immutable; pointers are valid as long as it lives.
class Catalogue {
 public:
  struct Page {
    std::vector<const Station*> stations;
    // Where the next page begins; nothing after the last.
    std::optional<uint32_t> next;
  };

  Catalogue() = default;
  // Numbers must differ.
  explicit Catalogue(std::vector<Station> stations);

  const Station* Find(uint32_t number) const;
  // At most `count` stations of the directory (empty: of all) from number `first` on.
  Page List(std::string_view directory, uint32_t first, size_t count) const;
  // Stations whose title or tags hold every word of the query, in any case: words at the beginning
  // of the title count most, then at the beginning of its words, then anywhere in it, then in tags.
  // Ties go by number.
  std::vector<const Station*> Search(std::string_view query, size_t count) const;

  const std::vector<Station>& stations() const { return stations_; }

 private:
  struct Folded {
    std::string title;
    // Each after a newline.
    std::string tags;
  };

  std::vector<Station> stations_;
  // Same order.
  std::vector<Folded> folded_;
};

// The stations of one directory's lineup.
struct DirectoryLineup {
  std::string directory;
  std::vector<LineupStation> stations;
};

// Gives every station its number and adds the test tone if the plan has it. The book gets what was
// new; on an error it is in no defined state. INVALID_ARGUMENT names file, line and what is wrong:
// a number by hand that leads elsewhere or is another station's, a directory that is full.
absl::StatusOr<Catalogue> BuildCatalogue(const Options& options, const NumberPlan& plan,
                                         const std::vector<DirectoryLineup>& lineups,
                                         NumberBook& book);

}  // namespace headwater::directory_resolver
