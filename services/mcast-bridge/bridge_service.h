#pragma once

#include "headwater/bridge/v1/bridge.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/mcast-bridge/bridge_shell.h"

namespace headwater::bridge {

// BridgeService over the shell. The RPC comes on gRPC's threads and is answered from the loop; the
// rest is called on the loop.
class BridgeServiceImpl final : public v1::BridgeService::CallbackService {
 public:
  // Both outlive this.
  BridgeServiceImpl(EventLoop& loop, BridgeShell& shell);
  ~BridgeServiceImpl() override;

  grpc::ServerWriteReactor<v1::WatchBridgeResponse>* WatchBridge(
      grpc::CallbackServerContext* context, const v1::WatchBridgeRequest* request) override;

  // Ends the watches: the service drains.
  void Close();
  size_t readers() const { return watch_.readers(); }

 private:
  v1::WatchBridgeResponse Message() const;

  BridgeShell& shell_;
  uint64_t revision_ = 1;
  WatchHub<v1::WatchBridgeResponse> watch_;
};

}  // namespace headwater::bridge
