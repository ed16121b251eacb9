#include "services/session-manager/peers_shell.h"

#include <fmt/format.h>

#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_proto.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"
#include "services/session-manager/world_convert.h"

namespace headwater::session_manager {
namespace {

// The first message of a stream tells that there is one.
void Connected(const PeerContext& context, StreamState& state, std::string_view service,
               const Input& input) {
  if (state.connected) return;
  state.connected = true;
  context.log.Info("connected", {{"service", service}});
  context.tell(input);
}

void Disconnected(const PeerContext& context, StreamState& state, std::string_view service,
                  const absl::Status& status) {
  if (state.connected) {
    context.log.Warning("connection lost",
                        {{"service", service}, {"error", FromAbsl(status.message())}});
  }
  // What came was not taken in time; the next stream begins with all that is.
  if (absl::IsResourceExhausted(status)) context.on_failure(fmt::format("watch {}", service));
  state = {};
}

// A message with an address that is none: the other side's mistake, told and left out.
void Unreadable(const PeerContext& context, std::string_view service, const absl::Status& status) {
  context.log.Error("message not understood",
                    {{"service", service}, {"error", FromAbsl(status.message())}});
}

void CountFailure(const PeerContext& context, const std::string& call, const absl::Status& status) {
  if (status.ok()) return;
  context.on_failure(call);
  context.log.Warning("call failed", {{"call", call}, {"error", FromAbsl(status.message())}});
}

constexpr std::string_view kWatcher = "membership-watcher";
constexpr std::string_view kPackager = "rtp-packager";
constexpr std::string_view kAnnouncer = "sap-announcer";
constexpr std::string_view kResolver = "directory-resolver";
constexpr std::string_view kTuner = "dvb-tuner";

}  // namespace

WatcherPeer::WatcherPeer(PeerContext context, const std::string& target, size_t index)
    : context_(std::move(context)),
      index_(index),
      stub_(membership::v1::MembershipService::NewStub(context_.rpc.Open(target))) {
  using Response = membership::v1::WatchMembershipResponse;
  watch_ = std::make_unique<WatchClient<Response>>(
      context_.rpc,
      [this](auto* call, auto* reader) {
        stub_->async()->WatchMembership(call, &request_, reader);
      },
      WatchClient<Response>::Callbacks{
          .on_message = [this](const Response& message) { OnMessage(message); },
          .on_end = [this](const absl::Status& status) { OnEnd(status); }});
}

void WatcherPeer::OnMessage(const membership::v1::WatchMembershipResponse& message) {
  using Message = membership::v1::WatchMembershipResponse;
  Connected(context_, state_, kWatcher, [this](auto& core, auto& now, auto& out) {
    core.OnWatcherConnected(index_, now, out);
  });
  switch (message.event_case()) {
    case Message::kLink:
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnLink(index_, message.link().leg().link(), FromProto(message.link().sync()), now,
                    out);
      });
      break;
    case Message::kGroup:
      OnGroup(message.group());
      break;
    case Message::kGroups:
      for (const auto& group : message.groups().groups()) OnGroup(group);
      break;
    case Message::kRemoved:
      if (const auto group = IpAddress::Parse(message.removed().group())) {
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnGroupRemoved(index_, message.removed().link(), *group, now, out);
        });
      }
      break;
    case Message::kSynced:
      state_.synced = true;
      context_.tell(
          [&](auto& core, auto& now, auto& out) { core.OnWatcherSynced(index_, now, out); });
      break;
    case Message::EVENT_NOT_SET:
      break;
  }
}

void WatcherPeer::OnGroup(const membership::v1::GroupMembership& group) {
  const auto record = FromProto(group);
  if (!record.ok()) return Unreadable(context_, kWatcher, record.status());
  context_.tell([&](auto& core, auto& now, auto& out) { core.OnGroup(index_, *record, now, out); });
}

void WatcherPeer::OnEnd(const absl::Status& status) {
  const bool was_connected = state_.connected;
  Disconnected(context_, state_, kWatcher, status);
  if (!was_connected) return;
  context_.tell(
      [this](auto& core, auto& now, auto& out) { core.OnWatcherDisconnected(index_, now, out); });
}

ResolverPeer::ResolverPeer(PeerContext context, const std::string& target,
                           std::function<void(bool connected)> on_connection)
    : context_(std::move(context)),
      on_connection_(std::move(on_connection)),
      stub_(directory::v1::DirectoryService::NewStub(context_.rpc.Open(target))) {
  using Response = directory::v1::WatchPlanResponse;
  watch_ = std::make_unique<WatchClient<Response>>(
      context_.rpc,
      [this](auto* call, auto* reader) { stub_->async()->WatchPlan(call, &request_, reader); },
      WatchClient<Response>::Callbacks{
          .on_message = [this](const Response& message) { OnPlan(message); },
          .on_end =
              [this](const absl::Status& status) {
                const bool was_connected = state_.connected;
                Disconnected(context_, state_, kResolver, status);
                if (was_connected) on_connection_(false);
              }});
}

void ResolverPeer::OnPlan(const directory::v1::WatchPlanResponse& message) {
  const bool is_new = !state_.connected;
  Connected(context_, state_, kResolver, [](auto&, auto&, auto&) {});
  if (is_new) on_connection_(true);
  auto config = PlanFromProto(message.plan());
  if (!config.ok()) return Unreadable(context_, kResolver, config.status());
  auto plan = NumberPlan::Build(*std::move(config));
  if (!plan.ok()) return Unreadable(context_, kResolver, plan.status());
  state_.synced = true;
  context_.tell([&](auto& core, auto& now, auto& out) { core.OnPlan(*std::move(plan), now, out); });
}

void ResolverPeer::Perform(const Resolve& action) {
  directory::v1::ResolveRequest request;
  request.set_number(action.number);
  context_.rpc.Call<directory::v1::ResolveRequest, directory::v1::ResolveResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->Resolve(call, question, answer, std::move(then));
      },
      [this, number = action.number](absl::Status status,
                                     directory::v1::ResolveResponse& response) {
        CountFailure(context_, "Resolve", status);
        context_.tell([&](auto& core, auto& now, auto& out) {
          if (status.ok()) {
            core.OnResolved(number, FromProto(response.station()), now, out);
          } else {
            core.OnResolved(number, status, now, out);
          }
        });
      });
}

void ResolverPeer::Perform(const ReportPlay& action) {
  directory::v1::ReportPlayRequest request;
  request.set_number(action.number);
  request.set_ok(action.error.empty());
  if (action.format) *request.mutable_format() = FormatToProto(*action.format);
  request.set_error(action.error);
  context_.rpc.Call<directory::v1::ReportPlayRequest, directory::v1::ReportPlayResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->ReportPlay(call, question, answer, std::move(then));
      },
      [this](absl::Status status, auto&) { CountFailure(context_, "ReportPlay", status); });
}

PackagerPeer::PackagerPeer(PeerContext context, const std::string& target, size_t index)
    : context_(std::move(context)),
      index_(index),
      stub_(packager::v1::PackagerService::NewStub(context_.rpc.Open(target))) {
  using Response = packager::v1::WatchSessionsResponse;
  using Legs = packager::v1::WatchLegsResponse;
  watch_ = std::make_unique<WatchClient<Response>>(
      context_.rpc,
      [this](auto* call, auto* reader) { stub_->async()->WatchSessions(call, &request_, reader); },
      WatchClient<Response>::Callbacks{
          .on_message = [this](const Response& message) { OnMessage(message); },
          .on_end = [this](const absl::Status& status) { OnEnd(status); }});
  legs_watch_ = std::make_unique<WatchClient<Legs>>(
      context_.rpc,
      [this](auto* call, auto* reader) { stub_->async()->WatchLegs(call, &legs_request_, reader); },
      WatchClient<Legs>::Callbacks{.on_message = [this](const Legs& message) { OnLegs(message); },
                                   .on_end = {}});
}

void PackagerPeer::OnMessage(const packager::v1::WatchSessionsResponse& message) {
  using Message = packager::v1::WatchSessionsResponse;
  Connected(context_, state_, kPackager,
            [this](auto& core, auto&, auto&) { core.OnPackagerConnected(index_); });
  switch (message.event_case()) {
    case Message::kSession: {
      const auto status = FromProto(message.session());
      if (!status.ok()) return Unreadable(context_, kPackager, status.status());
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnPackagerSession(index_, *status, now, out);
      });
      break;
    }
    case Message::kRemoved: {
      const auto channel = ChannelFromProto(message.removed());
      if (!channel.ok()) return Unreadable(context_, kPackager, channel.status());
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnPackagerRemoved(index_, *channel, now, out);
      });
      break;
    }
    case Message::kSynced:
      state_.synced = true;
      context_.tell(
          [&](auto& core, auto& now, auto& out) { core.OnPackagerSynced(index_, now, out); });
      break;
    case Message::EVENT_NOT_SET:
      break;
  }
}

void PackagerPeer::OnLegs(const packager::v1::WatchLegsResponse& message) {
  std::vector<Leg> legs;
  for (const types::v1::Leg& leg : message.legs()) legs.push_back(FromProto(leg));
  context_.tell([&](auto& core, auto& now, auto& out) {
    core.OnLegs(index_, std::move(legs), message.sessions_max(), now, out);
  });
}

void PackagerPeer::OnEnd(const absl::Status& status) {
  const bool was_connected = state_.connected;
  Disconnected(context_, state_, kPackager, status);
  if (!was_connected) return;
  context_.tell(
      [this](auto& core, auto& now, auto& out) { core.OnPackagerDisconnected(index_, now, out); });
}

void PackagerPeer::Perform(const ApplySession& action) {
  packager::v1::ApplySessionRequest request;
  request.set_epoch(context_.epoch);
  *request.mutable_session() = ToProto(action.spec);
  context_.rpc.Call<packager::v1::ApplySessionRequest, packager::v1::ApplySessionResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->ApplySession(call, question, answer, std::move(then));
      },
      [this, channel = action.spec.channel](absl::Status status, auto&) {
        CountFailure(context_, "ApplySession", status);
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnSessionApplied(index_, channel, status, now, out);
        });
      });
}

void PackagerPeer::Perform(const StopSession& action) {
  packager::v1::StopSessionRequest request;
  request.set_epoch(context_.epoch);
  request.set_handover(action.handover);
  *request.mutable_channel() = headwater::ToProto(action.channel);
  context_.rpc.Call<packager::v1::StopSessionRequest, packager::v1::StopSessionResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->StopSession(call, question, answer, std::move(then));
      },
      [this, channel = action.channel](absl::Status status,
                                       packager::v1::StopSessionResponse& response) {
        CountFailure(context_, "StopSession", status);
        absl::StatusOr<SessionEnd> end = FromProto(response);
        if (!status.ok()) end = status;
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnSessionStopped(index_, channel, end, now, out);
        });
      });
}

AnnouncerPeer::AnnouncerPeer(PeerContext context, const std::string& target, size_t index)
    : context_(std::move(context)),
      index_(index),
      stub_(announce::v1::AnnounceService::NewStub(context_.rpc.Open(target))) {
  using Response = announce::v1::WatchAnnouncementsResponse;
  watch_ = std::make_unique<WatchClient<Response>>(
      context_.rpc,
      [this](auto* call, auto* reader) {
        stub_->async()->WatchAnnouncements(call, &request_, reader);
      },
      WatchClient<Response>::Callbacks{
          .on_message = [this](const Response& message) { OnMessage(message); },
          .on_end = [this](const absl::Status& status) { OnEnd(status); }});
}

void AnnouncerPeer::OnMessage(const announce::v1::WatchAnnouncementsResponse& message) {
  using Message = announce::v1::WatchAnnouncementsResponse;
  Connected(context_, state_, kAnnouncer,
            [this](auto& core, auto&, auto&) { core.OnAnnouncerConnected(index_); });
  switch (message.event_case()) {
    case Message::kAnnouncement: {
      const auto status = FromProto(message.announcement());
      if (!status.ok()) return Unreadable(context_, kAnnouncer, status.status());
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnAnnouncement(index_, *status, now, out);
      });
      break;
    }
    case Message::kRemoved: {
      const auto channel = ChannelFromProto(message.removed());
      if (!channel.ok()) return Unreadable(context_, kAnnouncer, channel.status());
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnAnnouncementRemoved(index_, *channel, now, out);
      });
      break;
    }
    case Message::kSynced:
      state_.synced = true;
      context_.tell(
          [&](auto& core, auto& now, auto& out) { core.OnAnnouncerSynced(index_, now, out); });
      break;
    case Message::EVENT_NOT_SET:
      break;
  }
}

void AnnouncerPeer::OnEnd(const absl::Status& status) {
  const bool was_connected = state_.connected;
  Disconnected(context_, state_, kAnnouncer, status);
  if (!was_connected) return;
  context_.tell(
      [this](auto& core, auto& now, auto& out) { core.OnAnnouncerDisconnected(index_, now, out); });
}

void AnnouncerPeer::Perform(const ApplyAnnouncement& action) {
  announce::v1::ApplyAnnouncementRequest request;
  request.set_epoch(context_.epoch);
  *request.mutable_announcement() = ToProto(action.announcement);
  context_.rpc
      .Call<announce::v1::ApplyAnnouncementRequest, announce::v1::ApplyAnnouncementResponse>(
          request, context_.call_timeout,
          [this](auto* call, auto* question, auto* answer, auto then) {
            stub_->async()->ApplyAnnouncement(call, question, answer, std::move(then));
          },
          [this, channel = action.announcement.channel](
              absl::Status status, announce::v1::ApplyAnnouncementResponse& response) {
            CountFailure(context_, "ApplyAnnouncement", status);
            absl::StatusOr<AnnouncementSent> answer =
                AnnouncementSent{.origin = FromProto(response.origin()),
                                 .sent = headwater::FromProto(response.sent())};
            if (!status.ok()) answer = status;
            context_.tell([&](auto& core, auto& now, auto& out) {
              core.OnAnnouncementApplied(index_, channel, answer, now, out);
            });
          });
}

void AnnouncerPeer::Perform(const StopAnnouncement& action) {
  announce::v1::StopAnnouncementRequest request;
  request.set_epoch(context_.epoch);
  request.set_handover(action.handover);
  *request.mutable_channel() = headwater::ToProto(action.channel);
  context_.rpc.Call<announce::v1::StopAnnouncementRequest, announce::v1::StopAnnouncementResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->StopAnnouncement(call, question, answer, std::move(then));
      },
      [this, channel = action.channel](absl::Status status, auto&) {
        CountFailure(context_, "StopAnnouncement", status);
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnAnnouncementStopped(index_, channel, status, now, out);
        });
      });
}

TunerPeer::TunerPeer(PeerContext context, const std::string& target)
    : context_(std::move(context)),
      stub_(tuner::v1::TunerService::NewStub(context_.rpc.Open(target))) {
  using Response = tuner::v1::WatchLeasesResponse;
  watch_ = std::make_unique<WatchClient<Response>>(
      context_.rpc,
      [this](auto* call, auto* reader) { stub_->async()->WatchLeases(call, &request_, reader); },
      WatchClient<Response>::Callbacks{
          .on_message = [this](const Response& message) { OnMessage(message); },
          .on_end = [this](const absl::Status& status) { OnEnd(status); }});
}

void TunerPeer::OnMessage(const tuner::v1::WatchLeasesResponse& message) {
  using Message = tuner::v1::WatchLeasesResponse;
  Connected(context_, state_, kTuner, [](auto& core, auto&, auto&) { core.OnTunerConnected(); });
  switch (message.event_case()) {
    case Message::kLease:
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnLease(FromProto(message.lease()), now, out);
      });
      break;
    case Message::kRemoved:
      context_.tell([&](auto& core, auto& now, auto& out) {
        core.OnLeaseRemoved(message.removed(), now, out);
      });
      break;
    case Message::kSynced:
      state_.synced = true;
      context_.tell([](auto& core, auto& now, auto& out) { core.OnTunerSynced(now, out); });
      break;
    case Message::EVENT_NOT_SET:
      break;
  }
}

void TunerPeer::OnEnd(const absl::Status& status) {
  const bool was_connected = state_.connected;
  Disconnected(context_, state_, kTuner, status);
  if (!was_connected) return;
  context_.tell([](auto& core, auto& now, auto& out) { core.OnTunerDisconnected(now, out); });
}

void TunerPeer::Perform(const AcquireLease& action) {
  tuner::v1::AcquireServiceRequest request = ToProto(action.spec);
  request.set_epoch(context_.epoch);
  context_.rpc.Call<tuner::v1::AcquireServiceRequest, tuner::v1::AcquireServiceResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->AcquireService(call, question, answer, std::move(then));
      },
      // What the lease is comes by the watch.
      [this, number = action.spec.number](absl::Status status, auto&) {
        CountFailure(context_, "AcquireService", status);
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnLeaseAcquired(number, status, now, out);
        });
      });
}

void TunerPeer::Perform(const ReleaseLease& action) {
  tuner::v1::ReleaseServiceRequest request;
  request.set_epoch(context_.epoch);
  request.set_number(action.number);
  context_.rpc.Call<tuner::v1::ReleaseServiceRequest, tuner::v1::ReleaseServiceResponse>(
      request, context_.call_timeout,
      [this](auto* call, auto* question, auto* answer, auto then) {
        stub_->async()->ReleaseService(call, question, answer, std::move(then));
      },
      [this, number = action.number](absl::Status status, auto&) {
        CountFailure(context_, "ReleaseService", status);
        context_.tell([&](auto& core, auto& now, auto& out) {
          core.OnLeaseReleased(number, status, now, out);
        });
      });
}

}  // namespace headwater::session_manager
