#include "services/directory-resolver/station_store.h"

#include <utility>

namespace headwater::directory_resolver {

int64_t ToStoredTime(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixSeconds(time);
}

absl::Time FromStoredTime(int64_t seconds) {
  return seconds == 0 ? absl::InfinitePast() : absl::FromUnixSeconds(seconds);
}

absl::StatusOr<std::vector<NumberRecord>> StationStore::LoadNumbers() {
  sqlite::Statement statement(database_.handle(),
                              "SELECT number, directory, identity FROM station_number ORDER BY id");
  std::vector<NumberRecord> records;
  while (statement.Step())
    records.push_back({statement.Unsigned(0), statement.Text(1), statement.Text(2)});
  if (statement.failed()) return database_.Error("cannot be read");
  return records;
}

absl::Status StationStore::SaveNumbers(const std::vector<NumberRecord>& records, absl::Time now) {
  sqlite::Statement statement(
      database_.handle(),
      "INSERT INTO station_number (number, directory, identity, assigned) VALUES (?, ?, ?, ?) "
      "ON CONFLICT (number) DO UPDATE SET directory = excluded.directory, identity = "
      "excluded.identity");
  for (const NumberRecord& record : records) {
    statement.Bind(record.number)
        .Bind(record.directory)
        .Bind(record.identity)
        .Bind(absl::ToUnixSeconds(now))
        .Step();
    statement.Reset();
  }
  return statement.failed() ? database_.Error("numbers cannot be saved") : absl::OkStatus();
}

absl::StatusOr<std::map<uint32_t, StoredFormat>> StationStore::LoadFormats() {
  sqlite::Statement statement(database_.handle(),
                              "SELECT number, encoding, payload_type, clock_rate, channels, fmtp, "
                              "bits_per_second, description, since FROM known_format");
  std::map<uint32_t, StoredFormat> formats;
  while (statement.Step()) {
    StoredFormat& stored = formats[statement.Unsigned(0)];
    SdpFormat& format = stored.known.format;
    format.encoding = statement.Text(1);
    format.payload_type = static_cast<uint8_t>(statement.Unsigned(2));
    format.clock_rate = statement.Unsigned(3);
    format.channels = statement.Unsigned(4);
    format.fmtp = statement.Text(5);
    stored.known.bits_per_second = statement.Unsigned(6);
    stored.known.description = statement.Text(7);
    stored.since = absl::FromUnixSeconds(statement.Integer(8));
  }
  if (statement.failed()) return database_.Error("cannot be read");
  return formats;
}

absl::Status StationStore::SaveFormat(uint32_t number, const StoredFormat& stored) {
  const SdpFormat& format = stored.known.format;
  sqlite::Statement statement(
      database_.handle(),
      "INSERT OR REPLACE INTO known_format (number, encoding, payload_type, "
      "clock_rate, channels, fmtp, "
      "bits_per_second, description, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.Bind(number)
      .Bind(format.encoding)
      .Bind(format.payload_type)
      .Bind(format.clock_rate)
      .Bind(format.channels);
  statement.Bind(format.fmtp).Bind(stored.known.bits_per_second).Bind(stored.known.description);
  statement.Bind(absl::ToUnixSeconds(stored.since)).Step();
  return statement.failed() ? database_.Error("a format cannot be saved") : absl::OkStatus();
}

absl::StatusOr<StationMarks> StationStore::LoadMarks() {
  StationMarks marks;
  sqlite::Statement disabled(database_.handle(), "SELECT number FROM disabled_station");
  while (disabled.Step()) marks.SetDisabled(disabled.Unsigned(0), true);
  sqlite::Statement aliases(database_.handle(),
                            "SELECT alias, number, favourite FROM station_alias");
  while (aliases.Step())
    marks.SetAlias(aliases.Unsigned(0), {aliases.Unsigned(1), aliases.Integer(2) != 0});
  sqlite::Statement rows(database_.handle(),
                         "SELECT number, plays, plays_failed, checks, checks_failed, last_ok, "
                         "last_failed, error, failures_in_row FROM station_health");
  while (rows.Step()) {
    StationHealth health;
    health.plays = static_cast<uint64_t>(rows.Integer(1));
    health.plays_failed = static_cast<uint64_t>(rows.Integer(2));
    health.checks = static_cast<uint64_t>(rows.Integer(3));
    health.checks_failed = static_cast<uint64_t>(rows.Integer(4));
    health.last_ok = FromStoredTime(rows.Integer(5));
    health.last_failed = FromStoredTime(rows.Integer(6));
    health.error = rows.Text(7);
    health.failures_in_row = rows.Unsigned(8);
    marks.SetHealth(rows.Unsigned(0), std::move(health));
  }
  if (disabled.failed() || aliases.failed() || rows.failed())
    return database_.Error("cannot be read");
  return marks;
}

absl::Status StationStore::SaveDisabled(uint32_t number, bool disabled) {
  sqlite::Statement statement(database_.handle(),
                              disabled ? "INSERT OR REPLACE INTO disabled_station VALUES (?)"
                                       : "DELETE FROM disabled_station WHERE number = ?");
  statement.Bind(number).Step();
  return statement.failed() ? database_.Error("a mark cannot be saved") : absl::OkStatus();
}

absl::Status StationStore::SaveAlias(uint32_t alias, const std::optional<StationMarks::Alias>& of) {
  sqlite::Statement statement(database_.handle(),
                              of ? "INSERT OR REPLACE INTO station_alias VALUES (?, ?, ?)"
                                 : "DELETE FROM station_alias WHERE alias = ?");
  statement.Bind(alias);
  if (of) statement.Bind(of->number).Bind(of->favourite ? 1 : 0);
  statement.Step();
  return statement.failed() ? database_.Error("an alias cannot be saved") : absl::OkStatus();
}

absl::Status StationStore::SaveHealth(uint32_t number, const StationHealth& health) {
  sqlite::Statement statement(
      database_.handle(),
      "INSERT OR REPLACE INTO station_health VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.Bind(number);
  for (const uint64_t count :
       {health.plays, health.plays_failed, health.checks, health.checks_failed})
    statement.Bind(static_cast<int64_t>(count));
  statement.Bind(ToStoredTime(health.last_ok)).Bind(ToStoredTime(health.last_failed));
  statement.Bind(health.error).Bind(health.failures_in_row).Step();
  return statement.failed() ? database_.Error("a result cannot be saved") : absl::OkStatus();
}

}  // namespace headwater::directory_resolver
