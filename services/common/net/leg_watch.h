#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/common/net/legs.h"

struct mnl_socket;

namespace headwater {

// Keeps the legs of this service instance up to date by rtnetlink: interfaces and addresses may
// come, go and come back with another index at any time. Needs no privilege. All on the loop's
// thread.
class LegWatch {
 public:
  using Callback = absl::AnyInvocable<void()>;

  // Reads the state once before it returns, so that legs() is filled. `on_change` runs whenever
  // legs() differs from before.
  static absl::StatusOr<std::unique_ptr<LegWatch>> Open(EventLoop& loop,
                                                        std::vector<LegConfig> configs,
                                                        Callback on_change);
  ~LegWatch();

  // In the order of the configuration; one for each configured leg, there or not.
  const std::vector<Leg>& legs() const { return legs_; }
  // Null for an unknown link.
  const Leg* Find(const std::string& link) const;
  const Leg* FindByIndex(uint32_t ifindex) const;

 private:
  LegWatch(EventLoop& loop, std::vector<LegConfig> configs, Callback on_change);
  absl::Status Start();
  absl::Status Refresh();
  void OnReadable();

  EventLoop& loop_;
  std::vector<LegConfig> configs_;
  Callback on_change_;
  mnl_socket* events_ = nullptr;
  std::vector<Leg> legs_;
};

}  // namespace headwater
