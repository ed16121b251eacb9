#include "services/directory-resolver/number_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {

NumberBook::NumberBook(std::vector<NumberRecord> records) {
  by_number_.reserve(records.size());
  for (NumberRecord& record : records) {
    by_number_[record.number] = {record.directory, record.identity};
    by_identity_[record.directory][std::move(record.identity)] = record.number;
  }
}

NumberBook NumberBook::Over(const NumberBook& book) {
  NumberBook sheet;
  sheet.under_ = &book;
  sheet.next_free_ = book.next_free_;
  sheet.unsaved_ = book.unsaved_;
  return sheet;
}

void NumberBook::Take(NumberBook sheet) {
  for (auto& [number, owner] : sheet.by_number_) by_number_[number] = std::move(owner);
  for (auto& [directory, numbers] : sheet.by_identity_) {
    auto& ours = by_identity_[directory];
    for (auto& [identity, number] : numbers) ours[identity] = number;
  }
  next_free_ = std::move(sheet.next_free_);
  unsaved_ = std::move(sheet.unsaved_);
}

void NumberBook::Record(uint32_t number, const std::string& directory,
                        const std::string& identity) {
  by_number_[number] = {directory, identity};
  by_identity_[directory][identity] = number;
  unsaved_.push_back({number, directory, identity});
}

absl::Status NumberBook::Claim(uint32_t number, const std::string& directory,
                               const std::string& identity) {
  if (const Owner* owner = Find(number)) {
    if (owner->directory == directory && owner->identity == identity) {
      // The newest claim is the number that Assign gives, should the number be taken out of the
      // file.
      if (NumberOf(directory, identity) != number) by_identity_[directory][identity] = number;
      return absl::OkStatus();
    }
    if (owner->identity != "number:" + NumberText(number)) {
      return absl::FailedPreconditionError(
          fmt::format("number {} was assigned to another station ({} of directory {}) and is never "
                      "given to a second one",
                      NumberText(number), owner->identity, owner->directory));
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
  // A number outside the directory's present prefix leads elsewhere now: it stays retired, and the
  // station gets one that leads to it.
  const std::optional<uint32_t> known = NumberOf(directory, identity);
  if (known && ours(plan.PrefixOf(*known))) return *known;
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
    if (Find(number) != nullptr) continue;
    Record(number, directory, identity);
    return number;
  }
  return absl::ResourceExhaustedError(
      fmt::format("directory {}: no number left in {}", directory, prefix.ToString()));
}

const NumberBook::Owner* NumberBook::Find(uint32_t number) const {
  const auto found = by_number_.find(number);
  if (found != by_number_.end()) return &found->second;
  return under_ == nullptr ? nullptr : under_->Find(number);
}

std::optional<uint32_t> NumberBook::NumberOf(const std::string& directory,
                                             const std::string& identity) const {
  if (const auto numbers = by_identity_.find(directory); numbers != by_identity_.end()) {
    const auto found = numbers->second.find(identity);
    if (found != numbers->second.end()) return found->second;
  }
  if (under_ == nullptr) return std::nullopt;
  return under_->NumberOf(directory, identity);
}

std::map<std::string, uint32_t> NumberBook::Counts() const {
  std::map<std::string, uint32_t> counts;
  for (const auto& [number, owner] : by_number_) ++counts[owner.directory];
  return counts;
}

std::vector<AssignedNumber> NumberBook::LedElsewhere(const NumberPlan& plan) const {
  std::vector<AssignedNumber> led;
  for (const auto& [number, owner] : by_number_) {
    const NumberPrefix* row = plan.PrefixOf(number);
    if (row == nullptr || row->directory != owner.directory)
      led.push_back({number, owner.directory});
  }
  std::sort(led.begin(), led.end(),
            [](const AssignedNumber& a, const AssignedNumber& b) { return a.number < b.number; });
  return led;
}

}  // namespace headwater::directory_resolver
