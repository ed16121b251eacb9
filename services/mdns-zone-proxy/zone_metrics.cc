#include "services/mdns-zone-proxy/zone_metrics.h"

#include <chrono>
#include <set>

namespace headwater::zone {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Registry;

Family<Counter>& CounterFamily(Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

struct ZoneFamilies {
  explicit ZoneFamilies(Registry& registry)
      : states(GaugeFamily(registry, "headwater_mdns_zone_proxy_zone_state",
                           "1 for the state that the zone is in.")),
        services(GaugeFamily(registry, "headwater_mdns_zone_proxy_zone_services",
                             "Services seen in the zone, without those mirrored into it.")),
        lookups(GaugeFamily(registry, "headwater_mdns_zone_proxy_zone_lookups",
                            "Questions kept open in the zone.")),
        dropped(CounterFamily(registry, "headwater_mdns_zone_proxy_dropped_total",
                              "What the zone told and was not kept, by reason.")),
        restarts(CounterFamily(registry, "headwater_mdns_zone_proxy_zone_restarts_total",
                               "Times that the zone's Avahi or bus went away.")),
        lookup_failures(CounterFamily(registry, "headwater_mdns_zone_proxy_lookup_failures_total",
                                      "Questions that the zone's Avahi refused.")),
        published(CounterFamily(registry, "headwater_mdns_zone_proxy_published_total",
                                "Services published in the zone.")),
        withdrawn(CounterFamily(registry, "headwater_mdns_zone_proxy_withdrawn_total",
                                "Services withdrawn from the zone.")),
        publish_failures(CounterFamily(registry, "headwater_mdns_zone_proxy_publish_failures_total",
                                       "Publications that the zone's Avahi refused.")),
        collisions(CounterFamily(registry, "headwater_mdns_zone_proxy_collisions_total",
                                 "Names that turned out to be taken in the zone.")) {}
  Family<Gauge>&states, &services, &lookups;
  Family<Counter>&dropped, &restarts, &lookup_failures, &published, &withdrawn, &publish_failures,
      &collisions;
};

}  // namespace

ZoneMetrics::RuleFamilies::RuleFamilies(Registry& registry)
    : matched(GaugeFamily(registry, "headwater_mdns_zone_proxy_rule_matched",
                          "Services that the rule decides, counted for each target.")),
      mirrored(GaugeFamily(registry, "headwater_mdns_zone_proxy_rule_mirrored",
                           "Services that are published by the rule.")),
      elements(GaugeFamily(registry, "headwater_mdns_zone_proxy_rule_firewall_elements",
                           "Elements in the rule's nftables sets.")),
      published(CounterFamily(registry, "headwater_mdns_zone_proxy_rule_published_total",
                              "Services published by the rule so far.")) {}

ZoneMetrics::ZoneMetrics(Registry& registry, const ZoneProxyShell& proxy)
    : rule_families_(registry),
      firewall_failures_(CounterFamily(registry,
                                       "headwater_mdns_zone_proxy_firewall_failures_total",
                                       "Changes of nftables sets that were refused.")
                             .Add({})),
      readers_(
          &GaugeFamily(registry, "headwater_mdns_zone_proxy_watch_readers", "Open Watch streams.")
               .Add({})),
      delay_seconds_(
          &BuildHistogram()
               .Name("headwater_mdns_zone_proxy_mirror_seconds")
               .Help("From the first sight of a service to its publication elsewhere.")
               .Register(registry)
               .Add({}, std::vector<double>{0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30})) {
  ZoneFamilies families(registry);
  for (size_t i = 0; i < proxy.mirror().zones(); ++i) {
    const std::string& name = proxy.zone(i).options().name;
    const prometheus::Labels labels = {{"zone", name}};
    PerZone row = {.services = &families.services.Add(labels),
                   .lookups = &families.lookups.Add(labels),
                   .restarts = Follower(families.restarts.Add(labels)),
                   .lookup_failures = Follower(families.lookup_failures.Add(labels)),
                   .published = Follower(families.published.Add(labels)),
                   .withdrawn = Follower(families.withdrawn.Add(labels)),
                   .publish_failures = Follower(families.publish_failures.Add(labels)),
                   .collisions = Follower(families.collisions.Add(labels))};
    for (size_t s = 0; s < kZoneStates; ++s) {
      const std::string state(ToString(static_cast<ZoneState>(s)));
      row.states[s] = &families.states.Add({{"zone", name}, {"state", state}});
    }
    for (size_t d = 0; d < kDroppedCount; ++d) {
      const std::string reason(ToString(static_cast<Dropped>(d)));
      row.dropped.emplace_back(families.dropped.Add({{"zone", name}, {"reason", reason}}));
    }
    zones_.push_back(std::move(row));
  }
  Family<Gauge>& waiting = GaugeFamily(registry, "headwater_mdns_zone_proxy_waiting",
                                       "Services that may cross and do not yet, by reason.");
  for (size_t i = 1; i < kWaitingCount; ++i) {
    waiting_[i] = &waiting.Add({{"reason", std::string(ToString(static_cast<Waiting>(i)))}});
  }
}

void ZoneMetrics::Update(ZoneProxyShell& proxy, size_t readers) {
  for (size_t i = 0; i < zones_.size(); ++i) UpdateZone(proxy, i);
  UpdateRules(proxy);
  std::array<size_t, kWaitingCount> waiting{};
  for (const auto& [key, mirrored] : proxy.mirror().mirrored()) {
    ++waiting[static_cast<size_t>(mirrored.waiting)];
  }
  for (size_t i = 1; i < kWaitingCount; ++i) waiting_[i]->Set(static_cast<double>(waiting[i]));
  if (proxy.firewall() != nullptr) firewall_failures_.Set(proxy.firewall()->failures());
  readers_->Set(static_cast<double>(readers));
  for (const Duration delay : proxy.mirror().TakeDelays()) {
    delay_seconds_->Observe(std::chrono::duration<double>(delay).count());
  }
}

void ZoneMetrics::UpdateZone(const ZoneProxyShell& proxy, size_t zone) {
  PerZone& row = zones_[zone];
  const Mirror& mirror = proxy.mirror();
  const ZoneServices& seen = mirror.seen(zone);
  for (size_t s = 0; s < kZoneStates; ++s) {
    row.states[s]->Set(proxy.zone(zone).state() == static_cast<ZoneState>(s) ? 1 : 0);
  }
  size_t services = 0;
  for (const auto& [key, service] : seen.services()) {
    if (service.IsThere() && mirror.IsForeign(zone, key, service)) ++services;
  }
  row.services->Set(static_cast<double>(services));
  row.lookups->Set(static_cast<double>(mirror.lookups(zone)));
  for (size_t d = 0; d < kDroppedCount; ++d) {
    row.dropped[d].Set(seen.dropped(static_cast<Dropped>(d)));
  }
  const ZoneCounters& counters = mirror.counters(zone);
  row.restarts.Set(counters.restarts);
  row.lookup_failures.Set(counters.lookup_failures);
  row.published.Set(counters.published);
  row.withdrawn.Set(counters.withdrawn);
  row.publish_failures.Set(counters.publish_failures);
  row.collisions.Set(counters.collisions);
}

// Rules change while the service runs.
void ZoneMetrics::UpdateRules(const ZoneProxyShell& proxy) {
  const std::vector<Rule>& rules = proxy.mirror().policy().rules();
  std::set<std::string> names;
  for (size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i];
    names.insert(rule.name);
    if (!rules_.contains(rule.name)) {
      const prometheus::Labels labels = {{"rule", rule.name}};
      Counter& published = rule_families_.published.Add(labels);
      rules_.emplace(
          rule.name,
          PerRule{&rule_families_.matched.Add(labels), &rule_families_.mirrored.Add(labels),
                  &rule_families_.elements.Add(labels), &published, Follower(published)});
    }
    PerRule& row = rules_.at(rule.name);
    const RuleCounters& counters = proxy.mirror().rule_counters()[i];
    row.matched->Set(static_cast<double>(counters.matched));
    row.mirrored->Set(static_cast<double>(counters.mirrored));
    row.published.Set(counters.published_total);
    size_t elements = 0;
    if (proxy.firewall() != nullptr && !rule.nft_set.set.empty()) {
      for (const auto family : {IpAddress::Family::kIpv4, IpAddress::Family::kIpv6}) {
        elements += proxy.firewall()->ElementsOf(SetFor(rule.nft_set, family));
      }
    }
    row.elements->Set(static_cast<double>(elements));
  }
  for (auto it = rules_.begin(); it != rules_.end();) {
    if (names.contains(it->first)) {
      ++it;
      continue;
    }
    rule_families_.matched.Remove(it->second.matched);
    rule_families_.mirrored.Remove(it->second.mirrored);
    rule_families_.elements.Remove(it->second.elements);
    rule_families_.published.Remove(it->second.published_counter);
    it = rules_.erase(it);
  }
}

}  // namespace headwater::zone
