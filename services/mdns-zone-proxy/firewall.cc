#include "services/mdns-zone-proxy/firewall.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace headwater::zone {
namespace {

// Elements in one statement.
constexpr size_t kBatch = 128;

std::string Name(const NftSet& set) {
  return fmt::format("{} {} {}", set.family, set.table, set.set);
}

void AddStatements(std::string_view verb, const NftSet& set,
                   const std::vector<FirewallElement>& elements, std::string& script) {
  for (size_t i = 0; i < elements.size(); ++i) {
    const bool first = i % kBatch == 0;
    if (first) script += fmt::format("{} element {} {{ ", verb, Name(set));
    script += fmt::format("{}{} . {} . {}", first ? "" : ", ", elements[i].address.ToString(),
                          elements[i].tcp ? "tcp" : "udp", elements[i].port);
    if (i % kBatch == kBatch - 1 || i + 1 == elements.size()) script += " }\n";
  }
}

}  // namespace

NftSet SetFor(const NftSet& set, IpAddress::Family family) {
  NftSet one = set;
  one.set += family == IpAddress::Family::kIpv4 ? "4" : "6";
  return one;
}

std::string FirewallScript(const FirewallSets& installed, const FirewallSets& wanted) {
  std::string script;
  for (const auto& [set, elements] : installed) {
    if (!wanted.contains(set)) script += fmt::format("flush set {}\n", Name(set));
  }
  for (const auto& [set, elements] : wanted) {
    static const std::set<FirewallElement> kNone;
    const auto found = installed.find(set);
    if (found == installed.end()) script += fmt::format("flush set {}\n", Name(set));
    const std::set<FirewallElement>& before = found == installed.end() ? kNone : found->second;
    std::vector<FirewallElement> gone, added;
    std::set_difference(before.begin(), before.end(), elements.begin(), elements.end(),
                        std::back_inserter(gone));
    std::set_difference(elements.begin(), elements.end(), before.begin(), before.end(),
                        std::back_inserter(added));
    AddStatements("delete", set, gone, script);
    AddStatements("add", set, added, script);
  }
  return script;
}

}  // namespace headwater::zone
