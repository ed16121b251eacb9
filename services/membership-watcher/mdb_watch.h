#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/membership-watcher/wire/mdb.h"

struct mnl_socket;

namespace headwater::membership {

// The multicast databases of all bridges of this network namespace, by rtnetlink. Needs no
// privilege. On the loop's thread.
class MdbWatch {
 public:
  // A row is there or has changed, or is gone. An event without rows: some were lost, and only a
  // whole reading tells what is.
  struct Event {
    std::vector<MdbRow> rows;
    bool gone = false;
  };
  using Callback = absl::AnyInvocable<void(const std::vector<Event>&)>;

  // `on_events` runs with all events that were waiting, in order; not before this returns.
  static absl::StatusOr<std::unique_ptr<MdbWatch>> Open(EventLoop& loop, Callback on_events);
  ~MdbWatch();
  MdbWatch(const MdbWatch&) = delete;
  MdbWatch& operator=(const MdbWatch&) = delete;

  // All rows of all bridges; events that are still waiting may be older than it.
  absl::StatusOr<std::vector<MdbRow>> ReadAll() const;

 private:
  MdbWatch(EventLoop& loop, Callback on_events, mnl_socket* events);
  void OnReadable();

  EventLoop& loop_;
  Callback on_events_;
  mnl_socket* events_;
};

}  // namespace headwater::membership
