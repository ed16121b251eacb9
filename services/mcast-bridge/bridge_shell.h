#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/leg_watch.h"
#include "services/common/nft/nft_shell.h"
#include "services/mcast-bridge/bridge_state.h"
#include "services/mcast-bridge/hygiene_shell.h"
#include "services/mcast-bridge/options.h"
#include "services/mcast-bridge/smcroute_shell.h"

namespace headwater::bridge {

// The bridge at work: interfaces, nftables table, smcrouted, hygiene and what the kernel counts.
// All on the loop's thread.
class BridgeShell {
 public:
  struct Paths {
    // Prefix of smcrouted's files.
    std::string run;
    std::string journal;
    // Name of the nftables table.
    std::string table;
  };
  using OnChange = absl::AnyInvocable<void()>;

  // First undoes what an instance before has left. Needs CAP_NET_ADMIN and CAP_NET_RAW from here
  // on.
  static absl::StatusOr<std::unique_ptr<BridgeShell>> Open(EventLoop& loop, Logger& log,
                                                           const Options& options,
                                                           const std::vector<LegConfig>& legs,
                                                           const Paths& paths);
  ~BridgeShell();

  // smcrouted and timers; children belong to the loop's thread.
  void Start();
  // Takes new options; what was in force stays with an error. Returns the keys that need a restart.
  absl::StatusOr<std::vector<std::string>> Reload(const Options& options);
  // Ends smcrouted and undoes every change.
  void Stop();
  // Runs whenever the state has changed, and each second for the counters.
  void SetOnChange(OnChange on_change) { on_change_ = std::move(on_change); }
  const BridgeState& state() const { return state_; }

 private:
  BridgeShell(EventLoop& loop, Logger& log, const Options& options, const Paths& paths)
      : loop_(loop), log_(log), options_(options), paths_(paths) {}
  absl::Status ApplyRuleset(const Options& options);
  // Those that are there, by link.
  Interfaces Present() const;
  void Route();
  void ReadCounters();
  void ReadKernel();
  void Poll();
  void CheckMachine();
  void AddOwnChecks();
  void Look();
  void Changed();

  EventLoop& loop_;
  Logger& log_;
  Options options_;
  const Paths paths_;
  Interfaces interfaces_;
  std::unique_ptr<Nft> nft_;
  std::unique_ptr<HygieneShell> hygiene_;
  std::unique_ptr<LegWatch> legs_;
  std::unique_ptr<SmcrouteShell> smcroute_;
  Ruleset ruleset_;
  CounterSums sums_;
  std::vector<Check> machine_;
  BridgeState state_;
  OnChange on_change_;
  bool ruleset_lost_ = false;
  EventLoop::TimerId poll_ = 0;
  EventLoop::TimerId check_ = 0;
};

}  // namespace headwater::bridge
