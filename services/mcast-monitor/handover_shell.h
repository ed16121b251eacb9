#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/mcast-monitor/forward_queue.h"
#include "services/mcast-monitor/options.h"

namespace headwater::monitor {

// Gives datagrams to one daemon, byte by byte as they came. On the loop's thread.
class Handover {
 public:
  // With keep_source, CAP_NET_RAW or CAP_NET_ADMIN. PERMISSION_DENIED or UNAVAILABLE name the
  // target.
  static absl::StatusOr<std::unique_ptr<Handover>> Open(EventLoop& loop, Logger& log,
                                                        const HandoverOptions& options);
  ~Handover();

  void Push(Bytes bytes, const Endpoint& source);

  const HandoverOptions& options() const { return options_; }
  const ForwardQueue& queue() const { return queue_; }

 private:
  Handover(EventLoop& loop, Logger& log, const HandoverOptions& options, int fd);
  void Run();
  enum class Sent { kSent, kRefused, kUnsendable };
  Sent SendOne(const ForwardQueue::Datagram& datagram);
  void Report();

  EventLoop& loop_;
  Logger& log_;
  const HandoverOptions options_;
  const int fd_;
  ForwardQueue queue_;
  EventLoop::TimerId timer_ = 0;
  MonoTime timer_at_ = kNever;
  bool was_up_ = true;
  bool is_full_ = false;
  bool was_full_ = false;
};

}  // namespace headwater::monitor
