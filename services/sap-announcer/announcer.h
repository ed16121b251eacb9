#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/sap-announcer/announcement.h"
#include "services/sap-announcer/options.h"
#include "services/sap-announcer/token_bucket.h"

namespace headwater {

// Decides what is announced where and when. Pure: requests, legs and time go
// in, datagrams come out. Not thread-safe.
//
// Each (session, link) has one token bucket for all that is said about the session there. What
// should leave at once and does not fit waits for the bucket, and what waits is one datagram
// however many reasons there were: it says the newest.
class Announcer {
 public:
  // The same moment on both clocks.
  struct Now {
    MonoTime mono;
    uint64_t ntp_seconds = 0;
  };

  // How one announcement stands.
  struct Status {
    Announcement announcement;
    uint64_t sent_total = 0;
    std::optional<MonoTime> first_sent;
    std::optional<MonoTime> last_sent;
  };

  struct Stats {
    // Datagrams by SendReason.
    std::array<uint64_t, kSendReasons> sent = {};
    uint64_t bytes = 0;
    // Urgent datagrams that had to wait for the bucket.
    uint64_t deferred = 0;
    // Announcements that no longer fit their leg (its MTU has shrunk) or could not be written, and
    // so did not leave.
    uint64_t unfit = 0;
    uint64_t orphaned = 0;
  };

  explicit Announcer(const AnnouncerOptions& options);
  // For what happens from now on. `seed` and `well_known_groups` stay as they are.
  void SetOptions(const AnnouncerOptions& options);

  // All legs as they are now. A leg that comes up announces at once; a changed service address
  // raises the version of what is announced there.
  void SetLegs(const std::vector<Leg>& legs, Now now, Sends& out);

  // Makes the announcement be as wanted; `out` gets what must leave first. A link whose leg is down
  // is served when it comes up. FAILED_PRECONDITION: lower epoch, a link without configured leg, or
  // no link that can be sent to. INVALID_ARGUMENT: names the field. RESOURCE_EXHAUSTED: too many.
  // After an error nothing has changed.
  absl::Status Apply(uint64_t epoch, Announcement wanted, Now now, Sends& out);
  // Ends it with deletions. OK when there is none. FAILED_PRECONDITION: lower epoch.
  absl::Status Stop(uint64_t epoch, const Channel& channel, Now now, Sends& out);
  // Forgets it without a word: another announcer goes on with it.
  absl::Status HandOver(uint64_t epoch, const Channel& channel, Now now);
  // Somebody who manages is there (a call, an open watch): what is announced is not orphaned.
  void Touch(MonoTime now) { contact_ = now; }

  // All work due at or before `now`.
  void OnTime(Now now, Sends& out);
  // kNever when there is nothing to wait for.
  MonoTime NextDeadline() const;

  // Refuses by FAILED_PRECONDITION what comes from a manager that another one has followed.
  absl::Status CheckEpoch(uint64_t epoch);
  // Null for a link that is not configured.
  const Leg* FindLeg(const std::string& link) const;

  // In the order of channels; null for an unknown one.
  const std::map<Channel, Status>& announcements() const { return statuses_; }
  const Status* Find(const Channel& channel) const;
  // Channels whose announcement began, changed or ended since the last call.
  std::set<Channel> TakeChanged() { return std::exchange(changed_, {}); }
  const Stats& stats() const { return stats_; }
  // (channel, link) pairs whose deletions are still to be sent.
  size_t endings() const { return endings_.size(); }

 private:
  // A session in a link.
  using OutletKey = std::pair<Channel, std::string>;
  struct Outlet {
    TokenBucket bucket;
    uint64_t joins_total = 0;
    // Something that should leave at once, and its first reason.
    std::optional<SendReason> urgent;
    // Whether Stats::deferred has counted it.
    bool deferred = false;
    // What was announced from last; empty before the first time.
    std::optional<IpAddress> address;
    MonoTime next_periodic = kNever;
    MonoTime next_well_known = kNever;
    MonoTime due = kNever;
  };
  // The end of a session in a link: its deletions.
  struct Ending {
    TokenBucket bucket;
    uint8_t hop_limit = 0;
    uint64_t origin_id = 0;
    std::vector<uint64_t> versions;
    MonoTime began;
    size_t round = 0;
    // Next of `versions` in this round.
    size_t position = 0;
    MonoTime due = kNever;
  };

  absl::Status CheckWanted(const Announcement& wanted) const;
  absl::Status CheckLinks(const Announcement& wanted) const;
  // Whether the packet can be written and fits every leg that is up.
  absl::Status CheckFits(const Announcement& wanted) const;
  // Fills in the origin that the announcement goes on or begins with.
  void ChooseOrigin(const Announcement* before, uint64_t ntp_seconds, Announcement& wanted) const;
  void UpdateOutlets(const Status& status, bool content_changed, Now now, Sends& out);
  Outlet MakeOutlet(const OutletKey& key, const Status& status, MonoTime now);
  void Remove(const Channel& channel, Now now, Sends& out);
  void EndOutlet(const OutletKey& key, Now now, Sends& out);
  void RaiseVersion(Status& status, Now now, Sends& out);

  // Sends what is due of an outlet or ending and sets its next deadline.
  void Serve(const OutletKey& key, Now now, Sends& out);
  void ServeOutlet(const OutletKey& key, Outlet& outlet, Now now, Sends& out);
  void ServeGroup(const OutletKey& key, Outlet& outlet, SendDatagram datagram, Now now, Sends& out);
  void ServeWellKnown(Outlet& outlet, SendDatagram datagram, Now now, Sends& out);
  // False when all deletions have left.
  bool ServeEnding(const OutletKey& key, Ending& ending, Now now, Sends& out);
  void SendDeletion(const OutletKey& key, const Ending& ending, const IpAddress& source,
                    uint64_t version, Sends& out);
  void Emit(SendDatagram datagram, MonoTime now, Sends& out);
  void Count(const SendDatagram& datagram);
  void Schedule(const OutletKey& key, MonoTime& due, MonoTime when);

  // What the leg sends to the channel from; empty when it cannot: down, no service address, or one
  // that is not the channel's source.
  static std::optional<IpAddress> SourceAddress(const Leg* leg, const Channel& channel);
  uint64_t BitsPerSecond(const Announcement& announcement) const;
  Duration Interval(const Announcement& announcement, size_t packet_bytes) const;
  Duration WellKnownInterval(const SendDatagram& datagram);

  AnnouncerOptions options_;
  std::minstd_rand random_;
  uint64_t epoch_ = 0;
  uint64_t newest_origin_ = 0;
  MonoTime contact_ = {};
  std::map<std::string, Leg> legs_;
  std::map<Channel, Status> statuses_;
  std::map<OutletKey, Outlet> outlets_;
  std::map<OutletKey, Ending> endings_;
  // One entry for each outlet or ending that waits; a key is never in both tables.
  std::set<std::pair<MonoTime, OutletKey>> queue_;
  std::set<Channel> changed_;
  Stats stats_;
};

}  // namespace headwater
