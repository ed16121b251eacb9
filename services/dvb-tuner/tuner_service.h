#pragma once

#include <string>

#include "headwater/tuner/v1/tuner.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/dvb-tuner/scan_stream_shell.h"
#include "services/dvb-tuner/tuner_shell.h"

namespace headwater::tuner {

// TunerService over the shell. RPCs come on gRPC's threads and are answered from the loop; the rest
// is called on the loop.
class TunerServiceImpl final : public v1::TunerService::CallbackService, public TunerObserver {
 public:
  // Both outlive this.
  TunerServiceImpl(EventLoop& loop, TunerShell& shell);
  ~TunerServiceImpl() override;

  grpc::ServerUnaryReactor* AcquireService(grpc::CallbackServerContext* context,
                                           const v1::AcquireServiceRequest* request,
                                           v1::AcquireServiceResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseService(grpc::CallbackServerContext* context,
                                           const v1::ReleaseServiceRequest* request,
                                           v1::ReleaseServiceResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchLeasesResponse>* WatchLeases(
      grpc::CallbackServerContext* context, const v1::WatchLeasesRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchTunersResponse>* WatchTuners(
      grpc::CallbackServerContext* context, const v1::WatchTunersRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchLineupResponse>* WatchLineup(
      grpc::CallbackServerContext* context, const v1::WatchLineupRequest* request) override;
  grpc::ServerWriteReactor<v1::WatchGuideResponse>* WatchGuide(
      grpc::CallbackServerContext* context, const v1::WatchGuideRequest* request) override;
  grpc::ServerWriteReactor<v1::ScanResponse>* Scan(grpc::CallbackServerContext* context,
                                                   const v1::ScanRequest* request) override;

  void OnLease(uint32_t number) override;
  void OnTuners() override;
  void OnCarrier(const std::string& id) override;
  void OnGuide(const ServiceKey& service) override;

  // Ends the watches: the service drains.
  void Close();
  size_t readers() const { return leases_.readers(); }

 private:
  v1::WatchLeasesResponse LeaseMessage(uint32_t number) const;
  v1::WatchTunersResponse TunersMessage() const;
  v1::WatchLineupResponse CarrierMessage(const std::string& id) const;
  v1::WatchGuideResponse GuideMessage(const ServiceKey& key) const;
  void SendLeases(WatchStream<v1::WatchLeasesResponse>& stream) const;
  void SendLineup(WatchStream<v1::WatchLineupResponse>& stream) const;
  void SendGuide(WatchStream<v1::WatchGuideResponse>& stream) const;
  void BeginScan(ScanStreamShell* stream, const ScanRequest& request);
  void EndScan(ScanStreamShell* stream);

  EventLoop& loop_;
  TunerShell& shell_;
  uint64_t revision_ = 1;
  WatchHub<v1::WatchLeasesResponse> leases_;
  WatchHub<v1::WatchTunersResponse> tuners_;
  WatchHub<v1::WatchLineupResponse> lineup_;
  WatchHub<v1::WatchGuideResponse> guide_;
  // Whose scan runs; null: none's.
  ScanStreamShell* scan_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater::tuner
