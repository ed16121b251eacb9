#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "services/common/loop/event_loop.h"
#include "services/common/net/ip_address.h"
#include "services/rtp-packager/feed.h"
#include "services/rtp-packager/feed_options.h"

namespace headwater::packager {

// A UDP socket for each feed, read in batches into buffers that all share: nothing is allocated for
// a datagram. One socket is read for a batch a turn, so that none holds up the others. What the
// kernel could not hold is counted. Loop thread only.
class FeedSockets : public FeedOpener {
 public:
  // `after_batch` runs after each batch that a receiver was given.
  FeedSockets(EventLoop& loop, const FeedOptions& options, std::function<void()> after_batch);
  ~FeedSockets() override;
  FeedSockets(const FeedSockets&) = delete;
  FeedSockets& operator=(const FeedSockets&) = delete;

  absl::StatusOr<std::unique_ptr<Feed>> Open(FeedReceiver& receiver) override;
  // Datagrams that found a full buffer.
  uint64_t dropped_total() const;

 private:
  class Socket;
  struct Batch;

  absl::StatusOr<int> Bind(uint16_t& port) const;
  void Read(int fd, FeedReceiver& receiver);

  EventLoop& loop_;
  const FeedOptions options_;
  const std::function<void()> after_batch_;
  std::unique_ptr<Batch> batch_;
  std::set<const Socket*> open_;
  // Of sockets that are gone.
  uint64_t dropped_before_ = 0;
};

}  // namespace headwater::packager
