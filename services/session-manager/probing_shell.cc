#include "services/session-manager/probing_shell.h"

#include <utility>

#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"
#include "services/session-manager/world_convert.h"

namespace headwater::session_manager {
namespace {

// The source has said nothing in time; the packager itself may wait longer.
absl::Status ProbeStatus(absl::Status status) {
  if (!absl::IsDeadlineExceeded(status)) return status;
  return absl::UnavailableError("silence: no audio in time");
}

}  // namespace

ProbingShell::ProbingShell(RpcClient& rpc, const Options& options, OnFailure on_failure)
    : rpc_(rpc),
      options_(options),
      on_failure_(std::move(on_failure)),
      directory_(directory::v1::DirectoryService::NewStub(rpc_.Open(options.directory_resolver))) {}

void ProbingShell::AddSender(const SenderOptions& sender) {
  packagers_.push_back(packager::v1::PackagerService::NewStub(rpc_.Open(sender.packager)));
}

void ProbingShell::LookUp(uint32_t number, absl::AnyInvocable<void(absl::StatusOr<Station>)> done) {
  directory::v1::ResolveRequest request;
  request.set_number(number);
  rpc_.Call<directory::v1::ResolveRequest, directory::v1::ResolveResponse>(
      request, options_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->Resolve(call, question, answer, std::move(then));
      },
      [done = std::move(done)](absl::Status status,
                               directory::v1::ResolveResponse& response) mutable {
        absl::StatusOr<Station> station = FromProto(response.station());
        if (!status.ok()) station = status;
        done(std::move(station));
      });
}

void ProbingShell::NextDue(
    absl::AnyInvocable<void(absl::StatusOr<std::optional<DueStation>>)> done) {
  rpc_.Call<directory::v1::NextCheckRequest, directory::v1::NextCheckResponse>(
      {}, options_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->NextCheck(call, question, answer, std::move(then));
      },
      [this, done = std::move(done)](absl::Status status,
                                     directory::v1::NextCheckResponse& response) mutable {
        if (!status.ok()) {
          on_failure_("NextCheck");
          return done(std::move(status));
        }
        std::optional<DueStation> due;
        if (response.has_station()) {
          due = {.station = FromProto(response.station()), .local = response.local()};
        }
        done(std::move(due));
      });
}

void ProbingShell::Probe(const ProbeSource& probe,
                         absl::AnyInvocable<void(absl::StatusOr<Probed>)> done) {
  packager::v1::ProbeRequest request;
  request.set_url(probe.url);
  request.set_local(probe.local);
  request.set_test_tone(probe.url.empty());
  rpc_.Call<packager::v1::ProbeRequest, packager::v1::ProbeResponse>(
      request, kProbeTimeout,
      [this, sender = probe.sender](auto* call, auto* question, auto* answer, auto then) {
        packagers_[sender]->async()->Probe(call, question, answer, std::move(then));
      },
      [done = std::move(done)](absl::Status status, packager::v1::ProbeResponse& response) mutable {
        if (!status.ok()) return done(ProbeStatus(std::move(status)));
        done(Probed{.format = FormatFromProto<MediaFormat>(response.format()),
                    .info = {.name = response.info().name(),
                             .title = response.info().title(),
                             .url = response.info().url()}});
      });
}

void ProbingShell::Report(const ReportCheck& report) {
  directory::v1::ReportPlayRequest request;
  request.set_number(report.number);
  request.set_check(true);
  request.set_ok(report.format.has_value());
  if (report.format) *request.mutable_format() = FormatToProto(*report.format);
  request.set_error(report.error);
  rpc_.Call<directory::v1::ReportPlayRequest, directory::v1::ReportPlayResponse>(
      request, options_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->ReportPlay(call, question, answer, std::move(then));
      },
      [this](absl::Status status, auto&) {
        if (!status.ok()) on_failure_("ReportPlay");
      });
}

}  // namespace headwater::session_manager
