#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/session-manager/media.h"
#include "services/session-manager/probing.h"
#include "services/session-manager/reconciler.h"

namespace headwater::session_manager {

// What a check needs to know of everything else.
struct CheckWorld {
  // A session is on its way to its first packet.
  bool starting = false;
  // One whose packager is there.
  std::optional<size_t> sender;
  // Numbers that have a session.
  std::set<uint32_t> served;
};
CheckWorld WorldOf(const Reconciler& reconciler);

// A station that nobody has played or checked for long.
struct DueStation {
  Station station;
  // Its URLs may lead to private addresses.
  bool local = false;
};

// Ask the directory-resolver for a station that is due; answer with OnDue.
struct AskDue {};
using CheckerAction = std::variant<AskDue, ProbeSource, ReportCheck>;
using CheckerActions = std::vector<CheckerAction>;

// Looks at a station's sources now and then, so that it is known of stations that nobody plays
// whether they would. One check at a time, a period after the one before, and none of its steps
// while a session starts or no sender is there: it waits then. A station that is served needs none.
// Pure; not thread-safe.
class Checker {
 public:
  // Between looks whether it may go on.
  static constexpr Duration kPatience = 1s;

  // A period of 0: never.
  Checker(Duration period, MonoTime now);
  // From now on; a check under way goes on.
  void SetPeriod(Duration period, MonoTime now);

  // To be called at NextDeadline; before it does nothing.
  void OnTime(const CheckWorld& world, MonoTime now, CheckerActions& out);
  // Nothing: none is due.
  void OnDue(absl::StatusOr<std::optional<DueStation>> due, const CheckWorld& world, MonoTime now,
             CheckerActions& out);
  void OnProbed(const absl::StatusOr<Probed>& probed, const CheckWorld& world, MonoTime now,
                CheckerActions& out);
  // kNever while an answer is awaited.
  MonoTime NextDeadline() const { return next_; }

 private:
  void Rest(MonoTime now);

  Duration period_;
  MonoTime next_ = kNever;
  bool awaiting_ = false;
  // The one that is being checked, and the URL to look at next.
  std::optional<DueStation> due_;
  size_t next_url_ = 0;
};

}  // namespace headwater::session_manager
