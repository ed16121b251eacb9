#include "services/common/config/config_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <toml.hpp>
#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater {

using Toml = toml::basic_value<toml::discard_comments, std::map, std::vector>;

struct ConfigTable::File {
  std::string name;
  std::string directory;
  std::vector<std::string> faults;
  std::shared_ptr<Node> root;
};

struct ConfigTable::Node {
  std::string path;  // "[rtp-packager]", for messages about the table itself
  Toml value;        // a table
  std::set<std::string, std::less<>> known;
};

namespace {

std::string PlaceOf(const std::string& file, const Toml& value) {
  const toml::source_location at = value.location();
  if (at.line() == 0) return file;
  return fmt::format("{}:{}:{}", file, at.line(), at.column());
}

const char* TypeName(const Toml& value) {
  switch (value.type()) {
    case toml::value_t::boolean:
      return "true or false";
    case toml::value_t::integer:
      return "a whole number";
    case toml::value_t::floating:
      return "a number with a fraction";
    case toml::value_t::string:
      return "a string";
    case toml::value_t::array:
      return "a list";
    case toml::value_t::table:
      return "a table";
    default:
      return "a date or time";
  }
}

const Toml* Find(const Toml& table, std::string_view key) {
  const auto& entries = table.as_table();
  auto found = entries.find(std::string(key));
  return found == entries.end() ? nullptr : &found->second;
}

// toml11 reports "[error] text\n --> file\n 3 | line..."; the first line is what a log can hold.
std::string SyntaxFault(const std::string& name, const toml::exception& error) {
  std::string text = error.what();
  std::string first = text.substr(0, text.find('\n'));
  if (first.starts_with("[error] ")) first.erase(0, 8);
  if (first.starts_with("toml::")) {
    if (size_t colon = first.find(": "); colon != std::string::npos) first.erase(0, colon + 2);
  }
  return fmt::format("{}:{}:{}: {}", name, error.location().line(), error.location().column(),
                     first);
}

}  // namespace

ConfigTable::ConfigTable(std::shared_ptr<File> file, std::shared_ptr<Node> node)
    : file_(std::move(file)), node_(std::move(node)) {}

absl::StatusOr<ConfigTable> ConfigTable::Load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(ToAbsl(fmt::format("{}: cannot be read", path)));
  std::stringstream text;
  text << in.rdbuf();
  absl::StatusOr<ConfigTable> table = Parse(text.str(), path);
  if (table.ok()) table->file_->directory = std::filesystem::path(path).parent_path().string();
  return table;
}

absl::StatusOr<ConfigTable> ConfigTable::Parse(const std::string& text, const std::string& name) {
  try {
    std::istringstream in(text);
    Toml root = toml::parse<toml::discard_comments, std::map, std::vector>(in, name);
    ConfigTable table(std::make_shared<File>(File{name, "", {}, nullptr}),
                      std::make_shared<Node>(Node{"the file", std::move(root), {}}));
    table.file_->root = table.node_;
    return table;
  } catch (const toml::exception& error) {
    return absl::InvalidArgumentError(ToAbsl(SyntaxFault(name, error)));
  } catch (const std::exception& error) {
    // toml11 throws std::out_of_range and friends for numbers that fit nothing.
    return absl::InvalidArgumentError(ToAbsl(fmt::format("{}: {}", name, error.what())));
  }
}

bool ConfigTable::Has(std::string_view key) const { return Find(node_->value, key) != nullptr; }

bool ConfigTable::IsString(std::string_view key) const {
  const Toml* value = Find(node_->value, key);
  return value != nullptr && value->is_string();
}

void ConfigTable::Fault(std::string_view key, std::string_view text) {
  const Toml* value = Find(node_->value, key);
  file_->faults.push_back(
      fmt::format("{}: {}: {}", PlaceOf(file_->name, value ? *value : node_->value), key, text));
}

bool ConfigTable::Read(std::string_view key, bool& out) {
  Allow(key);
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) {
    Fault(key, fmt::format("must be true or false, not {}", TypeName(*value)));
    return false;
  }
  out = value->as_boolean();
  return true;
}

bool ConfigTable::Read(std::string_view key, std::string& out) {
  Allow(key);
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return false;
  if (!value->is_string()) {
    Fault(key, fmt::format("must be a string in quotes, not {}", TypeName(*value)));
    return false;
  }
  out = value->as_string().str;
  return true;
}

bool ConfigTable::Read(std::string_view key, std::vector<std::string>& out) {
  Allow(key);
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return false;
  if (!value->is_array()) {
    Fault(key, fmt::format("must be a list of strings, not {}", TypeName(*value)));
    return false;
  }
  std::vector<std::string> strings;
  for (const Toml& item : value->as_array()) {
    if (!item.is_string()) {
      Fault(key, fmt::format("must hold strings only, not {}", TypeName(item)));
      return false;
    }
    strings.push_back(item.as_string().str);
  }
  out = std::move(strings);
  return true;
}

bool ConfigTable::Read(std::string_view key, Duration& out, Range<Duration> range) {
  std::string text;
  if (!Read(key, text)) return false;
  absl::StatusOr<Duration> duration = ParseDuration(text);
  if (!duration.ok() || *duration < range.min || *duration > range.max) {
    Fault(key,
          fmt::format("must be a duration from {} to {}, like \"3s\" or \"250ms\"; it is \"{}\"",
                      FormatDuration(range.min), FormatDuration(range.max), text));
    return false;
  }
  out = *duration;
  return true;
}

bool ConfigTable::Read(std::string_view key, double& out, Range<double> range) {
  Allow(key);
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return false;
  if (!value->is_floating() && !value->is_integer()) {
    Fault(key, fmt::format("must be a number, not {}", TypeName(*value)));
    return false;
  }
  const double number =
      value->is_floating() ? value->as_floating() : static_cast<double>(value->as_integer());
  if (!(number >= range.min && number <= range.max)) {
    Fault(key, fmt::format("must be from {} to {}; it is {}", range.min, range.max, number));
    return false;
  }
  out = number;
  return true;
}

template <typename T>
bool ConfigTable::ReadInteger(std::string_view key, T& out, Range<int64_t> range) {
  Allow(key);
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return false;
  if (!value->is_integer()) {
    Fault(key, fmt::format("must be a whole number, not {}", TypeName(*value)));
    return false;
  }
  const int64_t number = value->as_integer();
  if (number < range.min || number > range.max) {
    Fault(key, fmt::format("must be from {} to {}; it is {}", range.min, range.max, number));
    return false;
  }
  out = static_cast<T>(number);
  return true;
}

bool ConfigTable::Read(std::string_view key, int64_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}
bool ConfigTable::Read(std::string_view key, int32_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}
bool ConfigTable::Read(std::string_view key, uint32_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}
bool ConfigTable::Read(std::string_view key, uint16_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}
bool ConfigTable::Read(std::string_view key, uint8_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}
bool ConfigTable::Read(std::string_view key, size_t& out, Range<int64_t> range) {
  return ReadInteger(key, out, range);
}

ConfigTable ConfigTable::Table(std::string_view key) {
  Allow(key);
  Node node{fmt::format("[{}]", key), Toml(Toml::table_type{}), {}};
  if (const Toml* value = Find(node_->value, key)) {
    if (value->is_table()) {
      node.value = *value;
    } else {
      Fault(key, fmt::format("must be a table ([{}]), not {}", key, TypeName(*value)));
    }
  }
  return ConfigTable(file_, std::make_shared<Node>(std::move(node)));
}

ConfigTable ConfigTable::TopLevel(std::string_view key) {
  return ConfigTable(file_, file_->root).Table(key);
}

std::vector<ConfigTable> ConfigTable::Tables(std::string_view key) {
  Allow(key);
  std::vector<ConfigTable> tables;
  const Toml* value = Find(node_->value, key);
  if (value == nullptr) return tables;
  if (!value->is_array()) {
    Fault(key, fmt::format("must be an array of tables ([[{}]]), not {}", key, TypeName(*value)));
    return tables;
  }
  for (const Toml& item : value->as_array()) {
    if (!item.is_table()) {
      Fault(key, fmt::format("must hold tables only, not {}", TypeName(item)));
      return {};
    }
    tables.push_back(
        ConfigTable(file_, std::make_shared<Node>(Node{fmt::format("[[{}]]", key), item, {}})));
  }
  return tables;
}

std::vector<std::string> ConfigTable::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : node_->value.as_table()) keys.push_back(key);
  return keys;
}

void ConfigTable::Allow(std::string_view key) { node_->known.emplace(key); }

void ConfigTable::RejectUnknown() {
  for (const std::string& key : Keys()) {
    if (node_->known.contains(key)) continue;
    Fault(key,
          fmt::format("is no key of {}; allowed: {}", node_->path, fmt::join(node_->known, ", ")));
  }
}

absl::Status ConfigTable::status() const {
  if (file_->faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(ToAbsl(fmt::format("{}", fmt::join(file_->faults, "\n"))));
}

std::string ConfigTable::Place() const { return PlaceOf(file_->name, node_->value); }

const std::string& ConfigTable::directory() const { return file_->directory; }

absl::StatusOr<Duration> ParseDuration(std::string_view text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  // A year is more than any duration here; the limit keeps the product within 64 bits.
  if (error == std::errc() && count >= 0 && count <= 366LL * 24 * 3600 * 1000) {
    if (unit == "ms") return std::chrono::milliseconds(count);
    if (count <= 366LL * 24 * 3600) {
      if (unit == "s") return std::chrono::seconds(count);
      if (unit == "m" && count <= 366LL * 24 * 60) return std::chrono::minutes(count);
      if (unit == "h" && count <= 366LL * 24) return std::chrono::hours(count);
    }
  }
  return absl::InvalidArgumentError(ToAbsl(
      fmt::format("\"{}\" is not a duration like \"3s\", \"250ms\", \"10m\" or \"1h\"", text)));
}

std::string FormatDuration(Duration duration) {
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms != 0 && ms % 60'000 == 0) return fmt::format("{}m", ms / 60'000);
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  return fmt::format("{}ms", ms);
}

}  // namespace headwater
