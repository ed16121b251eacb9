#include "services/session-manager/describer_shell.h"

#include <utility>

#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"
#include "services/session-manager/world_convert.h"

namespace headwater::session_manager {

DescriberShell::DescriberShell(RpcClient& rpc, const Options& options, Plan plan,
                               OnFailure on_failure)
    : rpc_(rpc),
      options_(options),
      plan_(std::move(plan)),
      on_failure_(std::move(on_failure)),
      directory_(
          directory::v1::DirectoryService::NewStub(OpenChannel(options.directory_resolver))) {
  for (const SenderOptions& sender : options.senders) {
    senders_.push_back(
        {.announcer = announce::v1::AnnounceService::NewStub(OpenChannel(sender.announcer)),
         .packager = packager::v1::PackagerService::NewStub(OpenChannel(sender.packager)),
         .watch = nullptr});
  }
  for (size_t i = 0; i < senders_.size(); ++i) {
    senders_[i].watch = std::make_unique<Watch>(
        rpc_,
        [this, i](auto* call, auto* reader) {
          senders_[i].announcer->async()->WatchQuestions(call, &request_, reader);
        },
        Watch::Callbacks{.on_message = [this, i](const auto& message) { OnMessage(i, message); },
                         // The announcer's other stream tells whether it is there.
                         .on_end = {}});
  }
}

void DescriberShell::Close() {
  for (Sender& sender : senders_) sender.watch.reset();
}

void DescriberShell::OnMessage(size_t sender, const announce::v1::WatchQuestionsResponse& message) {
  if (!message.has_question()) return;
  const announce::v1::Question& proto = message.question();
  DescriberActions actions;
  describer_.OnQuestion({.sender = sender,
                         .id = proto.id(),
                         .group = IpAddress::Parse(proto.group()),
                         .number = proto.number(),
                         .ipv4 = proto.ipv4()},
                        plan_(), actions);
  PerformAll(actions);
}

void DescriberShell::PerformAll(const DescriberActions& actions) {
  for (const DescriberAction& action : actions) {
    std::visit([this](const auto& one) { Perform(one); }, action);
  }
}

void DescriberShell::Perform(const LookUp& action) {
  directory::v1::ResolveRequest request;
  request.set_number(action.number);
  rpc_.Call<directory::v1::ResolveRequest, directory::v1::ResolveResponse>(
      request, options_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->Resolve(call, question, answer, std::move(then));
      },
      [this, number = action.number](absl::Status status,
                                     directory::v1::ResolveResponse& response) {
        absl::StatusOr<Station> station = FromProto(response.station());
        if (!status.ok()) station = status;
        DescriberActions actions;
        describer_.OnStation(number, std::move(station), plan_(), actions);
        PerformAll(actions);
      });
}

void DescriberShell::Perform(const ProbeSource& action) {
  packager::v1::ProbeRequest request;
  request.set_url(action.url);
  request.set_local(action.local);
  request.set_test_tone(action.url.empty());
  rpc_.Call<packager::v1::ProbeRequest, packager::v1::ProbeResponse>(
      request, kProbeTimeout,
      [this, sender = action.sender](auto* call, auto* question, auto* answer, auto then) {
        senders_[sender].packager->async()->Probe(call, question, answer, std::move(then));
      },
      [this, number = action.number](absl::Status status, packager::v1::ProbeResponse& response) {
        absl::StatusOr<Probed> probed =
            Probed{.format = FormatFromProto<MediaFormat>(response.format()),
                   .info = {.name = response.info().name(),
                            .title = response.info().title(),
                            .url = response.info().url()}};
        if (!status.ok()) probed = status;
        DescriberActions actions;
        describer_.OnProbed(number, probed, plan_(), actions);
        PerformAll(actions);
      });
}

void DescriberShell::Perform(const ReportCheck& action) {
  directory::v1::ReportPlayRequest request;
  request.set_number(action.number);
  request.set_check(true);
  request.set_ok(action.format.has_value());
  if (action.format) *request.mutable_format() = FormatToProto(*action.format);
  request.set_error(action.error);
  rpc_.Call<directory::v1::ReportPlayRequest, directory::v1::ReportPlayResponse>(
      request, options_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        directory_->async()->ReportPlay(call, question, answer, std::move(then));
      },
      [this](absl::Status status, auto&) {
        if (!status.ok()) on_failure_("ReportPlay");
      });
}

void DescriberShell::Perform(const AnswerQuestion& action) {
  announce::v1::AnswerQuestionRequest request;
  request.set_epoch(options_.reconciler.epoch);
  request.set_question(action.question);
  if (const auto* description = std::get_if<Announcement>(&action.answer)) {
    *request.mutable_description() = ToProto(*description);
  } else if (const auto* not_found = std::get_if<NotFound>(&action.answer)) {
    request.set_not_found(not_found->reason);
  } else {
    request.set_unavailable(std::get<Unavailable>(action.answer).reason);
  }
  rpc_.Call<announce::v1::AnswerQuestionRequest, announce::v1::AnswerQuestionResponse>(
      request, options_.call_timeout,
      [this, sender = action.sender](auto* call, auto* question, auto* answer, auto then) {
        senders_[sender].announcer->async()->AnswerQuestion(call, question, answer,
                                                            std::move(then));
      },
      [this](absl::Status status, auto&) {
        if (!status.ok()) on_failure_("AnswerQuestion");
      });
}

}  // namespace headwater::session_manager
