#include "services/rtp-packager/packager_service.h"

#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/packager_proto.h"

namespace headwater::packager {
namespace {

// The wall clock was set: times told from now on are by the new one.
constexpr absl::Duration kClockStep = absl::Milliseconds(50);

}  // namespace

PackagerRpc::PackagerRpc(EventLoop& loop, Logger& log, const Options& options,
                         PackagerMetrics& metrics, PackagerShell& shell,
                         const ProbeEnvironment& probing)
    : loop_(loop),
      log_(log),
      options_(options),
      metrics_(metrics),
      shell_(shell),
      probing_(probing),
      clocks_(ReadClocks()),
      sessions_(loop,
                [this](auto& stream) {
                  for (const Channel& channel : shell_.core().Channels()) {
                    stream.Push(channel.ToString(), SessionEvent(channel));
                  }
                  v1::WatchSessionsResponse synced;
                  synced.set_revision(revision_);
                  synced.mutable_synced();
                  stream.Push("", synced);
                }),
      legs_(loop, [this](auto& stream) { stream.Push("legs", LegsEvent()); }) {
  sessions_.OnReaders([this](size_t count) {
    shell_.Call([&](Packager& core) {
      core.SetWatchers(count);
      return true;
    });
  });
}

PackagerRpc::~PackagerRpc() {
  *alive_ = false;
  for (auto& [id, call] : probes_) {
    loop_.Cancel(call.timer);
    call.finish(absl::UnavailableError("the packager ends"));
  }
}

void PackagerRpc::Close() {
  const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "the packager ends");
  sessions_.Close(status);
  legs_.Close(status);
}

const ClockPair& PackagerRpc::Clocks() {
  const ClockPair now = ReadClocks();
  const absl::Duration off = now.wall - clocks_.ToWall(now.mono);
  if (off > kClockStep || off < -kClockStep) clocks_ = now;
  return clocks_;
}

v1::WatchSessionsResponse PackagerRpc::SessionEvent(const Channel& channel) {
  v1::WatchSessionsResponse event;
  event.set_revision(revision_);
  if (const auto status = shell_.core().Status(channel)) {
    *event.mutable_session() = ToProto(*status, Clocks());
  } else {
    *event.mutable_removed() = headwater::ToProto(channel);
  }
  return event;
}

v1::WatchLegsResponse PackagerRpc::LegsEvent() const {
  v1::WatchLegsResponse event;
  for (const Leg& leg : shell_.legs()) *event.add_legs() = headwater::ToProto(leg);
  event.set_sessions_max(static_cast<uint32_t>(options_.sessions_max));
  return event;
}

void PackagerRpc::OnChanges(const std::set<Channel>& channels) {
  for (const Channel& channel : channels) {
    ++revision_;
    if (const auto status = shell_.core().Status(channel)) {
      Note(*status);
    } else if (told_.erase(channel) > 0) {
      log_.Info("session ended", {{"session", channel.ToString()}});
    }
    sessions_.Publish(channel.ToString(), SessionEvent(channel));
  }
}

void PackagerRpc::OnLegs() { legs_.Publish("legs", LegsEvent()); }

void PackagerRpc::Note(const SessionStatus& status) {
  const auto [entry, opened] = told_.try_emplace(status.channel);
  Told& told = entry->second;
  if (opened || told.state != status.state) {
    log_.Info("session state", {{"session", status.channel.ToString()},
                                {"number", fmt::format("0x{:08x}", status.number)},
                                {"state", StreamStateName(status.state)},
                                {"reason", status.error_reason},
                                {"error", status.error},
                                {"url", status.source_url}});
  }
  told.state = status.state;
  // A session that joins a running stream requests nothing.
  const auto& requested = status.times.source_requested;
  if (requested && !std::exchange(told.requested, true) && *requested >= status.applied) {
    metrics_.OnRequested(*requested - status.applied);
  }
  if (status.first_rtp && !std::exchange(told.first_rtp, true)) {
    metrics_.OnFirstRtp(*status.first_rtp - status.applied);
  }
}

grpc::ServerUnaryReactor* PackagerRpc::ApplySession(grpc::CallbackServerContext* context,
                                                    const v1::ApplySessionRequest* request,
                                                    v1::ApplySessionResponse*) {
  return OnLoop(context, loop_, [this, request]() -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRequest wanted, RequestFromProto(*request));
    return shell_.Call([&](Packager& core) { return core.Apply(wanted); });
  });
}

grpc::ServerUnaryReactor* PackagerRpc::StopSession(grpc::CallbackServerContext* context,
                                                   const v1::StopSessionRequest* request,
                                                   v1::StopSessionResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const Channel channel, ChannelFromProto(request->channel()));
    if (!request->handover()) {
      return shell_.Call([&](Packager& core) { return core.Stop(request->epoch(), channel); });
    }
    ASSIGN_OR_RETURN(const auto end, shell_.Call([&](Packager& core) {
      return core.HandOver(request->epoch(), channel);
    }));
    if (end) *response = ToProto(*end);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::WatchSessionsResponse>* PackagerRpc::WatchSessions(
    grpc::CallbackServerContext*, const v1::WatchSessionsRequest*) {
  return sessions_.Open();
}

grpc::ServerWriteReactor<v1::WatchLegsResponse>* PackagerRpc::WatchLegs(
    grpc::CallbackServerContext*, const v1::WatchLegsRequest*) {
  return legs_.Open();
}

grpc::ServerUnaryReactor* PackagerRpc::Probe(grpc::CallbackServerContext* context,
                                             const v1::ProbeRequest* request,
                                             v1::ProbeResponse* response) {
  return OnLoopLater(context, loop_, [this, request, response](FinishCall finish) {
    StartProbe(*request, response, std::move(finish));
  });
}

void PackagerRpc::StartProbe(const v1::ProbeRequest& request, v1::ProbeResponse* response,
                             FinishCall finish) {
  if (request.test_tone()) {
    *response =
        ToProto(ProbeResult{.format = ToRtpFormat(shell_.tone().format), .head = {}, .title = {}});
    finish(absl::OkStatus());
    return;
  }
  if (request.url().empty()) {
    finish(absl::InvalidArgumentError("url: empty"));
    return;
  }
  if (probes_.size() >= options_.probes_max) {
    finish(absl::ResourceExhaustedError("too many probes at once"));
    return;
  }
  const uint64_t id = next_probe_++;
  ProbeCall& call = probes_[id];
  call.finish = std::move(finish);
  call.response = response;
  // The probe may not be destroyed from inside its own call of FinishProbe's caller: the answer is
  // taken on the next turn.
  const auto later = [this, alive = alive_, id](absl::StatusOr<ProbeResult> result) {
    loop_.Post([this, alive, id, result = std::move(result)] {
      if (*alive) FinishProbe(id, result);
    });
  };
  call.timer = loop_.At(loop_.now() + options_.opening_limit,
                        [later] { later(absl::UnavailableError("silence: no audio in time")); });
  call.probe = std::make_unique<packager::Probe>(
      probing_.opener, &probing_.transcoders,
      packager::ProbeRequest{request.url(), request.local()}, later);
}

void PackagerRpc::FinishProbe(uint64_t id, const absl::StatusOr<ProbeResult>& result) {
  const auto found = probes_.find(id);
  if (found == probes_.end()) return;
  ProbeCall call = std::move(found->second);
  probes_.erase(found);
  loop_.Cancel(call.timer);
  if (result.ok()) *call.response = ToProto(*result);
  call.finish(result.status());
}

}  // namespace headwater::packager
