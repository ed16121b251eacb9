#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/rpc_client.h"
#include "services/session-manager/checker_shell.h"
#include "services/session-manager/courier_shell.h"
#include "services/session-manager/describer_shell.h"
#include "services/session-manager/manager_metrics.h"
#include "services/session-manager/options.h"
#include "services/session-manager/peers_shell.h"
#include "services/session-manager/probing_shell.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

// Where a service instance is, and whether it is heard.
struct EndpointView {
  std::string service;
  // Empty for the only instance.
  std::string instance;
  std::string target;
  StreamState state;
};

// The reconciler in the world: hears the peers, performs its actions, keeps its deadline. On the
// loop's thread.
class ManagerShell {
 public:
  // `tls` is for endpoints that ask for it.
  ManagerShell(EventLoop& loop, Logger& log, prometheus::Registry& registry, const Options& options,
               std::shared_ptr<ControlTls> tls = nullptr);
  ~ManagerShell();

  // Takes what can change live, new watchers and senders among it; returns the keys that need a
  // restart.
  std::vector<std::string> Reload(const Options& wanted);

  // Opens all connections; they come up when the others do.
  void Start();

  const Reconciler& reconciler() const { return reconciler_; }
  const Options& options() const { return options_; }
  std::vector<EndpointView> Endpoints() const;
  bool IsConnected(size_t sender) const;
  // Remembered before it is done. NOT_FOUND: no such sender; FAILED_PRECONDITION: it cannot be
  // remembered.
  absl::Status SetDrained(const std::string& name, bool drained);
  // Called with what others are shown of a session, whenever that changes; idle means gone.
  void set_on_change(std::function<void(const SessionView&)> on_change) {
    on_change_ = std::move(on_change);
  }

 private:
  PeerContext Context();
  void OpenWatcher(const std::string& target);
  void OpenSender(const SenderOptions& sender);
  void OpenTunerIfThere();
  void LoadDrainedSenders();
  void Take(const Input& input);
  void Perform(Action& action);
  void Arm();
  void PublishMetrics();

  EventLoop& loop_;
  Logger& log_;
  Options options_;
  // Also of senders that are not configured now.
  std::set<std::string> drained_;
  // Several at the start; a single one is told without its name, also when others come later.
  const bool senders_are_named_;
  ManagerMetrics metrics_;
  Reconciler reconciler_;
  std::function<void(const SessionView&)> on_change_;
  EventLoop::TimerId timer_ = 0;
  MonoTime armed_ = kNever;
  EventLoop::TimerId metrics_timer_ = 0;
  // Calls end before the peers that they were made by, so they are destroyed first: see the
  // destructor.
  std::unique_ptr<RpcClient> rpc_;
  std::vector<std::unique_ptr<WatcherPeer>> watchers_;
  std::unique_ptr<ResolverPeer> resolver_;
  std::vector<std::unique_ptr<PackagerPeer>> packagers_;
  std::vector<std::unique_ptr<AnnouncerPeer>> announcers_;
  std::unique_ptr<ProbingShell> probing_;
  std::unique_ptr<DescriberShell> describer_;
  std::unique_ptr<CheckerShell> checker_;
  // Null until there is one.
  std::unique_ptr<TunerPeer> tuner_;
  std::unique_ptr<CourierShell> courier_;
};

}  // namespace headwater::session_manager
