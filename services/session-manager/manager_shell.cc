#include "services/session-manager/manager_shell.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"
#include "services/session-manager/drained_shell.h"

namespace headwater::session_manager {
namespace {

std::vector<std::string> Names(const Options& options) {
  std::vector<std::string> names;
  for (const SenderOptions& sender : options.senders) names.push_back(sender.name);
  return names;
}

template <typename T>
bool HoldsAll(const std::vector<T>& all, const std::vector<T>& some) {
  return std::all_of(some.begin(), some.end(), [&](const T& each) {
    return std::find(all.begin(), all.end(), each) != all.end();
  });
}

// "2" of "unix:/run/headwater/membership-watcher@2.sock".
std::string InstanceOf(const std::string& target) {
  const size_t at = target.rfind('@');
  const size_t end = target.rfind(".sock");
  if (at == std::string::npos || end == std::string::npos || end < at) return {};
  return target.substr(at + 1, end - at - 1);
}

// Of a unix socket; of any other target that is never known beforehand.
bool SocketExists(const std::string& target) {
  constexpr std::string_view kUnix = "unix:";
  return target.starts_with(kUnix) && access(target.c_str() + kUnix.size(), F_OK) == 0;
}

}  // namespace

ManagerShell::ManagerShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                           const Options& options, std::shared_ptr<ControlTls> tls)
    : loop_(loop),
      log_(log),
      options_(options),
      senders_are_named_(options.senders.size() > 1),
      metrics_(registry),
      reconciler_(
          options.reconciler,
          {.watchers = options.membership_watchers.size(), .senders = options.senders.size()},
          Names(options), static_cast<uint64_t>(absl::ToUnixNanos(WallNow())), ReadClocks()),
      rpc_(std::make_unique<RpcClient>(loop, std::move(tls))) {
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
  if (describer_) describer_->Close();
  if (tuner_) tuner_->Close();
  if (courier_) courier_->Close();
  rpc_.reset();
}

PeerContext ManagerShell::Context() {
  return {.rpc = *rpc_,
          .log = log_,
          .tell = [this](const Input& input) { Take(input); },
          .on_failure = [this](const std::string& call) { metrics_.CountCallFailure(call); },
          .call_timeout = options_.call_timeout,
          .epoch = options_.reconciler.epoch};
}

void ManagerShell::OpenWatcher(const std::string& target) {
  watchers_.push_back(std::make_unique<WatcherPeer>(Context(), target, watchers_.size()));
}

void ManagerShell::OpenSender(const SenderOptions& sender) {
  const size_t index = packagers_.size();
  packagers_.push_back(std::make_unique<PackagerPeer>(Context(), sender.packager, index));
  announcers_.push_back(std::make_unique<AnnouncerPeer>(Context(), sender.announcer, index));
  probing_->AddSender(sender);
  describer_->AddSender(sender);
}

void ManagerShell::LoadDrainedSenders() {
  if (options_.drained_file.empty()) return;
  auto names = LoadDrained(options_.drained_file);
  if (!names.ok()) {
    log_.Warning("which senders are drained is not known",
                 {{"error", FromAbsl(names.status().message())}});
    return;
  }
  drained_ = *std::move(names);
  for (size_t i = 0; i < options_.senders.size(); ++i) {
    if (!drained_.contains(options_.senders[i].name)) continue;
    Take([i](auto& core, auto& now, auto& out) { core.SetDrained(i, true, now, out); });
  }
}

absl::Status ManagerShell::SetDrained(const std::string& name, bool drained) {
  size_t index = 0;
  while (index < options_.senders.size() && options_.senders[index].name != name) ++index;
  if (index == options_.senders.size()) {
    return absl::NotFoundError(ToAbsl("there is no sender " + name));
  }
  std::set<std::string> names = drained_;
  if (drained) names.insert(name);
  if (!drained) names.erase(name);
  if (!options_.drained_file.empty()) {
    const absl::Status saved = SaveDrained(options_.drained_file, names);
    if (!saved.ok()) {
      return absl::FailedPreconditionError(
          ToAbsl(fmt::format("it would be forgotten: {}", FromAbsl(saved.message()))));
    }
  }
  drained_ = std::move(names);
  log_.Info(drained ? "sender drained" : "sender undrained", {{"sender", name}});
  Take([=](auto& core, auto& now, auto& out) { core.SetDrained(index, drained, now, out); });
  return absl::OkStatus();
}

void ManagerShell::OpenTunerIfThere() {
  if (tuner_ || !resolver_) return;
  if (!options_.dvb_tuner_expected && !SocketExists(options_.dvb_tuner)) return;
  tuner_ = std::make_unique<TunerPeer>(Context(), options_.dvb_tuner);
  courier_ = std::make_unique<CourierShell>(*rpc_, options_, Context().on_failure);
  courier_->OnResolver(resolver_->state().connected);
}

void ManagerShell::Start() {
  resolver_ = std::make_unique<ResolverPeer>(Context(), options_.directory_resolver,
                                             [this](bool connected) {
                                               if (courier_) courier_->OnResolver(connected);
                                             });
  probing_ = std::make_unique<ProbingShell>(*rpc_, options_, Context().on_failure);
  describer_ = std::make_unique<DescriberShell>(
      *rpc_, *probing_, options_, [this] { return reconciler_.plan(); }, Context().on_failure);
  for (const SenderOptions& sender : options_.senders) OpenSender(sender);
  LoadDrainedSenders();
  for (const std::string& target : options_.membership_watchers) OpenWatcher(target);
  checker_ = std::make_unique<CheckerShell>(
      loop_, *probing_, options_.check_period, [this] { return WorldOf(reconciler_); },
      [this](bool ok) { metrics_.CountCheck(ok); });
  OpenTunerIfThere();
  Arm();
}

std::vector<std::string> ManagerShell::Reload(const Options& wanted) {
  std::vector<std::string> keys;
  if (wanted.directory_resolver != options_.directory_resolver) {
    keys.push_back("directory_resolver");
  }
  if (!HoldsAll(wanted.membership_watchers, options_.membership_watchers)) {
    keys.push_back("membership_watchers");
  }
  if (!HoldsAll(wanted.senders, options_.senders)) keys.push_back("senders");
  if (wanted.dvb_tuner != options_.dvb_tuner) keys.push_back("dvb_tuner");
  options_.call_timeout = wanted.call_timeout;
  options_.check_period = wanted.check_period;
  checker_->SetPeriod(wanted.check_period);
  options_.reconciler = wanted.reconciler;
  for (const std::string& target : wanted.membership_watchers) {
    if (HoldsAll(options_.membership_watchers, {target})) continue;
    options_.membership_watchers.push_back(target);
    reconciler_.AddWatcher();
    OpenWatcher(target);
  }
  for (const SenderOptions& sender : wanted.senders) {
    const auto has_name = [&](const SenderOptions& each) { return each.name == sender.name; };
    if (std::any_of(options_.senders.begin(), options_.senders.end(), has_name)) continue;
    options_.senders.push_back(sender);
    reconciler_.AddSender(sender.name);
    OpenSender(sender);
    if (!drained_.contains(sender.name)) continue;
    Take([i = options_.senders.size() - 1](auto& core, auto& now, auto& out) {
      core.SetDrained(i, true, now, out);
    });
  }
  Take([this](Reconciler& core, const ClockPair& now, Actions& out) {
    core.SetOptions(options_.reconciler, now, out);
  });
  return keys;
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
  } else if (auto* acquire = std::get_if<AcquireLease>(&action)) {
    tuner_->Perform(*acquire);
  } else if (auto* release = std::get_if<ReleaseLease>(&action)) {
    tuner_->Perform(*release);
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
  OpenTunerIfThere();
  metrics_.Update(reconciler_);
  if (courier_) metrics_.Update(courier_->stats());
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
    const std::string instance = senders_are_named_ || i > 0 ? sender.name : std::string();
    add("rtp-packager", instance, sender.packager,
        i < packagers_.size() ? packagers_[i].get() : nullptr);
    add("sap-announcer", instance, sender.announcer,
        i < announcers_.size() ? announcers_[i].get() : nullptr);
  }
  if (tuner_) {
    add("dvb-tuner", InstanceOf(options_.dvb_tuner), options_.dvb_tuner, tuner_.get());
  }
  return endpoints;
}

bool ManagerShell::IsConnected(size_t sender) const {
  return sender < packagers_.size() && packagers_[sender]->state().connected &&
         announcers_[sender]->state().connected;
}

}  // namespace headwater::session_manager
