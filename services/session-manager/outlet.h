#pragma once

#include <absl/time/time.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/session-manager/media.h"

namespace headwater::session_manager {

// An RTP timestamp, and when it was sent; the infinite past means never.
struct SentTimestamp {
  uint32_t timestamp = 0;
  absl::Time sent = absl::InfinitePast();
  bool operator==(const SentTimestamp&) const = default;
};

// What a packager is told a session is to be.
struct SessionSpec {
  Channel channel;
  Station station;
  // Ascending.
  std::vector<std::string> links;
  bool transmit = false;
  bool local = false;
  uint8_t dscp = 0;
  uint8_t hop_limit = 0;
  std::chrono::nanoseconds silence_limit{};
  MediaContainer container = MediaContainer::kNone;
  // Of a DVB station; empty until known.
  std::string feed_source;
  // Kept from an earlier run; 0 and nothing let the packager choose. Not part of the comparison:
  // they are told when the session has to go on, and change nothing in one that runs.
  uint32_t ssrc = 0;
  // With ssrc: where its sequence goes on.
  uint16_t sequence = 0;
  // With ssrc: what its timestamps go on from; not known when it was never sent.
  SentTimestamp sent_before;
  std::optional<MediaFormat> format;

  bool operator==(const SessionSpec& other) const;
};

enum class PackagerState { kOpening, kReady, kSending, kSilent, kFailed };

// When the steps of a start happened; the infinite past means not yet.
struct StartTimes {
  absl::Time applied = absl::InfinitePast();
  absl::Time source_requested = absl::InfinitePast();
  absl::Time source_answered = absl::InfinitePast();
  absl::Time format_known = absl::InfinitePast();
  absl::Time first_rtp = absl::InfinitePast();
  bool operator==(const StartTimes&) const = default;
};

// A session as a packager lists it.
struct PackagerStatus {
  Channel channel;
  uint32_t number = 0;
  PackagerState state = PackagerState::kOpening;
  std::string error;
  std::string error_reason;
  std::optional<MediaFormat> format;
  // What it is transcoded from, as it would be announced if nothing had been.
  std::optional<MediaFormat> source_format;
  StreamInfo info;
  uint32_t ssrc = 0;
  uint16_t sequence = 0;
  SentTimestamp last_sent;
  std::vector<std::string> links;
  bool transmit = false;
  std::string source_url;
  StartTimes times;
  uint32_t receivers = 0;
  double fraction_lost_max = 0;
  // Of a DVB station: where its transport stream is awaited.
  std::string feed;
  bool operator==(const PackagerStatus&) const = default;
};

// What a packager answers that has handed a session over: where another one goes on.
struct SessionEnd {
  uint16_t sequence = 0;
  // Of the packet that would have been the next; never, when it has sent none.
  SentTimestamp next_sent;
};

// Who announces and which versions listeners may hold. An id of 0 lets the announcer choose.
struct Origin {
  uint64_t id = 0;
  uint64_t version = 0;
  std::vector<uint64_t> past_versions;
  bool operator==(const Origin&) const = default;
};

struct AnnouncedLink {
  std::string link;
  uint64_t joins_total = 0;
  bool operator==(const AnnouncedLink&) const = default;
};

// What an announcer is told a session's announcement is to be.
struct Announcement {
  Channel channel;
  uint32_t number = 0;
  // Ascending by name.
  std::vector<AnnouncedLink> links;
  MediaFormat format;
  StreamInfo info;
  uint8_t hop_limit = 0;
  // Not part of the comparison: the announcer raises it.
  Origin origin;
  // Nor this: it differs from what the announcer has said yes to last.
  bool changed = false;

  bool operator==(const Announcement& other) const;
  bool Covers(const std::string& link) const;
  // Whether listeners would read the same.
  bool SameContent(const Announcement& other) const;
};

// An announcement as an announcer lists it.
struct AnnouncementStatus {
  Announcement announcement;
};

// What a tuner is told to give.
struct LeaseSpec {
  uint32_t number = 0;
  DvbService service;
  std::string feed;
  uint8_t priority = 0;
  // Begins with the number, by which a manager knows its own.
  std::string holder;
  bool operator==(const LeaseSpec&) const = default;
};

enum class LeaseState { kTuning, kLocked, kSending, kLost, kFailed };
inline constexpr size_t kLeaseStateCount = 5;

// A lease as a tuner lists it.
struct LeaseStatus {
  uint32_t number = 0;
  DvbService service;
  std::string holder;
  LeaseState state = LeaseState::kTuning;
  std::string error;
  std::string error_reason;
  std::string tuner;
  std::string feed_source;
  StreamInfo info;
  bool operator==(const LeaseStatus&) const = default;
};

inline bool IsDead(const PackagerStatus& status) { return status.state == PackagerState::kFailed; }

// What runs cannot become what is wanted: it has to be stopped first.
inline bool Conflicts(const PackagerStatus& status, const SessionSpec& wanted) {
  return IsDead(status) || status.number != wanted.station.number;
}
inline bool Conflicts(const AnnouncementStatus& status, const Announcement& wanted) {
  return status.announcement.number != wanted.number;
}

inline bool Conflicts(const LeaseStatus& status, const LeaseSpec& wanted) {
  return status.state == LeaseState::kFailed || !(status.service == wanted.service);
}

// What an outlet needs next.
enum class OutletStep { kNothing, kApply, kStop, kForget };

// One channel at one packager or one announcer, or one number at a tuner: what it lists, what it
// was told, and which call is under way (one at a time). It holds what is wanted against that;
// nothing is ever replayed, so a lost answer, a restarted service and a restarted manager all end
// in the same place. Calls that fail are tried again with a doubling wait.
template <typename Spec, typename Status>
class Outlet {
 public:
  // After an answer, the list of the service has as long to show what it did.
  static constexpr Duration kStatusWait = 1s;
  static constexpr Duration kRetryMin = 100ms;
  static constexpr Duration kRetryMax = 5s;

  // What to do when `desired` is wanted there (null: nothing). Without `may_stop` what is not
  // wanted stays.
  OutletStep Next(const Spec* desired, bool may_stop, MonoTime now) const;
  // When Next has to be asked again although nothing happened.
  MonoTime NextDeadline(bool desired) const;

  void BeginApply(const Spec& spec);
  void BeginStop();
  void OnApplied(bool ok, MonoTime now);
  void OnStopped(bool ok, MonoTime now);
  // Of the service's list.
  void OnStatus(Status status);
  void OnRemoved();
  // The service's list is complete again: what it was told has to be told again.
  void OnSynced();
  void OnConnected() { listed_ = false; }
  // It was found running.
  void Adopt(const Spec& spec);

  // As listed; nothing while it is being stopped, for then the list tells of what was.
  const Status* current() const;
  const std::optional<Status>& status() const { return status_; }
  // What the service has said yes to.
  const std::optional<Spec>& accepted() const { return accepted_; }
  // By us, and not ended since.
  bool told() const { return sent_.has_value(); }
  bool stopping() const { return stopping_ || call_ == Call::kStop; }
  bool is_calling() const { return call_ != Call::kNone; }

 private:
  enum class Call { kNone, kApply, kStop };

  void Delay(bool ok, MonoTime now);

  std::optional<Status> status_;
  std::optional<Spec> sent_;
  std::optional<Spec> accepted_;
  Call call_ = Call::kNone;
  // Told again at the next occasion.
  bool refresh_ = false;
  // Stop was answered; its removal is awaited.
  bool stopping_ = false;
  // Named since the service's present stream began.
  bool listed_ = false;
  int failures_ = 0;
  MonoTime not_before_{};
  MonoTime answered_{};
};

using PackagerOutlet = Outlet<SessionSpec, PackagerStatus>;
using AnnouncerOutlet = Outlet<Announcement, AnnouncementStatus>;
using LeaseOutlet = Outlet<LeaseSpec, LeaseStatus>;
extern template class Outlet<SessionSpec, PackagerStatus>;
extern template class Outlet<Announcement, AnnouncementStatus>;
extern template class Outlet<LeaseSpec, LeaseStatus>;

}  // namespace headwater::session_manager
