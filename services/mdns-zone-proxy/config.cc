#include "services/mdns-zone-proxy/config.h"

#include <absl/strings/str_split.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/mdns-zone-proxy/policy.h"

namespace headwater::zone {
namespace {

constexpr size_t kZonesMax = 32;
constexpr size_t kRulesMax = 256;
constexpr size_t kPatternsMax = 64;
constexpr size_t kNameMax = 63;

bool IsNftWord(const std::string& word) {
  return !word.empty() && word.size() <= 31 && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

void ReadNftSet(ConfigTable& table, NftSet& set) {
  std::string text;
  if (!table.Read("nft_set", text)) return;
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  const std::set<std::string> families = {"inet", "ip", "ip6", "bridge", "netdev"};
  if (words.size() != 3 || !families.contains(words[0]) || !IsNftWord(words[1]) ||
      !IsNftWord(words[2])) {
    table.Fault("nft_set", fmt::format("\"{}\" is not family, table and set, as "
                                       "\"inet filter printers\"",
                                       text));
    return;
  }
  set = {words[0], words[1], words[2]};
}

void ReadZone(ConfigTable& table, const char* key, const CommonOptions& common, std::string& out) {
  if (!table.Read(key, out)) {
    if (!table.Has(key)) table.Fault(key, "missing: the name of a zone, or \"*\" for every zone");
    return;
  }
  std::vector<std::string> names;
  for (const ZoneConfig& zone : common.zones) names.push_back(zone.name);
  if (out == kAnyZone || std::find(names.begin(), names.end(), out) != names.end()) return;
  table.Fault(
      key, fmt::format("\"{}\" is no zone; there are {} and \"*\"", out, fmt::join(names, ", ")));
}

void ReadPatterns(ConfigTable& table, Rule& rule) {
  table.Read("types", rule.types);
  for (std::string& type : rule.types) {
    type = Fold(type);
    if (!IsTypePattern(type)) {
      table.Fault("types", fmt::format("\"{}\" is neither a type as \"_ipp._tcp\" or \"_ip*\", nor "
                                       "a subtype in full as \"_universal._sub._ipp._tcp\"",
                                       type));
    }
  }
  table.Read("names", rule.names);
  for (const std::string& name : rule.names) {
    if (name.empty() || name.size() > kNameMax) {
      table.Fault("names", fmt::format("\"{}\" is not 1 to {} bytes", name, kNameMax));
    }
  }
  if (rule.types.size() > kPatternsMax || rule.names.size() > kPatternsMax) {
    table.Fault("types", fmt::format("at most {} types and names a rule", kPatternsMax));
  }
}

Rule ReadRule(ConfigTable& table, const CommonOptions& common) {
  Rule rule;
  if (!table.Read("name", rule.name) || !IsLinkName(rule.name)) {
    table.Fault("name", "a rule's name is 1 to 32 of a-z, 0-9, '-', '_' and '.'");
  }
  ReadZone(table, "from", common, rule.from);
  ReadZone(table, "to", common, rule.to);
  if (rule.from == rule.to && rule.from != kAnyZone && !rule.from.empty()) {
    table.Fault("to", fmt::format("\"{}\" is where it comes from", rule.to));
  }
  ReadPatterns(table, rule);
  std::string action;
  if (!table.Read("action", action) && !table.Has("action")) {
    table.Fault("action", "missing: \"allow\" or \"deny\"");
  } else if (action != "allow" && action != "deny") {
    table.Fault("action", fmt::format("\"{}\" is neither \"allow\" nor \"deny\"", action));
  }
  rule.allow = action == "allow";
  std::vector<std::string> families;
  if (table.Read("families", families)) {
    rule.ipv4 = std::find(families.begin(), families.end(), "ipv4") != families.end();
    rule.ipv6 = std::find(families.begin(), families.end(), "ipv6") != families.end();
    const size_t known = (rule.ipv4 ? 1u : 0u) + (rule.ipv6 ? 1u : 0u);
    if (known == 0 || known != families.size()) {
      table.Fault("families", "one or both of \"ipv4\" and \"ipv6\", each once");
    }
  }
  ReadNftSet(table, rule.nft_set);
  table.RejectUnknown();
  return rule;
}

void ReadRules(ConfigTable& table, const CommonOptions& common, std::vector<Rule>& rules) {
  for (ConfigTable& rule : table.Tables("rules")) rules.push_back(ReadRule(rule, common));
  std::set<std::string> names;
  for (const Rule& rule : rules) {
    if (!names.insert(rule.name).second) {
      table.Fault("rules", fmt::format("two rules are called \"{}\"", rule.name));
    }
  }
  if (rules.size() > kRulesMax) table.Fault("rules", fmt::format("at most {} rules", kRulesMax));
}

}  // namespace

Options ReadOptions(ConfigTable& table, const CommonOptions& common) {
  Options options;
  for (const ZoneConfig& zone : common.zones) options.zones.push_back({zone.name, zone.bus});
  if (options.zones.size() > kZonesMax) {
    table.Fault("zones", fmt::format("at most {} zones", kZonesMax));
  }
  ReadRules(table, common, options.rules);
  table.Read("subtypes", options.subtypes);
  for (std::string& subtype : options.subtypes) {
    subtype = Fold(subtype);
    if (!ParseSubtype(subtype)) {
      table.Fault("subtypes", fmt::format("\"{}\" is no subtype in full, as "
                                          "\"_universal._sub._ipp._tcp\"",
                                          subtype));
    }
  }
  if (options.subtypes.size() > kPatternsMax) {
    table.Fault("subtypes", fmt::format("at most {}", kPatternsMax));
  }
  table.Read("services_max", options.limits.services_max, {16, 16384});
  table.Read("mirrored_max", options.limits.mirrored_max, {1, 16384});
  table.Read("txt_bytes_max", options.limits.txt_bytes_max, {64, 8192});
  table.Read("zone_patience", options.timing.zone_patience, {0s, 10min});
  options.timing.stale_max =
      std::max<Duration>(options.timing.stale_max, 2 * options.timing.zone_patience);
  return options;
}

absl::StatusOr<std::vector<Rule>> RulesFromText(const std::string& text, const std::string& name) {
  ASSIGN_OR_RETURN(ConfigTable file, ConfigTable::Parse(text, name));
  const CommonOptions common = LoadCommonOptions(file);
  ConfigTable table = file.Table("mdns-zone-proxy");
  Options options = ReadOptions(table, common);
  table.RejectUnknown();
  file.RejectUnknown();
  RETURN_IF_ERROR(file.status());
  return std::move(options.rules);
}

}  // namespace headwater::zone
