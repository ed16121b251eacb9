#include "services/mdns-zone-proxy/zone_proxy_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater::zone {
namespace {

constexpr Duration kRefillInterval = 30s;
// Comparing hundreds of services takes as long for one change as for many: at most a quarter of the
// time is spent on it, so that a storm is gathered faster than it is acted upon. What is new in a
// zone without a storm takes three acts to cross, so no rest is long.
constexpr int kRestPerAct = 3;
constexpr Duration kRestMax = 200ms;

absl::Status CheckFirewall(const Options& options) {
  const auto rule = std::find_if(options.rules.begin(), options.rules.end(),
                                 [](const Rule& one) { return !one.nft_set.set.empty(); });
  if (rule == options.rules.end() || HasNetAdmin()) return absl::OkStatus();
  return absl::PermissionDeniedError(ToAbsl(
      fmt::format("[[mdns-zone-proxy.rules]] \"{}\": nft_set needs CAP_NET_ADMIN, which this "
                  "process was not started with",
                  rule->name)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ZoneProxyShell>> ZoneProxyShell::Open(EventLoop& loop, Logger& log,
                                                                     const Options& options) {
  RETURN_IF_ERROR(CheckFirewall(options));
  return std::unique_ptr<ZoneProxyShell>(new ZoneProxyShell(loop, log, options));
}

ZoneProxyShell::ZoneProxyShell(EventLoop& loop, Logger& log, const Options& options)
    : loop_(loop), log_(log), options_(options), mirror_(options_) {
  for (size_t i = 0; i < options_.zones.size(); ++i) {
    zones_.push_back(std::make_unique<AvahiZoneShell>(loop_, log_, i, options_.zones[i], *this));
  }
}

ZoneProxyShell::~ZoneProxyShell() { Stop(); }

void ZoneProxyShell::Start() {
  for (const auto& zone : zones_) zone->Start();
  Rearm();
}

absl::StatusOr<std::vector<std::string>> ZoneProxyShell::Reload(const Options& options) {
  RETURN_IF_ERROR(CheckFirewall(options));
  std::vector<std::string> restart;
  if (options.subtypes != options_.subtypes) restart.push_back("subtypes");
  if (options.limits != options_.limits)
    restart.push_back("services_max, mirrored_max, txt_bytes_max");
  if (options.timing.zone_patience != options_.timing.zone_patience) {
    restart.push_back("zone_patience");
  }
  // A zone that is new, or is no more, waits for the restart: until then the rules that name it
  // find nothing.
  options_.rules = options.rules;
  mirror_.SetPolicy(options.rules, loop_.now());
  Act();
  return restart;
}

void ZoneProxyShell::Stop() {
  stopped_ = true;
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  if (refill_timer_ != 0) loop_.Cancel(std::exchange(refill_timer_, 0));
  for (const auto& zone : zones_) zone->Stop();
  if (firewall_ != nullptr) firewall_->Clear();
}

void ZoneProxyShell::SetResolveAll(bool all) {
  mirror_.SetResolveAll(all, loop_.now());
  Rearm();
}

absl::Time ZoneProxyShell::ToWall(MonoTime time) const { return ReadClocks().ToWall(time); }

void ZoneProxyShell::OnZone(size_t zone, bool up) {
  if (up) {
    mirror_.OnZoneUp(zone, loop_.now());
  } else {
    mirror_.OnZoneDown(zone, loop_.now());
  }
  Rearm();
}

void ZoneProxyShell::OnType(size_t zone, std::string_view type, const Place& place, bool added) {
  mirror_.OnType(zone, type, place, added, loop_.now());
  Rearm();
}

void ZoneProxyShell::OnItem(size_t zone, const Lookup& browse, const ZoneServices::Item& item,
                            bool added) {
  mirror_.OnItem(zone, browse, item, added, loop_.now());
  Rearm();
}

void ZoneProxyShell::OnRecord(size_t zone, const Lookup& lookup, const Place& place, Bytes rdata,
                              bool added) {
  mirror_.OnRecord(zone, lookup, place, rdata, added, loop_.now());
  Rearm();
}

void ZoneProxyShell::OnLookupFailed(size_t zone, const Lookup& lookup) {
  mirror_.OnLookupFailed(zone, lookup, loop_.now());
  Rearm();
}

void ZoneProxyShell::OnOutcome(size_t zone, uint64_t id, Outcome outcome) {
  switch (outcome) {
    case Outcome::kPublished:
      mirror_.OnPublished(zone, id, loop_.now());
      break;
    case Outcome::kCollided:
      mirror_.OnCollided(zone, id, loop_.now());
      break;
    case Outcome::kFailed:
      mirror_.OnPublishFailed(zone, id, loop_.now());
      break;
  }
  Rearm();
}

void ZoneProxyShell::Act() {
  const MonoTime begin = MonoNow();
  Actions actions;
  mirror_.Act(begin, actions);
  for (const Action& action : actions) {
    std::visit([this](const auto& one) { zones_[one.zone]->Do(one); }, action);
  }
  ApplyFirewall();
  Publish();
  const MonoTime end = MonoNow();
  rested_ = end + std::min<Duration>(kRestPerAct * (end - begin), kRestMax);
  Rearm();
}

void ZoneProxyShell::Rearm() {
  if (stopped_) return;
  MonoTime when = mirror_.NextDeadline();
  if (when != kNever) when = std::max(when, rested_);
  if (timer_ != 0 && when == armed_) return;
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  armed_ = when;
  if (when == kNever) return;
  timer_ = loop_.At(when, [this] {
    timer_ = 0;
    Act();
  });
}

void ZoneProxyShell::Publish() {
  for (size_t zone = 0; zone < zones_.size(); ++zone) {
    const std::set<ServiceKey> changed = mirror_.TakeTouchedServices(zone);
    if (observer_ != nullptr && !changed.empty()) observer_->OnServices(zone, changed);
  }
  const std::set<MirrorKey> changed = mirror_.TakeTouchedMirrored();
  if (changed.empty()) return;
  for (const MirrorKey& key : changed) LogMirrored(key);
  if (observer_ != nullptr) observer_->OnMirrored(changed);
}

// One line when something crosses, and one when it does no more.
void ZoneProxyShell::LogMirrored(const MirrorKey& key) {
  const auto found = mirror_.mirrored().find(key);
  const bool published = found != mirror_.mirrored().end() &&
                         found->second.publication.state == Publication::State::kPublished;
  const auto logged = logged_.find(key);
  const std::string name = published ? found->second.running.key.name : "";
  if (logged == logged_.end() ? !published : logged->second == name) return;
  log_.Info(published ? "mirrored" : "no longer mirrored",
            {{"name", key.key.name},
             {"type", key.key.type},
             {"from", zones_[key.from]->options().name},
             {"to", zones_[key.to]->options().name},
             {"as", name},
             {"rule", found == mirror_.mirrored().end()
                          ? ""
                          : mirror_.policy().rules()[found->second.rule].name}});
  if (published) {
    logged_[key] = name;
  } else {
    logged_.erase(key);
  }
}

void ZoneProxyShell::ApplyFirewall() {
  if (firewall_ == nullptr && mirror_.firewall().empty()) return;
  if (firewall_ == nullptr) {
    firewall_ = std::make_unique<NftShell>(log_);
    refill_timer_ = loop_.At(loop_.now() + kRefillInterval, [this] { RefillFirewall(); });
  }
  firewall_->Apply(mirror_.firewall());
}

void ZoneProxyShell::RefillFirewall() {
  firewall_->Refill();
  refill_timer_ = loop_.At(loop_.now() + kRefillInterval, [this] { RefillFirewall(); });
}

}  // namespace headwater::zone
