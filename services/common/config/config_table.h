#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater {

// Allowed range of a number, both ends included.
template <typename T>
struct Range {
  T min;
  T max;
};

// Strict reading of a TOML file. A table is read key by key into plain options, whose initial
// values are the defaults; every fault (wrong type, out of range, and at the end any key that
// nobody read) is kept with file, line, column and what is allowed, so that a person sees all of
// them at once. Duplicate keys are refused by the parser itself.
//
//   ASSIGN_OR_RETURN(ConfigTable file, ConfigTable::Load(path));
//   ConfigTable table = file.Table("rtp-packager");
//   table.Read("sessions_max", options.sessions_max, {1, 65536});
//   table.RejectUnknown();
//   RETURN_IF_ERROR(file.status());
//
// A copy is a handle to the same table and the same list of faults. Not thread-safe.
class ConfigTable {
 public:
  static absl::StatusOr<ConfigTable> Load(const std::string& path);
  // `name` stands for the file in messages.
  static absl::StatusOr<ConfigTable> Parse(const std::string& text, const std::string& name);

  bool Has(std::string_view key) const;

  // Each leaves `out` as it is when the key is absent. They return whether the key was there and
  // right.
  bool Read(std::string_view key, bool& out);
  bool Read(std::string_view key, std::string& out);
  bool Read(std::string_view key, std::vector<std::string>& out);
  // "250ms", "3s", "10m", "1h".
  bool Read(std::string_view key, Duration& out, Range<Duration> range);
  bool Read(std::string_view key, double& out, Range<double> range);
  bool Read(std::string_view key, int64_t& out, Range<int64_t> range);
  bool Read(std::string_view key, int32_t& out, Range<int64_t> range);
  bool Read(std::string_view key, uint32_t& out, Range<int64_t> range);
  bool Read(std::string_view key, uint16_t& out, Range<int64_t> range);
  bool Read(std::string_view key, uint8_t& out, Range<int64_t> range);
  bool Read(std::string_view key, size_t& out, Range<int64_t> range);

  // The table at `key`; an empty one when absent, so that defaults hold.
  ConfigTable Table(std::string_view key);
  // The same for a table of the whole file, from within any other: what two services must agree
  // upon is written once. What is wrong with it is its own service's to say; unknown keys are left.
  ConfigTable TopLevel(std::string_view key);
  // The tables of an array of tables ([[key]]); none when absent.
  std::vector<ConfigTable> Tables(std::string_view key);
  // Keys in the order of their names, read or not.
  std::vector<std::string> Keys() const;
  // Whether `key` holds a string (as against a table), for keys that take either.
  bool IsString(std::string_view key) const;

  // A fault that the caller found, at the place of `key`, or of the table when there is no such
  // key: "…: must be a multicast address".
  void Fault(std::string_view key, std::string_view text);
  // A fault for each key that nobody has asked for, naming those that are allowed.
  void RejectUnknown();
  // Counts `key` as known without reading it.
  void Allow(std::string_view key);

  // All faults of the file so far, a line each; OK when there are none. INVALID_ARGUMENT.
  absl::Status status() const;
  // Where this table stands: "headwater.toml:12:1".
  std::string Place() const;
  // Folder of the file, for paths in it that are relative to it; empty for Parse.
  const std::string& directory() const;

 private:
  struct File;
  struct Node;
  ConfigTable(std::shared_ptr<File> file, std::shared_ptr<Node> node);
  template <typename T>
  bool ReadInteger(std::string_view key, T& out, Range<int64_t> range);

  std::shared_ptr<File> file_;
  std::shared_ptr<Node> node_;
};

// "250ms", "3s", "10m", "1h" (a whole number and a unit).
absl::StatusOr<Duration> ParseDuration(std::string_view text);
std::string FormatDuration(Duration duration);

}  // namespace headwater
