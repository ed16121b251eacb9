#include "services/directory-resolver/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {
namespace {

// AF41, as for video; audio alone has EF.
constexpr uint8_t kDscpTransportStream = 34;

// A number as text ("0x80000000") or as a whole number (0x80000000).
void ReadNumber(ConfigTable& table, std::string_view key, uint32_t& out) {
  std::string text;
  if (!table.Has(key)) {
    table.Fault(key, "is missing: a number from 0x80000000 to 0xffffffff");
  } else if (!table.IsString(key)) {
    table.Read(key, out, {0x80000000, 0xffffffff});
  } else if (table.Read(key, text)) {
    const absl::StatusOr<uint32_t> number = ParseNumber(text);
    if (number.ok()) {
      out = *number;
    } else {
      table.Fault(key, FromAbsl(number.status().message()));
    }
  }
}

bool IsDirectoryName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

void ReadPrefix(ConfigTable& table, NumberPrefix& out) {
  std::string text;
  if (!table.Read("prefix", text)) {
    if (!table.Has("prefix"))
      table.Fault("prefix", "is missing: the directory's numbers, as \"0x80000000/4\"");
    return;
  }
  const auto prefix = ParseNumberPrefix(text);
  if (!prefix.ok()) {
    table.Fault("prefix", FromAbsl(prefix.status().message()));
    return;
  }
  out.number = prefix->first;
  out.length = prefix->second;
}

void ReadLineupPath(ConfigTable& table, std::string& out) {
  if (!table.Read("lineup", out)) return;
  const std::filesystem::path path(out);
  const std::string suffix = path.extension().string();
  if (suffix != ".toml" && suffix != ".m3u" && suffix != ".m3u8") {
    table.Fault("lineup", fmt::format("must be a .toml, .m3u or .m3u8 file; it is \"{}\"", out));
  }
  if (path.is_relative()) out = (std::filesystem::path(table.directory()) / path).string();
}

void ReadContainer(ConfigTable& table, PlanDirectory& plan) {
  std::string text = "none";
  table.Read("container", text);
  if (text == "ts") {
    plan.container = MediaContainer::kTransportStream;
    plan.dscp = kDscpTransportStream;
  } else if (text != "none") {
    table.Fault("container", fmt::format("must be \"none\" or \"ts\"; it is \"{}\"", text));
  }
}

DirectoryOptions ReadDirectory(ConfigTable& table) {
  DirectoryOptions options;
  PlanDirectory& plan = options.plan;
  table.Read("name", plan.name);
  if (!IsDirectoryName(plan.name))
    table.Fault("name", "must have 1 to 32 of a-z, 0-9, '-', '_' and '.'");
  ReadPrefix(table, options.prefix);
  options.prefix.directory = plan.name;
  ReadLineupPath(table, options.lineup);
  table.Read("linger", plan.linger, {0s, 24h});
  table.Read("silence_limit", plan.silence_limit, {0s, 24h});
  table.Read("start_timeout", plan.start_timeout, {1s, 10min});
  table.Read("local", plan.local);
  ReadContainer(table, plan);
  table.Read("dscp", plan.dscp, {0, 63});
  table.Read("hop_limit", plan.hop_limit, {0, 255});
  table.RejectUnknown();
  return options;
}

void ReadSite(ConfigTable& table, Options& options) {
  std::vector<std::string> texts;
  table.Read("ipv6_prefixes", texts);
  for (const std::string& text : texts) {
    const auto block = ParseAddressBlock(text);
    if (block.ok()) {
      options.ipv6_prefixes.push_back(*block);
    } else {
      table.Fault("ipv6_prefixes", FromAbsl(block.status().message()));
    }
  }
  table.Read("ipv6_ssm", options.ipv6_ssm);
  for (ConfigTable& row : table.Tables("ipv4_windows")) {
    Ipv4Window window;
    std::string groups;
    row.Read("groups", groups);
    const auto block = ParseAddressBlock(groups);
    if (block.ok()) {
      window.groups = *block;
    } else {
      row.Fault("groups", FromAbsl(block.status().message()));
    }
    ReadNumber(row, "number", window.number);
    row.RejectUnknown();
    options.ipv4_windows.push_back(window);
  }
  for (ConfigTable& row : table.Tables("bindings")) {
    GroupBinding binding;
    std::string group;
    row.Read("group", group);
    const auto address = IpAddress::Parse(group);
    if (address) {
      binding.group = *address;
    } else {
      row.Fault("group", fmt::format("\"{}\" is not a group, such as 239.255.0.1", group));
    }
    ReadNumber(row, "number", binding.number);
    row.RejectUnknown();
    options.bindings.push_back(binding);
  }
}

void ReadScopes(ConfigTable& table, Options& options) {
  std::vector<std::string> names;
  if (!table.Read("ipv6_scopes", names)) return;
  constexpr std::pair<std::string_view, uint8_t> kScopes[] = {
      {"link", 2}, {"realm", 3}, {"admin", 4}, {"site", 5}, {"organisation", 8}, {"global", 14}};
  for (const std::string& name : names) {
    const auto* scope = std::find_if(std::begin(kScopes), std::end(kScopes),
                                     [&](const auto& row) { return row.first == name; });
    if (scope == std::end(kScopes)) {
      table.Fault(
          "ipv6_scopes",
          fmt::format("\"{}\" must be link, realm, admin, site, organisation or global", name));
    } else {
      options.ipv6_scopes.push_back(scope->second);
    }
  }
}

}  // namespace

Options ReadOptions(ConfigTable& table, const std::string& state_dir) {
  Options options;
  ReadSite(table, options);
  ReadScopes(table, options);
  for (ConfigTable& row : table.Tables("directory"))
    options.directories.push_back(ReadDirectory(row));
  table.Read("test_tone", options.test_tone);
  table.Read("reload_delay", options.reload_delay, {0s, 1min});
  options.database = (std::filesystem::path(state_dir) / "directory-resolver.sqlite").string();
  // Faults of single rows would only be told a second time.
  if (!table.status().ok()) return options;
  if (const auto plan = NumberPlan::Build(options.ToPlan()); !plan.ok()) {
    table.Fault("directory", FromAbsl(plan.status().message()));
  }
  return options;
}

}  // namespace headwater::directory_resolver
