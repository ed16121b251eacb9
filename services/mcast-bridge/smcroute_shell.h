#pragma once

#include <absl/functional/any_invocable.h>

#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/process/child_process.h"
#include "services/mcast-bridge/bridge_state.h"

namespace headwater::bridge {

// Our own smcrouted: started, told of a new configuration, started again when it ends (after 0.5 s,
// doubling to 10 s). Multicast routing has one owner for each family and network namespace: while
// another program has IPv6's, smcrouted routes IPv4; while it has IPv4's, smcrouted 2.5 can do
// nothing and is not run. What is taken is tried again each two seconds. All on the loop's thread.
class SmcrouteShell {
 public:
  struct Files {
    // Of the program; without a slash found by PATH.
    std::string program;
    // Configuration, socket and pid file get endings of their own.
    std::string prefix;
  };
  using OnChange = absl::AnyInvocable<void()>;

  // `on_change` runs when the state has changed.
  SmcrouteShell(EventLoop& loop, Logger& log, Files files, OnChange on_change);
  ~SmcrouteShell();

  // smcrouted shall run with this configuration, or, while IPv6 is not ours, with the one of IPv4
  // alone. `cache_timeout` counts from its next start.
  struct Config {
    std::string both;
    std::string ipv4;
    bool operator==(const Config&) const = default;
  };
  void Configure(Config config, Duration cache_timeout);
  const SmcrouteState& state() const { return state_; }
  // Families that another program has, and its likely names.
  bool taken(bool v4) const { return v4 ? taken_v4_ : taken_v6_; }
  const std::string& owners() const { return owners_; }

 private:
  bool WriteConfig();
  void Start();
  void Launch();
  void Probe();
  void ProbeAgain();
  void OnLine(std::string_view line);
  void OnExit(const std::string& how);
  void Complain(const Complaint& complaint);
  void RestartAfter(Duration wait);

  EventLoop& loop_;
  Logger& log_;
  const Files files_;
  OnChange on_change_;
  Config config_;
  Duration cache_timeout_ = 60s;
  SmcrouteState state_;
  bool taken_v4_ = false;
  bool taken_v6_ = false;
  std::string owners_;
  std::unique_ptr<ChildProcess> process_;
  MonoTime started_;
  Duration backoff_ = 0s;
  uint64_t starts_ = 0;
  EventLoop::TimerId restart_ = 0;
  EventLoop::TimerId probe_ = 0;
};

}  // namespace headwater::bridge
