#include "services/session-manager/checker_shell.h"

#include <utility>

#include "services/common/time/clock.h"

namespace headwater::session_manager {

CheckerShell::CheckerShell(EventLoop& loop, ProbingShell& probing, Duration period, World world,
                           OnChecked on_checked)
    : loop_(loop),
      probing_(probing),
      world_(std::move(world)),
      on_checked_(std::move(on_checked)),
      checker_(period, MonoNow()) {
  Arm();
}

void CheckerShell::SetPeriod(Duration period) {
  checker_.SetPeriod(period, MonoNow());
  Arm();
}

void CheckerShell::Arm() {
  loop_.Cancel(std::exchange(timer_, 0));
  const MonoTime deadline = checker_.NextDeadline();
  if (deadline == kNever) return;
  timer_ = loop_.At(deadline, [this] {
    CheckerActions actions;
    checker_.OnTime(world_(), MonoNow(), actions);
    PerformAll(actions);
  });
}

void CheckerShell::PerformAll(const CheckerActions& actions) {
  for (const CheckerAction& action : actions) {
    std::visit([this](const auto& one) { Perform(one); }, action);
  }
  Arm();
}

void CheckerShell::Perform(const AskDue&) {
  probing_.NextDue([this](absl::StatusOr<std::optional<DueStation>> due) {
    CheckerActions actions;
    checker_.OnDue(std::move(due), world_(), MonoNow(), actions);
    PerformAll(actions);
  });
}

void CheckerShell::Perform(const ProbeSource& action) {
  probing_.Probe(action, [this](const absl::StatusOr<Probed>& probed) {
    CheckerActions actions;
    checker_.OnProbed(probed, world_(), MonoNow(), actions);
    PerformAll(actions);
  });
}

void CheckerShell::Perform(const ReportCheck& action) {
  on_checked_(action.format.has_value());
  probing_.Report(action);
}

}  // namespace headwater::session_manager
