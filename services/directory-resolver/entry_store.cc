#include "services/directory-resolver/entry_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "services/directory-resolver/station_store.h"

namespace headwater::directory_resolver {
namespace {

constexpr char kUpsert[] =
    "INSERT OR REPLACE INTO entry (directory, identity, added, number, title, urls, tags, "
    "homepage, logo_url, codec, bits_per_second, votes, country, language) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr char kDelete[] = "DELETE FROM entry WHERE directory = ? AND identity = ? AND added = ?";

// Clean text has no line ends.
std::string Joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  if (text.empty()) return lines;
  lines.reserve(1 + static_cast<size_t>(std::count(text.begin(), text.end(), '\n')));
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void Write(sqlite::Statement& statement, const std::string& directory, EntryStore::Kind kind,
           const LineupStation& station) {
  statement.Bind(directory).Bind(station.identity).Bind(static_cast<int>(kind));
  statement.Bind(station.number.value_or(0)).Bind(station.title);
  statement.Bind(Joined(station.urls)).Bind(Joined(station.tags));
  statement.Bind(station.homepage).Bind(station.logo_url);
  const StationDetails& details = station.details;
  statement.Bind(details.codec).Bind(details.bits_per_second).Bind(details.votes);
  statement.Bind(details.country).Bind(details.language).Step();
  statement.Reset();
}

}  // namespace

absl::StatusOr<std::vector<LineupStation>> EntryStore::Load(const std::string& directory,
                                                            Kind kind) {
  sqlite::Statement row(
      database_.handle(),
      "SELECT identity, number, title, urls, tags, homepage, logo_url, codec, bits_per_second, "
      "votes, country, language FROM entry WHERE directory = ? AND added = ? ORDER BY identity");
  row.Bind(directory).Bind(static_cast<int>(kind));
  std::vector<LineupStation> stations;
  while (row.Step()) {
    LineupStation& station = stations.emplace_back();
    station.identity = row.Text(0);
    if (const uint32_t number = row.Unsigned(1); number != 0) station.number = number;
    station.title = row.Text(2);
    station.urls = Lines(row.View(3));
    station.tags = Lines(row.View(4));
    station.homepage = row.Text(5);
    station.logo_url = row.Text(6);
    station.details = {.codec = row.Text(7),
                       .bits_per_second = row.Unsigned(8),
                       .votes = row.Unsigned(9),
                       .country = row.Text(10),
                       .language = row.Text(11)};
  }
  if (row.failed()) return database_.Error("cannot be read");
  return stations;
}

absl::Status EntryStore::Save(const std::string& directory, Kind kind,
                              const LineupStation& station) {
  sqlite::Statement statement(database_.handle(), kUpsert);
  Write(statement, directory, kind, station);
  return statement.failed() ? database_.Error("a station cannot be saved") : absl::OkStatus();
}

absl::Status EntryStore::Remove(const std::string& directory, Kind kind,
                                const std::string& identity) {
  sqlite::Statement statement(database_.handle(), kDelete);
  statement.Bind(directory).Bind(identity).Bind(static_cast<int>(kind)).Step();
  return statement.failed() ? database_.Error("a station cannot be removed") : absl::OkStatus();
}

absl::Status EntryStore::Apply(const std::string& directory,
                               const std::vector<LineupStation>& before,
                               const std::vector<LineupStation>& after,
                               const std::vector<FeedChange>& changes) {
  sqlite::Statement upsert(database_.handle(), kUpsert);
  sqlite::Statement remove(database_.handle(), kDelete);
  for (const FeedChange& change : changes) {
    if (change.kind == FeedChange::Kind::kRemoved) {
      remove.Bind(directory)
          .Bind(before[change.index].identity)
          .Bind(static_cast<int>(Kind::kFetched))
          .Step();
      remove.Reset();
    } else {
      Write(upsert, directory, Kind::kFetched, after[change.index]);
    }
  }
  return upsert.failed() || remove.failed() ? database_.Error("stations cannot be saved")
                                            : absl::OkStatus();
}

absl::StatusOr<std::map<std::string, FeedState>> EntryStore::LoadStates() {
  sqlite::Statement row(
      database_.handle(),
      "SELECT directory, fingerprint, etag, last_modified, last_attempt, last_success, error, "
      "entries, filtered, unusable, over_limit FROM feed");
  std::map<std::string, FeedState> states;
  while (row.Step()) {
    FeedState& state = states[row.Text(0)];
    state.fingerprint = row.Text(1);
    state.etag = row.Text(2);
    state.last_modified = row.Text(3);
    state.last_attempt = FromStoredTime(row.Integer(4));
    state.last_success = FromStoredTime(row.Integer(5));
    state.error = row.Text(6);
    state.counts = {.entries = row.Unsigned(7),
                    .filtered = row.Unsigned(8),
                    .unusable = row.Unsigned(9),
                    .over_limit = row.Unsigned(10)};
  }
  if (row.failed()) return database_.Error("cannot be read");
  return states;
}

absl::Status EntryStore::SaveState(const std::string& directory, const FeedState& state) {
  sqlite::Statement statement(
      database_.handle(), "INSERT OR REPLACE INTO feed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.Bind(directory).Bind(state.fingerprint).Bind(state.etag).Bind(state.last_modified);
  statement.Bind(ToStoredTime(state.last_attempt)).Bind(ToStoredTime(state.last_success));
  statement.Bind(state.error).Bind(state.counts.entries).Bind(state.counts.filtered);
  statement.Bind(state.counts.unusable).Bind(state.counts.over_limit).Step();
  return statement.failed() ? database_.Error("a directory's state cannot be saved")
                            : absl::OkStatus();
}

}  // namespace headwater::directory_resolver
