#include "services/mdns-zone-proxy/zone_convert.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "services/common/rpc/proto_convert.h"
#include "services/common/text/clean_text.h"

namespace headwater::zone {
namespace {

constexpr int kCrossingsMax = 10000;
constexpr size_t kNameMax = 255;

v1::ZoneState StateToProto(ZoneState state) {
  switch (state) {
    case ZoneState::kNoBus:
      return v1::ZONE_STATE_NO_BUS;
    case ZoneState::kNoAvahi:
      return v1::ZONE_STATE_NO_AVAHI;
    case ZoneState::kStarting:
      return v1::ZONE_STATE_STARTING;
    case ZoneState::kRunning:
      return v1::ZONE_STATE_RUNNING;
  }
  return v1::ZONE_STATE_UNSPECIFIED;
}

v1::MirroredState StateToProto(const Mirrored& mirrored) {
  switch (mirrored.publication.state) {
    case Publication::State::kPublishing:
      return v1::MIRRORED_STATE_PUBLISHING;
    case Publication::State::kPublished:
      return v1::MIRRORED_STATE_PUBLISHED;
    case Publication::State::kFailed:
      return v1::MIRRORED_STATE_RETRYING;
    case Publication::State::kNone:
      return v1::MIRRORED_STATE_WAITING;
  }
  return v1::MIRRORED_STATE_UNSPECIFIED;
}

std::string Name(const ZoneProxyShell& proxy, size_t zone) {
  return proxy.zone(zone).options().name;
}

v1::Effect EffectOf(const Decision& now, const std::string& now_rule, const Decision& then,
                    const std::string& then_rule) {
  if (!now.allow && !then.allow) return v1::EFFECT_UNSPECIFIED;
  if (!now.allow) return v1::EFFECT_ADDED;
  if (!then.allow) return v1::EFFECT_REMOVED;
  return now_rule == then_rule ? v1::EFFECT_CROSSES : v1::EFFECT_CHANGED;
}

std::string RuleName(const Policy& policy, const Decision& decision) {
  return decision.rule ? policy.rules()[*decision.rule].name : "";
}

}  // namespace

v1::Zone ZoneToProto(const ZoneProxyShell& proxy, size_t index) {
  const AvahiZoneShell& shell = proxy.zone(index);
  const Mirror& mirror = proxy.mirror();
  const ZoneServices& seen = mirror.seen(index);
  v1::Zone zone;
  zone.set_name(shell.options().name);
  zone.set_bus(shell.options().bus);
  zone.set_state(StateToProto(shell.state()));
  *zone.mutable_since() = ToProto(proxy.ToWall(shell.since()));
  zone.set_error(CleanText(shell.error(), kNameMax));
  if (shell.retry() != kNever) *zone.mutable_retry() = ToProto(proxy.ToWall(shell.retry()));
  zone.set_avahi_version(shell.version());
  zone.set_restarts_total(mirror.counters(index).restarts);
  uint32_t services = 0;
  std::set<std::string> types;
  for (const auto& [key, service] : seen.services()) {
    if (!service.IsThere() || !mirror.IsForeign(index, key, service)) continue;
    ++services;
    types.insert(key.type);
  }
  zone.set_services(services);
  zone.set_types(static_cast<uint32_t>(types.size()));
  uint32_t mirrored = 0;
  for (const auto& [key, one] : mirror.mirrored()) {
    if (key.to == index && one.publication.state == Publication::State::kPublished) ++mirrored;
  }
  zone.set_mirrored(mirrored);
  zone.set_lookups(static_cast<uint32_t>(mirror.lookups(index)));
  uint64_t dropped = 0;
  for (size_t i = 0; i < kDroppedCount; ++i) dropped += seen.dropped(static_cast<Dropped>(i));
  zone.set_dropped_total(dropped);
  zone.set_collisions_total(mirror.counters(index).collisions);
  return zone;
}

v1::Rule RuleToProto(const ZoneProxyShell& proxy, size_t index) {
  const Rule& rule = proxy.mirror().policy().rules()[index];
  const RuleCounters& counters = proxy.mirror().rule_counters()[index];
  v1::Rule proto;
  proto.set_name(rule.name);
  proto.set_from(rule.from);
  proto.set_to(rule.to);
  for (const std::string& type : rule.types) proto.add_types(type);
  for (const std::string& name : rule.names) proto.add_names(name);
  proto.set_allow(rule.allow);
  proto.set_ipv4(rule.ipv4);
  proto.set_ipv6(rule.ipv6);
  proto.set_matched(static_cast<uint32_t>(counters.matched));
  proto.set_mirrored(static_cast<uint32_t>(counters.mirrored));
  if (rule.nft_set.set.empty()) return proto;
  proto.set_nft_set(
      fmt::format("{} {} {}", rule.nft_set.family, rule.nft_set.table, rule.nft_set.set));
  if (proxy.firewall() == nullptr) return proto;
  size_t elements = 0;
  for (const auto family : {IpAddress::Family::kIpv4, IpAddress::Family::kIpv6}) {
    const NftSet set = SetFor(rule.nft_set, family);
    elements += proxy.firewall()->ElementsOf(set);
    if (proto.nft_error().empty()) {
      proto.set_nft_error(CleanText(proxy.firewall()->ErrorOf(set), kNameMax));
    }
  }
  proto.set_nft_elements(static_cast<uint32_t>(elements));
  return proto;
}

v1::Service ServiceToProto(const ZoneProxyShell& proxy, size_t zone, const ServiceKey& key,
                           const SeenService& service) {
  const ZoneServices& seen = proxy.mirror().seen(zone);
  v1::Service proto;
  proto.set_zone(Name(proxy, zone));
  proto.set_name(CleanText(key.name, kNameMax));
  proto.set_type(key.type);
  for (const std::string& subtype : service.SubtypeNames()) proto.add_subtypes(subtype);
  *proto.mutable_first_seen() = ToProto(proxy.ToWall(service.first_seen));
  proto.set_stale(service.stale_since.has_value());
  const auto srv = seen.SrvOf(service);
  if (!srv) return proto;
  proto.set_resolved(true);
  proto.set_host(srv->host);
  proto.set_port(srv->port);
  for (const IpAddress& address : seen.AddressesOf(srv->host)) {
    proto.add_addresses(address.ToString());
  }
  if (const auto txt = seen.TxtOf(service)) {
    for (const std::string& one : CleanTxt(*txt)) proto.add_txt(one);
  }
  return proto;
}

v1::Mirrored MirroredToProto(const ZoneProxyShell& proxy, const MirrorKey& key,
                             const Mirrored& mirrored) {
  v1::Mirrored proto;
  proto.set_from(Name(proxy, key.from));
  proto.set_to(Name(proxy, key.to));
  proto.set_type(key.key.type);
  proto.set_name(CleanText(key.key.name, kNameMax));
  proto.set_published_name(CleanText(mirrored.wanted.key.name, kNameMax));
  proto.set_rule(proxy.mirror().policy().rules()[mirrored.rule].name);
  proto.set_state(StateToProto(mirrored));
  if (proto.state() == v1::MIRRORED_STATE_WAITING) {
    proto.set_waiting_for(std::string(
        ToString(mirrored.waiting == Waiting::kNot ? Waiting::kTarget : mirrored.waiting)));
  }
  proto.set_host(mirrored.wanted.host);
  proto.set_port(mirrored.wanted.port);
  for (const IpAddress& address : mirrored.addresses) proto.add_addresses(address.ToString());
  for (const std::string& subtype : mirrored.wanted.subtypes) proto.add_subtypes(subtype);
  *proto.mutable_decided() = ToProto(proxy.ToWall(mirrored.decided));
  if (mirrored.publication.state == Publication::State::kPublished) {
    *proto.mutable_since() = ToProto(proxy.ToWall(mirrored.since));
  }
  return proto;
}

v1::CheckPolicyResponse Compare(const ZoneProxyShell& proxy, const Policy& checked) {
  const Mirror& mirror = proxy.mirror();
  v1::CheckPolicyResponse response;
  uint32_t count = 0;
  for (size_t from = 0; from < mirror.zones(); ++from) {
    for (const auto& [key, service] : mirror.seen(from).services()) {
      if (!service.IsThere() || !mirror.IsForeign(from, key, service)) continue;
      for (size_t to = 0; to < mirror.zones(); ++to) {
        if (to == from) continue;
        ++count;
        const MonoTime at = proxy.now();
        const Decision now = mirror.Decide(mirror.policy(), from, to, key, service, at);
        const Decision then = mirror.Decide(checked, from, to, key, service, at);
        const std::string now_rule = RuleName(mirror.policy(), now);
        const std::string then_rule = RuleName(checked, then);
        const v1::Effect effect = EffectOf(now, now_rule, then, then_rule);
        if (effect == v1::EFFECT_UNSPECIFIED) continue;
        if (response.crossings_size() >= kCrossingsMax) {
          response.set_truncated(true);
          continue;
        }
        v1::Crossing& crossing = *response.add_crossings();
        crossing.set_from(Name(proxy, from));
        crossing.set_to(Name(proxy, to));
        crossing.set_type(key.type);
        crossing.set_name(CleanText(key.name, kNameMax));
        crossing.set_effect(effect);
        crossing.set_rule(effect == v1::EFFECT_REMOVED ? now_rule : then_rule);
      }
    }
  }
  response.set_checked(count);
  return response;
}

}  // namespace headwater::zone
