#include "services/membership-watcher/querier.h"

#include <algorithm>

namespace headwater::membership {
namespace {

constexpr Duration kSendRetry = 1s;

IpAddress Unspecified(IpAddress::Family family) {
  return family == IpAddress::Family::kIpv4 ? IpAddress::V4(0) : IpAddress();
}

}  // namespace

Querier::Querier(IpAddress::Family family, const QuerierOptions& options)
    : family_(family),
      options_(options),
      robustness_(options.robustness),
      query_interval_(options.query_interval) {}

int Querier::startup_query_count() const {
  return options_.startup_query_count > 0 ? options_.startup_query_count : options_.robustness;
}

Duration Querier::startup_query_interval() const {
  return options_.startup_query_interval > 0s ? options_.startup_query_interval
                                              : options_.query_interval / 4;
}

void Querier::SetOptions(const QuerierOptions& options, MonoTime now) {
  options_ = options;
  if (other_) return;
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  if (general_at_ != kNever) general_at_ = std::min(general_at_, now + query_interval_);
}

void Querier::SetAddress(const std::optional<IpAddress>& own, MonoTime now) {
  const bool was_active = active();
  own_ = own;
  if (active() == was_active) return;
  other_.reset();
  other_expires_ = kNever;
  general_at_ = kNever;
  warm_at_ = kNever;
  asked_ = false;
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  if (!active()) return;
  startup_left_ = startup_query_count();
  general_at_ = now;
}

void Querier::BecomeQuerier(MonoTime now) {
  other_.reset();
  other_expires_ = kNever;
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  general_at_ = now;
}

void Querier::OnQuery(const IpAddress& from, const Query& query, MonoTime now) {
  // A querier at 0.0.0.0 is a snooping switch that stands in for one (RFC 4541 section 2.1.1).
  if (!active() || from.IsUnspecified() || !(from < *own_)) return;
  if (!other_ || from < *other_) other_ = from;
  // RFC 9777 sections 9.1 and 9.2: the querier's values hold for all, ours where it has none.
  robustness_ = query.robustness > 0 ? query.robustness : options_.robustness;
  query_interval_ =
      query.query_interval.count() > 0 ? Duration(query.query_interval) : options_.query_interval;
  other_expires_ = now + query_interval_ * robustness_ + options_.query_response_interval / 2;
  // What it asks our hosts it asks for us; but our first query, which asks for quick answers, is
  // sent in any case.
  if (asked_) {
    general_at_ = kNever;
    startup_left_ = 0;
  }
}

void Querier::OnTime(MonoTime now, std::vector<Query>& out) {
  if (warm_at_ <= now) warm_at_ = kNever;
  if (other_expires_ <= now) BecomeQuerier(now);
  if (general_at_ > now) return;
  const bool startup = startup_left_ > 0;
  Query query;
  query.version = family_ == IpAddress::Family::kIpv4 ? Version::kIgmpV3 : Version::kMldV2;
  query.group = Unspecified(family_);
  query.max_response = std::chrono::duration_cast<std::chrono::milliseconds>(
      startup ? options_.startup_response_interval : options_.query_response_interval);
  query.robustness = static_cast<uint8_t>(options_.robustness);
  query.query_interval = std::chrono::duration_cast<std::chrono::seconds>(options_.query_interval);
  out.push_back(query);
  if (!asked_) warm_at_ = now + options_.startup_response_interval + options_.synced_margin;
  asked_ = true;
  if (startup) --startup_left_;
  if (other_) {
    startup_left_ = 0;
    general_at_ = kNever;
    return;
  }
  general_at_ = now + (startup_left_ > 0 ? startup_query_interval() : options_.query_interval);
}

void Querier::OnSendFailed(MonoTime now) {
  if (!is_querier()) return;
  if (warm_at_ != kNever) {
    warm_at_ = kNever;
    asked_ = false;
    startup_left_ = startup_query_count();
  }
  general_at_ = now + kSendRetry;
}

MonoTime Querier::NextDeadline() const {
  if (!active()) return kNever;
  return std::min({general_at_, warm_at_, other_expires_});
}

Timing Querier::timing() const {
  Timing timing;
  timing.membership_interval = query_interval_ * robustness_ + options_.query_response_interval;
  timing.older_host_interval = timing.membership_interval;
  timing.last_member_interval = options_.last_member_query_interval;
  timing.last_member_count =
      options_.last_member_query_count > 0 ? options_.last_member_query_count : robustness_;
  timing.querier = is_querier();
  timing.complete = complete();
  return timing;
}

}  // namespace headwater::membership
