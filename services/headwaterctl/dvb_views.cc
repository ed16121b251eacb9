#include "services/headwaterctl/dvb_views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headwater {
namespace {

namespace pb = tuner::v1;

std::string SystemText(pb::DeliverySystem system) {
  constexpr std::string_view kPrefix = "DELIVERY_SYSTEM_";
  std::string name = pb::DeliverySystem_Name(system);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

template <typename Values, typename Text>
Json List(const Values& values, Text text) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(text(value));
  return list;
}

Json SignalJson(const pb::Signal& signal) {
  const auto number = [](bool has, double value) { return has ? Json(value) : Json(); };
  return {
      {"locked", signal.locked()},
      {"strength_dbm", number(signal.has_strength_dbm(), signal.strength_dbm())},
      {"strength_ratio", number(signal.has_strength_ratio(), signal.strength_ratio())},
      {"snr_db", number(signal.has_snr_db(), signal.snr_db())},
      {"snr_ratio", number(signal.has_snr_ratio(), signal.snr_ratio())},
      {"bit_error_rate", number(signal.has_bit_error_rate(), signal.bit_error_rate())},
      {"uncorrected_blocks",
       signal.has_uncorrected_blocks_total() ? Json(signal.uncorrected_blocks_total()) : Json()}};
}

std::string Counted(uint64_t count) { return count == 0 ? "" : std::to_string(count); }

std::string TypeText(pb::ServiceType type) {
  return type == pb::SERVICE_TYPE_UNSPECIFIED
             ? ""
             : EnumText(pb::ServiceType_Name(type), "SERVICE_TYPE_");
}

std::string OriginText(pb::CarrierOrigin origin) {
  return EnumText(pb::CarrierOrigin_Name(origin), "CARRIER_ORIGIN_");
}

std::string ChangeText(pb::LineupChangeKind kind) {
  return EnumText(pb::LineupChangeKind_Name(kind), "LINEUP_CHANGE_KIND_");
}

using Triplet = std::tuple<uint32_t, uint32_t, uint32_t>;

}  // namespace

std::string SnrText(const pb::Signal& signal) {
  if (signal.has_snr_db()) return fmt::format("{:.1f} dB", signal.snr_db());
  return signal.has_snr_ratio() ? fmt::format("{:.0f} %", 100 * signal.snr_ratio()) : "";
}

std::string StrengthText(const pb::Signal& signal) {
  if (signal.has_strength_dbm()) return fmt::format("{:.1f} dBm", signal.strength_dbm());
  return signal.has_strength_ratio() ? fmt::format("{:.0f} %", 100 * signal.strength_ratio()) : "";
}

Json ToJson(const pb::Tuner& tuner) {
  const auto text = [](const std::string& value) { return value; };
  return {{"name", tuner.name()},
          {"kind", EnumText(pb::TunerKind_Name(tuner.kind()), "TUNER_KIND_")},
          {"state", EnumText(pb::TunerState_Name(tuner.state()), "TUNER_STATE_")},
          {"carrier", tuner.carrier()},
          {"delivery_systems",
           List(tuner.delivery_systems(),
                [](int value) { return SystemText(static_cast<pb::DeliverySystem>(value)); })},
          {"positions", List(tuner.positions(), text)},
          {"signal", SignalJson(tuner.signal())},
          {"bits_per_second", tuner.bits_per_second()},
          {"continuity_errors", tuner.continuity_errors_total()},
          {"numbers", List(tuner.numbers(), ShownNumber)},
          {"error", tuner.error()},
          {"retry", TimeText(tuner.retry())},
          {"restarts", tuner.restarts_total()}};
}

Row ToRow(const pb::Tuner& tuner) {
  std::vector<std::string> numbers;
  for (const uint32_t number : tuner.numbers()) numbers.push_back(ShownNumber(number));
  const double rate = static_cast<double>(tuner.bits_per_second()) / 1e6;
  return {tuner.name(),
          EnumText(pb::TunerKind_Name(tuner.kind()), "TUNER_KIND_"),
          EnumText(pb::TunerState_Name(tuner.state()), "TUNER_STATE_"),
          tuner.carrier(),
          SnrText(tuner.signal()),
          StrengthText(tuner.signal()),
          tuner.bits_per_second() == 0 ? "" : fmt::format("{:.1f} Mb/s", rate),
          Counted(tuner.continuity_errors_total()),
          fmt::format("{}", fmt::join(numbers, ",")),
          tuner.error()};
}

Json ToJson(const pb::Carrier& carrier) {
  return {{"id", carrier.id()},
          {"command", carrier.command()},
          {"delivery_system", SystemText(carrier.delivery_system())},
          {"frequency_khz", carrier.frequency_khz()},
          {"position", carrier.position()},
          {"voltage", carrier.voltage()},
          {"original_network_id", carrier.original_network_id()},
          {"transport_stream_id", carrier.transport_stream_id()},
          {"origin", OriginText(carrier.origin())},
          {"name", carrier.name()},
          {"services", carrier.services_size()},
          {"read", TimeText(carrier.read())}};
}

Row ToRow(const pb::Carrier& carrier) {
  return {carrier.id(),
          SystemText(carrier.delivery_system()),
          carrier.name(),
          Counted(carrier.original_network_id()),
          Counted(carrier.transport_stream_id()),
          OriginText(carrier.origin()),
          std::to_string(carrier.services_size()),
          carrier.has_read() ? TimeText(carrier.read()) : "never",
          carrier.command()};
}

std::vector<ShownService> FindNumbers(const std::vector<pb::Carrier>& carriers,
                                      const std::vector<types::v1::Station>& stations,
                                      const NumberPlan& plan) {
  std::map<std::pair<std::string, uint32_t>, uint32_t> by_carrier;
  // A service that two carriers have is one station.
  std::map<Triplet, uint32_t> by_ids;
  for (const types::v1::Station& station : stations) {
    const types::v1::DvbService& dvb = station.dvb();
    // Aliases come later; the station's own number is meant.
    if (!station.has_dvb() || station.dvb().service_id() == 0) continue;
    by_carrier.try_emplace({dvb.carrier(), dvb.service_id()}, station.number());
    if (dvb.original_network_id() != 0 && dvb.transport_stream_id() != 0) {
      by_ids.try_emplace({dvb.original_network_id(), dvb.transport_stream_id(), dvb.service_id()},
                         station.number());
    }
  }
  std::vector<ShownService> shown;
  for (const pb::Carrier& carrier : carriers) {
    for (const pb::Service& service : carrier.services()) {
      ShownService& row = shown.emplace_back(ShownService{carrier.id(), service, 0, "", ""});
      const auto own = by_carrier.find({carrier.id(), service.service_id()});
      const auto other = by_ids.find(
          {carrier.original_network_id(), carrier.transport_stream_id(), service.service_id()});
      if (own != by_carrier.end()) {
        row.number = own->second;
      } else if (other != by_ids.end()) {
        row.number = other->second;
      } else {
        continue;
      }
      if (const auto group = plan.GroupV6(row.number)) row.group_ipv6 = group->ToString();
      if (const auto group = plan.GroupV4(row.number)) row.group_ipv4 = group->ToString();
    }
  }
  return shown;
}

Json ToJson(const ShownService& shown) {
  return {{"number", ShownNumber(shown.number)},
          {"group_ipv6", shown.group_ipv6},
          {"group_ipv4", shown.group_ipv4},
          {"carrier", shown.carrier},
          {"service_id", shown.service.service_id()},
          {"name", shown.service.name()},
          {"provider", shown.service.provider()},
          {"type", TypeText(shown.service.type())},
          {"scrambled", shown.service.scrambled()},
          {"channel_number", shown.service.channel_number()}};
}

Row ToRow(const ShownService& shown) {
  return {ShownNumber(shown.number),
          shown.group_ipv6.empty() ? shown.group_ipv4 : shown.group_ipv6,
          std::to_string(shown.service.service_id()),
          shown.service.name(),
          TypeText(shown.service.type()),
          shown.service.scrambled() ? "scrambled" : "free",
          Counted(shown.service.channel_number()),
          shown.carrier};
}

Json ToJson(const pb::ScanResponse& response) {
  if (response.has_step()) {
    const pb::ScanStep& step = response.step();
    return {{"event", "step"},
            {"carrier", step.carrier()},
            {"done", step.done()},
            {"total", step.total()},
            {"error", step.error()},
            {"signal", SignalJson(step.signal())},
            {"services", step.services()}};
  }
  const pb::ScanResult& result = response.result();
  return {{"event", "result"},
          {"carriers", result.carriers()},
          {"services", result.services()},
          {"failed", result.failed()},
          {"changes", List(result.changes(), [](const pb::LineupChange& change) -> Json {
             return {{"kind", ChangeText(change.kind())},
                     {"carrier", change.carrier()},
                     {"service_id", change.service_id()},
                     {"name", change.name()},
                     {"fields", List(change.fields(), [](const std::string& f) { return f; })}};
           })}};
}

std::string StepText(const pb::ScanStep& step) {
  std::string outcome = step.error();
  if (outcome.empty()) {
    const std::string snr = SnrText(step.signal());
    outcome = fmt::format("{}{}{} services", snr, snr.empty() ? "" : "  ", step.services());
  }
  return fmt::format("{:>3}/{:<3}  {:<20}  {}", step.done(), step.total(), step.carrier(), outcome);
}

Row ToRow(const pb::LineupChange& change) {
  return {ChangeText(change.kind()), change.carrier(), Counted(change.service_id()), change.name(),
          fmt::format("{}", fmt::join(change.fields().begin(), change.fields().end(), ", "))};
}

std::string ResultText(const pb::ScanResult& result) {
  const auto count = [&](pb::LineupChangeKind kind) {
    return std::count_if(result.changes().begin(), result.changes().end(),
                         [kind](const pb::LineupChange& change) { return change.kind() == kind; });
  };
  return fmt::format(
      "{} carriers{}, {} services: {} added, {} removed, {} changed", result.carriers(),
      result.failed() == 0 ? "" : fmt::format(" ({} could not be read)", result.failed()),
      result.services(), count(pb::LINEUP_CHANGE_KIND_ADDED), count(pb::LINEUP_CHANGE_KIND_REMOVED),
      count(pb::LINEUP_CHANGE_KIND_CHANGED));
}

}  // namespace headwater
