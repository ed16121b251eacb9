#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <span>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"

namespace headwater::packager {

// One datagram of a feed; the bytes are valid during the call.
struct FeedDatagram {
  IpAddress from;
  Bytes bytes;
  // Its end was cut off: it was longer than any that is awaited.
  bool truncated = false;
};

// Takes what has come, in order.
class FeedReceiver {
 public:
  virtual ~FeedReceiver() = default;
  virtual void OnFeed(std::span<const FeedDatagram> batch) = 0;
};

// A place where a transport stream is awaited, for as long as this lives.
class Feed {
 public:
  virtual ~Feed() = default;
  virtual const Endpoint& endpoint() const = 0;
};

// Makes them. The receiver outlives what it is given.
class FeedOpener {
 public:
  virtual ~FeedOpener() = default;
  virtual absl::StatusOr<std::unique_ptr<Feed>> Open(FeedReceiver& receiver) = 0;
};

}  // namespace headwater::packager
