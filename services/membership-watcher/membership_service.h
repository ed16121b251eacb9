#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "headwater/membership/v1/membership.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/membership-watcher/membership_shell.h"

namespace headwater::membership {

// WatchMembership over what the shell knows.
class MembershipServiceImpl final : public v1::MembershipService::CallbackService,
                                    public MembershipObserver {
 public:
  // Both outlive this.
  MembershipServiceImpl(EventLoop& loop, const MembershipShell& shell);

  grpc::ServerWriteReactor<v1::WatchMembershipResponse>* WatchMembership(
      grpc::CallbackServerContext* context, const v1::WatchMembershipRequest* request) override;

  void OnLink(const WatchedLink& link) override;
  void OnGroup(const WatchedLink& link, const IpAddress& group) override;

  // The service drains: readers are told to try again.
  void Close();
  size_t readers() const { return hub_.readers(); }

 private:
  using Hub = WatchHub<v1::WatchMembershipResponse>;

  void Snapshot(Hub::Stream& stream) const;

  EventLoop& loop_;
  const MembershipShell& shell_;
  // For gRPC's threads; never changes.
  std::set<std::string> link_names_;
  uint64_t revision_ = 0;
  Hub hub_;
};

}  // namespace headwater::membership
