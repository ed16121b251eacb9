#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/leg_watch.h"
#include "services/common/packet/packet_socket.h"
#include "services/common/time/clock.h"
#include "services/membership-watcher/config.h"
#include "services/membership-watcher/link_membership.h"
#include "services/membership-watcher/mdb_watch.h"
#include "services/membership-watcher/query_sender.h"

namespace headwater::membership {

// A configured link: its leg as it is now and what is known of its listeners.
struct WatchedLink {
  WatchedLink(const Options& options, uint64_t seed) : membership(options, seed) {}

  Leg leg;
  LinkMembership membership;
  uint64_t send_failures = 0;
  // Whether the last query could be sent.
  bool sending = true;
};

// Told after each batch of packets, on the loop's thread, once for each thing that has changed:
// read its new state from the link.
class MembershipObserver {
 public:
  virtual ~MembershipObserver() = default;
  virtual void OnLink(const WatchedLink& link) = 0;
  virtual void OnGroup(const WatchedLink& link, const IpAddress& group) = 0;
};

// The I/O around the cores: one packet socket for all links, two raw sockets for queries, netlink
// (interfaces, and bridges' multicast databases where links observe those), one timer. Everything
// on the loop's thread.
//
// A packet is given to its core with the time at which the kernel took it, and all waiting packets
// before any timer runs: a busy machine must not end a group whose report is already in the queue.
class MembershipShell {
 public:
  // Opens the sockets; needs CAP_NET_RAW, once.
  static absl::StatusOr<std::unique_ptr<MembershipShell>> Open(EventLoop& loop, Logger& log,
                                                               const WatcherOptions& options,
                                                               std::vector<LegConfig> legs);
  ~MembershipShell();
  MembershipShell(const MembershipShell&) = delete;
  MembershipShell& operator=(const MembershipShell&) = delete;

  // Begins to watch; `observer` must outlive this.
  absl::Status Start(MembershipObserver& observer);

  void SetOptions(const WatcherOptions& options);
  // Says on each link that no router is here any longer.
  void End();

  // In the order of the configuration; the set never changes.
  const std::vector<std::unique_ptr<WatchedLink>>& links() const { return links_; }
  // Packets dropped before they reached a link: tagged for another VLAN, for another host, too
  // long.
  uint64_t frames_dropped_total() const { return packets_->dropped_total(); }
  // Packets that came faster than they were read.
  uint64_t frames_lost_total() const { return packets_->lost_total(); }

 private:
  MembershipShell(EventLoop& loop, Logger& log, const WatcherOptions& options,
                  std::vector<LegConfig> legs);
  absl::Status OpenSockets();
  void OnLegs();
  void UpdateLeg(WatchedLink& link, const Leg& leg);
  void ReadPackets();
  void OnPacket(const ReceivedPacket& packet);
  void OnTimer();
  void ListenOn(const Leg& before, const Leg& leg);
  void OnMdbEvents(const std::vector<MdbWatch::Event>& events);
  void ReadMdb();
  void Perform(WatchedLink& link);
  void Send(WatchedLink& link, const SendQuery& query);
  void Publish();
  void Rearm();

  EventLoop& loop_;
  Logger& log_;
  std::vector<LegConfig> configs_;
  std::unique_ptr<PacketSocket> packets_;
  std::unique_ptr<QuerySender> sender_;
  std::vector<std::unique_ptr<WatchedLink>> links_;
  std::unique_ptr<LegWatch> legs_;
  // There when a link observes a bridge's database. A whole reading is due then: what single rows
  // have said may not be all.
  std::unique_ptr<MdbWatch> mdb_;
  MonoTime read_mdb_at_ = kNever;
  MembershipObserver* observer_ = nullptr;
  EventLoop::TimerId timer_ = 0;
  MonoTime timer_at_ = kNever;
  // Of the batch being read.
  ClockPair clocks_;
  MonoTime core_time_{};
  Actions actions_;
  // Changes of the batch, in order and once each; a default address stands for the link itself.
  struct Change {
    WatchedLink* link;
    IpAddress group;
    bool operator==(const Change&) const = default;
    template <typename H>
    friend H AbslHashValue(H state, const Change& change) {
      return H::combine(std::move(state), change.link, change.group);
    }
  };
  void Changed(const Change& change);
  std::vector<Change> changes_;
  absl::flat_hash_set<Change> changed_;
};

}  // namespace headwater::membership
