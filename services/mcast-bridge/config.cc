#include "services/mcast-bridge/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_text.h"

namespace headwater::bridge {
namespace {

// They stand in smcrouted's configuration and in nftables' rules.
bool IsPlainInterface(const std::string& name) {
  return std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_-.@:").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

void ReadPorts(ConfigTable& table, std::string_view key, std::vector<PortRange>& out) {
  std::vector<std::string> texts;
  table.Read(key, texts);
  for (const std::string& text : texts) {
    const auto ports = ParsePorts(text);
    if (ports.ok()) {
      out.push_back(*ports);
    } else {
      table.Fault(key, FromAbsl(ports.status().message()));
    }
  }
}

void ReadSinglePorts(ConfigTable& table, std::string_view key, std::vector<uint16_t>& out) {
  std::vector<PortRange> ranges;
  ReadPorts(table, key, ranges);
  if (table.Has(key)) out.clear();
  for (const PortRange& range : ranges) {
    if (range.first != range.last) {
      table.Fault(key, "takes single ports, as [\"1900\", \"6969\"]");
    }
    out.push_back(range.first);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

RuleOptions ReadRule(ConfigTable& table) {
  RuleOptions rule;
  table.Read("name", rule.name);
  if (!IsLinkName(rule.name)) table.Fault("name", "1 to 32 of a-z, 0-9, '-', '_' and '.'");
  std::vector<std::string> texts;
  table.Read("groups", texts);
  for (const std::string& text : texts) {
    const auto groups = ParseGroups(text);
    if (groups.ok()) {
      rule.groups.insert(rule.groups.end(), groups->begin(), groups->end());
    } else {
      table.Fault("groups",
                  fmt::format("rule \"{}\": {}", rule.name, FromAbsl(groups.status().message())));
    }
  }
  table.Read("links", rule.links);
  table.Read("from", rule.from);
  table.Read("to", rule.to);
  table.Read("same_interface", rule.same_interface);
  table.Read("join", rule.join);
  table.Read("hops_min", rule.hops_min, {0, 255});
  ReadSinglePorts(table, "broadcast_ports", rule.broadcast_ports);
  // Whoever searches waits for answers.
  const bool upnp = std::ranges::find(texts, "upnp") != texts.end();
  if (upnp) rule.answer_ports = {kSsdpPort};
  for (const uint16_t port : rule.broadcast_ports) {
    if (port != kSsdpPort || !upnp) rule.answer_ports.push_back(port);
  }
  ReadSinglePorts(table, "answer_ports", rule.answer_ports);
  table.RejectUnknown();
  return rule;
}

void ReadBlocks(ConfigTable& table, std::string_view key, std::vector<AddressBlock>& out) {
  std::vector<std::string> texts;
  table.Read(key, texts);
  for (const std::string& text : texts) {
    if (const auto address = IpAddress::Parse(text); address && !address->IsMulticast()) {
      out.push_back({*address, address->is_v4() ? 32 : 128});
      continue;
    }
    const auto block = ParseAddressBlock(text);
    if (block.ok() && !block->base.IsMulticast()) {
      out.push_back(*block);
    } else {
      table.Fault(key, fmt::format("\"{}\" is neither an address nor a block of addresses", text));
    }
  }
}

ControlOptions ReadControl(ConfigTable& table) {
  ControlOptions control;
  table.Read("name", control.name);
  if (!IsLinkName(control.name)) table.Fault("name", "1 to 32 of a-z, 0-9, '-', '_' and '.'");
  table.Read("from", control.from);
  table.Read("to", control.to);
  ReadBlocks(table, "hosts", control.hosts);
  ReadPorts(table, "ports", control.ports);
  ReadPorts(table, "callback_ports", control.callback_ports);
  table.RejectUnknown();
  return control;
}

// Blocks and addresses that are none are for the directory-resolver to refuse.
void AddBlock(const std::string& text, std::vector<AddressBlock>& out) {
  if (const auto block = ParseAddressBlock(text); block.ok()) out.push_back(*block);
}

// The number plan of this headend: what [directory-resolver] of the same file says of groups.
void ReadNumbers(ConfigTable& table, PlanConfig& numbers) {
  ConfigTable resolver = table.TopLevel("directory-resolver");
  std::vector<std::string> prefixes;
  resolver.Read("ipv6_prefixes", prefixes);
  for (const std::string& text : prefixes) AddBlock(text, numbers.ipv6_prefixes);
  resolver.Read("ipv6_ssm", numbers.ipv6_ssm);
  for (ConfigTable& row : resolver.Tables("ipv4_windows")) {
    std::vector<AddressBlock> blocks;
    std::string text;
    row.Read("groups", text);
    AddBlock(text, blocks);
    for (const AddressBlock& block : blocks) numbers.windows.push_back({.groups = block});
  }
  for (ConfigTable& row : resolver.Tables("bindings")) {
    std::string text;
    row.Read("group", text);
    if (const auto group = IpAddress::Parse(text)) numbers.bindings.push_back({.group = *group});
  }
  // Every scope: one that the plan does not use today it may use tomorrow.
  for (uint8_t scope = 2; scope <= 14; ++scope) numbers.ipv6_scopes.push_back(scope);
}

bool IsChain(const std::string& text) {
  return std::ranges::count(text, ' ') == 2 && std::ranges::all_of(text, [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == ' ';
         });
}

void ReadHygiene(ConfigTable& table, const Site& site, HygieneOptions& hygiene) {
  table.Read("snooping_off", hygiene.snooping_off);
  for (const std::string& link : hygiene.snooping_off) {
    if (std::ranges::find(site.links, link) == site.links.end())
      table.Fault("snooping_off", fmt::format("\"{}\" is no link of [legs]", link));
  }
  table.Read("forwarding", hygiene.forwarding);
  table.Read("carve_routes", hygiene.carve_routes);
  table.Read("firewall_chains", hygiene.firewall_chains);
  for (const std::string& chain : hygiene.firewall_chains) {
    if (!IsChain(chain)) {
      table.Fault(
          "firewall_chains",
          fmt::format("\"{}\" must be family, table and chain, as \"inet filter forward\"", chain));
    }
  }
}

}  // namespace

Options ReadOptions(ConfigTable& table, const CommonOptions& common) {
  Options options;
  Site site;
  for (const LegConfig& leg : common.legs) {
    site.links.push_back(leg.link);
    if (!IsPlainInterface(leg.interface)) {
      table.Fault("rules", fmt::format("interface \"{}\" of link {}: only letters, digits and "
                                       "_-.@: can be bridged",
                                       leg.interface, leg.link));
    }
  }
  site.sender_links = site.links;
  table.Read("sender_links", site.sender_links);
  ReadNumbers(table, site.numbers);
  ReadHygiene(table, site, options.hygiene);
  table.Read("smcrouted", options.smcrouted);
  table.Read("mark", options.mark, {1, UINT32_MAX});
  table.Read("cache_timeout", options.cache_timeout, {1s, 1h});
  table.Read("check_period", options.check_period, {1s, 1h});
  std::vector<RuleOptions> rules;
  std::vector<ControlOptions> controls;
  for (ConfigTable& rule : table.Tables("rules")) rules.push_back(ReadRule(rule));
  for (ConfigTable& control : table.Tables("control")) controls.push_back(ReadControl(control));
  std::vector<RuleFault> faults;
  options.plan = BuildPlan(rules, controls, site, faults);
  for (const RuleFault& fault : faults) table.Fault("rules", fault.text);
  return options;
}

}  // namespace headwater::bridge
