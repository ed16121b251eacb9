#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/mdns-zone-proxy/avahi_zone_shell.h"
#include "services/mdns-zone-proxy/mirror.h"
#include "services/mdns-zone-proxy/nft_shell.h"

namespace headwater::zone {

// Told after every change. Called from the loop.
class ProxyObserver {
 public:
  virtual ~ProxyObserver() = default;
  virtual void OnServices(size_t zone, const std::set<ServiceKey>& changed) = 0;
  virtual void OnMirrored(const std::set<MirrorKey>& changed) = 0;
};

// The mirror with its zones, its firewall and the time. Loop thread.
class ZoneProxyShell final : public ZoneObserver {
 public:
  // PERMISSION_DENIED when a rule fills an nftables set and this process may not.
  static absl::StatusOr<std::unique_ptr<ZoneProxyShell>> Open(EventLoop& loop, Logger& log,
                                                              const Options& options);
  ~ZoneProxyShell() override;

  void Start();
  // Rules change at once. Returns the keys that need a restart; an error leaves all as it was.
  absl::StatusOr<std::vector<std::string>> Reload(const Options& options);
  // Withdraws everything.
  void Stop();

  void SetObserver(ProxyObserver* observer) { observer_ = observer; }
  void SetResolveAll(bool all);

  Mirror& mirror() { return mirror_; }
  const Mirror& mirror() const { return mirror_; }
  const AvahiZoneShell& zone(size_t index) const { return *zones_[index]; }
  // Null: no rule has ever named a set.
  const NftShell* firewall() const { return firewall_.get(); }
  absl::Time ToWall(MonoTime time) const;
  MonoTime now() const { return loop_.now(); }

  void OnZone(size_t zone, bool up) override;
  void OnType(size_t zone, std::string_view type, const Place& place, bool added) override;
  void OnItem(size_t zone, const Lookup& browse, const ZoneServices::Item& item,
              bool added) override;
  void OnRecord(size_t zone, const Lookup& lookup, const Place& place, Bytes rdata,
                bool added) override;
  void OnLookupFailed(size_t zone, const Lookup& lookup) override;
  void OnOutcome(size_t zone, uint64_t id, Outcome outcome) override;

 private:
  ZoneProxyShell(EventLoop& loop, Logger& log, const Options& options);
  void Act();
  void Rearm();
  void Publish();
  void LogMirrored(const MirrorKey& key);
  void ApplyFirewall();
  void RefillFirewall();

  EventLoop& loop_;
  Logger& log_;
  Options options_;
  Mirror mirror_;
  std::vector<std::unique_ptr<AvahiZoneShell>> zones_;
  std::unique_ptr<NftShell> firewall_;
  ProxyObserver* observer_ = nullptr;
  // Published, as last logged.
  std::map<MirrorKey, std::string> logged_;
  EventLoop::TimerId timer_ = 0;
  MonoTime armed_ = kNever;
  // Until then what zones tell is only gathered.
  MonoTime rested_{};
  EventLoop::TimerId refill_timer_ = 0;
  bool stopped_ = false;
};

}  // namespace headwater::zone
