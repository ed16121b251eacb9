#include "services/headwaterctl/views.h"

#include <absl/time/time.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "services/common/base/absl_text.h"
#include "services/headwaterctl/table.h"

namespace headwater {
namespace {

absl::Time Time(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

template <typename Strings>
std::string Joined(const Strings& strings) {
  return fmt::format("{}", fmt::join(strings.begin(), strings.end(), ","));
}

template <typename Strings>
Json List(const Strings& strings) {
  Json list = Json::array();
  for (const std::string& text : strings) list.push_back(text);
  return list;
}

std::string ModeText(membership::v1::FilterMode mode) {
  return mode == membership::v1::FILTER_MODE_INCLUDE ? "include" : "exclude";
}

std::string KindText(types::v1::StationKind kind) {
  switch (kind) {
    case types::v1::STATION_KIND_HTTP:
      return "http";
    case types::v1::STATION_KIND_DVB:
      return "dvb";
    case types::v1::STATION_KIND_TEST:
      return "test";
    default:
      return "unknown";
  }
}

// What a person looks for where others have a URL.
std::string SourceText(const types::v1::DvbService& service) {
  if (!service.pids().empty())
    return fmt::format("{} {} PIDs", service.carrier(), service.pids_size());
  if (service.service_id() == 0) return service.carrier();
  return fmt::format("{} {}", service.carrier(), service.service_id());
}

std::vector<std::string> Links(const session::v1::Sender& sender) {
  std::vector<std::string> links;
  for (const types::v1::Leg& leg : sender.legs())
    links.push_back(leg.up() ? leg.link() : leg.link() + " (down)");
  return links;
}

}  // namespace

std::string EnumText(std::string name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return name;
}

std::string ChannelText(const types::v1::Channel& channel) {
  return channel.source().empty() ? channel.group() : channel.source() + "@" + channel.group();
}

std::string ShownNumber(uint32_t number) {
  return number == 0 ? "" : fmt::format("0x{:08x}", number);
}

std::string StateText(session::v1::SessionState state) {
  return EnumText(session::v1::SessionState_Name(state), "SESSION_STATE_");
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return std::string(
      FromAbsl(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", Time(time), absl::UTCTimeZone())));
}

Json ToJson(const session::v1::Session& session) {
  return {{"group", session.channel().group()},
          {"source", session.channel().source()},
          {"number", ShownNumber(session.number())},
          {"station", session.station().title()},
          {"directory", session.station().directory()},
          {"state", StateText(session.state())},
          {"links", List(session.links())},
          {"members", session.members()},
          {"sender", session.sender()},
          {"format", session.format().description()},
          {"name", session.info().name()},
          {"title", session.info().title()},
          {"url", session.info().url()},
          {"source_url", session.source_url()},
          {"error", session.error()},
          {"since", TimeText(session.since())},
          {"receivers", session.receivers()},
          {"fraction_lost_max", session.fraction_lost_max()}};
}

Row ToRow(const session::v1::Session& session) {
  const std::string& title = session.error().empty() ? session.info().title() : session.error();
  return {ChannelText(session.channel()),
          StateText(session.state()),
          Joined(session.links()),
          std::to_string(session.members()),
          session.sender(),
          session.station().title(),
          title};
}

Json ToJson(const membership::v1::GroupMembership& group) {
  Json members = Json::array();
  for (const membership::v1::Member& member : group.members()) {
    members.push_back({{"address", member.address()},
                       {"filter_mode", ModeText(member.filter_mode())},
                       {"sources", List(member.sources())},
                       {"joined", TimeText(member.joined())}});
  }
  return {{"link", group.link()},
          {"group", group.group()},
          {"filter_mode", ModeText(group.filter_mode())},
          {"sources", List(group.sources())},
          {"members", std::move(members)},
          {"member_count", group.member_count()},
          {"joins_total", group.joins_total()},
          {"last_join", TimeText(group.last_join())}};
}

Row ToRow(const membership::v1::GroupMembership& group) {
  return {group.link(), group.group(), ModeText(group.filter_mode()),
          std::to_string(group.member_count()), Joined(group.sources())};
}

Json ToJson(const types::v1::DvbService& service) {
  Json pids = Json::array();
  for (const uint32_t pid : service.pids()) pids.push_back(pid);
  return {{"carrier", service.carrier()},
          {"original_network_id", service.original_network_id()},
          {"transport_stream_id", service.transport_stream_id()},
          {"service_id", service.service_id()},
          {"pids", std::move(pids)}};
}

Json ToJson(const types::v1::Station& station) {
  return {{"number", ShownNumber(station.number())},
          {"title", station.title()},
          {"kind", KindText(station.kind())},
          {"directory", station.directory()},
          {"urls", List(station.urls())},
          {"tags", List(station.tags())},
          {"homepage", station.homepage()},
          {"logo_url", station.logo_url()},
          {"known_format", station.known_format().description()},
          {"dvb", station.has_dvb() ? ToJson(station.dvb()) : Json()}};
}

Row ToRow(const types::v1::Station& station) {
  return {ShownNumber(station.number()), station.directory(), station.title(),
          station.has_dvb()        ? SourceText(station.dvb())
          : station.urls().empty() ? ""
                                   : station.urls(0)};
}

Json ToJson(const directory::v1::ExportResponse& exported) {
  return {{"content_type", exported.content_type()}, {"text", exported.text()}};
}

Json ToJson(const session::v1::Sender& sender) {
  Json legs = Json::array();
  for (const types::v1::Leg& leg : sender.legs()) {
    legs.push_back({{"link", leg.link()},
                    {"interface", leg.interface()},
                    {"up", leg.up()},
                    {"service_address_ipv4", leg.service_address_ipv4()},
                    {"service_address_ipv6", leg.service_address_ipv6()},
                    {"mtu", leg.mtu()}});
  }
  return {{"name", sender.name()},         {"connected", sender.connected()},
          {"drained", sender.drained()},   {"sessions", sender.sessions()},
          {"capacity", sender.capacity()}, {"legs", std::move(legs)}};
}

Row ToRow(const session::v1::Sender& sender) {
  return {sender.name(),
          sender.connected() ? "yes" : "no",
          sender.drained() ? "yes" : "",
          std::to_string(sender.sessions()),
          sender.capacity() == 0 ? "" : std::to_string(sender.capacity()),
          Joined(Links(sender))};
}

Json ToJson(const session::v1::Endpoint& endpoint) {
  return {{"service", endpoint.service()},
          {"instance", endpoint.instance()},
          {"target", endpoint.target()},
          {"connected", endpoint.connected()},
          {"synced", endpoint.synced()}};
}

Row ToRow(const session::v1::Endpoint& endpoint) {
  return {endpoint.service(), endpoint.instance(), endpoint.target(),
          endpoint.connected() ? "yes" : "no", endpoint.synced() ? "yes" : "no"};
}

std::string StoryText(const session::v1::ExplainSessionResponse& story) {
  std::vector<Row> rows;
  const absl::Time start = story.steps().empty() ? absl::UnixEpoch() : Time(story.steps(0).time());
  for (const session::v1::TimelineStep& step : story.steps()) {
    rows.push_back(
        {TimeText(step.time()),
         fmt::format("{:+.1f} ms", absl::ToDoubleMilliseconds(Time(step.time()) - start)),
         step.step(), step.text()});
  }
  const session::v1::Session& session = story.session();
  std::string last =
      fmt::format("{} is {}", ChannelText(session.channel()), StateText(session.state()));
  if (!session.station().title().empty()) last += fmt::format(" ({})", session.station().title());
  if (!session.error().empty()) last += ": " + session.error();
  // Through the table, which cleans it.
  return FormatTable({"TIME", "SINCE", "STEP", "WHAT"}, rows) +
         FormatTable({""}, {{last}}).substr(1);
}

Json ToJson(const session::v1::ExplainSessionResponse& story) {
  Json steps = Json::array();
  for (const session::v1::TimelineStep& step : story.steps()) {
    steps.push_back(
        {{"time", TimeText(step.time())}, {"step", step.step()}, {"text", step.text()}});
  }
  return {{"session", ToJson(story.session())}, {"steps", std::move(steps)}};
}

}  // namespace headwater
