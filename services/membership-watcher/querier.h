#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/membership-watcher/options.h"
#include "services/membership-watcher/timing.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// The querier of one family on one link (RFC 9777 sections 7.1 and 7.6.2, RFC 9776 sections 6.1
// and 6.6.2): startup queries, general queries, election by lowest address, adoption of another
// querier's robustness and interval. Pure and not thread-safe.
//
// It is off without an address of its own: a query must have a source, and IPv4's 0.0.0.0 belongs
// to snooping switches. It always begins as querier, so its first query tells what is listened to
// even where another querier will win. In the role of kNever it asks nothing, and knows a link once
// it has heard another querier's general query answered, or after a whole membership interval.
class Querier {
 public:
  Querier(IpAddress::Family family, const QuerierOptions& options);

  // Times in force from now on; a query that is due later than they say is sent sooner.
  void SetOptions(const QuerierOptions& options, MonoTime now);
  // The link is up and this is our address on it (IPv6: link-local); or there is none. Starting
  // sends a query at once (by OnTime).
  void SetAddress(const std::optional<IpAddress>& own, MonoTime now);
  // A query from the link; our own do no harm.
  void OnQuery(const IpAddress& from, const Query& query, MonoTime now);
  // Appends the general query that is due, at most one.
  void OnTime(MonoTime now, std::vector<Query>& out);
  // The general query could not be sent: it is tried again in a second, and what it would have told
  // stays unknown.
  void OnSendFailed(MonoTime now);
  MonoTime NextDeadline() const;

  bool active() const { return own_.has_value(); }
  // The answers to the first query since the start have had their time.
  bool complete() const { return active() && warm_at_ == kNever && asked_; }
  bool is_querier() const { return active() && !other_ && options_.role != QuerierRole::kNever; }
  const std::optional<IpAddress>& own_address() const { return own_; }
  // Who is in charge; empty when nobody is known to be.
  std::optional<IpAddress> querier() const {
    return other_ || options_.role == QuerierRole::kNever ? other_ : own_;
  }
  // In which queries are to be sent now.
  Version version() const { return version_; }
  // Robustness and query interval as our queries tell them.
  const QuerierOptions& options() const { return options_; }
  Timing timing() const;

 private:
  void BecomeQuerier(MonoTime now);
  void Yield(const IpAddress& from, const Query& query, MonoTime now);
  void NoteVersion(const Query& query, MonoTime now);
  void UpdateVersion(MonoTime now);
  bool Outranks(const IpAddress& from) const;
  int startup_query_count() const;

  const IpAddress::Family family_;
  QuerierOptions options_;
  std::optional<IpAddress> own_;
  std::optional<IpAddress> other_;
  MonoTime other_expires_ = kNever;
  // Until when `other_` is believed to be there; a third router may keep other_expires_ going.
  MonoTime named_until_ = kNever;
  MonoTime general_at_ = kNever;
  MonoTime warm_at_ = kNever;
  int startup_left_ = 0;
  bool asked_ = false;
  // Until when routers that know IGMPv1 or IGMPv2 alone count as present.
  MonoTime v1_until_ = MonoTime::min();
  MonoTime v2_until_ = MonoTime::min();
  Version version_;
  // In force: our own, or adopted from the other querier.
  int robustness_;
  Duration query_interval_;
};

}  // namespace headwater::membership
