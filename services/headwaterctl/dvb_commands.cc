#include "services/headwaterctl/dvb_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/headwaterctl/dvb_views.h"
#include "services/headwaterctl/print.h"
#include "services/headwaterctl/signal_meter.h"

namespace headwater {
namespace {

// The meter of before is written over, so that nothing flickers.
constexpr std::string_view kClearAll = "\x1b[H\x1b[2J";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearToEndOfLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

// https://no-color.org: set and not empty.
bool WantsColour() {
  const char* none = std::getenv("NO_COLOR");
  return none == nullptr || *none == '\0';
}

std::string InPlace(const std::string& text, bool first) {
  std::string out(first ? kClearAll : kHome);
  for (const char c : text) {
    if (c == '\n') out += kClearToEndOfLine;
    out += c;
  }
  return out + std::string(kClearBelow);
}

}  // namespace

absl::Status DvbTuners(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto tuners, client.ListTuners());
  Print(tuners, kTunerHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status DvbCarriers(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto carriers, client.ListCarriers());
  Print(carriers, kCarrierHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status DvbServices(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(auto carriers, client.ListCarriers());
  if (!invocation.carrier.empty()) {
    std::erase_if(carriers, [&](const auto& one) { return one.id() != invocation.carrier; });
    if (carriers.empty())
      return absl::NotFoundError(ToAbsl(fmt::format("no carrier is {}", invocation.carrier)));
  }
  ASSIGN_OR_RETURN(const auto stations, client.ListStations(""));
  ASSIGN_OR_RETURN(const directory::v1::Plan proto, client.Plan());
  ASSIGN_OR_RETURN(PlanConfig config, PlanFromProto(proto));
  ASSIGN_OR_RETURN(const NumberPlan plan, NumberPlan::Build(std::move(config)));
  Print(FindNumbers(carriers, stations, plan), kServiceHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status DvbScan(HeadendClient& client, const Invocation& invocation) {
  tuner::v1::ScanRequest request;
  for (const std::string& carrier : invocation.words) request.add_carriers(carrier);
  request.set_no_follow(invocation.no_follow);
  request.set_dry_run(invocation.dry_run);
  uint32_t failed = 0;
  uint32_t read = 0;
  RETURN_IF_ERROR(client.Scan(request, [&](const tuner::v1::ScanResponse& response) {
    if (response.has_step()) ++(response.step().error().empty() ? read : failed);
    if (invocation.json) {
      PrintJson(ToJson(response));
    } else if (response.has_step()) {
      fmt::print("{}\n", StepText(response.step()));
    } else {
      const auto& changes = response.result().changes();
      std::vector<Row> rows;
      for (const tuner::v1::LineupChange& change : changes) rows.push_back(ToRow(change));
      if (!rows.empty()) PrintTable(kLineupChangeHeader, rows);
      fmt::print("{}{}\n", ResultText(response.result()),
                 invocation.dry_run ? "; nothing was kept" : "");
    }
    return std::fflush(stdout) == 0;
  }));
  // Some that are off the air are usual; none at all is a dish, a cable or a tuner at fault.
  if (failed > 0 && read == 0) {
    return absl::FailedPreconditionError(
        ToAbsl(fmt::format("none of {} carriers could be read: see `headwaterctl dvb signal` while "
                           "one is being tried",
                           failed)));
  }
  return absl::OkStatus();
}

absl::Status DvbSignal(HeadendClient& client, const Invocation& invocation) {
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const bool colour = WantsColour();
  bool first = true;
  absl::Status missing = absl::OkStatus();
  const absl::Status watched =
      client.WatchTuners([&](const tuner::v1::WatchTunersResponse& response) {
        const tuner::v1::Tuner* tuner = TunerToShow(response, invocation.argument);
        if (tuner == nullptr) {
          missing = absl::NotFoundError(
              ToAbsl(invocation.argument.empty()
                         ? "there is no tuner"
                         : fmt::format("no tuner is named {}: see `headwaterctl dvb tuners`",
                                       invocation.argument)));
          return false;
        }
        if (invocation.json) {
          PrintJson(ToJson(*tuner));
        } else if (terminal) {
          fmt::print("{}", InPlace(DrawMeter(*tuner, colour), first));
        } else {
          fmt::print("{}", MeterLine(*tuner));
        }
        first = false;
        return std::fflush(stdout) == 0;
      });
  return missing.ok() ? watched : missing;
}

}  // namespace headwater
