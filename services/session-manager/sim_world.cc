#include "services/session-manager/sim_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/check.h"

namespace headwater::session_manager {
namespace {

const MediaFormat kMp3{
    .encoding = "MPA", .payload_type = 14, .clock_rate = 90000, .description = "MP3 128 kb/s"};
constexpr uint32_t kInternet = 0x80000000;

std::string JoinedLinks(const std::vector<std::string>& links) {
  return fmt::format("{}", fmt::join(links, ","));
}

}  // namespace

std::string GroupOf(int index) { return fmt::format("ff3e:40:2001:db8:d0be:f00d:8000:{}", index); }

Channel ChannelOf(std::string_view group) {
  return {.group = *IpAddress::Parse(group), .source = std::nullopt};
}

uint32_t DvbNumber(int carrier, int service) {
  return 0xc0000000u + (static_cast<uint32_t>(carrier) << 16) + static_cast<uint32_t>(service);
}

std::string DvbGroup(int carrier, int service) {
  return fmt::format("ff3e:40:2001:db8:d0be:f00d:{:x}:{:x}", 0xc000 + carrier, service);
}

SimWorld::SimWorld(WorldOptions options)
    : options_(options),
      random_(options.seed),
      plan_(DefaultPlan(options.linger, options.start_timeout)),
      watchers_(options.watchers),
      packagers_(options.senders),
      announcers_(options.senders),
      running_(options.senders),
      announced_(options.senders) {
  // Not at the beginning of time, so that "at once" and "never" differ.
  now_ += 1000s;
}

PlanConfig SimWorld::DefaultPlan(Duration linger, Duration start_timeout) {
  PlanConfig plan;
  plan.ipv6_prefixes = {{.base = *IpAddress::Parse("2001:db8:d0be:f00d::"), .length = 64}};
  plan.ipv6_ssm = true;
  plan.prefixes = {{.number = kInternet, .length = 4, .directory = "radio"},
                   {.number = 0xc0000000, .length = 2, .directory = "dvb"},
                   {.number = kTestToneNumber, .length = 32, .directory = "test"}};
  plan.windows = {
      {.groups = {.base = *IpAddress::Parse("239.192.0.0"), .length = 16}, .number = kInternet}};
  plan.directories = {{.name = "radio", .linger = linger, .start_timeout = start_timeout},
                      {.name = "test",
                       .kind = StationKind::kTest,
                       .linger = linger,
                       .start_timeout = start_timeout},
                      {.name = "dvb",
                       .kind = StationKind::kDvb,
                       .linger = linger,
                       .start_timeout = start_timeout,
                       .priority = 40}};
  return plan;
}

ClockPair SimWorld::Clocks() const {
  return {.mono = now_,
          .wall = absl::FromUnixSeconds(1'800'000'000) + absl::FromChrono(now_.time_since_epoch())};
}

void SimWorld::At(Duration delay, std::function<void()> task) {
  tasks_.emplace(std::pair(now_ + delay, task_order_++), std::move(task));
}

Duration SimWorld::Delay() {
  if (jitter == Duration{}) return 1ms;
  return Duration(static_cast<int64_t>(random_() % static_cast<uint64_t>(jitter.count()))) + 1us;
}

void SimWorld::Tell(const Input& input) {
  if (!reconciler_) return;
  Actions actions;
  input(*reconciler_, Clocks(), actions);
  for (const Action& action : actions) Perform(action);
}

void SimWorld::TellLater(Input input) {
  last_told_ = std::max(last_told_, now_ + Delay());
  At(last_told_ - now_, [this, life = manager_life_, input = std::move(input)] {
    if (life == manager_life_) Tell(input);
  });
}

void SimWorld::Advance(Duration duration) {
  const MonoTime end = now_ + duration;
  while (true) {
    const MonoTime task = tasks_.empty() ? kNever : tasks_.begin()->first.first;
    const MonoTime deadline = reconciler_ ? reconciler_->NextDeadline() : kNever;
    const MonoTime next = std::min(task, deadline);
    if (next > end) break;
    now_ = std::max(now_, next);
    if (task <= deadline) {
      auto run = tasks_.extract(tasks_.begin());
      run.mapped()();
      continue;
    }
    Tell([](Reconciler& reconciler, const ClockPair& now, Actions& out) {
      reconciler.OnTime(now, out);
    });
    if (reconciler_->NextDeadline() <= now_) {
      broken_rules_.push_back("the reconciler's deadline does not move on");
      break;
    }
  }
  now_ = end;
}

void SimWorld::Note(std::string text) { calls_.push_back({now_, std::move(text)}); }

bool SimWorld::ShouldFail(const std::string& prefix) {
  const auto failing = failing_.find(prefix);
  return failing != failing_.end() && failing->second-- > 0;
}

void SimWorld::Perform(const Action& action) {
  if (const auto* resolve = std::get_if<Resolve>(&action)) {
    Note(fmt::format("resolve {:x}", resolve->number));
    const uint32_t number = resolve->number;
    absl::StatusOr<Station> answer = Station{.number = number,
                                             .title = fmt::format("Station {:x}", number),
                                             .urls = {"http://example.org/"},
                                             .directory = "radio",
                                             .known_format = {}};
    if (number >> 30 == 3 && number != kTestToneNumber) {
      answer->kind = StationKind::kDvb;
      answer->urls.clear();
      answer->dvb = DvbService{.carrier = fmt::format("carrier {}", number >> 16 & 0xfff),
                               .original_network_id = 2,
                               .transport_stream_id = number >> 16 & 0xfff,
                               .service_id = number & 0xffff,
                               .pids = {}};
    }
    if (const auto known = known_formats.find(number); known != known_formats.end()) {
      answer->known_format = known->second;
    }
    if (const auto error = resolve_errors.find(number); error != resolve_errors.end()) {
      answer = error->second;
    }
    if (!resolver_up_) answer = absl::UnavailableError("no resolver");
    TellLater([number, answer](Reconciler& reconciler, const ClockPair& now, Actions& out) {
      reconciler.OnResolved(number, answer, now, out);
    });
  } else if (const auto* apply = std::get_if<ApplySession>(&action)) {
    PerformApply(*apply);
  } else if (const auto* announce = std::get_if<ApplyAnnouncement>(&action)) {
    PerformAnnounce(*announce);
  } else if (const auto* stop = std::get_if<StopSession>(&action)) {
    PerformStop(*stop);
  } else if (const auto* end = std::get_if<StopAnnouncement>(&action)) {
    PerformWithdraw(*end);
  } else if (const auto* acquire = std::get_if<AcquireLease>(&action)) {
    PerformAcquire(*acquire);
  } else if (const auto* release = std::get_if<ReleaseLease>(&action)) {
    PerformRelease(*release);
  } else if (const auto* measure = std::get_if<Measured>(&action)) {
    measured_.push_back(*measure);
  } else if (const auto* alarm = std::get_if<Alarm>(&action)) {
    Note("alarm " + alarm->text);
  } else if (const auto* play = std::get_if<ReportPlay>(&action)) {
    Note(fmt::format("play {:x} {}", play->number, play->error.empty() ? "ok" : play->error));
    if (play->format) known_formats[play->number] = *play->format;
  }
}

void SimWorld::PerformStop(const StopSession& action) {
  Note((action.handover ? "handover " : "stop ") + action.channel.ToString());
  absl::StatusOr<SessionEnd> answer = absl::UnavailableError("down");
  auto& sessions = running_[action.sender];
  if (packagers_[action.sender].up && !ShouldFail("stop")) {
    answer = SessionEnd();
    if (const auto session = sessions.find(action.channel); session != sessions.end()) {
      const PackagerStatus& status = session->second.status;
      if (status.last_sent.sent != absl::InfinitePast()) {
        answer = SessionEnd{
            .sequence = status.sequence,
            .next_sent = {.timestamp = status.last_sent.timestamp + 1, .sent = Clocks().wall}};
      }
      sessions.erase(session);
      WatchDoubled(action.channel);
      TellLater([action](Reconciler& reconciler, const ClockPair& now, Actions& out) {
        reconciler.OnPackagerRemoved(action.sender, action.channel, now, out);
      });
    }
    if (!action.handover && !SendersOf(action.channel).empty()) {
      broken_rules_.push_back("BYE while another sender sends " + action.channel.ToString());
    }
  }
  TellLater([action, answer](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnSessionStopped(action.sender, action.channel, answer, now, out);
  });
}

void SimWorld::PerformWithdraw(const StopAnnouncement& action) {
  Note((action.handover ? "withdraw " : "delete ") + action.channel.ToString());
  const bool ok = announcers_[action.sender].up && !ShouldFail("delete");
  if (ok && announced_[action.sender].erase(action.channel) > 0) {
    TellLater([action](Reconciler& reconciler, const ClockPair& now, Actions& out) {
      reconciler.OnAnnouncementRemoved(action.sender, action.channel, now, out);
    });
    if (!action.handover && !SendersOf(action.channel).empty() &&
        !running_[action.sender].contains(action.channel)) {
      broken_rules_.push_back("deleted while another sender sends " + action.channel.ToString());
    }
  }
  TellLater([action, ok](Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnAnnouncementStopped(action.sender, action.channel,
                                     ok ? absl::OkStatus() : absl::UnavailableError("down"), now,
                                     out);
  });
}

void SimWorld::PerformApply(const ApplySession& action) {
  const SessionSpec& spec = action.spec;
  Note(fmt::format("apply {} links={} transmit={:d} ssrc={}", spec.channel.ToString(),
                   JoinedLinks(spec.links), spec.transmit, spec.ssrc));
  absl::Status status;
  if (!packagers_[action.sender].up || ShouldFail("apply")) {
    status = absl::UnavailableError("no packager");
  } else if (const size_t capacity = capacities_[action.sender];
             capacity > 0 && running_[action.sender].size() >= capacity &&
             !running_[action.sender].contains(spec.channel)) {
    status = absl::ResourceExhaustedError("sessions_max");
  } else {
    auto& sessions = running_[action.sender];
    const auto [entry, is_new] = sessions.try_emplace(spec.channel);
    RunningSession& session = entry->second;
    if (is_new) {
      session.status.channel = spec.channel;
      session.status.number = spec.station.number;
      session.status.ssrc = spec.ssrc != 0 ? spec.ssrc : next_ssrc_++;
      session.status.info.name = spec.station.title;
      session.status.times.applied = Clocks().wall;
      session.status.times.source_requested = Clocks().wall;
      const Source& source = sources[spec.station.number];
      if (spec.station.kind == StationKind::kDvb) {
        OpenFeed(action.sender, session);
      } else if (!source.stuck) {
        At(source.open_delay,
           [this, sender = action.sender, channel = spec.channel,
            life = packagers_[action.sender].life] { Opened(sender, channel, life); });
      }
    } else if (session.status.state == PackagerState::kFailed) {
      broken_rules_.push_back("apply on a failed session");
    }
    if (session.status.number != spec.station.number) {
      broken_rules_.push_back("apply changes the station of a running session");
    }
    if (session.spec.transmit && !spec.transmit) broken_rules_.push_back("transmit went back");
    const std::string feed_source = std::exchange(session.spec, spec).feed_source;
    if (spec.feed_source.empty()) session.spec.feed_source = feed_source;
    session.status.links = spec.links;
    session.status.transmit = spec.transmit;
    if (session.status.last_sent.sent == absl::InfinitePast() && spec.ssrc != 0) {
      session.status.sequence = spec.sequence;
    }
    if (spec.station.kind == StationKind::kDvb) Feed(spec.station.number);
    StartSending(action.sender, spec.channel);
    Publish(action.sender, spec.channel);
  }
  TellLater([sender = action.sender, channel = spec.channel, status](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnSessionApplied(sender, channel, status, now, out);
  });
}

void SimWorld::Opened(size_t sender, Channel channel, uint64_t life) {
  if (packagers_[sender].life != life || !running_[sender].contains(channel)) return;
  RunningSession& session = running_[sender].at(channel);
  if (session.status.state != PackagerState::kOpening) return;
  const Source& source = sources[session.status.number];
  if (!source.error.empty()) {
    session.status.state = PackagerState::kFailed;
    session.status.error = source.error;
    session.status.error_reason = "connect";
  } else if (session.spec.format && session.spec.format->encoding != source.encoding &&
             !source.transcodable) {
    session.status.state = PackagerState::kFailed;
    session.status.error = "not as announced";
    session.status.error_reason = "codec";
  } else {
    session.status.state = PackagerState::kReady;
    session.status.format = kMp3;
    session.status.format->encoding = source.encoding;
    if (session.spec.format && session.spec.format->encoding != source.encoding) {
      session.status.source_format = std::exchange(session.status.format, session.spec.format);
    }
    session.status.times.source_answered = Clocks().wall;
    session.status.times.format_known = Clocks().wall;
    session.ready_at = now_;
    StartSending(sender, channel);
  }
  Publish(sender, channel);
}

void SimWorld::StartSending(size_t sender, const Channel& channel) {
  RunningSession& session = running_[sender].at(channel);
  const bool sending = session.status.state == PackagerState::kSending ||
                       session.status.state == PackagerState::kSilent;
  if (!session.spec.transmit || (session.status.state != PackagerState::kReady && !sending)) return;
  // SAP leaves before the first RTP, or the announcer has had its time.
  for (const std::string& link : session.spec.links) {
    const auto announced = announced_[sender].find(channel);
    const bool has_sap = announced != announced_[sender].end() && announced->second.Covers(link);
    if (has_sap || now_ >= session.ready_at + options_.reconciler.announce_wait) continue;
    if (!announcers_[sender].up || session.spec.ssrc != 0 || sending) continue;
    broken_rules_.push_back("RTP before SAP on " + link);
  }
  if (sending) return;
  session.status.state = PackagerState::kSending;
  WatchDoubled(channel);
  session.status.times.first_rtp = Clocks().wall;
  // Each packager sends one packet, and goes on from the one before.
  session.status.last_sent = {.timestamp = session.spec.sent_before.timestamp + 1,
                              .sent = Clocks().wall};
  ++session.status.sequence;
}

void SimWorld::Publish(size_t sender, const Channel& channel) {
  TellLater([sender, status = running_[sender].at(channel).status](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnPackagerSession(sender, status, now, out);
  });
}

void SimWorld::PerformAnnounce(const ApplyAnnouncement& action) {
  const Announcement& wanted = action.announcement;
  std::string joins;
  for (const AnnouncedLink& link : wanted.links) {
    joins += fmt::format("{}{}:{}", joins.empty() ? "" : ",", link.link, link.joins_total);
  }
  Note(fmt::format("announce {} {} title={} origin={}", wanted.channel.ToString(), joins,
                   wanted.info.title, wanted.origin.id));
  absl::StatusOr<AnnouncementSent> answer = absl::UnavailableError("no announcer");
  if (announcers_[action.sender].up && !ShouldFail("announce")) {
    Announcement& kept = announced_[action.sender][wanted.channel];
    const Origin before = kept.origin;
    kept = wanted;
    if (kept.origin.id == 0) kept.origin = before;
    if (kept.origin.id == 0) kept.origin.id = next_origin_++;
    ++kept.origin.version;
    answer = AnnouncementSent{.origin = kept.origin, .sent = Clocks().wall};
    TellLater(
        [sender = action.sender, kept](Reconciler& reconciler, const ClockPair& now, Actions& out) {
          reconciler.OnAnnouncement(sender, {.announcement = kept}, now, out);
        });
  }
  TellLater([sender = action.sender, channel = wanted.channel, answer](
                Reconciler& reconciler, const ClockPair& now, Actions& out) {
    reconciler.OnAnnouncementApplied(sender, channel, answer, now, out);
  });
}

}  // namespace headwater::session_manager
