#pragma once

#include <memory>
#include <set>

#include "headwater/zone/v1/zone.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/mdns-zone-proxy/zone_proxy_shell.h"

namespace headwater::zone {

// ZoneService over the shell. RPCs come on gRPC's threads and are answered from the loop; the rest
// is called on the loop.
class ZoneServiceImpl final : public v1::ZoneService::CallbackService, public ProxyObserver {
 public:
  // Both outlive this.
  ZoneServiceImpl(EventLoop& loop, ZoneProxyShell& proxy);
  ~ZoneServiceImpl() override;

  grpc::ServerUnaryReactor* ListZones(grpc::CallbackServerContext* context,
                                      const v1::ListZonesRequest* request,
                                      v1::ListZonesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchServicesResponse>* WatchServices(
      grpc::CallbackServerContext* context, const v1::WatchServicesRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchMirroredResponse>* WatchMirrored(
      grpc::CallbackServerContext* context, const v1::WatchMirroredRequest* request) override;
  grpc::ServerUnaryReactor* CheckPolicy(grpc::CallbackServerContext* context,
                                        const v1::CheckPolicyRequest* request,
                                        v1::CheckPolicyResponse* response) override;

  void OnServices(size_t zone, const std::set<ServiceKey>& changed) override;
  void OnMirrored(const std::set<MirrorKey>& changed) override;

  // Ends the watches: the service drains.
  void Close();
  size_t readers() const { return services_.readers() + resolved_.readers() + mirrored_.readers(); }

 private:
  v1::WatchServicesResponse ServiceMessage(size_t zone, const ServiceKey& key) const;
  v1::WatchMirroredResponse MirroredMessage(const MirrorKey& key) const;
  void SendServices(WatchStream<v1::WatchServicesResponse>& stream) const;
  void SendMirrored(WatchStream<v1::WatchMirroredResponse>& stream) const;

  EventLoop& loop_;
  ZoneProxyShell& proxy_;
  uint64_t revision_ = 1;
  WatchHub<v1::WatchServicesResponse> services_;
  // Readers for whom everything is resolved.
  WatchHub<v1::WatchServicesResponse> resolved_;
  WatchHub<v1::WatchMirroredResponse> mirrored_;
};

}  // namespace headwater::zone
