#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/leg_watch.h"
#include "services/common/packet/packet_socket.h"
#include "services/rtp-packager/feed_socket.h"
#include "services/rtp-packager/media/test_tone.h"
#include "services/rtp-packager/multicast_sender.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/packager.h"
#include "services/rtp-packager/source/source.h"

namespace headwater::packager {

// The packager's sockets, timers and legs around its core: it calls the core, sends what the core
// wants sent, tells what changed, and waits for the next deadline. Loop thread only.
class PackagerShell {
 public:
  struct Observer {
    // These channels' status differs from what was told last, or they are gone.
    std::function<void(const std::set<Channel>&)> on_changes;
    std::function<void()> on_legs;
  };

  // Opens the packet socket, for which CAP_NET_RAW is needed; nothing else here needs any
  // privilege.
  static absl::StatusOr<std::unique_ptr<PackagerShell>> Open(EventLoop& loop, Logger& log,
                                                             const Options& options,
                                                             std::vector<LegConfig> legs,
                                                             const FeedOptions& feeds = {});
  ~PackagerShell();

  // Begins to work: legs are read, sockets bound. Both must outlive this; without `transcoders`
  // nothing is transcoded.
  absl::Status Start(SourceOpener& opener, TranscoderMaker* transcoders, Observer observer);

  // Calls the core: shell.Call([&](Packager& core) { return core.Stop(0, channel); }).
  template <typename Function>
  auto Call(Function function) {
    auto result = function(*core_);
    Perform();
    return result;
  }
  const Packager& core() const { return *core_; }
  const TestTone& tone() const { return *tone_; }
  const std::vector<Leg>& legs() const { return legs_->legs(); }
  const MulticastSender::Stats& sender_stats() const { return sender_.stats(); }
  uint64_t rtcp_dropped_total() const { return packets_->dropped_total(); }
  uint64_t feed_dropped_total() const { return feeds_.dropped_total(); }

 private:
  PackagerShell(EventLoop& loop, Logger& log, const Options& options, std::vector<LegConfig> legs,
                const FeedOptions& feeds);

  void Wake();
  void Tick();
  void Perform();
  void ApplyLegs();
  void OnPackets();
  void UpdateFilter();

  EventLoop& loop_;
  Logger& log_;
  const Options options_;
  std::vector<LegConfig> leg_configs_;
  std::unique_ptr<PacketSocket> packets_;
  std::optional<TestTone> tone_;
  MulticastSender sender_;
  // Outlives the core, whose streams hold its sockets.
  FeedSockets feeds_;
  Observer observer_;
  std::unique_ptr<Packager> core_;
  std::unique_ptr<LegWatch> legs_;
  // SSRCs that the filter of `packets_` looks for.
  std::vector<Ssrc> filtered_;
  // Interfaces on which RTCP is listened for, by leg; 0: none.
  std::vector<uint32_t> listening_;
  // As logged last.
  std::vector<Leg> told_legs_;
  EventLoop::TimerId timer_ = 0;
  MonoTime timer_at_ = kNever;
  EventLoop::TimerId legs_timer_ = 0;
  // A tick is posted.
  bool woken_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater::packager
