#include "services/mcast-bridge/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace headwater::bridge {
namespace {

using Kind = Change::Kind;

constexpr std::pair<Kind, std::string_view> kNames[] = {
    {Kind::kTable, "table"},   {Kind::kRule, "rule"},        {Kind::kSnooping, "snooping"},
    {Kind::kSysctl, "sysctl"}, {Kind::kRouteAdded, "added"}, {Kind::kRouteRemoved, "removed"}};

std::string_view NameOf(Kind kind) {
  return std::ranges::find(kNames, kind, [](const auto& row) { return row.first; })->second;
}

// Up to `end` or the end of the text; taken off `text` with the separator.
std::string_view Take(std::string_view& text, char end) {
  const size_t size = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return part;
}

std::optional<Change> ParseLine(std::string_view line) {
  const std::string_view name = Take(line, '\t');
  const auto row = std::ranges::find(kNames, name, [](const auto& one) { return one.second; });
  if (row == std::end(kNames)) return std::nullopt;
  Change change{.kind = row->first, .subject = std::string(Take(line, '\t'))};
  change.before = line;
  return change;
}

}  // namespace

bool Journal::Has(const Change& change) const {
  return std::ranges::any_of(changes, [&](const Change& one) { return one.SameThing(change); });
}

std::string JournalHead(const Journal& journal) {
  return fmt::format("boot {} network {}\n", journal.boot, journal.network);
}

std::string JournalLine(const Change& change) {
  return fmt::format("{}\t{}\t{}\n", NameOf(change.kind), change.subject, change.before);
}

Journal ParseJournal(std::string_view text) {
  Journal journal;
  // Without its end a line is none.
  text = text.substr(0, text.rfind('\n') == std::string_view::npos ? 0 : text.rfind('\n') + 1);
  std::string_view head = Take(text, '\n');
  if (Take(head, ' ') != "boot") return journal;
  journal.boot = Take(head, ' ');
  if (Take(head, ' ') == "network") journal.network = head;
  while (!text.empty()) {
    if (auto change = ParseLine(Take(text, '\n'))) journal.changes.push_back(*std::move(change));
  }
  return journal;
}

}  // namespace headwater::bridge
