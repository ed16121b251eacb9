#include "services/directory-resolver/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/net/source_url.h"
#include "services/common/plan/plan_text.h"
#include "services/directory-resolver/dvb_config.h"
#include "services/directory-resolver/lineup.h"

namespace headwater::directory_resolver {
namespace {

// AF41, as for video; audio alone has EF.
constexpr uint8_t kDscpTransportStream = 34;
// A tuner has to find its carrier, and the service its tables.
constexpr Duration kDvbStartTimeout = 30s;

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

constexpr std::pair<std::string_view, DirectorySource> kKinds[] = {
    {"lineup", DirectorySource::kLineup},
    {"catalogue", DirectorySource::kCatalogue},
    {"favourites", DirectorySource::kFavourites},
    {"dvb", DirectorySource::kDvb},
    {"radio-browser", DirectorySource::kRadioBrowser},
    {"xiph", DirectorySource::kXiph},
    {"tunein", DirectorySource::kTuneIn},
    {"shoutcast", DirectorySource::kShoutcast},
    {"m3u", DirectorySource::kM3u}};

DirectorySource ReadKind(ConfigTable& table) {
  std::string text;
  if (!table.Read("kind", text))
    return table.Has("lineup") ? DirectorySource::kLineup : DirectorySource::kCatalogue;
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const auto& row) { return row.first == text; });
  if (kind != std::end(kKinds)) return kind->second;
  table.Fault("kind",
              "must be lineup, catalogue, favourites, dvb, radio-browser, xiph, tunein, "
              "shoutcast or m3u");
  return DirectorySource::kCatalogue;
}

// Kilobits, as people and directories write rates.
void ReadRate(ConfigTable& table, std::string_view key, uint32_t& out) {
  uint32_t kilobits = 0;
  if (table.Read(key, kilobits, {0, 100'000})) out = kilobits * 1000;
}

void ReadFeed(ConfigTable& table, DirectorySource source, FeedOptions& out) {
  if (!IsFetched(source)) return;
  if (!table.Read("url", out.url)) {
    if (!table.Has("url")) table.Fault("url", "is missing: where the directory is fetched from");
  } else if (const auto url = SourceUrl::Parse(out.url); !url.ok() || !IsStationUrl(out.url)) {
    table.Fault("url",
                fmt::format("must be an http or https URL; it is \"{}\"", RedactUrl(out.url)));
  }
  if (source == DirectorySource::kShoutcast && (!table.Read("key", out.key) || out.key.empty()))
    table.Fault("key", "is missing: Shoutcast gives its list to owners of a developer id only");
  if (std::any_of(out.key.begin(), out.key.end(), [](char c) { return !std::isalnum(c); }))
    table.Fault("key", "must have letters and digits alone");
  table.Read("stations_max", out.stations_max, {1, static_cast<int64_t>(kLineupStationsMax)});
  size_t megabytes = out.bytes_max >> 20;
  if (table.Read("megabytes_max", megabytes, {1, 1024})) out.bytes_max = megabytes << 20;
  table.Read("refresh", out.refresh, {1min, 24h * 365});
  table.Read("retry", out.retry, {1s, 24h});
  table.Read("timeout", out.timeout, {1s, 1h});
  table.Read("shrink_min", out.shrink_min, {0.0, 1.0});
  ConfigTable filter = table.Table("filter");
  filter.Read("tags", out.filter.tags);
  filter.Read("countries", out.filter.countries);
  filter.Read("languages", out.filter.languages);
  filter.Read("codecs", out.filter.codecs);
  ReadRate(filter, "bitrate_min", out.filter.bitrate_min);
  ReadRate(filter, "bitrate_max", out.filter.bitrate_max);
  filter.Read("votes_min", out.filter.votes_min, {0, 0xffffffff});
  filter.RejectUnknown();
}

DirectoryOptions ReadDirectory(ConfigTable& table) {
  DirectoryOptions options;
  PlanDirectory& plan = options.plan;
  table.Read("name", plan.name);
  if (!IsDirectoryName(plan.name))
    table.Fault("name", "must have 1 to 32 of a-z, 0-9, '-', '_' and '.'");
  ReadPrefix(table, options.prefix);
  options.prefix.directory = plan.name;
  options.source = ReadKind(table);
  if (options.source == DirectorySource::kLineup) ReadLineupPath(table, options.lineup);
  ReadFeed(table, options.source, options.feed);
  const bool dvb = options.source == DirectorySource::kDvb;
  if (dvb) {
    plan.kind = StationKind::kDvb;
    plan.dscp = kDscpTransportStream;
    plan.start_timeout = kDvbStartTimeout;
    ReadDvb(table, options);
  }
  table.Read("linger", plan.linger, {0s, 24h});
  table.Read("silence_limit", plan.silence_limit, {0s, 24h});
  table.Read("start_timeout", plan.start_timeout, {1s, 10min});
  // A tuner opens no URL, and its services are in MPEG-TS already.
  if (!dvb) table.Read("local", plan.local);
  if (!dvb) ReadContainer(table, plan);
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
  table.Read("check_age", options.check_age, {1min, 24h * 365});
  table.Read("reload_delay", options.reload_delay, {0s, 1min});
  options.database = (std::filesystem::path(state_dir) / "directory-resolver.sqlite").string();
  const auto favourites =
      std::count_if(options.directories.begin(), options.directories.end(),
                    [](const auto& row) { return row.source == DirectorySource::kFavourites; });
  if (favourites > 1) table.Fault("directory", "at most one may be of kind favourites");
  // Faults of single rows would only be told a second time.
  if (!table.status().ok()) return options;
  if (const auto plan = NumberPlan::Build(options.ToPlan()); !plan.ok()) {
    table.Fault("directory", FromAbsl(plan.status().message()));
  }
  return options;
}

}  // namespace headwater::directory_resolver
