#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/session-manager/reconciler.h"

// A world for tests of the reconciler, in virtual time: watchers, a resolver, a tuner, packagers
// and announcers that answer after a delay, can be slow, refuse, be killed and come back empty.
namespace headwater::session_manager {

inline constexpr std::string_view kTone = "ff3e:40:2001:db8:d0be:f00d:d0be:f00d";

// Number and group of a service of a carrier, 0..4095 both.
uint32_t DvbNumber(int carrier, int service);
std::string DvbGroup(int carrier, int service);

// Group of station 0x80000000 + `index` (0..9999), by the world's prefix.
std::string GroupOf(int index);
Channel ChannelOf(std::string_view group);

struct WorldOptions {
  ReconcilerOptions reconciler;
  size_t watchers = 1;
  size_t senders = 1;
  // Carriers that the tuner can receive at once.
  size_t receivers = 2;
  Duration linger = 3s;
  Duration start_timeout = 10s;
  uint64_t seed = 1;
};

class SimWorld {
 public:
  // How a station behaves at the packager.
  struct Source {
    Duration open_delay = 20ms;
    // Not empty: it fails with this after open_delay.
    std::string error;
    // What it is encoded as; the same for all but where a test says so.
    std::string encoding = "MPA";
    // Whether the packager can transcode it into what was announced.
    bool transcodable = false;
    // It never gets anywhere.
    bool stuck = false;
  };
  // One entry per call made to a service.
  struct Call {
    MonoTime time;
    std::string text;
  };

  explicit SimWorld(WorldOptions options = {});

  // Everything is connected and synced on watcher 0's link "lan" (and "vlan20" with two watchers).
  void Boot();
  void Advance(Duration duration);
  MonoTime now() const { return now_; }

  // Listeners.
  void Join(std::string_view group, const std::string& link);
  void JoinSource(std::string_view group, const std::string& source, const std::string& link);
  void Leave(std::string_view group, const std::string& link);

  // Watchers. A killed one has forgotten everything; its members answer its first query or not.
  void KillWatcher(size_t watcher);
  void StartWatcher(size_t watcher, bool members_answer);
  void SetLinkSync(size_t watcher, LinkSync sync);

  void KillPackager(size_t sender);
  void StartPackager(size_t sender);
  // The manager does not hear it any more, nor it the manager; it runs on.
  void CutPackager(size_t sender);
  void SetDrained(size_t sender, bool drained);
  void SetCapacity(size_t sender, size_t capacity);
  void KillAnnouncer(size_t sender);
  void StartAnnouncer(size_t sender);
  // A killed one has forgotten its leases.
  void KillTuner();
  void StartTuner();
  // Its carrier is lost, is there again, is taken away.
  void SetLease(uint32_t number, LeaseState state, const std::string& error = {},
                const std::string& reason = {});
  // The present event of a service.
  void SetEvent(uint32_t number, const std::string& name, const std::string& title);
  void KillResolver() { resolver_up_ = false; }
  void StartResolver() { resolver_up_ = true; }
  // A new manager knows nothing; every stream is opened anew.
  void RestartManager();
  // Like it, without watchers: those are connected by StartWatcher.
  void RestartManagerBlind();

  void SetPlan(PlanConfig config);
  void SetOptions(const ReconcilerOptions& options);
  static PlanConfig DefaultPlan(Duration linger, Duration start_timeout);
  void SetTitle(std::string_view group, const std::string& title);
  void GoSilent(std::string_view group, bool silent);
  void FailSession(std::string_view group, const std::string& error);
  void SetLegUp(size_t sender, const std::string& link, bool up);
  // The next `count` calls to the service fail with UNAVAILABLE.
  void FailCalls(const std::string& prefix, int count) { failing_[prefix] = count; }

  State StateOf(std::string_view group) const;
  const Session* Find(std::string_view group) const;
  // Links into which RTP of the group goes now, "lan,vlan20".
  std::string Sent(std::string_view group) const;
  std::string Announced(std::string_view group) const;
  std::vector<std::string> StepsOf(std::string_view group) const;
  // Calls whose text starts so.
  size_t Count(std::string_view prefix) const;
  const std::vector<Call>& calls() const { return calls_; }
  void ForgetCalls() { calls_.clear(); }
  const Reconciler& reconciler() const { return *reconciler_; }
  const std::vector<Measured>& measured() const { return measured_; }
  const std::vector<std::string>& broken_rules() const { return broken_rules_; }
  const PackagerStatus* PackagerHas(size_t sender, std::string_view group) const;
  const Announcement* AnnouncerHas(size_t sender, std::string_view group) const;
  // The sender that sends it; nothing when none or several do.
  std::optional<size_t> SenderOf(std::string_view group) const;
  // How long at most two senders have sent one session.
  Duration LongestDoubled() const;
  // What the tuner gives; null when nothing.
  const LeaseStatus* LeaseOf(uint32_t number) const;
  std::string FeedOf(uint32_t number) const;
  std::vector<uint32_t> Leases() const;
  std::vector<Channel> Running() const;
  bool HasMember(const Channel& channel) const;
  // Since when the channel has had no member anywhere.
  MonoTime MemberlessSince(const Channel& channel) const;

  std::map<uint32_t, Source> sources;
  std::map<uint32_t, absl::Status> resolve_errors;
  // What the tuner says to whoever asks for the number.
  std::map<uint32_t, absl::Status> tuner_errors;
  // What the resolver remembers of plays.
  std::map<uint32_t, MediaFormat> known_formats;
  // Answers take 1 ms, or up to this with a random share.
  Duration jitter{};

 private:
  using Input = std::function<void(Reconciler&, const ClockPair&, Actions&)>;
  struct RunningSession {
    PackagerStatus status;
    SessionSpec spec;
    MonoTime ready_at = kNever;
  };
  struct RunningLease {
    LeaseSpec spec;
    LeaseStatus status;
  };
  struct Watcher {
    bool up = false;
    LinkSync sync = LinkSync::kWarming;
    // What it has heard.
    std::map<IpAddress, GroupRecord> heard;
  };
  struct Service {
    bool up = false;
    // Of this process; answers and steps of an earlier one are void.
    uint64_t life = 0;
  };

  ClockPair Clocks() const;
  void At(Duration delay, std::function<void()> task);
  Duration Delay();
  void Tell(const Input& input);
  void TellLater(Input input);
  void Perform(const Action& action);
  void PerformApply(const ApplySession& action);
  void PerformAnnounce(const ApplyAnnouncement& action);
  void PerformAcquire(const AcquireLease& action);
  void PerformRelease(const ReleaseLease& action);
  absl::Status Acquire(const LeaseSpec& spec);
  void MoveLease(uint32_t number, LeaseState state, uint64_t life);
  void OpenFeed(size_t sender, RunningSession& session);
  // The packagers hear what the tuner sends now.
  void Feed(uint32_t number);
  void PublishLease(uint32_t number);
  void SnapshotTuner();
  void Note(std::string text);
  bool ShouldFail(const std::string& prefix);
  void Opened(size_t sender, Channel channel, uint64_t life);
  void StartSending(size_t sender, const Channel& channel);
  void PerformStop(const StopSession& action);
  void PerformWithdraw(const StopAnnouncement& action);
  std::vector<size_t> SendersOf(const Channel& channel) const;
  void WatchDoubled(const Channel& channel);
  void Publish(size_t sender, const Channel& channel);
  void SnapshotWatcher(size_t watcher);
  void SnapshotPackager(size_t sender);
  void SnapshotAnnouncer(size_t sender);
  void TellPlan();
  size_t WatcherOf(const std::string& link) const { return link == "lan" ? 0 : 1; }
  std::vector<Leg> Legs(size_t sender) const;
  void TellLegs(size_t sender);
  void Publish(const GroupRecord& record);

  WorldOptions options_;
  MonoTime now_{};
  uint64_t manager_life_ = 0;
  uint64_t task_order_ = 0;
  std::map<std::pair<MonoTime, uint64_t>, std::function<void()>> tasks_;
  // Messages to the manager keep their order, as a stream does.
  MonoTime last_told_{};
  std::mt19937_64 random_;
  std::unique_ptr<Reconciler> reconciler_;
  PlanConfig plan_;
  bool resolver_up_ = true;
  Service tuner_;
  std::map<uint32_t, RunningLease> leases_;
  int next_feed_port_ = 40000;
  std::vector<Watcher> watchers_;
  std::vector<Service> packagers_;
  std::vector<Service> announcers_;
  std::vector<std::map<Channel, RunningSession>> running_;
  std::vector<std::map<Channel, Announcement>> announced_;
  std::map<std::pair<size_t, std::string>, bool> leg_down_;
  std::map<size_t, size_t> capacities_;
  std::set<size_t> drained_;
  std::map<Channel, MonoTime> doubled_since_;
  Duration longest_doubled_{};
  // Truth: who listens, by link.
  std::map<std::pair<IpAddress, std::string>, GroupRecord> members_;
  std::map<Channel, MonoTime> memberless_since_;
  std::map<std::string, int> failing_;
  std::vector<Call> calls_;
  std::vector<Measured> measured_;
  std::vector<std::string> broken_rules_;
  uint32_t next_ssrc_ = 100;
  uint64_t next_origin_ = 1000;
};

}  // namespace headwater::session_manager
