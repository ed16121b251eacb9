#include "services/headwaterctl/catalogue_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/plan/plan_text.h"
#include "services/headwaterctl/catalogue_views.h"
#include "services/headwaterctl/print.h"

namespace headwater {
namespace {

namespace pb = directory::v1;

// What was done to a number: one schema for all that mark.
void PrintMark(const Invocation& invocation, uint32_t number, const std::string& done,
               uint32_t second = 0) {
  if (invocation.json) {
    PrintJson({{"number", NumberText(number)}, {"done", done}, {"second", ShownNumber(second)}});
  } else {
    fmt::print("{} {}{}\n", NumberText(number), done, second == 0 ? "" : " " + NumberText(second));
  }
}

// A source that does not play is an answer: what is not reached is the headend alone.
absl::StatusOr<Probed> ProbeOne(HeadendClient& client, const std::string& url, bool local) {
  RETURN_IF_ERROR(client.CheckService("rtp-packager"));
  Probed probed;
  probed.url = url;
  auto answer = client.Probe(url, local);
  probed.ok = answer.ok();
  if (answer.ok()) {
    probed.answer = *std::move(answer);
  } else {
    probed.error = FromAbsl(answer.status().message());
  }
  return probed;
}

absl::Status DoesNotPlay(const Probed& probed) {
  return absl::FailedPreconditionError(
      ToAbsl(fmt::format("{} does not play: {}", probed.url, probed.error)));
}

absl::StatusOr<NumberPlan> PlanOf(HeadendClient& client) {
  ASSIGN_OR_RETURN(const pb::Plan proto, client.Plan());
  ASSIGN_OR_RETURN(PlanConfig config, PlanFromProto(proto));
  return NumberPlan::Build(std::move(config));
}

bool IsLocal(const NumberPlan& plan, const std::string& directory) {
  const PlanDirectory* found = plan.FindDirectory(directory);
  return found != nullptr && found->local;
}

std::string GroupText(const std::optional<IpAddress>& group) {
  return group ? group->ToString() : "";
}

// Whether a person at a terminal says yes; with --yes nobody is asked.
bool Confirmed(const Invocation& invocation) {
  if (invocation.yes) return true;
  if (invocation.json || isatty(STDIN_FILENO) == 0) return false;
  fmt::print("Add it? [y/N] ");
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void ShowAddition(const Invocation& invocation, const NumberPlan& plan,
                  const pb::AddStationResponse& planned, const Probed& probed, bool added) {
  const types::v1::Station& station = planned.station();
  const std::string ipv6 = GroupText(plan.GroupV6(station.number()));
  const std::string ipv4 = GroupText(plan.GroupV4(station.number()));
  if (invocation.json) {
    PrintJson({{"added", added},
               {"existed", planned.existed()},
               {"number", ShownNumber(station.number())},
               {"directory", station.directory()},
               {"title", station.title()},
               {"group_ipv6", ipv6},
               {"group_ipv4", ipv4},
               {"probe", ToJson(probed)}});
    return;
  }
  std::vector<Row> rows = ToRows(probed);
  rows.push_back({"title", station.title()});
  rows.push_back({"directory", station.directory()});
  rows.push_back({planned.existed() ? "is already" : "number", ShownNumber(station.number())});
  if (!ipv6.empty()) rows.push_back({"group", ipv6});
  if (!ipv4.empty()) rows.push_back({"group", ipv4});
  PrintTable(kFactHeader, rows);
}

absl::Status ReportCheck(HeadendClient& client, uint32_t number, const Probed& probed) {
  pb::ReportPlayRequest report;
  report.set_number(number);
  report.set_ok(probed.ok);
  report.set_check(true);
  report.set_error(probed.error);
  if (probed.ok) *report.mutable_format() = probed.answer.format();
  return client.ReportPlay(report);
}

absl::Status SetDisabled(HeadendClient& client, const Invocation& invocation, bool disabled) {
  ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.argument));
  pb::DisableStationRequest request;
  request.set_number(number);
  request.set_disabled(disabled);
  RETURN_IF_ERROR(client.DisableStation(request));
  PrintMark(invocation, number, disabled ? "disabled" : "enabled");
  return absl::OkStatus();
}

}  // namespace

absl::Status StationShow(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.argument));
  ASSIGN_OR_RETURN(const pb::StationRecord record, client.DescribeStation(number));
  if (invocation.json) {
    PrintJson(ToJson(record));
  } else {
    PrintTable(kFactHeader, ToRows(record));
  }
  return absl::OkStatus();
}

absl::Status StationAdd(HeadendClient& client, const Invocation& invocation) {
  pb::AddStationRequest request;
  types::v1::Station& station = *request.mutable_station();
  station.add_urls(invocation.argument);
  station.set_directory(invocation.directory);
  for (const std::string& tag : invocation.tags) station.add_tags(tag);
  if (!invocation.number.empty()) {
    ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.number));
    station.set_number(number);
  }
  // Its directory says where the URL may lead, so that is asked before the URL; a title must be
  // there, and the station tells its own only later.
  station.set_title(invocation.title.empty() ? invocation.argument : invocation.title);
  request.set_dry_run(true);
  ASSIGN_OR_RETURN(pb::AddStationResponse planned, client.AddStation(request));
  ASSIGN_OR_RETURN(const NumberPlan plan, PlanOf(client));
  ASSIGN_OR_RETURN(const Probed probed, ProbeOne(client, invocation.argument,
                                                 IsLocal(plan, planned.station().directory())));
  if (!probed.ok) {
    if (invocation.json) ShowAddition(invocation, plan, planned, probed, false);
    return DoesNotPlay(probed);
  }
  if (invocation.title.empty() && !probed.answer.info().name().empty())
    station.set_title(probed.answer.info().name());
  if (!planned.existed()) planned.mutable_station()->set_title(station.title());
  if (!invocation.json) ShowAddition(invocation, plan, planned, probed, false);
  const bool add = !planned.existed() && Confirmed(invocation);
  if (add) {
    request.set_dry_run(false);
    ASSIGN_OR_RETURN(planned, client.AddStation(request));
    RETURN_IF_ERROR(ReportCheck(client, planned.station().number(), probed));
  }
  if (invocation.json) {
    ShowAddition(invocation, plan, planned, probed, add);
  } else if (!planned.existed()) {
    fmt::print("{}\n", add ? "added as " + ShownNumber(planned.station().number())
                           : "not added; --yes adds it");
  }
  return absl::OkStatus();
}

absl::Status StationRemove(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.argument));
  RETURN_IF_ERROR(client.RemoveStation(number));
  PrintMark(invocation, number, "removed");
  return absl::OkStatus();
}

absl::Status StationCheck(HeadendClient& client, const Invocation& invocation) {
  const bool is_url = invocation.argument.find("://") != std::string::npos;
  std::vector<std::string> urls = {invocation.argument};
  uint32_t number = 0;
  bool local = invocation.local;
  if (!is_url) {
    ASSIGN_OR_RETURN(number, ParseNumber(invocation.argument));
    ASSIGN_OR_RETURN(const types::v1::Station station, client.Resolve(number));
    ASSIGN_OR_RETURN(const NumberPlan plan, PlanOf(client));
    urls.assign(station.urls().begin(), station.urls().end());
    local = IsLocal(plan, station.directory());
    if (urls.empty())
      return absl::FailedPreconditionError(
          ToAbsl(fmt::format("{} has no URL to check", station.title())));
  }
  Probed probed;
  // As a play does: the first that works.
  for (const std::string& url : urls) {
    ASSIGN_OR_RETURN(probed, ProbeOne(client, url, local));
    if (invocation.json) {
      PrintJson(ToJson(probed));
    } else {
      PrintTable(kFactHeader, ToRows(probed));
    }
    if (probed.ok) break;
  }
  if (number != 0) RETURN_IF_ERROR(ReportCheck(client, number, probed));
  return probed.ok ? absl::OkStatus() : DoesNotPlay(probed);
}

absl::Status StationDisable(HeadendClient& client, const Invocation& invocation) {
  return SetDisabled(client, invocation, true);
}

absl::Status StationEnable(HeadendClient& client, const Invocation& invocation) {
  return SetDisabled(client, invocation, false);
}

absl::Status StationFavourite(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.argument));
  pb::FavouriteStationRequest request;
  request.set_number(number);
  request.set_favourite(!invocation.remove);
  ASSIGN_OR_RETURN(const uint32_t favourite, client.FavouriteStation(request));
  PrintMark(invocation, number, invocation.remove ? "is no favourite" : "is favourite", favourite);
  return absl::OkStatus();
}

absl::Status StationAlias(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.argument));
  pb::AliasStationRequest request;
  request.set_number(number);
  request.set_directory(invocation.directory);
  request.set_remove(invocation.remove);
  if (!invocation.number.empty()) {
    ASSIGN_OR_RETURN(const uint32_t alias, ParseNumber(invocation.number));
    request.set_alias(alias);
  }
  ASSIGN_OR_RETURN(const uint32_t alias, client.AliasStation(request));
  PrintMark(invocation, number, invocation.remove ? "is no longer" : "is also", alias);
  return absl::OkStatus();
}

absl::Status DirectoryList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto directories, client.ListDirectories());
  Print(directories, kDirectoryHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status DirectoryRefresh(HeadendClient& client, const Invocation& invocation) {
  pb::RefreshDirectoryRequest request;
  request.set_name(invocation.argument);
  request.set_accept_shrinking(invocation.accept_shrinking);
  ASSIGN_OR_RETURN(const pb::RefreshDirectoryResponse response, client.RefreshDirectory(request));
  if (invocation.json) {
    PrintJson({{"directory", ToJson(response.status())}, {"counts", ToJson(response.changes())}});
  } else {
    fmt::print("{}: {}; {} stations\n", invocation.argument, CountsText(response.changes()),
               response.status().stations());
  }
  return absl::OkStatus();
}

absl::Status DirectoryDiff(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const pb::DiffDirectoryResponse response,
                   client.DiffDirectory(invocation.argument));
  if (invocation.json) {
    PrintJson(ToJson(response));
    return absl::OkStatus();
  }
  std::vector<Row> rows;
  for (const pb::StationChange& change : response.changes()) rows.push_back(ToRow(change));
  if (!rows.empty()) PrintTable(kChangeHeader, rows);
  fmt::print("{}: {}\n", invocation.argument, CountsText(response.counts()));
  if (!response.refused().empty()) fmt::print("would be refused: {}\n", response.refused());
  return absl::OkStatus();
}

}  // namespace headwater
