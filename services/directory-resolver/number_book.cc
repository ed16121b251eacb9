#include "services/directory-resolver/number_book.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {

NumberBook::NumberBook(const std::vector<NumberRecord>& records) {
  for (const NumberRecord& record : records)
    Record(record.number, record.directory, record.identity);
  unsaved_.clear();
}

void NumberBook::Record(uint32_t number, const std::string& directory,
                        const std::string& identity) {
  by_number_[number] = {directory, identity};
  by_identity_[{directory, identity}] = number;
  unsaved_.push_back({number, directory, identity});
}

absl::Status NumberBook::Claim(uint32_t number, const std::string& directory,
                               const std::string& identity) {
  const auto owner = by_number_.find(number);
  if (owner != by_number_.end()) {
    if (owner->second.directory == directory && owner->second.identity == identity) {
      // The newest claim is the number that Assign gives, should the number be taken out of the
      // file.
      by_identity_[{directory, identity}] = number;
      return absl::OkStatus();
    }
    if (owner->second.identity != "number:" + NumberText(number)) {
      return absl::FailedPreconditionError(
          fmt::format("number {} was assigned to another station ({} of directory {}) and is never "
                      "given to a second one",
                      NumberText(number), owner->second.identity, owner->second.directory));
    }
  }
  Record(number, directory, identity);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> NumberBook::Assign(const std::string& directory,
                                            const std::string& identity, const NumberPrefix& prefix,
                                            const NumberPlan& plan) {
  const auto ours = [&](const NumberPrefix* row) {
    return row != nullptr && row->directory == directory;
  };
  if (const auto known = by_identity_.find({directory, identity}); known != by_identity_.end()) {
    // A number outside the directory's present prefix leads elsewhere now: it stays retired, and
    // the station gets one that leads to it.
    if (ours(plan.PrefixOf(known->second))) return known->second;
  }
  const uint64_t end = uint64_t{prefix.number} + (uint64_t{1} << (32 - prefix.length));
  uint64_t& next = next_free_[directory];
  next = std::max<uint64_t>(next, prefix.number);
  while (next < end) {
    const auto number = static_cast<uint32_t>(next);
    const NumberPrefix* row = plan.PrefixOf(number);
    if (!ours(row)) {
      // A longer prefix of another directory: past its end, in one step.
      next = row == nullptr ? end : uint64_t{row->number} + (uint64_t{1} << (32 - row->length));
      continue;
    }
    ++next;
    if (by_number_.contains(number)) continue;
    Record(number, directory, identity);
    return number;
  }
  return absl::ResourceExhaustedError(
      fmt::format("directory {}: no number left in {}", directory, prefix.ToString()));
}

const NumberBook::Owner* NumberBook::Find(uint32_t number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : &found->second;
}

std::optional<uint32_t> NumberBook::NumberOf(const std::string& directory,
                                             const std::string& identity) const {
  const auto found = by_identity_.find({directory, identity});
  if (found == by_identity_.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, uint32_t> NumberBook::Counts() const {
  std::map<std::string, uint32_t> counts;
  for (const auto& [number, owner] : by_number_) ++counts[owner.directory];
  return counts;
}

std::vector<AssignedNumber> NumberBook::Assigned() const {
  std::vector<AssignedNumber> assigned;
  assigned.reserve(by_number_.size());
  for (const auto& [number, owner] : by_number_) assigned.push_back({number, owner.directory});
  std::sort(assigned.begin(), assigned.end(),
            [](const AssignedNumber& a, const AssignedNumber& b) { return a.number < b.number; });
  return assigned;
}

}  // namespace headwater::directory_resolver
