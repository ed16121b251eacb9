#include "services/headwaterctl/catalogue_views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headwater {
namespace {

namespace pb = directory::v1;

std::string RateText(uint32_t bits_per_second) {
  return bits_per_second == 0 ? "" : fmt::format("{} kb/s", bits_per_second / 1000);
}

template <typename Strings>
std::string Joined(const Strings& strings, const char* between = ", ") {
  return fmt::format("{}", fmt::join(strings.begin(), strings.end(), between));
}

Json Numbers(const google::protobuf::RepeatedField<uint32_t>& numbers) {
  Json list = Json::array();
  for (const uint32_t number : numbers) list.push_back(ShownNumber(number));
  return list;
}

Json HealthJson(const pb::StationHealth& health) {
  return {{"plays", health.plays_total()},
          {"plays_failed", health.plays_failed_total()},
          {"checks", health.checks_total()},
          {"checks_failed", health.checks_failed_total()},
          {"last_ok", TimeText(health.last_ok())},
          {"last_failed", TimeText(health.last_failed())},
          {"error", health.error()},
          {"failures_in_row", health.failures_in_row()}};
}

std::string HealthText(const pb::StationHealth& health) {
  if (health.plays_total() + health.checks_total() == 0) return "never played nor checked";
  std::string text =
      fmt::format("{} plays, {} failed; {} checks, {} failed", health.plays_total(),
                  health.plays_failed_total(), health.checks_total(), health.checks_failed_total());
  if (health.failures_in_row() > 0)
    text += fmt::format("; the last {} failed: {}", health.failures_in_row(), health.error());
  return text;
}

std::vector<Row> WithoutEmpty(std::vector<Row> rows) {
  std::erase_if(rows, [](const Row& row) { return row[1].empty(); });
  return rows;
}

}  // namespace

Json ToJson(const pb::StationRecord& record) {
  return {{"station", ToJson(record.station())},
          {"identity", record.identity()},
          {"disabled", record.disabled()},
          {"tombstone", record.tombstone()},
          {"added", record.added()},
          {"aliases", Numbers(record.aliases())},
          {"favourite", ShownNumber(record.favourite())},
          {"alias_of", ShownNumber(record.alias_of())},
          {"health", HealthJson(record.health())},
          {"codec", record.codec()},
          {"bits_per_second", record.bits_per_second()},
          {"votes", record.votes()},
          {"country", record.country()},
          {"language", record.language()}};
}

std::vector<Row> ToRows(const pb::StationRecord& record) {
  const types::v1::Station& station = record.station();
  std::vector<std::string> aliases;
  for (const uint32_t alias : record.aliases()) aliases.push_back(ShownNumber(alias));
  return WithoutEmpty({{"number", ShownNumber(station.number())},
                       {"title", station.title()},
                       {"state", record.tombstone()  ? "gone; the number stays given"
                                 : record.disabled() ? "disabled"
                                                     : "in force"},
                       {"directory", station.directory() + (record.added() ? " (added)" : "")},
                       {"second number of", ShownNumber(record.alias_of())},
                       {"favourite", ShownNumber(record.favourite())},
                       {"second numbers", Joined(aliases)},
                       {"URLs", Joined(station.urls(), " ")},
                       {"format", station.known_format().description()},
                       {"codec", record.codec()},
                       {"bit rate", RateText(record.bits_per_second())},
                       {"votes", record.votes() == 0 ? "" : std::to_string(record.votes())},
                       {"country", record.country()},
                       {"language", record.language()},
                       {"tags", Joined(station.tags())},
                       {"homepage", station.homepage()},
                       {"health", record.tombstone() ? "" : HealthText(record.health())},
                       {"identity", record.identity()}});
}

Json ToJson(const pb::DirectoryStatus& status) {
  return {{"name", status.name()},
          {"kind", EnumText(pb::DirectorySource_Name(status.source()), "DIRECTORY_SOURCE_")},
          {"prefix", status.prefix()},
          {"url", status.url()},
          {"state", EnumText(pb::DirectoryState_Name(status.state()), "DIRECTORY_STATE_")},
          {"refreshing", status.refreshing()},
          {"stations", status.stations()},
          {"disabled", status.disabled()},
          {"tombstones", status.tombstones()},
          {"last_attempt", TimeText(status.last_attempt())},
          {"last_success", TimeText(status.last_success())},
          {"next_refresh", TimeText(status.next_refresh())},
          {"error", status.error()},
          {"entries", status.entries()},
          {"entries_filtered", status.entries_filtered()},
          {"entries_unusable", status.entries_unusable()},
          {"entries_over_limit", status.entries_over_limit()}};
}

Row ToRow(const pb::DirectoryStatus& status) {
  const auto count = [](uint32_t number) { return number == 0 ? "" : std::to_string(number); };
  std::string state = EnumText(pb::DirectoryState_Name(status.state()), "DIRECTORY_STATE_");
  if (status.refreshing()) state += " (fetching)";
  return {status.name(),
          EnumText(pb::DirectorySource_Name(status.source()), "DIRECTORY_SOURCE_"),
          status.prefix(),
          std::to_string(status.stations()),
          count(status.disabled()),
          count(status.tombstones()),
          state,
          TimeText(status.last_success()),
          TimeText(status.next_refresh()),
          status.url(),
          status.error()};
}

Json ToJson(const pb::ChangeCounts& counts) {
  return {{"added", counts.added()}, {"removed", counts.removed()}, {"changed", counts.changed()}};
}

std::string CountsText(const pb::ChangeCounts& counts) {
  return fmt::format("{} added, {} removed, {} changed", counts.added(), counts.removed(),
                     counts.changed());
}

Json ToJson(const pb::DiffDirectoryResponse& diff) {
  Json changes = Json::array();
  for (const pb::StationChange& change : diff.changes()) {
    Json fields = Json::array();
    for (const std::string& field : change.fields()) fields.push_back(field);
    changes.push_back({{"kind", EnumText(pb::ChangeKind_Name(change.kind()), "CHANGE_KIND_")},
                       {"number", ShownNumber(change.number())},
                       {"title", change.title()},
                       {"fields", std::move(fields)}});
  }
  return {{"counts", ToJson(diff.counts())},
          {"refused", diff.refused()},
          {"changes", std::move(changes)}};
}

Row ToRow(const pb::StationChange& change) {
  return {EnumText(pb::ChangeKind_Name(change.kind()), "CHANGE_KIND_"),
          ShownNumber(change.number()), change.title(), Joined(change.fields())};
}

Json ToJson(const Probed& probed) {
  Json hops = Json::array();
  for (const std::string& hop : probed.answer.hops()) hops.push_back(hop);
  const types::v1::MediaFormat& format = probed.answer.format();
  return {{"url", probed.url},
          {"ok", probed.ok},
          {"error", probed.error},
          {"hops", std::move(hops)},
          {"encoding", format.encoding()},
          {"payload_type", format.payload_type()},
          {"bits_per_second", format.bits_per_second()},
          {"format", format.description()},
          {"name", probed.answer.info().name()},
          {"title", probed.answer.info().title()},
          {"info_url", probed.answer.info().url()}};
}

std::vector<Row> ToRows(const Probed& probed) {
  const types::v1::MediaFormat& format = probed.answer.format();
  std::vector<Row> rows = {{"url", probed.url}, {"plays", probed.ok ? "yes" : "no"}};
  rows.push_back({"why not", probed.error});
  // Its last hop is the media; the first is the URL itself.
  for (int i = 1; i < probed.answer.hops_size(); ++i)
    rows.push_back(
        {i + 1 < probed.answer.hops_size() ? "leads to" : "media", probed.answer.hops(i)});
  rows.push_back({"format", format.description()});
  rows.push_back({"bit rate", RateText(format.bits_per_second())});
  rows.push_back({"name", probed.answer.info().name()});
  rows.push_back({"now playing", probed.answer.info().title()});
  return WithoutEmpty(std::move(rows));
}

}  // namespace headwater
