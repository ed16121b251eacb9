#include "services/membership-watcher/querier.h"

#include <algorithm>

namespace headwater::membership {
namespace {

constexpr Duration kSendRetry = 1s;

IpAddress Unspecified(IpAddress::Family family) {
  return family == IpAddress::Family::kIpv4 ? IpAddress::V4(0) : IpAddress();
}

// RFC 9777 section 7.6.2: of IPv6 addresses the interface identifiers are compared, the last 64
// bits.
bool IsLower(const IpAddress& a, const IpAddress& b) {
  if (a.is_v4()) return a < b;
  const Bytes first = a.bytes().subspan(8);
  const Bytes second = b.bytes().subspan(8);
  return std::lexicographical_compare(first.begin(), first.end(), second.begin(), second.end());
}

// An IGMPv1 query cannot say how soon it wants to be answered (RFC 9776 section 7.2.1).
Duration AnswerTime(const Query& query) {
  return query.version == Version::kIgmpV1 ? Duration(10s) : Duration(query.max_response);
}

std::chrono::milliseconds Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

}  // namespace

Querier::Querier(IpAddress::Family family, const QuerierOptions& options)
    : family_(family),
      options_(options),
      robustness_(options.robustness),
      query_interval_(options.query_interval) {
  UpdateVersion(MonoTime{});
}

int Querier::startup_query_count() const {
  return options_.startup_query_count > 0 ? options_.startup_query_count : options_.robustness;
}

void Querier::SetOptions(const QuerierOptions& options, MonoTime now) {
  const bool other_role = options.role != options_.role;
  options_ = options;
  UpdateVersion(now);
  if (other_role && active()) {
    if (options_.role == QuerierRole::kNever) {
      general_at_ = kNever;
      startup_left_ = 0;
      if (!asked_) warm_at_ = now + timing().membership_interval;
      asked_ = true;
    } else if (!other_ || !Outranks(*other_)) {
      BecomeQuerier(now);
    }
  }
  if (other_) return;
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  if (general_at_ != kNever) general_at_ = std::min(general_at_, now + query_interval_);
}

void Querier::SetAddress(const std::optional<IpAddress>& own, MonoTime now) {
  const bool was_active = active();
  own_ = own;
  if (active() == was_active) {
    // A new address of ours may be lower than the querier's.
    if (other_ && !Outranks(*other_)) BecomeQuerier(now);
    return;
  }
  other_.reset();
  other_expires_ = kNever;
  general_at_ = kNever;
  warm_at_ = kNever;
  asked_ = false;
  v1_until_ = v2_until_ = MonoTime::min();
  UpdateVersion(now);
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  if (!active()) return;
  if (options_.role == QuerierRole::kNever) {
    warm_at_ = now + timing().membership_interval;
    asked_ = true;
    return;
  }
  startup_left_ = startup_query_count();
  general_at_ = now;
}

void Querier::BecomeQuerier(MonoTime now) {
  other_.reset();
  other_expires_ = kNever;
  robustness_ = options_.robustness;
  query_interval_ = options_.query_interval;
  if (options_.role != QuerierRole::kNever) general_at_ = now;
}

// Whether a query from there makes us fall silent.
bool Querier::Outranks(const IpAddress& from) const {
  switch (options_.role) {
    case QuerierRole::kAuto:
      return IsLower(from, *own_);
    case QuerierRole::kAlways:
      return false;
    case QuerierRole::kNever:
      return true;
  }
  return false;
}

void Querier::OnQuery(const IpAddress& from, const Query& query, MonoTime now) {
  // A querier at 0.0.0.0 is a snooping switch that stands in for one (RFC 4541 section 2.1.1).
  if (!active() || from.IsUnspecified()) return;
  NoteVersion(query, now);
  // RFC 9776 section 6.6.2 elects by general queries alone, RFC 9777 section 7.6.2 by any.
  const bool counts = query.general() || family_ == IpAddress::Family::kIpv6;
  if (counts && Outranks(from)) Yield(from, query, now);
}

void Querier::Yield(const IpAddress& from, const Query& query, MonoTime now) {
  // RFC 9777 sections 5.1.8 and 5.1.9: the querier's values hold for all, ours where it has none.
  robustness_ = query.robustness > 0 ? query.robustness : options_.robustness;
  query_interval_ =
      query.query_interval.count() > 0 ? Duration(query.query_interval) : options_.query_interval;
  other_expires_ = now + query_interval_ * robustness_ + options_.query_response_interval / 2;
  if (!other_ || named_until_ <= now || !IsLower(*other_, from)) {
    other_ = from;
    named_until_ = other_expires_;
  }
  if (options_.role == QuerierRole::kNever && warm_at_ != kNever && query.general()) {
    warm_at_ = std::min(warm_at_, now + query.max_response + options_.synced_margin);
  }
  // What it asks our hosts it asks for us; but our first query, which asks for quick answers, is
  // sent in any case.
  if (asked_) {
    general_at_ = kNever;
    startup_left_ = 0;
  }
}

// RFC 9776 section 6.6.2: a router that hears an older general query uses the oldest version on the
// network. In MLD that must be configured (RFC 9777 section 8.3.1).
void Querier::NoteVersion(const Query& query, MonoTime now) {
  if (!options_.compatibility || !query.general()) return;
  const MonoTime until = now + timing().older_host_interval;
  if (query.version == Version::kIgmpV1) v1_until_ = until;
  if (query.version == Version::kIgmpV2) v2_until_ = until;
  UpdateVersion(now);
}

void Querier::UpdateVersion(MonoTime now) {
  if (family_ == IpAddress::Family::kIpv6) {
    version_ = options_.version == 1 ? Version::kMldV1 : Version::kMldV2;
    return;
  }
  version_ = options_.version == 1   ? Version::kIgmpV1
             : options_.version == 2 ? Version::kIgmpV2
                                     : Version::kIgmpV3;
  if (v2_until_ > now) version_ = std::min(version_, Version::kIgmpV2);
  if (v1_until_ > now) version_ = Version::kIgmpV1;
}

void Querier::OnTime(MonoTime now, std::vector<Query>& out) {
  UpdateVersion(now);
  if (warm_at_ <= now) warm_at_ = kNever;
  if (other_expires_ <= now) BecomeQuerier(now);
  if (general_at_ > now) return;
  const bool startup = startup_left_ > 0;
  Query query;
  query.version = version_;
  query.group = Unspecified(family_);
  query.max_response =
      Milliseconds(startup ? options_.startup_response_interval : options_.query_response_interval);
  query.robustness = static_cast<uint8_t>(options_.robustness);
  query.query_interval = std::chrono::duration_cast<std::chrono::seconds>(options_.query_interval);
  out.push_back(query);
  if (!asked_) warm_at_ = now + AnswerTime(query) + options_.synced_margin;
  asked_ = true;
  if (startup) --startup_left_;
  if (other_) {
    startup_left_ = 0;
    general_at_ = kNever;
    return;
  }
  general_at_ = now + (startup_left_ > 0 ? options_.startup_interval() : options_.query_interval);
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
  // RFC 9777 sections 9.4 and 9.13, RFC 9776 sections 8.4 and 8.13.
  const Duration intervals = query_interval_ * robustness_;
  timing.membership_interval = intervals + 2 * options_.query_response_interval;
  timing.older_host_interval = intervals + options_.query_response_interval;
  timing.last_member_interval = options_.last_member_query_interval;
  timing.last_member_count =
      options_.last_member_query_count > 0 ? options_.last_member_query_count : robustness_;
  timing.querier = is_querier();
  timing.complete = complete();
  timing.older_reports = options_.compatibility;
  timing.leaves = version_ != Version::kIgmpV1;
  return timing;
}

}  // namespace headwater::membership
