#pragma once

#include "headwater/announce/v1/announce.grpc.pb.h"
#include "services/common/loop/event_loop.h"
#include "services/common/rpc/watch_hub.h"
#include "services/sap-announcer/announcer_shell.h"

namespace headwater {

// AnnounceService over the shell. The RPCs come on gRPC's threads and are answered from the loop;
// the rest is called on the loop.
class AnnounceService final : public announce::v1::AnnounceService::CallbackService {
 public:
  AnnounceService(EventLoop& loop, AnnouncerShell& shell);

  grpc::ServerUnaryReactor* ApplyAnnouncement(
      grpc::CallbackServerContext* context, const announce::v1::ApplyAnnouncementRequest* request,
      announce::v1::ApplyAnnouncementResponse* response) override;
  grpc::ServerUnaryReactor* StopAnnouncement(
      grpc::CallbackServerContext* context, const announce::v1::StopAnnouncementRequest* request,
      announce::v1::StopAnnouncementResponse* response) override;
  grpc::ServerWriteReactor<announce::v1::WatchAnnouncementsResponse>* WatchAnnouncements(
      grpc::CallbackServerContext* context,
      const announce::v1::WatchAnnouncementsRequest* request) override;
  grpc::ServerWriteReactor<announce::v1::WatchQuestionsResponse>* WatchQuestions(
      grpc::CallbackServerContext* context,
      const announce::v1::WatchQuestionsRequest* request) override;
  grpc::ServerUnaryReactor* AnswerQuestion(grpc::CallbackServerContext* context,
                                           const announce::v1::AnswerQuestionRequest* request,
                                           announce::v1::AnswerQuestionResponse* response) override;

  // Ends the watches: the service drains.
  void Close();

 private:
  using Response = announce::v1::WatchAnnouncementsResponse;

  absl::Status Apply(const announce::v1::ApplyAnnouncementRequest& request,
                     announce::v1::ApplyAnnouncementResponse& response);
  // The state of the channel's announcement, or its absence.
  Response Message(const Channel& channel) const;
  void SendSnapshot(WatchStream<Response>& stream) const;
  void Publish(const Channel& channel);
  absl::Status Answer(const announce::v1::AnswerQuestionRequest& request);
  void SendQuestions(WatchStream<announce::v1::WatchQuestionsResponse>& stream) const;
  void PublishQuestion(uint64_t id);

  EventLoop& loop_;
  AnnouncerShell& shell_;
  uint64_t revision_ = 1;
  WatchHub<Response> hub_;
  WatchHub<announce::v1::WatchQuestionsResponse> questions_;
};

}  // namespace headwater
