#pragma once

#include <memory>
#include <string>
#include <utility>

#include "services/rtp-packager/feed.h"

namespace headwater::packager {

// Feeds by hand, for tests of what uses them.
class FakeFeedOpener : public FeedOpener {
 public:
  absl::StatusOr<std::unique_ptr<Feed>> Open(FeedReceiver& receiver) override {
    if (!error.empty()) return absl::UnavailableError(error);
    ++opened;
    return std::make_unique<Handle>(*this, receiver);
  }

  // What comes to the newest one, nowhere when it is closed.
  void Deliver(const IpAddress& from, Bytes bytes, bool truncated = false) {
    if (receiver_ == nullptr) return;
    const FeedDatagram datagram = {from, bytes, truncated};
    receiver_->OnFeed({&datagram, 1});
  }
  bool open() const { return receiver_ != nullptr; }

  // Not empty: none can be opened.
  std::string error;
  uint16_t opened = 0;

 private:
  class Handle : public Feed {
   public:
    Handle(FakeFeedOpener& owner, FeedReceiver& receiver)
        : owner_(owner),
          receiver_(receiver),
          endpoint_{*IpAddress::Parse("::1"), static_cast<uint16_t>(40000 + owner.opened)} {
      owner_.receiver_ = &receiver_;
    }
    ~Handle() override {
      if (owner_.receiver_ == &receiver_) owner_.receiver_ = nullptr;
    }
    const Endpoint& endpoint() const override { return endpoint_; }

   private:
    FakeFeedOpener& owner_;
    FeedReceiver& receiver_;
    const Endpoint endpoint_;
  };

  FeedReceiver* receiver_ = nullptr;
};

}  // namespace headwater::packager
