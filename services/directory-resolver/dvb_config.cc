#include "services/directory-resolver/dvb_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_text.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/dvb_lineup.h"

namespace headwater::directory_resolver {
namespace {

constexpr size_t kPidSetsMax = 256;
constexpr size_t kNameMax = 256;
constexpr uint16_t kPidMax = 0x1fff;

// As the tuner names them.
constexpr std::string_view kSystems[] = {"DVBS",  "DVBS2", "DVBT",  "DVBT2",  "DVBC",
                                         "DVBC2", "ATSC",  "ISDBT", "NETWORK"};

void ReadTypes(ConfigTable& table, std::vector<DvbType>& out) {
  std::vector<std::string> names;
  table.Read("types", names);
  for (const std::string& name : names) {
    bool found = false;
    for (const DvbType type : {DvbType::kTv, DvbType::kRadio, DvbType::kData, DvbType::kCarrier}) {
      if (name != DvbTypeName(type)) continue;
      out.push_back(type);
      found = true;
    }
    if (!found)
      table.Fault("types", fmt::format("\"{}\" must be tv, radio, data or carrier", name));
  }
}

void ReadSystems(ConfigTable& table, std::vector<std::string>& out) {
  table.Read("systems", out);
  for (const std::string& name : out) {
    if (std::find(std::begin(kSystems), std::end(kSystems), name) == std::end(kSystems)) {
      table.Fault("systems", fmt::format("\"{}\" must be DVBS, DVBS2, DVBT, DVBT2, DVBC, DVBC2, "
                                         "ATSC, ISDBT or NETWORK",
                                         CleanText(name, 32)));
    }
  }
}

// As text, "0x1234" or decimal, like numbers.
void ReadPids(ConfigTable& table, std::vector<uint16_t>& out) {
  std::vector<std::string> texts;
  table.Read("pids", texts);
  if (texts.empty() || texts.size() > kDvbPidsMax)
    table.Fault("pids", fmt::format("1 to {} PIDs, as [\"0x100\", \"257\"]", kDvbPidsMax));
  for (const std::string& text : texts) {
    const absl::StatusOr<uint32_t> pid = ParseNumber(text);
    if (pid.ok() && *pid <= kPidMax) {
      out.push_back(static_cast<uint16_t>(*pid));
    } else {
      table.Fault("pids", fmt::format("\"{}\" is no PID: 0 to 0x1fff", CleanText(text, 32)));
    }
  }
}

void ReadSetNumber(ConfigTable& table, const NumberPrefix& prefix, DvbPidSet& set) {
  std::string text;
  if (!table.Read("number", text)) {
    if (!table.Has("number") && HasEncodedNumbers(prefix))
      table.Fault("number",
                  "is missing: numbers of this directory are made from services, not assigned");
    return;
  }
  const absl::StatusOr<uint32_t> number = ParseNumber(text);
  if (!number.ok() || !prefix.Contains(*number)) {
    table.Fault("number", fmt::format("must be within {}; it is \"{}\"", prefix.ToString(),
                                      CleanText(text, 32)));
    return;
  }
  set.number = *number;
}

DvbPidSet ReadPidSet(ConfigTable& table, const NumberPrefix& prefix) {
  DvbPidSet set;
  std::string name;
  table.Read("name", name);
  set.name = CleanText(name, kNameMax);
  if (set.name.empty()) table.Fault("name", "is missing: the station's title");
  table.Read("carrier", set.carrier);
  if (set.carrier.empty())
    table.Fault("carrier", "is missing: the carrier's id, as `headwaterctl dvb carriers` has it");
  ReadPids(table, set.pids);
  ReadSetNumber(table, prefix, set);
  table.RejectUnknown();
  return set;
}

}  // namespace

void ReadDvb(ConfigTable& table, DirectoryOptions& options) {
  DvbOptions& dvb = options.dvb;
  if (HasEncodedNumbers(options.prefix)) {
    table.Read("position", dvb.position);
  } else {
    table.Read("positions", dvb.positions);
  }
  ReadSystems(table, dvb.systems);
  ReadTypes(table, dvb.types);
  table.Read("free_only", dvb.free_only);
  table.Read("priority", options.plan.priority, {0, 100});
  for (ConfigTable& row : table.Tables("pid_sets"))
    dvb.pid_sets.push_back(ReadPidSet(row, options.prefix));
  if (dvb.pid_sets.size() > kPidSetsMax)
    table.Fault("pid_sets", fmt::format("at most {}", kPidSetsMax));
  for (size_t i = 0; i < dvb.pid_sets.size() && i < kPidSetsMax; ++i) {
    const auto twin =
        std::find_if(dvb.pid_sets.begin(), dvb.pid_sets.begin() + static_cast<ptrdiff_t>(i),
                     [&](const DvbPidSet& other) { return other.name == dvb.pid_sets[i].name; });
    if (twin != dvb.pid_sets.begin() + static_cast<ptrdiff_t>(i))
      table.Fault("pid_sets", fmt::format("two are called \"{}\"", twin->name));
  }
}

}  // namespace headwater::directory_resolver
