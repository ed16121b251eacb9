#include "services/headwaterctl/monitor_views.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <set>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

namespace pb = monitor::v1;

constexpr size_t kTextMax = 4096;
// RFC 5424 tables 2 and 1 in the words of syslog.conf.
constexpr std::array<std::string_view, 8> kSeverities = {"emerg",   "alert",  "crit", "err",
                                                         "warning", "notice", "info", "debug"};
constexpr std::array<std::string_view, 24> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

std::string Safe(const std::string& text) { return CleanText(text, kTextMax); }

template <size_t N>
std::string NameOf(const std::array<std::string_view, N>& names, uint32_t value) {
  return value < N ? std::string(names[value]) : std::to_string(value);
}

template <size_t N>
absl::StatusOr<uint32_t> Parse(const std::array<std::string_view, N>& names, std::string_view what,
                               std::string_view text) {
  uint32_t number = N;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number < N) return number;
  std::string allowed;
  for (uint32_t i = 0; i < N; ++i) {
    if (text == names[i]) return i;
    allowed += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
  }
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{} {}: must be 0 to {}, or one of {}", what, text, N - 1, allowed)));
}

std::string KindText(pb::EventKind kind) {
  return EnumText(pb::EventKind_Name(kind), "EVENT_KIND_");
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() / 1e9;
}

std::string Counted(uint64_t count) { return count == 0 ? "" : std::to_string(count); }

}  // namespace

Json ToJson(const pb::Event& event) {
  return {{"id", event.id()},
          {"time", TimeText(event.time())},
          {"link", Safe(event.link())},
          {"source", Safe(event.source())},
          {"source_port", event.source_port()},
          {"destination", Safe(event.destination())},
          {"kind", KindText(event.kind())},
          {"facility", event.has_facility() ? Json(NameOf(kFacilities, event.facility())) : Json()},
          {"severity", NameOf(kSeverities, event.severity())},
          {"host", Safe(event.host())},
          {"app", Safe(event.app())},
          {"text", Safe(event.text())},
          {"digest", Safe(event.digest())},
          {"repeated", event.repeated()},
          {"authenticated", event.authenticated()}};
}

std::string EventLine(const pb::Event& event) {
  const std::string what =
      event.has_facility() ? NameOf(kFacilities, event.facility()) : KindText(event.kind());
  std::string line = fmt::format("{} {} {} {}.{}", TimeText(event.time()), Safe(event.link()),
                                 Safe(event.source()), what, NameOf(kSeverities, event.severity()));
  if (const std::string host = Safe(event.host()); !host.empty()) line += " " + host;
  if (const std::string app = Safe(event.app()); !app.empty()) line += " " + app + ":";
  line += " " + Safe(event.text());
  return line + (event.repeated() ? " (repeated)\n" : "\n");
}

Json ToJson(const pb::GetNtpResponse& ntp) {
  Json requests = Json::object();
  const std::set<std::string> names = [&] {
    std::set<std::string> sorted;
    for (const auto& [name, count] : ntp.requests()) sorted.insert(name);
    return sorted;
  }();
  for (const std::string& name : names) requests[name] = ntp.requests().at(name);
  Json links = Json::array();
  for (const std::string& link : ntp.links_from_group()) links.push_back(link);
  return {{"enabled", ntp.enabled()},
          {"synchronised", ntp.synchronised()},
          {"problem", Safe(ntp.problem())},
          {"clock", ntp.clock()},
          {"stratum", ntp.stratum()},
          {"leap", ntp.leap()},
          {"root_delay_seconds", Seconds(ntp.root_delay())},
          {"root_dispersion_seconds", Seconds(ntp.root_dispersion())},
          {"reference_id", Safe(ntp.reference_id())},
          {"requests", requests},
          {"links_from_group", links}};
}

std::string NtpText(const pb::GetNtpResponse& ntp) {
  if (!ntp.enabled()) return "no link listens for NTP\n";
  std::string text = ntp.synchronised()
                         ? fmt::format(
                               "synchronised by {}: stratum {}, reference {}, root delay {:.6f} s, "
                               "dispersion {:.6f} s{}\n",
                               ntp.clock(), ntp.stratum(), Safe(ntp.reference_id()),
                               Seconds(ntp.root_delay()), Seconds(ntp.root_dispersion()),
                               ntp.leap() == 1   ? ", a second will be inserted"
                               : ntp.leap() == 2 ? ", a second will be left out"
                                                 : "")
                         : fmt::format("not synchronised, clients are told no time: {} ({})\n",
                                       Safe(ntp.problem()), ntp.clock());
  const Json requests = ToJson(ntp)["requests"];
  for (const auto& [name, count] : requests.items()) {
    if (count.get<uint64_t>() > 0) text += fmt::format("{:>10}  {}\n", count.get<uint64_t>(), name);
  }
  for (const std::string& link : ntp.links_from_group())
    text += fmt::format("link {}: answers from the group\n", Safe(link));
  return text;
}

Json ToJson(const pb::Listener& listener) {
  return {{"service", listener.service()},     {"link", listener.link()},
          {"interface", listener.interface()}, {"group", listener.group()},
          {"source", listener.source()},       {"port", listener.port()},
          {"joined", listener.joined()},       {"error", Safe(listener.error())}};
}

Row ToRow(const pb::Listener& listener) {
  return {listener.service(),    listener.link(),
          listener.interface(),  fmt::format("{}", listener.group()),
          listener.source(),     listener.joined() ? "yes" : "no",
          Safe(listener.error())};
}

Json ToJson(const pb::Handover& handover) {
  return {{"service", handover.service()},
          {"target", handover.target()},
          {"up", handover.up()},
          {"queued", handover.queued()},
          {"forwarded", handover.forwarded_total()},
          {"resent", handover.resent_total()},
          {"dropped", handover.dropped_total()},
          {"lost", handover.lost_total()},
          {"keep_source", handover.keep_source()}};
}

Row ToRow(const pb::Handover& handover) {
  return {handover.service(),
          handover.target(),
          handover.up() ? "yes" : "no",
          Counted(handover.queued()),
          std::to_string(handover.forwarded_total()),
          Counted(handover.resent_total()),
          Counted(handover.dropped_total()),
          Counted(handover.lost_total())};
}

Json ToJson(const pb::GetStatusResponse& status) {
  Json listeners = Json::array(), handovers = Json::array();
  for (const pb::Listener& one : status.listeners()) listeners.push_back(ToJson(one));
  for (const pb::Handover& one : status.handovers()) handovers.push_back(ToJson(one));
  return {{"listeners", listeners},
          {"handovers", handovers},
          {"store",
           {{"events", status.store().events()},
            {"bytes", status.store().bytes()},
            {"oldest", TimeText(status.store().oldest())},
            {"dropped", status.store().dropped_total()},
            {"error", Safe(status.store().error())}}}};
}

std::string StoreText(const pb::Store& store) {
  std::string text = fmt::format("store: {} events, {:.1f} MiB", store.events(),
                                 static_cast<double>(store.bytes()) / (1 << 20));
  if (store.has_oldest()) text += ", since " + TimeText(store.oldest());
  if (store.dropped_total() > 0) text += fmt::format(", {} not kept", store.dropped_total());
  if (!store.error().empty()) text += ", " + Safe(store.error());
  return text + "\n";
}

std::string NftRules(const pb::GetStatusResponse& status) {
  std::string rules;
  for (const pb::Handover& handover : status.handovers()) {
    const size_t colon = handover.target().rfind(':');
    if (colon == std::string::npos) continue;
    for (const pb::Listener& listener : status.listeners()) {
      if (listener.service() != handover.service() || listener.interface().empty()) continue;
      const bool v6 = listener.group().find(':') != std::string::npos;
      rules += fmt::format("    iifname \"{}\" {} daddr {} udp dport {} counter redirect to :{}\n",
                           Safe(listener.interface()), v6 ? "ip6" : "ip", listener.group(),
                           listener.port(), handover.target().substr(colon + 1));
    }
  }
  return "# What comes to these groups goes to the daemons on this host, with its own source "
         "address,\n"
         "# and not to mcast-monitor, which still has to join the groups. The daemons must listen "
         "on the\n"
         "# interfaces' addresses. Load: nft -f FILE. Remove: nft delete table inet "
         "headwater_monitor\n"
         "table inet headwater_monitor {\n  chain handover {\n"
         "    type nat hook prerouting priority dstnat; policy accept;\n" +
         rules + "  }\n}\n";
}

absl::StatusOr<uint32_t> ParseSeverity(std::string_view text) {
  return Parse(kSeverities, "--severity", text);
}

absl::StatusOr<uint32_t> ParseFacility(std::string_view text) {
  return Parse(kFacilities, "--facility", text);
}

absl::StatusOr<pb::EventKind> ParseEventKind(std::string_view text) {
  for (const auto kind : {pb::EVENT_KIND_SYSLOG, pb::EVENT_KIND_TRAP, pb::EVENT_KIND_INFORM}) {
    if (text == KindText(kind)) return kind;
  }
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("--kind {}: must be syslog, trap or inform", text)));
}

}  // namespace headwater
