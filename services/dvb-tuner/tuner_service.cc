#include "services/dvb-tuner/tuner_service.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/rpc/status_conversion.h"
#include "services/dvb-tuner/tuner_convert.h"

namespace headwater::tuner {
namespace {

// "synced" must not overtake what is before it.
constexpr const char* kInOrder = "";

std::string KeyOf(const ServiceKey& key) {
  return fmt::format("{}.{}.{}", key.original_network_id, key.transport_stream_id, key.service_id);
}

}  // namespace

TunerServiceImpl::TunerServiceImpl(EventLoop& loop, TunerShell& shell)
    : loop_(loop),
      shell_(shell),
      leases_(loop, [this](auto& stream) { SendLeases(stream); }),
      tuners_(loop, [this](auto& stream) { stream.Push("tuners", TunersMessage()); }),
      lineup_(loop, [this](auto& stream) { SendLineup(stream); }),
      guide_(loop, [this](auto& stream) { SendGuide(stream); }) {
  leases_.OnReaders([this](size_t readers) { shell_.SetWatched(readers > 0); });
  shell_.SetObserver(this);
}

TunerServiceImpl::~TunerServiceImpl() {
  *alive_ = false;
  shell_.SetObserver(nullptr);
}

grpc::ServerUnaryReactor* TunerServiceImpl::AcquireService(grpc::CallbackServerContext* context,
                                                           const v1::AcquireServiceRequest* request,
                                                           v1::AcquireServiceResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(LeaseRequest lease, LeaseFromProto(*request));
    const uint32_t number = lease.number;
    RETURN_IF_ERROR(shell_.Acquire(request->epoch(), std::move(lease)));
    const auto found = shell_.reception().leases().find(number);
    if (found != shell_.reception().leases().end()) {
      *response->mutable_lease() = ToProto(found->second, shell_);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* TunerServiceImpl::ReleaseService(grpc::CallbackServerContext* context,
                                                           const v1::ReleaseServiceRequest* request,
                                                           v1::ReleaseServiceResponse*) {
  return OnLoop(context, loop_,
                [this, request] { return shell_.Release(request->epoch(), request->number()); });
}

grpc::ServerWriteReactor<v1::WatchLeasesResponse>* TunerServiceImpl::WatchLeases(
    grpc::CallbackServerContext*, const v1::WatchLeasesRequest*) {
  return leases_.Open();
}

grpc::ServerWriteReactor<v1::WatchTunersResponse>* TunerServiceImpl::WatchTuners(
    grpc::CallbackServerContext*, const v1::WatchTunersRequest*) {
  return tuners_.Open();
}

grpc::ServerWriteReactor<v1::WatchLineupResponse>* TunerServiceImpl::WatchLineup(
    grpc::CallbackServerContext*, const v1::WatchLineupRequest*) {
  return lineup_.Open();
}

grpc::ServerWriteReactor<v1::WatchGuideResponse>* TunerServiceImpl::WatchGuide(
    grpc::CallbackServerContext*, const v1::WatchGuideRequest*) {
  return guide_.Open();
}

v1::WatchLeasesResponse TunerServiceImpl::LeaseMessage(uint32_t number) const {
  v1::WatchLeasesResponse message;
  message.set_revision(revision_);
  const auto found = shell_.reception().leases().find(number);
  if (found != shell_.reception().leases().end()) {
    *message.mutable_lease() = ToProto(found->second, shell_);
  } else {
    message.set_removed(number);
  }
  return message;
}

v1::WatchTunersResponse TunerServiceImpl::TunersMessage() const {
  v1::WatchTunersResponse message;
  message.set_revision(revision_);
  const std::vector<Tuner>& tuners = shell_.reception().tuners();
  for (size_t i = 0; i < tuners.size(); ++i) {
    *message.add_tuners() = ToProto(tuners[i], i, shell_);
  }
  return message;
}

v1::WatchLineupResponse TunerServiceImpl::CarrierMessage(const std::string& id) const {
  v1::WatchLineupResponse message;
  message.set_revision(revision_);
  if (const LineupCarrier* entry = shell_.lineup().Find(id)) {
    *message.mutable_carrier() = ToProto(*entry);
  } else {
    message.set_removed(id);
  }
  return message;
}

v1::WatchGuideResponse TunerServiceImpl::GuideMessage(const ServiceKey& key) const {
  v1::WatchGuideResponse message;
  message.set_revision(revision_);
  const auto& programmes = shell_.guide().programmes();
  const auto found = programmes.find(key);
  if (found != programmes.end()) *message.mutable_guide() = ToProto(key, found->second);
  return message;
}

void TunerServiceImpl::SendLeases(WatchStream<v1::WatchLeasesResponse>& stream) const {
  for (const auto& [number, lease] : shell_.reception().leases()) {
    stream.Push(std::to_string(number), LeaseMessage(number));
  }
  v1::WatchLeasesResponse synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push(kInOrder, synced);
}

void TunerServiceImpl::SendLineup(WatchStream<v1::WatchLineupResponse>& stream) const {
  for (const auto& [id, entry] : shell_.lineup().carriers()) stream.Push(id, CarrierMessage(id));
  v1::WatchLineupResponse synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push(kInOrder, synced);
}

void TunerServiceImpl::SendGuide(WatchStream<v1::WatchGuideResponse>& stream) const {
  for (const auto& [key, programme] : shell_.guide().programmes()) {
    stream.Push(KeyOf(key), GuideMessage(key));
  }
  v1::WatchGuideResponse synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push(kInOrder, synced);
}

void TunerServiceImpl::OnLease(uint32_t number) {
  ++revision_;
  if (leases_.readers() > 0) leases_.Publish(std::to_string(number), LeaseMessage(number));
}

void TunerServiceImpl::OnTuners() {
  ++revision_;
  if (tuners_.readers() > 0) tuners_.Publish("tuners", TunersMessage());
}

void TunerServiceImpl::OnCarrier(const std::string& id) {
  ++revision_;
  if (lineup_.readers() > 0) lineup_.Publish(id, CarrierMessage(id));
}

void TunerServiceImpl::OnGuide(const ServiceKey& service) {
  ++revision_;
  if (guide_.readers() > 0) guide_.Publish(KeyOf(service), GuideMessage(service));
}

grpc::ServerWriteReactor<v1::ScanResponse>* TunerServiceImpl::Scan(grpc::CallbackServerContext*,
                                                                   const v1::ScanRequest* request) {
  auto* stream = new ScanStreamShell([this, alive = alive_, &loop = loop_](ScanStreamShell* done) {
    loop.Post([this, alive, owned = std::unique_ptr<ScanStreamShell>(done)] {
      if (*alive) EndScan(owned.get());
    });
  });
  loop_.Post([this, alive = alive_, stream, wanted = ScanFromProto(*request)] {
    if (*alive) BeginScan(stream, wanted);
  });
  return stream;
}

void TunerServiceImpl::BeginScan(ScanStreamShell* stream, const ScanRequest& request) {
  TunerShell::ScanCallbacks callbacks = {.on_step =
                                             [stream](const ScanStep& step) {
                                               v1::ScanResponse response;
                                               *response.mutable_step() = ToProto(step);
                                               stream->Push(std::move(response));
                                             },
                                         .on_end =
                                             [this, stream](const ScanResult& result) {
                                               scan_ = nullptr;
                                               v1::ScanResponse response;
                                               *response.mutable_result() = ToProto(result);
                                               stream->Push(std::move(response));
                                               stream->End(grpc::Status::OK);
                                             }};
  const absl::Status begun = shell_.BeginScan(request, std::move(callbacks));
  if (!begun.ok()) return stream->End(ToGrpc(begun));
  scan_ = stream;
}

// The call has ended; if it was before the scan had, nobody wants to know any more.
void TunerServiceImpl::EndScan(ScanStreamShell* stream) {
  if (scan_ != stream) return;
  scan_ = nullptr;
  shell_.CancelScan();
}

void TunerServiceImpl::Close() {
  const grpc::Status ending(grpc::StatusCode::UNAVAILABLE, "the service is ending");
  leases_.Close(ending);
  tuners_.Close(ending);
  lineup_.Close(ending);
  guide_.Close(ending);
  if (scan_ == nullptr) return;
  shell_.CancelScan();
  std::exchange(scan_, nullptr)->End(ending);
}

}  // namespace headwater::tuner
