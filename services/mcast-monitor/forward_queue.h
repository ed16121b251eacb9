#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"

namespace headwater::monitor {

struct ForwardOptions {
  // What waits while the daemon is away; one more is dropped and counted.
  size_t datagrams_max = 65536;
  size_t bytes_max = 64 << 20;
};

// What the kernel says of the daemon's socket (/proc/net/udp).
struct DaemonSocket {
  // Another one has another inode: the daemon was started anew.
  uint64_t inode = 0;
  // Bytes that it has not read yet.
  uint64_t unread = 0;
  // Datagrams that found no room in it, since it was opened.
  uint64_t drops = 0;
};

// Datagrams on their way to one daemon. UDP tells nobody what was read, so what has been sent is
// kept until the daemon's socket has been seen empty afterwards; when the socket is gone or
// another one, what may have been lost with it is sent again. So a restart costs nothing; what the
// daemon had read and not yet let go of here comes twice. Pure; one thread.
class ForwardQueue {
 public:
  struct Datagram {
    std::vector<uint8_t> bytes;
    Endpoint source;
  };
  struct Stats {
    uint64_t forwarded = 0;
    uint64_t resent = 0;
    uint64_t dropped = 0;
    uint64_t lost = 0;
  };
  // So much may be on its way: it fits into a receive buffer of the kernel's default size.
  static constexpr size_t kWindow = 64;
  static constexpr size_t kWindowBytes = 48 << 10;
  // From a send to the look at the daemon's socket; sooner when the window is full.
  static constexpr Duration kLookAfter = 20ms;
  static constexpr Duration kLookSoon = 1ms;
  // A daemon that is away is tried again after so long.
  static constexpr Duration kRetry = 250ms;

  // `visible`: OnLook will be called, which takes a daemon on this host; nothing is sent before the
  // first look. Otherwise what has been sent counts as forwarded.
  ForwardQueue(const ForwardOptions& options, bool visible)
      : options_(options), visible_(visible) {}

  // False when there was no room.
  bool Push(Bytes bytes, const Endpoint& source);
  // What is to be sent now; valid until the next call of anything. Null: nothing, or not yet.
  const Datagram* Next(MonoTime now) const;
  // It has been handed to the kernel.
  void OnSent(MonoTime now);
  // Nobody listens there (ECONNREFUSED), or it cannot be sent to. What has been sent before waits
  // for the next look.
  void OnRefused(MonoTime now);
  // It can be sent to nobody, whoever listens: dropped, lest the others wait behind it for ever.
  void OnUnsendable();
  // Whether to look at the socket at `now`, and what was seen there; nothing: there is none.
  bool WantsLook(MonoTime now) const;
  void OnLook(const std::optional<DaemonSocket>& socket, MonoTime now);
  // kNever: nothing to be done until the next Push.
  MonoTime NextDeadline() const;

  bool up() const { return up_; }
  size_t size() const { return waiting_.size(); }
  const Stats& stats() const { return stats_; }

 private:
  bool WindowFull() const;
  void SendAgain();
  void Confirm(size_t count);

  const ForwardOptions options_;
  const bool visible_;
  // The first `sent_` have been handed to the kernel and wait to be seen read.
  std::deque<Datagram> waiting_;
  size_t bytes_ = 0;
  size_t sent_ = 0;
  size_t sent_bytes_ = 0;
  bool up_ = true;
  // Of a visible daemon: it was there at the last look, which nothing has made old.
  bool ready_ = false;
  MonoTime retry_ = MonoTime::min();
  MonoTime look_ = kNever;
  std::optional<DaemonSocket> seen_;
  Stats stats_;
};

}  // namespace headwater::monitor
