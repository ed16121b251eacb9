#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater::session_manager {

// Tell the directory-resolver all carriers; answer with OnLineupReported.
struct ReportLineup {
  std::vector<std::string> carriers;
};
// Tell it what has changed of the guide; answer with OnGuideReported.
struct ReportGuide {
  std::vector<std::string> guides;
};
// Have the tuner tell the whole guide again.
struct ReopenGuide {};
using CourierAction = std::variant<ReportLineup, ReportGuide, ReopenGuide>;
using CourierActions = std::vector<CourierAction>;

struct CourierStats {
  uint64_t lineups_total = 0;
  uint64_t guides_total = 0;
  // Carriers and guides left out at a limit.
  uint64_t dropped_total = 0;
};

// Carries a tuner's lineup and guide to the resolver: the lineup whole, a moment after its last
// news, the guide in pieces of what has changed, both again after a failure and when the resolver
// has come back. What it carries are messages as bytes: none of their fields matter here. While the
// tuner is away, what it told stands. After any input ask Next. Pure; not thread-safe.
//
// Limits: kCarriersMax and kLineupOctetsMax for the lineup, kPendingOctetsMax for what waits of the
// guide; more is left out and counted, and comes with its next change.
class LineupCourier {
 public:
  static constexpr Duration kDebounce = 1s;
  static constexpr Duration kRetryMin = 1s;
  static constexpr Duration kRetryMax = 60s;
  static constexpr size_t kCarriersMax = 4096;
  // The resolver takes messages of up to 16 MiB.
  static constexpr size_t kLineupOctetsMax = 12 << 20;
  static constexpr size_t kBatchOctetsMax = 1 << 20;
  static constexpr size_t kPendingOctetsMax = 64 << 20;

  // Of the tuner's streams: each begins with all there is.
  void OnCarrier(const std::string& id, std::string carrier, MonoTime now);
  void OnCarrierRemoved(const std::string& id, MonoTime now);
  void OnLineupSynced(MonoTime now);
  void OnLineupEnded();
  void OnGuide(const std::string& service, std::string guide, MonoTime now);

  void OnResolverConnected(MonoTime now);
  void OnResolverDisconnected() { resolver_ = false; }
  void OnLineupReported(bool ok, MonoTime now);
  void OnGuideReported(bool ok, MonoTime now);

  void Next(MonoTime now, CourierActions& out);
  MonoTime NextDeadline() const;
  const CourierStats& stats() const { return stats_; }

 private:
  // When one of the two is to be told, and how its calls go.
  struct Route {
    MonoTime due = kNever;
    bool calling = false;
    Duration backoff{};

    void Want(MonoTime now) { due = std::min(due, now + kDebounce); }
    void OnAnswer(bool ok, MonoTime now);
    bool IsDue(MonoTime now) const { return !calling && now >= due; }
  };

  void SendGuide(CourierActions& out);

  std::map<std::string, std::string> carriers_;
  size_t lineup_octets_ = 0;
  // Named since the present stream began.
  std::set<std::string> seen_;
  bool synced_ = false;
  // At least one snapshot was complete.
  bool known_ = false;
  bool resolver_ = false;
  bool reopen_ = false;
  Route lineup_;
  Route guide_;
  // By service: what waits, and what is on its way.
  std::map<std::string, std::string> pending_;
  std::map<std::string, std::string> sent_;
  size_t pending_octets_ = 0;
  CourierStats stats_;
};

}  // namespace headwater::session_manager
