#include "services/mcast-monitor/event_store_shell.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater::monitor {
namespace {

constexpr char kSchema[] = R"sql(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -16384;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS event (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,              -- Unix microseconds
  link TEXT NOT NULL,
  source BLOB NOT NULL,               -- 4 or 16 bytes, as destination
  source_port INTEGER NOT NULL,
  destination BLOB NOT NULL,
  kind INTEGER NOT NULL,
  facility INTEGER,                   -- NULL: none
  severity INTEGER NOT NULL,
  host TEXT NOT NULL,
  app TEXT NOT NULL,
  text TEXT NOT NULL,
  digest INTEGER NOT NULL,
  flags INTEGER NOT NULL              -- 1 repeated, 2 authenticated
);
CREATE VIRTUAL TABLE IF NOT EXISTS word
  USING fts5(words, content='', columnsize=0, detail=none, tokenize='ascii');
COMMIT;
)sql";
constexpr char kInsertEvent[] =
    "INSERT INTO event VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)";
constexpr int64_t kRepeated = 1, kAuthenticated = 2;
// A file is at most this share of all, so that little more than it goes at once.
constexpr uint64_t kSegmentShare = 8;
constexpr std::string_view kSuffix = ".db";

std::string Hex(Bytes bytes) {
  std::string text;
  for (const uint8_t byte : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

// What is filtered by, as words of the index. A text may hold the same word: what is found is
// compared once more.
std::string KindWord(EventKind kind) { return fmt::format("xxk{}", static_cast<int>(kind)); }
std::string LinkWord(const std::string& link) { return "xxl" + Hex(AsBytes(link)); }
std::string SourceWord(const IpAddress& source) { return "xxs" + Hex(source.bytes()); }
// Stands at each event of that severity or a graver one: a filter is one list, not a union of
// several, and an event costs a byte or so for each of its words.
std::string SeverityWord(int severity_max) { return fmt::format("xxv{}", severity_max); }
std::string FacilityWord(uint8_t facility) { return fmt::format("xxf{}", facility); }

std::string Words(const Event& event) {
  std::string words =
      fmt::format("{} {} {} {} {} {} {}", event.host, event.app, event.text, KindWord(event.kind),
                  LinkWord(event.link), SourceWord(event.source),
                  event.facility ? FacilityWord(*event.facility) : "");
  for (int severity = event.severity; severity + 1 < static_cast<int>(kSeverities); ++severity)
    words += " " + SeverityWord(severity);
  return words;
}

// In FTS5's language; empty when the filter names nothing that is indexed.
std::string Query(const EventFilter& filter) {
  std::string query;
  const auto add = [&query](const std::string& part) {
    query += (query.empty() ? "" : " AND ") + part;
  };
  // FTS5 walks the first list and seeks in the others: those that tend to be short come first.
  if (filter.source) add(SourceWord(*filter.source));
  if (filter.severity_max && *filter.severity_max + 1u < kSeverities)
    add(SeverityWord(*filter.severity_max));
  for (const std::string& word : filter.words) {
    const bool prefix = word.ends_with('*');
    add(fmt::format("\"{}\"{}", word.substr(0, word.size() - (prefix ? 1 : 0)), prefix ? "*" : ""));
  }
  if (filter.facility) add(FacilityWord(*filter.facility));
  if (filter.kind) add(KindWord(*filter.kind));
  if (!filter.link.empty()) add(LinkWord(filter.link));
  return query;
}

Event ReadEvent(const sqlite::Statement& row) {
  Event event{.id = static_cast<uint64_t>(row.Integer(0)),
              .time = absl::FromUnixMicros(row.Integer(1)),
              .link = row.Text(2)};
  event.source = IpAddress::FromBytes(row.Blob(3)).value_or(IpAddress());
  event.source_port = static_cast<uint16_t>(row.Integer(4));
  event.destination = IpAddress::FromBytes(row.Blob(5)).value_or(IpAddress());
  event.kind = static_cast<EventKind>(std::clamp<int64_t>(row.Integer(6), 0, kEventKinds - 1));
  if (!row.IsNull(7))
    event.facility = static_cast<uint8_t>(std::clamp<int64_t>(row.Integer(7), 0, kFacilities - 1));
  event.severity = static_cast<uint8_t>(std::clamp<int64_t>(row.Integer(8), 0, kSeverities - 1));
  event.host = row.Text(9);
  event.app = row.Text(10);
  event.text = row.Text(11);
  event.digest = static_cast<uint64_t>(row.Integer(12));
  event.repeated = (row.Integer(13) & kRepeated) != 0;
  event.authenticated = (row.Integer(13) & kAuthenticated) != 0;
  return event;
}

// First id of each segment's file, oldest first.
std::vector<std::pair<uint64_t, std::string>> ListSegments(const std::string& folder) {
  std::vector<std::pair<uint64_t, std::string>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    uint64_t id = 0;
    if (!name.ends_with(kSuffix)) continue;
    if (absl::SimpleAtoi(name.substr(0, name.size() - kSuffix.size()), &id))
      found.emplace_back(id, entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

uint64_t FileBytes(const std::string& path) {
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path + suffix, error);
    if (!error) bytes += size;
  }
  return bytes;
}

// Where a search in one file stops looking.
struct Limits {
  uint64_t at_least;
  uint64_t below;
  MonoTime deadline;
};

absl::Status SearchSegment(const std::string& path, const EventFilter& filter, const Limits& limits,
                           size_t limit, std::vector<Event>& out) {
  ASSIGN_OR_RETURN(const sqlite::Handle database, sqlite::Open(path, SQLITE_OPEN_READWRITE));
  MonoTime deadline = limits.deadline;
  sqlite3_progress_handler(
      database.get(), 100'000,
      [](void* until) { return MonoNow() > *static_cast<MonoTime*>(until) ? 1 : 0; }, &deadline);
  // A file that is just being made has nothing in it yet.
  sqlite::Statement made(database.get(), "SELECT 1 FROM sqlite_master WHERE name = 'word'");
  if (!made.Step() && !made.failed()) return absl::OkStatus();
  const std::string query = Query(filter);
  // CROSS: in this order, whatever SQLite thinks of the sizes.
  sqlite::Statement rows(
      database.get(),
      query.empty() ? "SELECT * FROM event WHERE id < ?1 AND id >= ?2 ORDER BY id DESC"
                    : "SELECT event.* FROM word CROSS JOIN event ON event.id = word.rowid WHERE "
                      "word.rowid < ?1 AND word.rowid >= ?2 AND word MATCH ?3 "
                      "ORDER BY word.rowid DESC");
  rows.Bind(static_cast<int64_t>(std::min<uint64_t>(limits.below, INT64_MAX)))
      .Bind(static_cast<int64_t>(limits.at_least));
  if (!query.empty()) rows.Bind(query);
  EventFilter exact = filter;
  exact.since.reset();
  exact.until.reset();
  while (out.size() < limit && rows.Step()) {
    Event event = ReadEvent(rows);
    if (exact.Matches(event)) out.push_back(std::move(event));
  }
  if (!rows.failed()) return absl::OkStatus();
  if (MonoNow() > deadline)
    return absl::DeadlineExceededError("the search takes too long: narrow it");
  return sqlite::Error(path, "cannot be searched", database.get());
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventStore>> EventStore::Open(const std::string& folder,
                                                             const StoreOptions& options) {
  std::error_code ignored;  // opening a file tells the reason
  std::filesystem::create_directories(folder, ignored);
  std::unique_ptr<EventStore> store(new EventStore(folder, options));
  for (const auto& [id, path] : ListSegments(folder)) {
    ASSIGN_OR_RETURN(const sqlite::Handle database, sqlite::Open(path, SQLITE_OPEN_READWRITE));
    // Of a sealed file the count stands in its header.
    sqlite::Statement count(
        database.get(),
        "SELECT user_version, CASE user_version WHEN 0 THEN (SELECT count(*) FROM "
        "event) ELSE 0 END FROM pragma_user_version");
    const bool told = count.Step();
    if (!told) return sqlite::Error(path, "is no database", database.get());
    Segment& segment = store->segments_[id];
    segment = {.path = path,
               .events = static_cast<uint64_t>(count.Integer(0) + count.Integer(1)),
               .bytes = FileBytes(path)};
  }
  if (!store->segments_.empty()) RETURN_IF_ERROR(store->Begin(store->segments_.rbegin()->first));
  store->Retain(absl::InfinitePast());
  return store;
}

absl::Status EventStore::Error(const std::string& what) const {
  return sqlite::Error(segments_.empty() ? folder_ : segments_.rbegin()->second.path, what,
                       current_.get());
}

// Opens the segment of that first event for writing.
absl::Status EventStore::Begin(uint64_t first_id) {
  Segment& segment = segments_[first_id];
  if (segment.path.empty()) segment.path = fmt::format("{}/{:020}{}", folder_, first_id, kSuffix);
  ASSIGN_OR_RETURN(current_,
                   sqlite::Open(segment.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  if (!sqlite::Run(current_.get(), kSchema) ||
      !sqlite::Run(current_.get(), "PRAGMA user_version = 0"))
    return Error("cannot be made");
  return absl::OkStatus();
}

// The newest is written no more: one file without a log beside it, that says how much it holds.
absl::Status EventStore::Seal() {
  const std::string mark = fmt::format("PRAGMA user_version = {}; PRAGMA journal_mode = DELETE",
                                       segments_.rbegin()->second.events);
  const bool done = sqlite::Run(current_.get(), mark);
  // A search that reads it just now keeps the log; that does no harm.
  const bool busy = sqlite3_errcode(current_.get()) == SQLITE_BUSY;
  absl::Status status = done || busy ? absl::OkStatus() : Error("cannot be closed");
  current_.reset();
  return status;
}

absl::Status EventStore::Write(std::span<const Event> events, absl::Time now) {
  if (events.empty()) return absl::OkStatus();
  if (current_) {
    const Segment& newest = segments_.rbegin()->second;
    const bool full = newest.events >= options_.segment_events_max ||
                      newest.bytes >= options_.bytes_max / kSegmentShare;
    if (full) RETURN_IF_ERROR(Seal());
  }
  if (!current_) RETURN_IF_ERROR(Begin(events.front().id));
  RETURN_IF_ERROR(Insert(events));
  Segment& segment = segments_.rbegin()->second;
  segment.events += events.size();
  segment.bytes = FileBytes(segment.path);
  Retain(now);
  return absl::OkStatus();
}

absl::Status EventStore::Insert(std::span<const Event> events) {
  if (!sqlite::Run(current_.get(), "BEGIN IMMEDIATE")) return Error("cannot be written");
  bool good = true;
  {
    sqlite::Statement event_row(current_.get(), kInsertEvent);
    sqlite::Statement word_row(current_.get(), "INSERT INTO word(rowid, words) VALUES (?1, ?2)");
    for (const Event& event : events) {
      const auto id = static_cast<int64_t>(event.id);
      event_row.Bind(id).Bind(absl::ToUnixMicros(event.time)).Bind(event.link);
      event_row.Bind(event.source.bytes()).Bind(int64_t{event.source_port});
      event_row.Bind(event.destination.bytes()).Bind(static_cast<int64_t>(event.kind));
      event.facility ? event_row.Bind(int64_t{*event.facility}) : event_row.BindNull();
      event_row.Bind(int64_t{event.severity}).Bind(event.host).Bind(event.app).Bind(event.text);
      event_row.Bind(static_cast<int64_t>(event.digest))
          .Bind((event.repeated ? kRepeated : 0) | (event.authenticated ? kAuthenticated : 0));
      const std::string words = Words(event);
      good = event_row.Execute() && word_row.Bind(id).Bind(words).Execute();
      if (!good) break;
    }
  }
  if (good && sqlite::Run(current_.get(), "COMMIT")) return absl::OkStatus();
  absl::Status status = Error("cannot be written");
  sqlite::Run(current_.get(), "ROLLBACK");
  return status;
}

void EventStore::Retain(absl::Time now) {
  const auto oldest_allowed = absl::ToUnixMicros(now - absl::FromChrono(options_.age_max));
  stats_ = {};
  for (const auto& [id, segment] : segments_) {
    stats_.events += segment.events;
    stats_.bytes += segment.bytes;
  }
  // The newest stays: it is being written.
  while (segments_.size() > 1) {
    const auto oldest = segments_.begin();
    // Its last event is older than the first one of the next.
    const bool old = static_cast<int64_t>(std::next(oldest)->first) < oldest_allowed;
    if (!old && stats_.bytes <= options_.bytes_max) break;
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::error_code ignored;
      std::filesystem::remove(oldest->second.path + suffix, ignored);
    }
    stats_.events -= oldest->second.events;
    stats_.bytes -= oldest->second.bytes;
    segments_.erase(oldest);
  }
  if (!segments_.empty())
    stats_.oldest = absl::FromUnixMicros(static_cast<int64_t>(segments_.begin()->first));
}

absl::StatusOr<std::vector<Event>> SearchStore(const std::string& folder,
                                               const SearchRequest& request) {
  const EventFilter& filter = request.filter;
  const auto micros = [](absl::Time time) {
    return static_cast<uint64_t>(std::max<int64_t>(absl::ToUnixMicros(time), 0));
  };
  Limits limits{.at_least = filter.since ? micros(*filter.since) : 0,
                .below = filter.until ? micros(*filter.until) : UINT64_MAX,
                .deadline = MonoNow() + request.patience};
  if (request.before) limits.below = std::min(limits.below, *request.before);
  std::vector<Event> found;
  auto segments = ListSegments(folder);
  uint64_t next_begins = UINT64_MAX;
  for (auto it = segments.rbegin(); it != segments.rend(); ++it) {
    const uint64_t begins = it->first;
    // All that is wanted stands in [at_least, below), all of this file in [begins, next_begins).
    const bool wanted = begins < limits.below && next_begins > limits.at_least;
    next_begins = begins;
    if (!wanted) continue;
    const absl::Status status = SearchSegment(it->second, filter, limits, request.limit, found);
    // Retention may have removed it since it was listed.
    if (!status.ok() && !(absl::IsUnavailable(status) && !std::filesystem::exists(it->second)))
      return status;
    if (found.size() >= request.limit) break;
  }
  return found;
}

}  // namespace headwater::monitor
