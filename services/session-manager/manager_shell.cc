#include "services/session-manager/manager_shell.h"

#include <fmt/format.h>

#include <utility>

#include "services/common/time/clock.h"

namespace headwater::session_manager {
namespace {

std::vector<std::string> Names(const Options& options) {
  std::vector<std::string> names;
  for (const SenderOptions& sender : options.senders) names.push_back(sender.name);
  return names;
}

// "2" of "unix:/run/headwater/membership-watcher@2.sock".
std::string InstanceOf(const std::string& target) {
  const size_t at = target.rfind('@');
  const size_t end = target.rfind(".sock");
  if (at == std::string::npos || end == std::string::npos || end < at) return {};
  return target.substr(at + 1, end - at - 1);
}

}  // namespace

ManagerShell::ManagerShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                           const Options& options)
    : loop_(loop),
      log_(log),
      options_(options),
      metrics_(registry),
      reconciler_(
          options.reconciler,
          {.watchers = options.membership_watchers.size(), .senders = options.senders.size()},
          Names(options), static_cast<uint64_t>(absl::ToUnixNanos(WallNow())), ReadClocks()),
      rpc_(std::make_unique<RpcClient>(loop)) {
  PublishMetrics();
}

ManagerShell::~ManagerShell() {
  loop_.Cancel(timer_);
  loop_.Cancel(metrics_timer_);
  // Watches are told first that nobody listens any more; the client then waits for gRPC, while
  // the stubs and requests that it uses are still there.
  for (auto& peer : watchers_) peer->Close();
  if (resolver_) resolver_->Close();
  for (auto& peer : packagers_) peer->Close();
  for (auto& peer : announcers_) peer->Close();
  rpc_.reset();
}

void ManagerShell::Start() {
  const PeerContext context{
      .rpc = *rpc_,
      .log = log_,
      .tell = [this](const Input& input) { Take(input); },
      .on_failure = [this](const std::string& call) { metrics_.CountCallFailure(call); },
      .call_timeout = options_.call_timeout,
      .epoch = options_.reconciler.epoch};
  resolver_ = std::make_unique<ResolverPeer>(context, options_.directory_resolver);
  for (size_t i = 0; i < options_.senders.size(); ++i) {
    const SenderOptions& sender = options_.senders[i];
    packagers_.push_back(std::make_unique<PackagerPeer>(context, sender.packager, i));
    announcers_.push_back(std::make_unique<AnnouncerPeer>(context, sender.announcer, i));
  }
  for (size_t i = 0; i < options_.membership_watchers.size(); ++i) {
    watchers_.push_back(std::make_unique<WatcherPeer>(context, options_.membership_watchers[i], i));
  }
  Arm();
}

void ManagerShell::Take(const Input& input) {
  Actions actions;
  input(reconciler_, ReadClocks(), actions);
  for (Action& action : actions) Perform(action);
  Arm();
}

void ManagerShell::Perform(Action& action) {
  if (auto* resolve = std::get_if<Resolve>(&action)) {
    resolver_->Perform(*resolve);
  } else if (auto* apply = std::get_if<ApplySession>(&action)) {
    packagers_[apply->sender]->Perform(*apply);
  } else if (auto* stop = std::get_if<StopSession>(&action)) {
    packagers_[stop->sender]->Perform(*stop);
  } else if (auto* announce = std::get_if<ApplyAnnouncement>(&action)) {
    announcers_[announce->sender]->Perform(*announce);
  } else if (auto* end = std::get_if<StopAnnouncement>(&action)) {
    announcers_[end->sender]->Perform(*end);
  } else if (auto* play = std::get_if<ReportPlay>(&action)) {
    resolver_->Perform(*play);
  } else if (auto* changed = std::get_if<SessionChanged>(&action)) {
    if (on_change_) on_change_(changed->view);
  } else if (auto* moved = std::get_if<Transitioned>(&action)) {
    log_.Info("session", {{"group", moved->channel.ToString()},
                          {"number", fmt::format("{:#010x}", moved->number)},
                          {"from", ToString(moved->from)},
                          {"to", ToString(moved->to)},
                          {"reason", moved->reason}});
  } else if (auto* alarm = std::get_if<Alarm>(&action)) {
    log_.Warning("alarm", {{"text", alarm->text}});
  } else if (auto* measured = std::get_if<Measured>(&action)) {
    metrics_.Observe(*measured);
  }
}

void ManagerShell::Arm() {
  const MonoTime deadline = reconciler_.NextDeadline();
  if (deadline == armed_) return;
  loop_.Cancel(timer_);
  armed_ = deadline;
  if (deadline == kNever) return;
  timer_ = loop_.At(deadline, [this] {
    armed_ = kNever;
    Take([](Reconciler& core, const ClockPair& now, Actions& out) { core.OnTime(now, out); });
  });
}

// Gauges and counters are copied each second, not with every event.
void ManagerShell::PublishMetrics() {
  metrics_.Update(reconciler_);
  for (const EndpointView& endpoint : Endpoints()) {
    metrics_.SetConnected(endpoint.service, endpoint.instance, endpoint.state.connected);
  }
  metrics_timer_ = loop_.At(MonoNow() + 1s, [this] { PublishMetrics(); });
}

std::vector<EndpointView> ManagerShell::Endpoints() const {
  std::vector<EndpointView> endpoints;
  const auto add = [&](std::string service, std::string instance, const std::string& target,
                       const auto* peer) {
    endpoints.push_back({.service = std::move(service),
                         .instance = std::move(instance),
                         .target = target,
                         .state = peer != nullptr ? peer->state() : StreamState{}});
  };
  for (size_t i = 0; i < options_.membership_watchers.size(); ++i) {
    const std::string& target = options_.membership_watchers[i];
    std::string instance = InstanceOf(target);
    if (instance.empty() && i > 0) instance = std::to_string(i);
    add("membership-watcher", instance, target,
        i < watchers_.size() ? watchers_[i].get() : nullptr);
  }
  add("directory-resolver", InstanceOf(options_.directory_resolver), options_.directory_resolver,
      resolver_.get());
  for (size_t i = 0; i < options_.senders.size(); ++i) {
    const SenderOptions& sender = options_.senders[i];
    const std::string instance = options_.senders.size() > 1 ? sender.name : std::string();
    add("rtp-packager", instance, sender.packager,
        i < packagers_.size() ? packagers_[i].get() : nullptr);
    add("sap-announcer", instance, sender.announcer,
        i < announcers_.size() ? announcers_[i].get() : nullptr);
  }
  return endpoints;
}

bool ManagerShell::IsConnected(size_t sender) const {
  return sender < packagers_.size() && packagers_[sender]->state().connected &&
         announcers_[sender]->state().connected;
}

}  // namespace headwater::session_manager
