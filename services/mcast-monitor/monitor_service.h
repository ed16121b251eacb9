#pragma once

#include <memory>

#include "headwater/monitor/v1/monitor.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/mcast-monitor/monitor_shell.h"

namespace headwater::monitor {

// MonitorService over the shell. RPCs come on gRPC's threads and are answered from the loop.
class MonitorServiceImpl final : public v1::MonitorService::CallbackService {
 public:
  // Both outlive this.
  MonitorServiceImpl(EventLoop& loop, MonitorShell& shell);
  ~MonitorServiceImpl() override;

  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override;
  grpc::ServerUnaryReactor* SearchEvents(grpc::CallbackServerContext* context,
                                         const v1::SearchEventsRequest* request,
                                         v1::SearchEventsResponse* response) override;
  grpc::ServerUnaryReactor* GetNtp(grpc::CallbackServerContext* context,
                                   const v1::GetNtpRequest* request,
                                   v1::GetNtpResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

  // Ends the watches: the service drains.
  void Close();
  size_t readers() const { return hub_.readers(); }

 private:
  void OnEvent(const Event& event);
  // The oldest event of a tail that begins with so many.
  uint64_t FirstOf(const EventFilter& filter, size_t last) const;
  const Event* Find(uint64_t id) const;

  EventLoop& loop_;
  MonitorShell& shell_;
  WatchHub<v1::WatchEventsResponse> hub_;
};

}  // namespace headwater::monitor
