#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"

namespace headwater::directory_resolver {

// A number and whose it is, for ever.
struct NumberRecord {
  uint32_t number = 0;
  std::string directory;
  // LineupStation::identity.
  std::string identity;

  bool operator==(const NumberRecord&) const = default;
};

// Which station holds which number. A number that was given once is never given to another station,
// also after the first has gone: a listener's preset must not turn into a stranger.
class NumberBook {
 public:
  NumberBook() = default;
  // Records as stored, oldest first.
  explicit NumberBook(std::vector<NumberRecord> records);

  // A sheet over a book: what is given on it comes into the book when that takes it, and is
  // forgotten otherwise. The book stays unchanged, and where it is, as long as there is the sheet.
  static NumberBook Over(const NumberBook& book);
  void Take(NumberBook sheet);

  // A number given by hand. FAILED_PRECONDITION when it was assigned to another station; what was
  // given by hand before may be given an id later. Call for every such station before the first
  // Assign.
  absl::Status Claim(uint32_t number, const std::string& directory, const std::string& identity);
  // The number that the station has, or the lowest free one of the directory's prefix (where longer
  // prefixes leave it to the directory). RESOURCE_EXHAUSTED names the prefix when there is none
  // left.
  absl::StatusOr<uint32_t> Assign(const std::string& directory, const std::string& identity,
                                  const NumberPrefix& prefix, const NumberPlan& plan);

  // Whose a number is; null when it was never given. Valid until the next change.
  struct Owner {
    std::string directory;
    std::string identity;
  };
  const Owner* Find(uint32_t number) const;
  // The number that Assign would find; nothing when it would give a new one.
  std::optional<uint32_t> NumberOf(const std::string& directory, const std::string& identity) const;

  // Records made or changed since construction or Saved(), in order.
  const std::vector<NumberRecord>& unsaved() const { return unsaved_; }
  void Saved() { unsaved_.clear(); }
  size_t size() const { return by_number_.size(); }
  // Numbers that lead to another directory than the one that has given them, or to none; ascending.
  std::vector<AssignedNumber> LedElsewhere(const NumberPlan& plan) const;
  // How many each directory has given.
  std::map<std::string, uint32_t> Counts() const;

 private:
  void Record(uint32_t number, const std::string& directory, const std::string& identity);

  // Of a sheet: the book. What follows is then what differs from it.
  const NumberBook* under_ = nullptr;
  absl::flat_hash_map<uint32_t, Owner> by_number_;
  // The newest number of an identity, by directory.
  absl::flat_hash_map<std::string, absl::flat_hash_map<std::string, uint32_t>> by_identity_;
  // Where to look for a free number next; what lies before has none.
  absl::flat_hash_map<std::string, uint64_t> next_free_;
  std::vector<NumberRecord> unsaved_;
};

}  // namespace headwater::directory_resolver
