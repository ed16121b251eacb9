#include "services/sap-announcer/announce_service.h"

#include "services/common/base/status_macros.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/rpc/server_calls.h"
#include "services/sap-announcer/announce_convert.h"

namespace headwater {

using announce::v1::AnswerQuestionRequest;
using announce::v1::AnswerQuestionResponse;
using announce::v1::ApplyAnnouncementRequest;
using announce::v1::ApplyAnnouncementResponse;
using announce::v1::StopAnnouncementRequest;
using announce::v1::StopAnnouncementResponse;
using announce::v1::WatchQuestionsResponse;

namespace {

WatchQuestionsResponse ToProto(uint64_t id, const RtspServer::Question& question) {
  WatchQuestionsResponse message;
  auto* proto = message.mutable_question();
  proto->set_id(id);
  if (question.target.group) proto->set_group(question.target.group->ToString());
  proto->set_number(question.target.number);
  proto->set_ipv4(question.ipv4);
  return message;
}

}  // namespace

AnnounceService::AnnounceService(EventLoop& loop, AnnouncerShell& shell)
    : loop_(loop),
      shell_(shell),
      hub_(loop, [this](auto& stream) { SendSnapshot(stream); }),
      questions_(loop, [this](auto& stream) { SendQuestions(stream); }) {
  hub_.OnReaders([this](size_t readers) { shell_.SetWatched(readers > 0); });
  shell_.set_on_change([this](const Channel& channel) { Publish(channel); });
  if (shell_.rtsp() == nullptr) return;
  questions_.OnReaders([this](size_t readers) { shell_.rtsp()->SetWatched(readers > 0); });
  shell_.rtsp()->set_on_question([this](uint64_t id) { PublishQuestion(id); });
}

grpc::ServerUnaryReactor* AnnounceService::ApplyAnnouncement(
    grpc::CallbackServerContext* context, const ApplyAnnouncementRequest* request,
    ApplyAnnouncementResponse* response) {
  return OnLoop(context, loop_, [this, request, response] { return Apply(*request, *response); });
}

grpc::ServerUnaryReactor* AnnounceService::StopAnnouncement(grpc::CallbackServerContext* context,
                                                            const StopAnnouncementRequest* request,
                                                            StopAnnouncementResponse*) {
  return OnLoop(context, loop_, [this, request]() -> absl::Status {
    ASSIGN_OR_RETURN(const Channel channel, ChannelFromProto(request->channel()));
    return request->handover() ? shell_.HandOver(request->epoch(), channel)
                               : shell_.Stop(request->epoch(), channel);
  });
}

grpc::ServerWriteReactor<announce::v1::WatchAnnouncementsResponse>*
AnnounceService::WatchAnnouncements(grpc::CallbackServerContext*,
                                    const announce::v1::WatchAnnouncementsRequest*) {
  return hub_.Open();
}

absl::Status AnnounceService::Apply(const ApplyAnnouncementRequest& request,
                                    ApplyAnnouncementResponse& response) {
  ASSIGN_OR_RETURN(Announcement wanted, AnnouncementFromProto(request.announcement()));
  const Channel channel = wanted.channel;
  RETURN_IF_ERROR(shell_.Apply(request.epoch(), std::move(wanted)));
  const Announcer::Status* status = shell_.announcer().Find(channel);
  *response.mutable_origin() = ToProto(status->announcement.origin);
  if (status->last_sent) *response.mutable_sent() = ToProto(shell_.ToWall(*status->last_sent));
  return absl::OkStatus();
}

AnnounceService::Response AnnounceService::Message(const Channel& channel) const {
  Response message;
  message.set_revision(revision_);
  const Announcer::Status* status = shell_.announcer().Find(channel);
  if (status == nullptr) {
    *message.mutable_removed() = ToProto(channel);
    return message;
  }
  auto* announcement = message.mutable_announcement();
  *announcement->mutable_announcement() = ToProto(status->announcement);
  if (status->first_sent)
    *announcement->mutable_first_sent() = ToProto(shell_.ToWall(*status->first_sent));
  if (status->last_sent)
    *announcement->mutable_last_sent() = ToProto(shell_.ToWall(*status->last_sent));
  announcement->set_sent_total(status->sent_total);
  return message;
}

void AnnounceService::SendSnapshot(WatchStream<Response>& stream) const {
  for (const auto& [channel, status] : shell_.announcer().announcements()) {
    stream.Push(channel.ToString(), Message(channel));
  }
  Response synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push("", synced);
}

void AnnounceService::Publish(const Channel& channel) {
  ++revision_;
  hub_.Publish(channel.ToString(), Message(channel));
}

grpc::ServerWriteReactor<WatchQuestionsResponse>* AnnounceService::WatchQuestions(
    grpc::CallbackServerContext*, const announce::v1::WatchQuestionsRequest*) {
  return questions_.Open();
}

grpc::ServerUnaryReactor* AnnounceService::AnswerQuestion(grpc::CallbackServerContext* context,
                                                          const AnswerQuestionRequest* request,
                                                          AnswerQuestionResponse*) {
  return OnLoop(context, loop_, [this, request] { return Answer(*request); });
}

absl::Status AnnounceService::Answer(const AnswerQuestionRequest& request) {
  RETURN_IF_ERROR(shell_.CheckEpoch(request.epoch()));
  ASSIGN_OR_RETURN(RtspServer::Answer answer, AnswerFromProto(request));
  if (shell_.rtsp() != nullptr) shell_.rtsp()->Answer(request.question(), std::move(answer));
  return absl::OkStatus();
}

void AnnounceService::SendQuestions(WatchStream<WatchQuestionsResponse>& stream) const {
  if (shell_.rtsp() != nullptr) {
    for (const auto& [id, waiting] : shell_.rtsp()->server().questions()) {
      stream.Push(std::to_string(id), ToProto(id, waiting.question));
    }
  }
  WatchQuestionsResponse synced;
  synced.mutable_synced();
  stream.Push("", synced);
}

void AnnounceService::PublishQuestion(uint64_t id) {
  const auto waiting = shell_.rtsp()->server().questions().find(id);
  if (waiting == shell_.rtsp()->server().questions().end()) return;
  questions_.Publish(std::to_string(id), ToProto(id, waiting->second.question));
}

void AnnounceService::Close() {
  const grpc::Status draining(grpc::StatusCode::UNAVAILABLE, "draining");
  hub_.Close(draining);
  questions_.Close(draining);
}

}  // namespace headwater
