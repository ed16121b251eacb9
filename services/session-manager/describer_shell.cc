#include "services/session-manager/describer_shell.h"

#include <utility>

#include "services/session-manager/world_convert.h"

namespace headwater::session_manager {

DescriberShell::DescriberShell(RpcClient& rpc, ProbingShell& probing, const Options& options,
                               Plan plan, ProbingShell::OnFailure on_failure)
    : rpc_(rpc),
      probing_(probing),
      options_(options),
      plan_(std::move(plan)),
      on_failure_(std::move(on_failure)) {}

void DescriberShell::AddSender(const SenderOptions& sender) {
  const size_t index = senders_.size();
  senders_.push_back(
      {.announcer = announce::v1::AnnounceService::NewStub(rpc_.Open(sender.announcer)),
       .watch = nullptr});
  senders_[index].watch = std::make_unique<Watch>(
      rpc_,
      [this, index](auto* call, auto* reader) {
        senders_[index].announcer->async()->WatchQuestions(call, &request_, reader);
      },
      Watch::Callbacks{
          .on_message = [this, index](const auto& message) { OnMessage(index, message); },
          // The announcer's other stream tells whether it is there.
          .on_end = {}});
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
  probing_.LookUp(action.number, [this, number = action.number](absl::StatusOr<Station> station) {
    DescriberActions actions;
    describer_.OnStation(number, std::move(station), plan_(), actions);
    PerformAll(actions);
  });
}

void DescriberShell::Perform(const ProbeSource& action) {
  probing_.Probe(action, [this, number = action.number](const absl::StatusOr<Probed>& probed) {
    DescriberActions actions;
    describer_.OnProbed(number, probed, plan_(), actions);
    PerformAll(actions);
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
