#include "services/session-manager/courier_shell.h"

#include <fmt/format.h>

#include <utility>

#include "services/common/time/clock.h"

namespace headwater::session_manager {
namespace {

// The resolver writes a whole lineup to its disk.
constexpr Duration kReportTimeout = 10s;

}  // namespace

CourierShell::CourierShell(RpcClient& rpc, const Options& options,
                           std::function<void(const std::string& call)> on_failure)
    : rpc_(rpc),
      options_(options),
      on_failure_(std::move(on_failure)),
      tuner_(tuner::v1::TunerService::NewStub(rpc_.Open(options.dvb_tuner))),
      directory_(directory::v1::DirectoryService::NewStub(rpc_.Open(options.directory_resolver))) {
  using Lineup = tuner::v1::WatchLineupResponse;
  lineup_ = std::make_unique<WatchClient<Lineup>>(
      rpc_,
      [this](auto* call, auto* reader) {
        tuner_->async()->WatchLineup(call, &lineup_request_, reader);
      },
      WatchClient<Lineup>::Callbacks{
          .on_message = [this](const Lineup& message) { OnLineup(message); },
          .on_end = [this](const absl::Status&) { courier_.OnLineupEnded(); }});
  OpenGuide();
}

void CourierShell::Close() {
  rpc_.loop().Cancel(timer_);
  lineup_.reset();
  guide_.reset();
}

void CourierShell::OpenGuide() {
  using Guide = tuner::v1::WatchGuideResponse;
  guide_ = std::make_unique<WatchClient<Guide>>(
      rpc_,
      [this](auto* call, auto* reader) {
        tuner_->async()->WatchGuide(call, &guide_request_, reader);
      },
      WatchClient<Guide>::Callbacks{
          .on_message = [this](const Guide& message) { OnGuide(message); }, .on_end = {}});
}

void CourierShell::OnLineup(const tuner::v1::WatchLineupResponse& message) {
  using Message = tuner::v1::WatchLineupResponse;
  const MonoTime now = MonoNow();
  switch (message.event_case()) {
    case Message::kCarrier:
      courier_.OnCarrier(message.carrier().id(), message.carrier().SerializeAsString(), now);
      break;
    case Message::kRemoved:
      courier_.OnCarrierRemoved(message.removed(), now);
      break;
    case Message::kSynced:
      courier_.OnLineupSynced(now);
      break;
    case Message::EVENT_NOT_SET:
      break;
  }
  Act();
}

void CourierShell::OnGuide(const tuner::v1::WatchGuideResponse& message) {
  if (!message.has_guide()) return;
  const tuner::v1::Guide& guide = message.guide();
  courier_.OnGuide(fmt::format("{:04x}.{:04x}.{:04x}", guide.original_network_id(),
                               guide.transport_stream_id(), guide.service_id()),
                   guide.SerializeAsString(), MonoNow());
  Act();
}

void CourierShell::OnResolver(bool connected) {
  if (connected) {
    courier_.OnResolverConnected(MonoNow());
  } else {
    courier_.OnResolverDisconnected();
  }
  Act();
}

void CourierShell::Act() {
  CourierActions actions;
  courier_.Next(MonoNow(), actions);
  for (const CourierAction& action : actions) {
    std::visit([this](const auto& each) { Perform(each); }, action);
  }
  rpc_.loop().Cancel(timer_);
  timer_ = 0;
  const MonoTime next = courier_.NextDeadline();
  if (next != kNever) timer_ = rpc_.loop().At(next, [this] { Act(); });
}

void CourierShell::Perform(const ReportLineup& action) {
  directory::v1::ReportLineupRequest request;
  for (const std::string& carrier : action.carriers) {
    request.add_carriers()->ParseFromString(carrier);
  }
  rpc_.Call<directory::v1::ReportLineupRequest, directory::v1::ReportLineupResponse>(
      std::move(request), kReportTimeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->ReportLineup(call, question, answer, std::move(then));
      },
      [this](absl::Status status, auto&) {
        if (!status.ok()) on_failure_("ReportLineup");
        courier_.OnLineupReported(status.ok(), MonoNow());
        Act();
      });
}

void CourierShell::Perform(const ReportGuide& action) {
  directory::v1::ReportGuideRequest request;
  for (const std::string& guide : action.guides) request.add_guides()->ParseFromString(guide);
  rpc_.Call<directory::v1::ReportGuideRequest, directory::v1::ReportGuideResponse>(
      std::move(request), kReportTimeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->ReportGuide(call, question, answer, std::move(then));
      },
      [this](absl::Status status, auto&) {
        if (!status.ok()) on_failure_("ReportGuide");
        courier_.OnGuideReported(status.ok(), MonoNow());
        Act();
      });
}

void CourierShell::Perform(const ReopenGuide&) { OpenGuide(); }

}  // namespace headwater::session_manager
