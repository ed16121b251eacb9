#include "services/headwaterctl/monitor_commands.h"

#include <absl/time/time.h>
#include <fmt/format.h>

#include <cstdio>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/time/clock.h"
#include "services/headwaterctl/monitor_client_shell.h"
#include "services/headwaterctl/monitor_views.h"
#include "services/headwaterctl/print.h"

namespace headwater {
namespace {

MonitorClient Open(HeadendClient& client, const Invocation& invocation) {
  return MonitorClient(client, MonitorClient::Target(invocation.monitor, client.manager()));
}

// "1h30m": so long ago; or RFC 3339.
absl::StatusOr<absl::Time> ParseWhen(const char* option, const std::string& text) {
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return time;
  absl::Duration ago;
  if (absl::ParseDuration(text, &ago) && ago >= absl::ZeroDuration()) return WallNow() - ago;
  return absl::InvalidArgumentError(ToAbsl(fmt::format(
      "{} {}: must be how long ago, as 90m, or a time as 2026-11-28T20:00:00Z", option, text)));
}

absl::StatusOr<monitor::v1::EventFilter> Filter(const Invocation& invocation) {
  monitor::v1::EventFilter filter;
  if (!invocation.kind.empty()) {
    ASSIGN_OR_RETURN(const monitor::v1::EventKind kind, ParseEventKind(invocation.kind));
    filter.set_kind(kind);
  }
  filter.set_link(invocation.link);
  filter.set_source(invocation.source);
  if (!invocation.severity.empty()) {
    ASSIGN_OR_RETURN(const uint32_t severity, ParseSeverity(invocation.severity));
    filter.set_severity_max(severity);
  }
  if (!invocation.facility.empty()) {
    ASSIGN_OR_RETURN(const uint32_t facility, ParseFacility(invocation.facility));
    filter.set_facility(facility);
  }
  if (!invocation.since.empty()) {
    ASSIGN_OR_RETURN(const absl::Time since, ParseWhen("--since", invocation.since));
    *filter.mutable_since() = ToProto(since);
  }
  if (!invocation.until.empty()) {
    ASSIGN_OR_RETURN(const absl::Time until, ParseWhen("--until", invocation.until));
    *filter.mutable_until() = ToProto(until);
  }
  std::string words;
  for (const std::string& word : invocation.words) words += (words.empty() ? "" : " ") + word;
  filter.set_words(words);
  return filter;
}

void PrintEvent(const monitor::v1::Event& event, bool json) {
  if (json) {
    PrintJson(ToJson(event));
  } else {
    fmt::print("{}", EventLine(event));
  }
}

}  // namespace

absl::Status MonitorTail(HeadendClient& client, const Invocation& invocation) {
  monitor::v1::WatchEventsRequest request;
  ASSIGN_OR_RETURN(*request.mutable_filter(), Filter(invocation));
  request.set_last(invocation.count);
  return Open(client, invocation)
      .Watch(request, [&](const monitor::v1::WatchEventsResponse& response) {
        if (response.has_event()) PrintEvent(response.event(), invocation.json);
        const bool more = !response.has_synced() || !invocation.no_follow;
        return std::fflush(stdout) == 0 && more;
      });
}

absl::Status MonitorSearch(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const monitor::v1::EventFilter filter, Filter(invocation));
  ASSIGN_OR_RETURN(const auto events, Open(client, invocation).Search(filter, invocation.count));
  for (const monitor::v1::Event& event : events) PrintEvent(event, invocation.json);
  return absl::OkStatus();
}

absl::Status MonitorNtp(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto ntp, Open(client, invocation).Ntp());
  if (invocation.json) {
    PrintJson(ToJson(ntp));
  } else {
    fmt::print("{}", NtpText(ntp));
  }
  return absl::OkStatus();
}

absl::Status MonitorStatus(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto status, Open(client, invocation).Status());
  if (invocation.json) {
    PrintJson(ToJson(status));
    return absl::OkStatus();
  }
  Print(status.listeners(), kListenerHeader, false);
  if (status.handovers_size() > 0) {
    fmt::print("\n");
    Print(status.handovers(), kHandoverHeader, false);
  }
  fmt::print("\n{}", StoreText(status.store()));
  return absl::OkStatus();
}

absl::Status MonitorNft(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto status, Open(client, invocation).Status());
  if (invocation.json) {
    PrintJson({{"rules", NftRules(status)}});
  } else {
    fmt::print("{}", NftRules(status));
  }
  return absl::OkStatus();
}

}  // namespace headwater
