#include "services/mcast-bridge/kernel_state.h"

#include <absl/strings/numbers.h>

#include <algorithm>
#include <optional>

#include "services/common/base/absl_text.h"

namespace headwater::bridge {
namespace {

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty()) return words;
    const size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// Calls `visit` with the words of each line after the heading.
template <typename Visit>
void ForEachLine(std::string_view text, Visit visit) {
  bool heading = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!heading) visit(Words(text.substr(0, end)));
    heading = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// IPv4 as eight hexadecimal digits of the number that the address is in memory.
std::optional<IpAddress> ParseAddress(std::string_view word, IpAddress::Family family) {
  if (family == IpAddress::Family::kIpv6) return IpAddress::Parse(word);
  uint32_t number = 0;
  if (word.size() != 8 || !absl::SimpleHexAtoi(ToAbsl(word), &number)) return std::nullopt;
  return IpAddress::V4(__builtin_bswap32(number));
}

template <typename Number>
bool ParseDecimal(std::string_view word, Number& out) {
  return absl::SimpleAtoi(ToAbsl(word), &out);
}

// What has come since: an entry with less than before is another one.
uint64_t Since(uint64_t now, uint64_t before) { return now >= before ? now - before : now; }

}  // namespace

std::vector<CacheEntry> ParseCache(std::string_view text, IpAddress::Family family) {
  std::vector<CacheEntry> entries;
  ForEachLine(text, [&](const std::vector<std::string_view>& words) {
    if (words.size() < 6 || entries.size() >= kRoutesMax) return;
    const auto group = ParseAddress(words[0], family), source = ParseAddress(words[1], family);
    CacheEntry entry;
    if (!group || !source || !ParseDecimal(words[2], entry.from) ||
        !ParseDecimal(words[3], entry.packets) || !ParseDecimal(words[4], entry.bytes) ||
        !ParseDecimal(words[5], entry.wrong_interface)) {
      return;
    }
    entry.group = *group;
    entry.source = *source;
    if (entry.from == UINT16_MAX) entry.from = -1;
    // "index:ttl" each.
    for (size_t i = 6; i < words.size(); ++i) {
      int to = 0;
      if (ParseDecimal(words[i].substr(0, words[i].find(':')), to)) entry.to.push_back(to);
    }
    entries.push_back(std::move(entry));
  });
  return entries;
}

std::map<int, std::string> ParseVirtualInterfaces(std::string_view text) {
  std::map<int, std::string> interfaces;
  ForEachLine(text, [&](const std::vector<std::string_view>& words) {
    int index = 0;
    if (words.size() >= 2 && ParseDecimal(words[0], index)) interfaces[index] = words[1];
  });
  return interfaces;
}

RouteTotals* RouteTable::Find(const RouteKey& key) {
  if (const auto found = routes_.find(key); found != routes_.end()) return &found->second;
  if (routes_.size() >= kRoutesMax) {
    const auto gone =
        std::ranges::find_if(routes_, [](const auto& row) { return !row.second.present; });
    if (gone == routes_.end()) {
      ++left_out_;
      return nullptr;
    }
    routes_.erase(gone);
  }
  return &routes_[key];
}

void RouteTable::Update(IpAddress::Family family, const std::vector<CacheEntry>& entries,
                        const std::map<int, std::string>& virtual_interfaces,
                        const std::map<std::string, std::string>& links) {
  const auto link_of = [&](int index) -> std::string {
    const auto interface = virtual_interfaces.find(index);
    if (interface == virtual_interfaces.end()) return {};
    const auto link = links.find(interface->second);
    return link == links.end() ? "" : link->second;
  };
  std::map<RouteKey, Raw> raw;
  for (auto& [key, totals] : routes_) {
    if (key.group.family() == family) totals.present = false;
  }
  for (const CacheEntry& entry : entries) {
    const RouteKey key = {entry.group, entry.source, link_of(entry.from)};
    RouteTotals* totals = Find(key);
    if (totals == nullptr) continue;
    const auto before = raw_.find(key);
    const Raw old = before == raw_.end() ? Raw{} : before->second;
    totals->present = true;
    totals->packets += Since(entry.packets, old.packets);
    totals->bytes += Since(entry.bytes, old.bytes);
    totals->wrong_interface += Since(entry.wrong_interface, old.wrong_interface);
    totals->to.clear();
    for (const int to : entry.to) totals->to.insert(link_of(to));
    totals->to.erase("");
    raw[key] = {entry.packets, entry.bytes, entry.wrong_interface};
  }
  std::erase_if(raw_, [&](const auto& row) { return row.first.group.family() == family; });
  raw_.merge(raw);
}

}  // namespace headwater::bridge
