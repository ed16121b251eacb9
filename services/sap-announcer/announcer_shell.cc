#include "services/sap-announcer/announcer_shell.h"

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// Seconds from 1900 to 1970 (RFC 5905).
constexpr int64_t kNtpToUnix = 2'208'988'800;

Announcer::Now ReadNow() {
  const ClockPair clocks = ReadClocks();
  return {clocks.mono, static_cast<uint64_t>(absl::ToUnixSeconds(clocks.wall) + kNtpToUnix)};
}

}  // namespace

AnnouncerShell::AnnouncerShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                               const AnnouncerOptions& options)
    : loop_(loop),
      log_(log),
      well_known_groups_(options.well_known_groups),
      rtsp_port_(options.rtsp_port),
      metrics_(registry),
      announcer_(options),
      sender_(options.dscp) {
  if (options.rtsp_port == 0) return;
  rtsp_ = std::make_unique<RtspShell>(
      loop, log, metrics_, announcer_,
      RtspShell::Options{.port = options.rtsp_port,
                         .seed = static_cast<uint64_t>(absl::ToUnixNanos(ReadClocks().wall)),
                         .now = &ReadNow});
}

AnnouncerShell::~AnnouncerShell() { loop_.Cancel(timer_); }

absl::StatusOr<std::unique_ptr<AnnouncerShell>> AnnouncerShell::Open(
    EventLoop& loop, Logger& log, prometheus::Registry& registry, const AnnouncerOptions& options,
    const std::vector<LegConfig>& legs) {
  std::unique_ptr<AnnouncerShell> shell(new AnnouncerShell(loop, log, registry, options));
  ASSIGN_OR_RETURN(shell->legs_,
                   LegWatch::Open(loop, legs, [raw = shell.get()] { raw->OnLegs(); }));
  shell->OnLegs();
  return shell;
}

void AnnouncerShell::OnLegs() {
  // The watch tells its first state while it opens.
  if (legs_ == nullptr) return;
  for (const Leg& leg : legs_->legs()) {
    log_.Info("leg", {{"link", leg.link},
                      {"interface", leg.interface},
                      {"up", leg.up},
                      {"mtu", leg.mtu},
                      {"ipv4", leg.service_ipv4 ? leg.service_ipv4->ToString() : ""},
                      {"ipv6", leg.service_ipv6 ? leg.service_ipv6->ToString() : ""}});
  }
  metrics_.SetLegs(legs_->legs());
  sender_.SetLegs(legs_->legs());
  if (rtsp_) rtsp_->SetLegs(legs_->legs());
  Sends sends;
  announcer_.SetLegs(legs_->legs(), ReadNow(), sends);
  static_cast<void>(Perform(sends));
}

absl::Status AnnouncerShell::Apply(uint64_t epoch, Announcement wanted) {
  const Channel channel = wanted.channel;
  const bool is_new = announcer_.Find(channel) == nullptr;
  Sends sends;
  const absl::Status applied = announcer_.Apply(epoch, std::move(wanted), ReadNow(), sends);
  const absl::Status sent = Perform(sends, &channel);
  if (!applied.ok()) {
    log_.Warning("announcement refused",
                 {{"session", channel.ToString()}, {"error", FromAbsl(applied.message())}});
    return applied;
  }
  if (is_new) {
    const Announcement& announced = announcer_.Find(channel)->announcement;
    log_.Info("announcing", {{"session", channel.ToString()},
                             {"name", announced.name},
                             {"origin", announced.origin.id},
                             {"version", announced.origin.version}});
  }
  return sent;
}

absl::Status AnnouncerShell::Stop(uint64_t epoch, const Channel& channel) {
  const bool known = announcer_.Find(channel) != nullptr;
  Sends sends;
  const absl::Status stopped = announcer_.Stop(epoch, channel, ReadNow(), sends);
  static_cast<void>(Perform(sends));
  if (known && stopped.ok()) log_.Info("announcement ended", {{"session", channel.ToString()}});
  return stopped;
}

absl::Status AnnouncerShell::HandOver(uint64_t epoch, const Channel& channel) {
  const bool known = announcer_.Find(channel) != nullptr;
  const absl::Status done = announcer_.HandOver(epoch, channel, ReadNow());
  static_cast<void>(Perform({}));
  if (known && done.ok()) log_.Info("announcement handed over", {{"session", channel.ToString()}});
  return done;
}

std::vector<std::string> AnnouncerShell::SetOptions(const AnnouncerOptions& options) {
  announcer_.SetOptions(options);
  sender_.SetDscp(options.dscp);
  Rearm();
  std::vector<std::string> keys;
  if (options.well_known_groups != well_known_groups_) keys.push_back("well_known_groups");
  if (options.rtsp_port != rtsp_port_) keys.push_back("rtsp_port");
  return keys;
}

absl::Status AnnouncerShell::CheckEpoch(uint64_t epoch) { return announcer_.CheckEpoch(epoch); }

void AnnouncerShell::SetWatched(bool watched) {
  watched_ = watched;
  announcer_.Touch(MonoNow());
  Rearm();
}

absl::Time AnnouncerShell::ToWall(MonoTime time) const { return ReadClocks().ToWall(time); }

absl::Status AnnouncerShell::Perform(const Sends& sends, const Channel* channel) {
  absl::Status first;
  for (const SendDatagram& datagram : sends) {
    const absl::Status status = sender_.Send(datagram);
    if (status.ok()) {
      if (failing_.erase(datagram.link) > 0) log_.Info("sending again", {{"link", datagram.link}});
      continue;
    }
    metrics_.CountSendError(datagram.link);
    if (failing_.insert(datagram.link).second) {
      log_.Warning("cannot send", {{"link", datagram.link}, {"error", FromAbsl(status.message())}});
    }
    if (first.ok() && channel != nullptr && datagram.channel == *channel) first = status;
  }
  metrics_.Update(announcer_);
  for (const Channel& changed : announcer_.TakeChanged()) on_change_(changed);
  Rearm();
  return first;
}

void AnnouncerShell::Rearm() {
  const MonoTime deadline = announcer_.NextDeadline();
  if (deadline == armed_) return;
  loop_.Cancel(timer_);
  armed_ = deadline;
  timer_ = 0;
  if (deadline != kNever) timer_ = loop_.At(deadline, [this] { OnTimer(); });
}

void AnnouncerShell::OnTimer() {
  armed_ = kNever;
  timer_ = 0;
  const Announcer::Now now = ReadNow();
  if (watched_) announcer_.Touch(now.mono);
  Sends sends;
  announcer_.OnTime(now, sends);
  static_cast<void>(Perform(sends));
}

}  // namespace headwater
