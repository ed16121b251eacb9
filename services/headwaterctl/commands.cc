#include "services/headwaterctl/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <set>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/plan/plan_text.h"
#include "services/common/rpc/proto_convert.h"
#include "services/headwaterctl/print.h"
#include "services/headwaterctl/table.h"
#include "services/headwaterctl/views.h"
#include "services/headwaterctl/zone_client_shell.h"

namespace headwater {
namespace {

template <typename Enum>
absl::StatusOr<Enum> Choice(std::string_view option, std::string_view text,
                            std::initializer_list<std::pair<std::string_view, Enum>> choices) {
  std::string allowed;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{} {}: must be one of {}", option, text, allowed)));
}

}  // namespace

absl::Status SessionList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto sessions, client.ListSessions());
  Print(sessions, kSessionHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status SessionWatch(HeadendClient& client, const Invocation& invocation) {
  return client.WatchSessions([&](const session::v1::WatchSessionsResponse& event) {
    if (event.has_session()) {
      if (invocation.json) {
        PrintJson(ToJson(event.session()));
      } else {
        fmt::print("{}",
                   FormatTable({"", "", "", "", "", "", ""}, {ToRow(event.session())}).substr(1));
      }
    } else if (event.has_removed()) {
      // An ended session is one more state of it, so that every line has one schema.
      session::v1::Session ended;
      *ended.mutable_channel() = event.removed();
      ended.set_state(session::v1::SESSION_STATE_IDLE);
      if (invocation.json) {
        PrintJson(ToJson(ended));
      } else {
        fmt::print("{}  ended\n", ChannelText(event.removed()));
      }
    }
    return std::fflush(stdout) == 0;
  });
}

absl::Status SessionExplain(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const Channel channel, ParseChannel(invocation.argument));
  ASSIGN_OR_RETURN(const auto story, client.Explain(ToProto(channel)));
  if (invocation.json) {
    PrintJson(ToJson(story));
  } else {
    fmt::print("{}", StoryText(story));
  }
  return absl::OkStatus();
}

absl::Status GroupList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(auto groups, client.ListGroups());
  if (!invocation.link.empty()) {
    std::erase_if(groups, [&](const auto& group) { return group.link() != invocation.link; });
  }
  Print(groups, kGroupHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status GroupResolve(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const Channel channel, ParseChannel(invocation.argument));
  ASSIGN_OR_RETURN(const directory::v1::Plan proto, client.Plan());
  ASSIGN_OR_RETURN(PlanConfig config, PlanFromProto(proto));
  ASSIGN_OR_RETURN(const NumberPlan plan, NumberPlan::Build(std::move(config)));
  // A person asks what the group stands for; whether the source is ours is the manager's question.
  const auto match = plan.FindGroup(channel.group);
  if (!match) {
    return absl::NotFoundError(
        ToAbsl(fmt::format("{} is not in the number plan", channel.group.ToString())));
  }
  Json object = {{"group", channel.group.ToString()},
                 {"source", channel.source ? channel.source->ToString() : ""},
                 {"number", NumberText(match->number)},
                 {"directory", match->directory}};
  absl::StatusOr<types::v1::Station> station = client.Resolve(match->number);
  if (station.ok()) object["station"] = ToJson(*station);
  if (invocation.json) {
    PrintJson(object);
  } else {
    fmt::print("{}", FormatTable({"GROUP", "NUMBER", "DIRECTORY", "STATION"},
                                 {{channel.ToString(), NumberText(match->number), match->directory,
                                   station.ok() ? station->title() : ""}}));
  }
  return station.status();
}

absl::Status StationList(HeadendClient& client, const Invocation& invocation) {
  using namespace directory::v1;  // NOLINT: the enum names are long enough
  const StationSet set = invocation.favourites ? STATION_SET_FAVOURITE
                         : invocation.disabled ? STATION_SET_DISABLED
                         : invocation.failing  ? STATION_SET_FAILING
                                               : STATION_SET_UNSPECIFIED;
  ASSIGN_OR_RETURN(const auto stations, client.ListStations(invocation.directory, set));
  Print(stations, kStationHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status StationSearch(HeadendClient& client, const Invocation& invocation) {
  std::string query;
  for (const std::string& word : invocation.words) query += (query.empty() ? "" : " ") + word;
  ASSIGN_OR_RETURN(const auto stations, client.Search(query));
  Print(stations, kStationHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status StationExport(HeadendClient& client, const Invocation& invocation) {
  using namespace directory::v1;  // NOLINT: the enum names are long enough
  ExportRequest request;
  ASSIGN_OR_RETURN(const ExportFormat format,
                   (Choice<ExportFormat>("--format", invocation.format,
                                         {{"m3u", EXPORT_FORMAT_M3U},
                                          {"xspf", EXPORT_FORMAT_XSPF},
                                          {"sdp", EXPORT_FORMAT_SDP},
                                          {"xmltv", EXPORT_FORMAT_XMLTV}})));
  ASSIGN_OR_RETURN(const ExportPlayer player,
                   (Choice<ExportPlayer>("--player", invocation.player,
                                         {{"vlc", EXPORT_PLAYER_VLC},
                                          {"ffmpeg", EXPORT_PLAYER_FFMPEG},
                                          {"kodi", EXPORT_PLAYER_KODI}})));
  ASSIGN_OR_RETURN(
      const ExportFamily family,
      (Choice<ExportFamily>("--family", invocation.family,
                            {{"ipv6", EXPORT_FAMILY_IPV6}, {"ipv4", EXPORT_FAMILY_IPV4}})));
  request.set_format(format);
  request.set_player(player);
  request.set_family(family);
  request.set_directory(invocation.directory);
  request.set_service_address(invocation.service_address);
  if (!invocation.number.empty()) {
    ASSIGN_OR_RETURN(const uint32_t number, ParseNumber(invocation.number));
    request.set_number(number);
  }
  ASSIGN_OR_RETURN(const ExportResponse response, client.Export(request));
  if (invocation.json) {
    PrintJson(ToJson(response));
  } else {
    fmt::print("{}", response.text());
  }
  return absl::OkStatus();
}

absl::Status SenderList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto senders, client.ListSenders());
  Print(senders, kSenderHeader, invocation.json);
  return absl::OkStatus();
}

namespace {

absl::Status SetDrained(HeadendClient& client, const Invocation& invocation, bool drained) {
  RETURN_IF_ERROR(client.SetSenderDrained(invocation.argument, drained));
  ASSIGN_OR_RETURN(auto senders, client.ListSenders());
  std::erase_if(senders, [&](const session::v1::Sender& sender) {
    return sender.name() != invocation.argument;
  });
  Print(senders, kSenderHeader, invocation.json);
  return absl::OkStatus();
}

}  // namespace

absl::Status SenderDrain(HeadendClient& client, const Invocation& invocation) {
  return SetDrained(client, invocation, true);
}

absl::Status SenderUndrain(HeadendClient& client, const Invocation& invocation) {
  return SetDrained(client, invocation, false);
}

absl::Status EndpointList(HeadendClient& client, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto endpoints, client.ListEndpoints());
  Print(endpoints, kEndpointHeader, invocation.json);
  return absl::OkStatus();
}

absl::Status Health(HeadendClient& client, const Invocation& invocation) {
  // First the manager, which knows of all others but does not list itself.
  session::v1::Endpoint manager;
  manager.set_service("session-manager");
  manager.set_target(client.manager());
  std::vector<session::v1::Endpoint> endpoints = {manager};
  const auto others = client.ListEndpoints();
  if (others.ok()) endpoints.insert(endpoints.end(), others->begin(), others->end());
  std::vector<Row> rows;
  absl::Status worst = others.status();
  for (const session::v1::Endpoint& endpoint : endpoints) {
    const absl::Status status = client.CheckHealth(endpoint.target());
    const bool answers = status.code() == absl::StatusCode::kFailedPrecondition;
    const std::string shown = status.ok() ? "serving" : answers ? "not serving" : "unreachable";
    const std::string error(FromAbsl(status.message()));
    if (!status.ok()) worst = absl::UnavailableError(status.message());
    rows.push_back({endpoint.service(), endpoint.instance(), shown, error});
    if (invocation.json) {
      PrintJson({{"service", endpoint.service()},
                 {"instance", endpoint.instance()},
                 {"target", endpoint.target()},
                 {"status", shown},
                 {"error", error}});
    }
  }
  if (!invocation.json)
    fmt::print("{}",
               FormatTable({"SERVICE", "INSTANCE", "STATUS", "ERROR"}, rows, {.hide_empty = true}));
  return worst;
}

absl::Status PrintCompletionScript(HeadendClient&, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const std::string script, CompletionScript(invocation.argument));
  fmt::print("{}", script);
  return absl::OkStatus();
}

absl::Status PrintLiveWords(HeadendClient& client, const Completion& completion) {
  // A set: a directory has many stations, a link many groups.
  std::set<std::string> words;
  switch (completion.live) {
    case LiveWords::kNone:
      return absl::OkStatus();
    case LiveWords::kGroups: {
      ASSIGN_OR_RETURN(const auto sessions, client.ListSessions());
      for (const session::v1::Session& session : sessions)
        words.insert(ChannelText(session.channel()));
      break;
    }
    case LiveWords::kStationNumbers: {
      ASSIGN_OR_RETURN(const auto stations, client.ListStations(""));
      for (const types::v1::Station& station : stations)
        words.insert(ShownNumber(station.number()));
      break;
    }
    case LiveWords::kDirectories: {
      ASSIGN_OR_RETURN(const directory::v1::Plan plan, client.Plan());
      for (const directory::v1::Directory& directory : plan.directories())
        words.insert(directory.name());
      break;
    }
    case LiveWords::kLinks: {
      ASSIGN_OR_RETURN(const auto senders, client.ListSenders());
      for (const session::v1::Sender& sender : senders) {
        for (const types::v1::Leg& leg : sender.legs()) words.insert(leg.link());
      }
      break;
    }
    case LiveWords::kSenders: {
      ASSIGN_OR_RETURN(const auto senders, client.ListSenders());
      for (const session::v1::Sender& sender : senders) words.insert(sender.name());
      break;
    }
    case LiveWords::kCarriers: {
      ASSIGN_OR_RETURN(const auto carriers, client.ListCarriers());
      // What has to be quoted cannot be offered word by word.
      for (const tuner::v1::Carrier& carrier : carriers) {
        if (carrier.id().find(' ') == std::string::npos) words.insert(carrier.id());
      }
      break;
    }
    case LiveWords::kTuners: {
      ASSIGN_OR_RETURN(const auto tuners, client.ListTuners());
      for (const tuner::v1::Tuner& tuner : tuners) words.insert(tuner.name());
      break;
    }
    case LiveWords::kZones: {
      ASSIGN_OR_RETURN(const auto zones, ListZones(client));
      for (const zone::v1::Zone& zone : zones.zones()) words.insert(zone.name());
      break;
    }
  }
  for (const std::string& word : words) {
    if (word.starts_with(completion.prefix)) fmt::print("{}\n", word);
  }
  return absl::OkStatus();
}

}  // namespace headwater
