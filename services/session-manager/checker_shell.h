#pragma once

#include <functional>

#include "services/common/loop/event_loop.h"
#include "services/session-manager/checker.h"
#include "services/session-manager/probing_shell.h"

namespace headwater::session_manager {

// Keeps the checker's deadline and performs what it wants. On the loop's thread.
class CheckerShell {
 public:
  // Everything else, as it is now.
  using World = std::function<CheckWorld()>;
  // How a check went.
  using OnChecked = std::function<void(bool ok)>;

  CheckerShell(EventLoop& loop, ProbingShell& probing, Duration period, World world,
               OnChecked on_checked);
  ~CheckerShell() { loop_.Cancel(timer_); }
  CheckerShell(const CheckerShell&) = delete;
  CheckerShell& operator=(const CheckerShell&) = delete;

  void SetPeriod(Duration period);

 private:
  void Arm();
  void PerformAll(const CheckerActions& actions);
  void Perform(const AskDue& action);
  void Perform(const ProbeSource& action);
  void Perform(const ReportCheck& action);

  EventLoop& loop_;
  ProbingShell& probing_;
  const World world_;
  const OnChecked on_checked_;
  Checker checker_;
  EventLoop::TimerId timer_ = 0;
};

}  // namespace headwater::session_manager
