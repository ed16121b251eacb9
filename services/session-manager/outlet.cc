#include "services/session-manager/outlet.h"

#include <tuple>
#include <utility>

#include "services/common/base/check.h"

namespace headwater::session_manager {

bool SessionSpec::operator==(const SessionSpec& other) const {
  const auto key = [](const SessionSpec& spec) {
    return std::tie(spec.channel, spec.station, spec.links, spec.transmit, spec.local, spec.dscp,
                    spec.hop_limit, spec.silence_limit, spec.container, spec.feed_source);
  };
  return key(*this) == key(other);
}

bool Announcement::operator==(const Announcement& other) const {
  const auto key = [](const Announcement& announcement) {
    return std::tie(announcement.channel, announcement.number, announcement.links,
                    announcement.format, announcement.info, announcement.hop_limit);
  };
  return key(*this) == key(other);
}

bool Announcement::SameContent(const Announcement& other) const {
  return format == other.format && info == other.info;
}

bool Announcement::Covers(const std::string& link) const {
  return std::any_of(links.begin(), links.end(),
                     [&](const AnnouncedLink& announced) { return announced.link == link; });
}

template <typename Spec, typename Status>
OutletStep Outlet<Spec, Status>::Next(const Spec* desired, bool may_stop, MonoTime now) const {
  if (call_ != Call::kNone || now < not_before_) return OutletStep::kNothing;
  const bool overdue = now >= answered_ + kStatusWait;
  if (stopping_ && status_ && !overdue) return OutletStep::kNothing;
  if (desired == nullptr) {
    if (!status_ && (!sent_ || stopping_)) return OutletStep::kForget;
    return may_stop ? OutletStep::kStop : OutletStep::kNothing;
  }
  const bool told = sent_ && !stopping_;
  // What the service keeps of an earlier, failed run is cleared away first.
  if (!told && status_ && (stopping_ || Conflicts(*status_, *desired))) return OutletStep::kStop;
  if (!told || refresh_ || !(*sent_ == *desired)) return OutletStep::kApply;
  // It said yes and lists nothing.
  return !status_ && overdue ? OutletStep::kApply : OutletStep::kNothing;
}

template <typename Spec, typename Status>
MonoTime Outlet<Spec, Status>::NextDeadline(bool desired) const {
  if (call_ != Call::kNone) return kNever;
  MonoTime next = kNever;
  if (failures_ > 0) next = not_before_;
  const bool awaits_list = (desired && sent_ && !stopping_ && !status_) || (stopping_ && status_);
  if (awaits_list) next = std::min(next, answered_ + kStatusWait);
  return next;
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::BeginApply(const Spec& spec) {
  HW_CHECK(call_ == Call::kNone);
  call_ = Call::kApply;
  stopping_ = false;
  refresh_ = false;
  sent_ = spec;
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::BeginStop() {
  HW_CHECK(call_ == Call::kNone);
  call_ = Call::kStop;
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::Delay(bool ok, MonoTime now) {
  call_ = Call::kNone;
  answered_ = now;
  failures_ = ok ? 0 : std::min(failures_ + 1, 16);
  not_before_ = ok ? now : now + std::min(kRetryMax, kRetryMin * (1 << (failures_ - 1)));
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::OnApplied(bool ok, MonoTime now) {
  if (call_ != Call::kApply) return;
  Delay(ok, now);
  if (ok) {
    accepted_ = sent_;
  } else {
    // It may have been done all the same, when only the answer was lost.
    refresh_ = true;
  }
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::OnStopped(bool ok, MonoTime now) {
  if (call_ != Call::kStop) return;
  Delay(ok, now);
  if (!ok) return;
  sent_.reset();
  accepted_.reset();
  stopping_ = status_.has_value();
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::OnStatus(Status status) {
  listed_ = true;
  status_ = std::move(status);
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::OnRemoved() {
  status_.reset();
  stopping_ = false;
  // Whoever ended it, it has to be told again, unless that is under way.
  if (call_ == Call::kNone) refresh_ = true;
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::OnSynced() {
  if (!listed_) status_.reset();
  if (!status_) stopping_ = false;
  refresh_ = true;
  failures_ = 0;
  not_before_ = MonoTime{};
}

template <typename Spec, typename Status>
void Outlet<Spec, Status>::Adopt(const Spec& spec) {
  sent_ = spec;
  accepted_ = spec;
  refresh_ = true;
}

template <typename Spec, typename Status>
const Status* Outlet<Spec, Status>::current() const {
  return status_ && sent_ && !stopping_ && call_ != Call::kStop ? &*status_ : nullptr;
}

template class Outlet<SessionSpec, PackagerStatus>;
template class Outlet<Announcement, AnnouncementStatus>;
template class Outlet<LeaseSpec, LeaseStatus>;

}  // namespace headwater::session_manager
