#include "services/directory-resolver/lineup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/config/config_table.h"
#include "services/common/net/source_url.h"
#include "services/common/plan/plan_text.h"
#include "services/common/playlist/m3u.h"
#include "services/common/text/clean_text.h"

namespace headwater::directory_resolver {
namespace {

constexpr size_t kTextMax = 256;
constexpr std::string_view kUrlWanted =
    "must be an http, https or icy URL of at most 2048 printable ASCII characters";

// One line a fault; beyond the limit they are only counted.
class Faults {
 public:
  void Add(std::string line) {
    if (++count_ <= kLineupFaultsMax) lines_.push_back(std::move(line));
  }
  absl::Status status() const {
    if (count_ == 0) return absl::OkStatus();
    std::string text = fmt::format("{}", fmt::join(lines_, "\n"));
    if (count_ > lines_.size()) text += fmt::format("\nand {} more", count_ - lines_.size());
    return absl::InvalidArgumentError(text);
  }

 private:
  size_t count_ = 0;
  std::vector<std::string> lines_;
};

// A link for people (homepage, logo): kept when it is one, else left out, since the station plays
// without.
std::string OptionalLink(const std::string& url) { return IsStationUrl(url) ? url : std::string(); }

void ReadNumber(ConfigTable& table, std::optional<uint32_t>& out) {
  if (!table.Has("number")) return;
  uint32_t number = 0;
  if (table.IsString("number")) {
    std::string text;
    table.Read("number", text);
    const absl::StatusOr<uint32_t> parsed = ParseNumber(text);
    if (!parsed.ok() || *parsed < 0x80000000) {
      table.Fault("number", "must be 0x80000000 to 0xffffffff");
      return;
    }
    number = *parsed;
  } else if (!table.Read("number", number, {0x80000000, 0xffffffff})) {
    return;
  }
  out = number;
}

void ReadUrls(ConfigTable& table, std::vector<std::string>& out) {
  std::string url;
  table.Read("urls", out);
  if (table.Read("url", url)) {
    if (!out.empty()) table.Fault("url", "give either url or urls, not both");
    out = {url};
  }
  const std::string_view key = table.Has("urls") ? "urls" : "url";
  if (out.empty() || out.size() > kStationUrlsMax)
    table.Fault(key, fmt::format("a station needs 1 to {} URLs", kStationUrlsMax));
  for (const std::string& one : out) {
    if (!IsStationUrl(one))
      table.Fault(key, fmt::format("{}; it is \"{}\"", kUrlWanted, CleanText(one, 200)));
  }
}

LineupStation ReadStation(ConfigTable& table, const std::string& place) {
  LineupStation station;
  station.place = place;
  std::string id;
  table.Read("id", id);
  if (id.size() > kTextMax || (id.empty() && table.Has("id")))
    table.Fault("id", "must have 1 to 256 bytes");
  ReadNumber(table, station.number);
  std::string text;
  if (table.Read("title", text)) station.title = CleanText(text, kTextMax);
  if (station.title.empty()) table.Fault("title", "a station needs a title");
  ReadUrls(table, station.urls);
  std::vector<std::string> tags;
  if (table.Read("tags", tags) && tags.size() > kStationTagsMax)
    table.Fault("tags", fmt::format("at most {}", kStationTagsMax));
  for (const std::string& tag : tags) station.tags.push_back(CleanText(tag, 64));
  for (auto [key, out] :
       {std::pair("homepage", &station.homepage), std::pair("logo", &station.logo_url)}) {
    if (table.Read(key, *out) && !IsStationUrl(*out)) table.Fault(key, kUrlWanted);
  }
  table.RejectUnknown();
  if (!id.empty()) {
    station.identity = "id:" + id;
  } else if (station.number) {
    station.identity = "number:" + NumberText(*station.number);
  } else {
    station.identity =
        fmt::format("title:{} {}", station.title, station.urls.empty() ? "" : station.urls.front());
  }
  return station;
}

// A station of the entry, or nothing and a fault.
std::optional<LineupStation> FromEntry(const PlaylistEntry& entry, const std::string& place,
                                       Faults& faults) {
  if (!IsStationUrl(entry.location)) {
    faults.Add(
        fmt::format("{}: {}; it is \"{}\"", place, kUrlWanted, CleanText(entry.location, 200)));
    return std::nullopt;
  }
  LineupStation station;
  station.place = place;
  station.urls = {entry.location};
  const std::string tvg_id = CleanText(entry.tvg_id, kTextMax);
  station.identity = tvg_id.empty() ? "url:" + NormalisedUrl(entry.location) : "tvg-id:" + tvg_id;
  station.title = CleanText(entry.title.empty() ? entry.tvg_name : entry.title, kTextMax);
  // A bare list of URLs has no titles.
  if (station.title.empty()) station.title = CleanText(entry.location, kTextMax);
  const std::string groups = CleanText(entry.group_title, 1024);
  for (size_t at = 0; at < groups.size() && station.tags.size() < kStationTagsMax;) {
    const size_t end = std::min(groups.find(';', at), groups.size());
    if (std::string tag = CleanText(std::string_view(groups).substr(at, end - at), 64);
        !tag.empty())
      station.tags.push_back(std::move(tag));
    at = end + 1;
  }
  station.logo_url = OptionalLink(entry.tvg_logo);
  return station;
}

}  // namespace

bool IsStationUrl(std::string_view url) {
  if (url.size() > kStationUrlBytesMax) return false;
  for (const char c : url) {
    if (c <= ' ' || c > '~' || c == '"' || c == '<' || c == '>' || c == '\\') return false;
  }
  const auto begins = [&](std::string_view scheme) {
    return url.size() > scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), url.begin(),
                      [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
  };
  for (const std::string_view scheme : {"http://", "https://", "icy://"}) {
    if (begins(scheme)) return url[scheme.size()] != '/';
  }
  return false;
}

std::string NormalisedUrl(std::string_view url) {
  const auto parsed = SourceUrl::Parse(url);
  return parsed.ok() ? parsed->ToString() : std::string(url);
}

absl::StatusOr<std::vector<LineupStation>> ParseTomlLineup(const std::string& text,
                                                           const std::string& file) {
  ASSIGN_OR_RETURN(ConfigTable table, ConfigTable::Parse(text, file));
  std::vector<ConfigTable> rows = table.Tables("station");
  table.RejectUnknown();
  if (rows.size() > kLineupStationsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} stations, at most {}", file, rows.size(), kLineupStationsMax));
  }
  std::vector<LineupStation> stations;
  std::map<std::string, std::string> place_by_identity;
  for (ConfigTable& row : rows) {
    stations.push_back(ReadStation(row, row.Place()));
    const LineupStation& station = stations.back();
    const auto [other, added] = place_by_identity.emplace(station.identity, station.place);
    if (!added)
      row.Fault("title", fmt::format("the same station ({}) is at {}; give each an id of its own",
                                     station.identity, other->second));
  }
  // Only now: a file's faults are told together.
  RETURN_IF_ERROR(table.status());
  return stations;
}

absl::StatusOr<std::vector<LineupStation>> ParseM3uLineup(std::string_view text,
                                                          const std::string& file) {
  const auto playlist =
      ParseM3u(text, {.bytes_max = kLineupBytesMax, .entries_max = kLineupStationsMax});
  if (!playlist.ok())
    return absl::InvalidArgumentError(
        fmt::format("{}: {}; must be an M3U of stations", file, ToString(playlist.error())));
  Faults faults;
  if (playlist->truncated)
    faults.Add(fmt::format("{}: more than {} stations", file, kLineupStationsMax));
  if (playlist->skipped_lines > 0) {
    faults.Add(fmt::format("{}:{}: a line must have at most {} bytes", file,
                           playlist->first_skipped_line, kPlaylistLineMax));
  }
  std::vector<LineupStation> stations;
  std::map<std::string, size_t> index_by_identity;
  for (const PlaylistEntry& entry : playlist->entries) {
    std::optional<LineupStation> station =
        FromEntry(entry, fmt::format("{}:{}", file, entry.line), faults);
    if (!station) continue;
    const auto [known, added] = index_by_identity.emplace(station->identity, stations.size());
    if (added) {
      stations.push_back(*std::move(station));
      continue;
    }
    // The same tvg-id again is another way to the same station; the same URL again is nothing new.
    std::vector<std::string>& urls = stations[known->second].urls;
    const std::string& url = station->urls.front();
    if (urls.size() < kStationUrlsMax && std::find(urls.begin(), urls.end(), url) == urls.end())
      urls.push_back(url);
  }
  RETURN_IF_ERROR(faults.status());
  return stations;
}

absl::StatusOr<std::vector<LineupStation>> ParseLineup(const std::string& text,
                                                       const std::string& file) {
  if (text.size() > kLineupBytesMax)
    return absl::InvalidArgumentError(
        fmt::format("{}: larger than {} bytes", file, kLineupBytesMax));
  if (file.ends_with(".toml")) return ParseTomlLineup(text, file);
  if (file.ends_with(".m3u") || file.ends_with(".m3u8")) return ParseM3uLineup(text, file);
  return absl::InvalidArgumentError(
      fmt::format("{}: a lineup is a .toml, .m3u or .m3u8 file", file));
}

}  // namespace headwater::directory_resolver
