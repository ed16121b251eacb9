#include "services/sap-announcer/announce_service.h"

#include "services/common/base/status_macros.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/rpc/server_calls.h"
#include "services/sap-announcer/announce_convert.h"

namespace headwater {

using announce::v1::ApplyAnnouncementRequest;
using announce::v1::ApplyAnnouncementResponse;
using announce::v1::StopAnnouncementRequest;
using announce::v1::StopAnnouncementResponse;

AnnounceService::AnnounceService(EventLoop& loop, AnnouncerShell& shell)
    : loop_(loop), shell_(shell), hub_(loop, [this](auto& stream) { SendSnapshot(stream); }) {
  hub_.OnReaders([this](size_t readers) { shell_.SetWatched(readers > 0); });
  shell_.set_on_change([this](const Channel& channel) { Publish(channel); });
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
    return shell_.Stop(request->epoch(), channel);
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

void AnnounceService::Close() {
  hub_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining"));
}

}  // namespace headwater
