#include "services/session-manager/lineup_courier.h"

#include <algorithm>
#include <utility>

namespace headwater::session_manager {

void LineupCourier::Route::OnAnswer(bool ok, MonoTime now) {
  calling = false;
  backoff = ok ? Duration{} : std::clamp(2 * backoff, kRetryMin, kRetryMax);
  if (!ok) due = now + backoff;
}

void LineupCourier::OnCarrier(const std::string& id, std::string carrier, MonoTime now) {
  if (!synced_) seen_.insert(id);
  const auto known = carriers_.find(id);
  const size_t before = known == carriers_.end() ? 0 : known->second.size();
  if (known != carriers_.end() && known->second == carrier) return;
  const size_t octets = lineup_octets_ - before + carrier.size();
  const bool is_one_too_many = known == carriers_.end() && carriers_.size() >= kCarriersMax;
  if (octets > kLineupOctetsMax || is_one_too_many) {
    ++stats_.dropped_total;
    return;
  }
  lineup_octets_ = octets;
  carriers_[id] = std::move(carrier);
  lineup_.Want(now);
}

void LineupCourier::OnCarrierRemoved(const std::string& id, MonoTime now) {
  const auto known = carriers_.find(id);
  if (known == carriers_.end()) return;
  lineup_octets_ -= known->second.size();
  carriers_.erase(known);
  lineup_.Want(now);
}

void LineupCourier::OnLineupSynced(MonoTime now) {
  for (auto each = carriers_.begin(); each != carriers_.end();) {
    const std::string id = each++->first;
    if (!synced_ && !seen_.contains(id)) OnCarrierRemoved(id, now);
  }
  seen_.clear();
  synced_ = true;
  if (!std::exchange(known_, true)) lineup_.Want(now);
}

void LineupCourier::OnLineupEnded() {
  synced_ = false;
  seen_.clear();
}

void LineupCourier::OnGuide(const std::string& service, std::string guide, MonoTime now) {
  const auto known = pending_.find(service);
  const size_t before = known == pending_.end() ? 0 : known->second.size();
  const size_t octets = pending_octets_ - before + guide.size();
  if (octets > kPendingOctetsMax || guide.size() > kLineupOctetsMax) {
    ++stats_.dropped_total;
    return;
  }
  pending_octets_ = octets;
  pending_[service] = std::move(guide);
  guide_.Want(now);
}

void LineupCourier::OnResolverConnected(MonoTime now) {
  resolver_ = true;
  // It may have forgotten.
  if (known_) lineup_.Want(now);
  reopen_ = known_;
}

void LineupCourier::OnLineupReported(bool ok, MonoTime now) {
  stats_.lineups_total += ok ? 1 : 0;
  lineup_.OnAnswer(ok, now);
}

void LineupCourier::OnGuideReported(bool ok, MonoTime now) {
  stats_.guides_total += ok ? 1 : 0;
  guide_.OnAnswer(ok, now);
  if (!ok) {
    for (auto& [service, guide] : sent_) {
      // What has come since is newer.
      if (!pending_.contains(service)) OnGuide(service, std::move(guide), now);
    }
    guide_.due = std::max(guide_.due, now + guide_.backoff);
  } else if (!pending_.empty()) {
    guide_.due = now;
  }
  sent_.clear();
}

void LineupCourier::SendGuide(CourierActions& out) {
  ReportGuide report;
  size_t octets = 0;
  while (!pending_.empty()) {
    auto first = pending_.begin();
    if (octets > 0 && octets + first->second.size() > kBatchOctetsMax) break;
    octets += first->second.size();
    report.guides.push_back(first->second);
    sent_.insert(pending_.extract(first));
  }
  pending_octets_ -= octets;
  guide_.due = kNever;
  guide_.calling = true;
  out.push_back(std::move(report));
}

void LineupCourier::Next(MonoTime now, CourierActions& out) {
  if (std::exchange(reopen_, false)) out.push_back(ReopenGuide{});
  if (!resolver_) return;
  // Half a snapshot is none.
  if (synced_ && lineup_.IsDue(now)) {
    ReportLineup report;
    for (const auto& [id, carrier] : carriers_) report.carriers.push_back(carrier);
    lineup_.due = kNever;
    lineup_.calling = true;
    out.push_back(std::move(report));
  }
  if (guide_.IsDue(now) && !pending_.empty()) SendGuide(out);
}

MonoTime LineupCourier::NextDeadline() const {
  if (!resolver_) return kNever;
  MonoTime next = kNever;
  if (synced_ && !lineup_.calling) next = lineup_.due;
  if (!guide_.calling && !pending_.empty()) next = std::min(next, guide_.due);
  return next;
}

}  // namespace headwater::session_manager
