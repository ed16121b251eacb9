#include "services/headwaterctl/zone_views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace headwater {
namespace {

namespace pb = zone::v1;

template <typename Strings>
Json List(const Strings& strings) {
  Json list = Json::array();
  for (const auto& one : strings) list.push_back(one);
  return list;
}

template <typename Strings>
std::string Joined(const Strings& strings) {
  return fmt::format("{}", fmt::join(strings.begin(), strings.end(), ","));
}

std::string Counted(uint64_t count) { return count == 0 ? "" : std::to_string(count); }

std::string StateText(pb::ZoneState state) {
  return EnumText(pb::ZoneState_Name(state), "ZONE_STATE_");
}

std::string StateText(pb::MirroredState state) {
  return EnumText(pb::MirroredState_Name(state), "MIRRORED_STATE_");
}

std::string EffectText(pb::Effect effect) { return EnumText(pb::Effect_Name(effect), "EFFECT_"); }

}  // namespace

Json ToJson(const pb::Zone& zone) {
  return {{"name", zone.name()},
          {"bus", zone.bus()},
          {"state", StateText(zone.state())},
          {"since", TimeText(zone.since())},
          {"error", zone.error()},
          {"retry", TimeText(zone.retry())},
          {"avahi_version", zone.avahi_version()},
          {"restarts", zone.restarts_total()},
          {"services", zone.services()},
          {"types", zone.types()},
          {"mirrored", zone.mirrored()},
          {"lookups", zone.lookups()},
          {"dropped", zone.dropped_total()},
          {"collisions", zone.collisions_total()}};
}

Row ToRow(const pb::Zone& zone) {
  return {zone.name(),
          StateText(zone.state()),
          TimeText(zone.since()),
          std::to_string(zone.services()),
          std::to_string(zone.types()),
          std::to_string(zone.mirrored()),
          Counted(zone.restarts_total()),
          Counted(zone.dropped_total()),
          zone.avahi_version(),
          zone.error()};
}

Json ToJson(const pb::Rule& rule) {
  Json families = Json::array();
  if (rule.ipv4()) families.push_back("ipv4");
  if (rule.ipv6()) families.push_back("ipv6");
  return {{"name", rule.name()},
          {"from", rule.from()},
          {"to", rule.to()},
          {"types", List(rule.types())},
          {"names", List(rule.names())},
          {"action", rule.allow() ? "allow" : "deny"},
          {"families", std::move(families)},
          {"matched", rule.matched()},
          {"mirrored", rule.mirrored()},
          {"nft_set", rule.nft_set()},
          {"nft_elements", rule.nft_elements()},
          {"nft_error", rule.nft_error()}};
}

Row ToRow(const pb::Rule& rule) {
  const bool both = rule.ipv4() && rule.ipv6();
  return {rule.name(),
          rule.allow() ? "allow" : "deny",
          rule.from(),
          rule.to(),
          rule.types().empty() ? "*" : Joined(rule.types()),
          rule.names().empty() ? "*" : Joined(rule.names()),
          both          ? ""
          : rule.ipv4() ? "ipv4"
                        : "ipv6",
          std::to_string(rule.matched()),
          rule.allow() ? std::to_string(rule.mirrored()) : "",
          rule.nft_set().empty() ? "" : fmt::format("{} ({})", rule.nft_set(), rule.nft_elements()),
          rule.nft_error()};
}

Json ToJson(const pb::Service& service) {
  return {{"zone", service.zone()},
          {"name", service.name()},
          {"type", service.type()},
          {"subtypes", List(service.subtypes())},
          {"first_seen", TimeText(service.first_seen())},
          {"stale", service.stale()},
          {"resolved", service.resolved()},
          {"host", service.host()},
          {"port", service.port()},
          {"addresses", List(service.addresses())},
          {"txt", List(service.txt())}};
}

Row ToRow(const pb::Service& service) {
  return {service.zone(),
          service.type(),
          service.name(),
          service.host(),
          Counted(service.port()),
          Joined(service.addresses()),
          Joined(service.subtypes()),
          service.stale() ? "stale" : ""};
}

Json ToJson(const pb::WatchServicesResponse& response) {
  if (response.has_service()) {
    Json json = {{"event", "service"}};
    json.update(ToJson(response.service()));
    return json;
  }
  if (response.has_synced()) return {{"event", "synced"}};
  return {{"event", "removed"},
          {"zone", response.removed().zone()},
          {"type", response.removed().type()},
          {"name", response.removed().name()}};
}

std::string StepText(const pb::WatchServicesResponse& response) {
  if (response.has_removed()) {
    const pb::RemovedService& gone = response.removed();
    return fmt::format("- {} {} {}", gone.zone(), gone.type(), gone.name());
  }
  if (!response.has_service()) return {};
  const pb::Service& service = response.service();
  std::string text = fmt::format("+ {} {} {}", service.zone(), service.type(), service.name());
  if (service.resolved()) {
    text += fmt::format(" {}:{} {}", service.host(), service.port(), Joined(service.addresses()));
  }
  return text;
}

Json ToJson(const pb::Mirrored& mirrored) {
  return {{"from", mirrored.from()},
          {"to", mirrored.to()},
          {"type", mirrored.type()},
          {"name", mirrored.name()},
          {"published_name", mirrored.published_name()},
          {"rule", mirrored.rule()},
          {"state", StateText(mirrored.state())},
          {"waiting_for", mirrored.waiting_for()},
          {"host", mirrored.host()},
          {"port", mirrored.port()},
          {"addresses", List(mirrored.addresses())},
          {"subtypes", List(mirrored.subtypes())},
          {"decided", TimeText(mirrored.decided())},
          {"since", TimeText(mirrored.since())}};
}

Row ToRow(const pb::Mirrored& mirrored) {
  const std::string state = StateText(mirrored.state());
  return {mirrored.from(),
          mirrored.to(),
          mirrored.type(),
          mirrored.name(),
          mirrored.published_name() == mirrored.name() ? "" : mirrored.published_name(),
          mirrored.host(),
          Counted(mirrored.port()),
          Joined(mirrored.addresses()),
          mirrored.waiting_for().empty() ? state : state + " for " + mirrored.waiting_for(),
          TimeText(mirrored.since()),
          mirrored.rule()};
}

Json ToJson(const pb::Crossing& crossing) {
  return {{"effect", EffectText(crossing.effect())},
          {"from", crossing.from()},
          {"to", crossing.to()},
          {"type", crossing.type()},
          {"name", crossing.name()},
          {"rule", crossing.rule()}};
}

Row ToRow(const pb::Crossing& crossing) {
  return {EffectText(crossing.effect()),
          crossing.from(),
          crossing.to(),
          crossing.type(),
          crossing.name(),
          crossing.rule()};
}

std::string ResultText(const pb::CheckPolicyResponse& response) {
  const auto count = [&](pb::Effect effect) {
    return std::count_if(response.crossings().begin(), response.crossings().end(),
                         [effect](const pb::Crossing& one) { return one.effect() == effect; });
  };
  return fmt::format(
      "{} looked at: {} cross already, {} would cross, {} would cross no more, {} by another "
      "rule{}",
      response.checked(), count(pb::EFFECT_CROSSES), count(pb::EFFECT_ADDED),
      count(pb::EFFECT_REMOVED), count(pb::EFFECT_CHANGED),
      response.truncated() ? "; there are more" : "");
}

}  // namespace headwater
