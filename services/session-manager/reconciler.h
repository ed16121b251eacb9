#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/plan/number_plan.h"
#include "services/common/time/clock.h"
#include "services/common/time/mono_time.h"
#include "services/session-manager/actions.h"
#include "services/session-manager/admission.h"
#include "services/session-manager/backoff.h"
#include "services/session-manager/membership_view.h"
#include "services/session-manager/options.h"
#include "services/session-manager/sender.h"
#include "services/session-manager/session.h"
#include "services/session-manager/station_cache.h"
#include "services/session-manager/tuner.h"

namespace headwater::session_manager {

// How much world there is at the start.
struct WorldShape {
  size_t watchers = 1;
  size_t senders = 1;
};

// Counters and gauges, for metrics.
struct ReconcilerStats {
  std::map<std::pair<State, State>, uint64_t> transitions;
  // An event that the state has no row for: our own slip, harmless.
  uint64_t events_ignored_total = 0;
  std::map<std::string, uint64_t> refused_total;
  std::map<std::string, uint64_t> failed_total;
  // Groups of ours without a session because too many are tracked.
  uint64_t untracked_total = 0;
  uint64_t adopted_total = 0;
  // Sessions that have gone to another sender, by the reason.
  std::map<std::string, uint64_t> moves_total;
};

// Compares what is wanted (members of groups that the number plan holds) with what runs (what
// senders list), and acts. Level-triggered: it keeps no event, so that any input may be lost,
// repeated or come anew after a restart. What is unknown is never taken for
// absent. One input at a time; the caller performs all actions before the next. Not thread-safe.
//
// Limits: options.sessions_max run at once, four times as many are tracked (more are ignored and
// counted until one ends), 256 ended ones are remembered for ExplainSession.
class Reconciler {
 public:
  static constexpr size_t kEndedMax = 256;
  // Sessions refused for want of room that are tried again when one ends or begins to linger, or
  // for want of a tuner when a lease ends.
  static constexpr size_t kWokenPerRelease = 8;
  // Sessions that are on their way to another sender at once, while the first one goes on: as many
  // sources are open twice.
  static constexpr size_t kMovesAtOnce = 16;

  Reconciler(const ReconcilerOptions& options, WorldShape shape,
             std::vector<std::string> sender_names, uint64_t seed, const ClockPair& now);

  // For what happens from now on. What runs above a lowered limit runs on; what waits for a raised
  // one is tried.
  void SetOptions(const ReconcilerOptions& options, const ClockPair& now, Actions& out);
  // One more of each; it gets the next index.
  void AddWatcher() { membership_.AddWatcher(); }
  void AddSender(const std::string& name);
  // Whoever starts the reconciler remembers it.
  void SetDrained(size_t sender, bool drained, const ClockPair& now, Actions& out);

  // Membership, per watcher: connected, then a snapshot, synced, changes, disconnected.
  void OnWatcherConnected(size_t watcher, const ClockPair& now, Actions& out);
  void OnLink(size_t watcher, const std::string& link, LinkSync sync, const ClockPair& now,
              Actions& out);
  void OnGroup(size_t watcher, const GroupRecord& record, const ClockPair& now, Actions& out);
  void OnGroupRemoved(size_t watcher, const std::string& link, const IpAddress& group,
                      const ClockPair& now, Actions& out);
  void OnWatcherSynced(size_t watcher, const ClockPair& now, Actions& out);
  void OnWatcherDisconnected(size_t watcher, const ClockPair& now, Actions& out);

  // Directory. The plan last heard stays in force while the resolver is away.
  void OnPlan(NumberPlan plan, const ClockPair& now, Actions& out);
  void OnResolved(uint32_t number, absl::StatusOr<Station> answer, const ClockPair& now,
                  Actions& out);

  // Packager, per sender.
  void OnPackagerConnected(size_t sender);
  void OnPackagerSession(size_t sender, PackagerStatus status, const ClockPair& now, Actions& out);
  void OnPackagerRemoved(size_t sender, const Channel& channel, const ClockPair& now, Actions& out);
  void OnPackagerSynced(size_t sender, const ClockPair& now, Actions& out);
  void OnPackagerDisconnected(size_t sender, const ClockPair& now, Actions& out);
  // `capacity`: sessions that it takes at once; 0: not known.
  void OnLegs(size_t sender, std::vector<Leg> legs, size_t capacity, const ClockPair& now,
              Actions& out);
  void OnSessionApplied(size_t sender, const Channel& channel, const absl::Status& status,
                        const ClockPair& now, Actions& out);
  void OnSessionStopped(size_t sender, const Channel& channel,
                        const absl::StatusOr<SessionEnd>& answer, const ClockPair& now,
                        Actions& out);

  // Announcer, per sender.
  void OnAnnouncerConnected(size_t sender);
  void OnAnnouncement(size_t sender, AnnouncementStatus status, const ClockPair& now, Actions& out);
  void OnAnnouncementRemoved(size_t sender, const Channel& channel, const ClockPair& now,
                             Actions& out);
  void OnAnnouncerSynced(size_t sender, const ClockPair& now, Actions& out);
  void OnAnnouncerDisconnected(size_t sender, const ClockPair& now, Actions& out);
  void OnAnnouncementApplied(size_t sender, const Channel& channel,
                             const absl::StatusOr<AnnouncementSent>& answer, const ClockPair& now,
                             Actions& out);
  void OnAnnouncementStopped(size_t sender, const Channel& channel, const absl::Status& status,
                             const ClockPair& now, Actions& out);

  // Tuner: connected, then its leases, synced, changes, disconnected.
  void OnTunerConnected();
  void OnLease(LeaseStatus status, const ClockPair& now, Actions& out);
  void OnLeaseRemoved(uint32_t number, const ClockPair& now, Actions& out);
  void OnTunerSynced(const ClockPair& now, Actions& out);
  void OnTunerDisconnected(const ClockPair& now, Actions& out);
  void OnLeaseAcquired(uint32_t number, const absl::Status& status, const ClockPair& now,
                       Actions& out);
  void OnLeaseReleased(uint32_t number, const absl::Status& status, const ClockPair& now,
                       Actions& out);

  // All work due at or before `now`.
  void OnTime(const ClockPair& now, Actions& out);
  MonoTime NextDeadline() const;

  // Null when the channel is not tracked; an idle one is on its way out.
  const Session* Find(const Channel& channel) const;
  // The last of the channel's ended sessions; null when none is remembered.
  const Session* FindEnded(const Channel& channel) const;
  const std::map<Channel, Session>& sessions() const { return sessions_; }
  size_t senders() const { return senders_.size(); }
  const Sender& sender(size_t index) const { return senders_[index]; }
  const std::string& sender_name(size_t index) const { return sender_names_[index]; }
  const Tuner& tuner() const { return tuner_; }
  // Sessions that were refused because no tuner was free.
  size_t waiting_for_tuner() const { return waiting_tuner_.size(); }
  const MembershipView& membership() const { return membership_; }
  // Null before the first one is known.
  const NumberPlan* plan() const { return plan_ ? &*plan_ : nullptr; }
  size_t SessionsOf(size_t sender) const;
  // Links of ours with members where no sender has a leg up, and links that two watchers claim.
  const std::set<std::string>& unserved_links() const { return unserved_links_; }
  const std::set<std::string>& doubly_claimed_links() const { return doubly_claimed_links_; }
  const ReconcilerStats& stats() const { return stats_; }

 private:
  // Inputs (reconciler_inputs.cc).
  void Begin(const ClockPair& now, Actions& out);
  void Finish();
  void MarkGroup(const IpAddress& group);
  void MarkGroups(const MembershipView::Groups& groups);
  void MarkAll();
  void CheckClaims();
  void UpdateSettled();
  void RetryUnplaced();

  // What a session should do (reconciler.cc).
  void Drive(const Channel& channel);
  Session* FindOrCreate(const Channel& channel);
  std::optional<NumberPlan::Match> Match(const Channel& channel) const;
  bool Advance(Session& session);
  bool AdvanceResolving(Session& session);
  bool AdvanceStarting(Session& session);
  bool AdvanceLive(Session& session);
  bool AdvanceLingering(Session& session);
  bool AdvanceFailed(Session& session);
  bool AdoptRunning(Session& session);
  bool AdoptAt(Session& session, size_t sender);
  bool StopPending(const Channel& channel) const;
  void Place(Session& session);
  bool SendersSettled() const;
  bool AllSendersReady() const;
  bool FindStation(Session& session);
  bool Fire(Session& session, Event event, std::string reason);
  bool Fail(Session& session, Event event, std::string_view kind, std::string reason);
  void Enter(Session& session, State from);
  void Wake(Session& session);
  void End(const Channel& channel);
  void Show(Session& session);

  // Which sender has a session, and its way to another (reconciler_moves.cc).
  enum class Room { kNeeded, kIgnored };
  std::optional<size_t> ChooseSender(const Session& session, Room room) const;
  size_t LinksServed(const Session& session, size_t sender) const;
  bool IsGone(size_t sender) const;
  bool TakeOver(Session& session);
  void SetSender(Session& session, size_t sender);
  void AdvanceMove(Session& session);
  void BeginMove(Session& session);
  void GiveUpMove(Session& session, const std::string& why);
  void FinishMove(Session& session, const absl::StatusOr<SessionEnd>& answer);
  void ForgetMove(Session& session);
  void TellObstacle(Session& session, std::string obstacle);
  bool IsPrepared(const Session& session) const;
  bool IsSuccessor(const Session& session, size_t sender) const {
    return session.move && session.move->to == sender;
  }

  // Limits (reconciler_room.cc).
  void Refuse(Session& session, Refusal refusal);
  void ReleaseRun(Session& session);
  void WakeWaiting();
  void OfferRoom(const std::string& link);
  void MakeRoom(const Channel& channel, const std::vector<std::string>& links);
  bool MakeRoomIn(const std::string& link, const Channel& channel);
  // Where `successor` could be sent from, or anywhere.
  Session* OldestLingering(const Session* successor = nullptr);
  void EndEarly(Session& session, const Channel& successor);

  // Links and what packagers tell (reconciler_links.cc).
  void RefreshLinks(Session& session);
  void ReadPresence(Session& session, const MembershipView::Presence& presence);
  void AdmitLinks(Session& session);
  void ClearLinks(Session& session);
  void ReadStatus(Session& session);
  void ReadTimes(Session& session, const StartTimes& times);
  void ReadInfo(Session& session, const PackagerStatus& status);
  const PackagerStatus* StatusOf(const Session& session) const;
  bool WasLost(const Session& session) const;
  std::vector<std::string> SendableLinks(const Session& session, const Sender& sender) const;
  std::optional<IpAddress> ServiceAddress(const std::string& link, IpAddress::Family family) const;

  // What senders are told (reconciler_outlets.cc).
  void DriveOutlets(const Channel& channel, Session* session);
  void DrivePackager(size_t sender, const Channel& channel, Session* session);
  void DriveAnnouncer(size_t sender, const Channel& channel, Session* session);
  SessionSpec WantedSession(const Session& session, size_t sender) const;
  std::optional<Announcement> WantedAnnouncement(const Session& session,
                                                 const Sender& sender) const;
  const AnnouncementStatus* FindAnnouncement(const Session& session) const;
  void TakeOrigin(Session& session, const AnnouncementStatus& status);
  bool IsHeld(const Session& session) const;
  bool FoundRunning(const Channel& channel, size_t sender) const;
  bool HasOutlets(const Channel& channel) const;
  void ConsiderOutlets(const Session& session, MonoTime& wake) const;

  // The tuner's leases (reconciler_leases.cc).
  void MarkNumber(uint32_t number);
  bool AdvanceLease(Session& session);
  void ReadLease(Session& session, const LeaseStatus& lease);
  void TellLease(Session& session, const LeaseStatus& lease);
  const LeaseStatus* LeaseOf(const Session& session) const;
  bool FailByTuner(Session& session, bool is_taken, std::string reason);
  void FreeTuner(const Channel& successor);
  void WakeWaitingForTuner(std::optional<uint32_t> except, const std::string& carrier);
  void DriveLease(uint32_t number);
  std::optional<LeaseSpec> WantedLease(uint32_t number) const;
  bool IsLeaseHeld(uint32_t number) const;
  std::optional<size_t> SenderOfNumber(const Session& session) const;

  const PlanDirectory& DirectoryOf(uint32_t number) const;
  void Step(Session& session, std::string_view step, std::string text);
  void Emit(Action action) { out_->push_back(std::move(action)); }

  ReconcilerOptions options_;
  std::vector<std::string> sender_names_;
  const MonoTime started_;
  Backoff backoff_;
  Admission admission_;
  MembershipView membership_;
  StationCache stations_;
  std::vector<Sender> senders_;
  Tuner tuner_;
  std::optional<NumberPlan> plan_;
  std::map<Channel, Session> sessions_;
  // By Session::wake; kNever is not in it.
  std::set<std::pair<MonoTime, Channel>> wakes_;
  std::map<Channel, Session> ended_;
  std::deque<Channel> ended_order_;
  // Refused for want of room, in order.
  std::map<uint64_t, Channel> waiting_;
  // Failed because no tuner was free, or theirs was taken, in order.
  std::map<uint64_t, Channel> waiting_tuner_;
  uint64_t next_waiting_ = 1;
  // Sessions with a Move.
  std::set<Channel> moving_;
  // Running sessions that were refused one more link, by link.
  std::map<std::string, std::set<Channel>> refused_links_;
  // Every watcher has told all it sees, once, or had the listener interval to do so. Before that,
  // what runs and seems wanted by nobody is kept.
  bool settled_ = false;
  std::set<std::string> unserved_links_;
  std::set<std::string> doubly_claimed_links_;
  ReconcilerStats stats_;

  // Of the input being worked on.
  ClockPair now_{};
  Actions* out_ = nullptr;
  std::set<Channel> dirty_;
  // Numbers whose lease is to be looked at.
  std::set<uint32_t> dirty_leases_;
};

}  // namespace headwater::session_manager
