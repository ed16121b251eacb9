#include "services/rtp-packager/packager.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "services/rtp-packager/rtp/rtp_packet.h"
#include "services/rtp-packager/stream.h"

namespace headwater::packager {
namespace {

constexpr size_t kUrlsMax = 32;
constexpr size_t kUrlOctetsMax = 2048;
constexpr size_t kLinksMax = 64;
constexpr Duration kSilenceLimitMax = 24h;
// Listeners whose sender was silent for no longer have not played out what they had.
constexpr absl::Duration kHandoverPauseMax = absl::Seconds(1);

bool IsSourceUrl(const std::string& url) {
  return url.size() <= kUrlOctetsMax &&
         (url.starts_with("http://") || url.starts_with("https://") || url.starts_with("icy://"));
}

// ff00, ff01 and 224.0.0/24 never leave their node or link by design; nobody may be served there.
bool IsServedGroup(const IpAddress& group) {
  if (!group.IsMulticast()) return false;
  if (group.is_v6()) return group.MulticastScope() >= 2;
  return group.low32() >> 8 != 0xe00000;
}

}  // namespace

// Gives one stream's payloads to its sessions; the bytes go into the outbox once.
class Packager::Fanout : public PayloadSink {
 public:
  Fanout(Packager& packager, StreamRecord& record, const ClockPair& now)
      : packager_(packager), record_(record), now_(now) {}

  void OnPayload(const RtpPayload& payload, MonoTime due) override {
    std::optional<uint32_t> offset;
    for (SessionRecord* each : record_.sessions) {
      if (!each->session->Sends(now_.mono)) continue;
      if (!offset) offset = packager_.outbox_.Append(payload.bytes);
      const bool first = !each->session->first_rtp();
      each->session->OnPayload(payload, due, now_, *offset, packager_.outbox_);
      if (first) packager_.changes_.insert(each->session->channel());
    }
  }

 private:
  Packager& packager_;
  StreamRecord& record_;
  const ClockPair& now_;
};

// What comes by a feed leaves within the same call.
class Packager::Tap : public FeedReceiver {
 public:
  Tap(Packager& packager, StreamRecord& record) : packager_(packager), record_(record) {}

  void OnFeed(std::span<const FeedDatagram> batch) override {
    const ClockPair now = packager_.environment_.now();
    Fanout fanout(packager_, record_, now);
    record_.feed->OnFeed(batch, fanout);
    packager_.FollowStream(record_, now);
    packager_.Schedule(record_);
  }

 private:
  Packager& packager_;
  StreamRecord& record_;
};

Packager::Packager(const Options& options, std::vector<std::string> links,
                   const PackagerEnvironment& environment)
    : options_(options),
      links_(std::move(links)),
      environment_(environment),
      random_(environment.seed),
      legs_(links_.size()),
      unwatched_since_(environment.now().mono) {}

Packager::~Packager() = default;

void Packager::SetOptions(const Options& options) {
  options_ = options;
  for (StreamRecord& record : streams_) Wake(record);
}

absl::Status Packager::CheckEpoch(uint64_t epoch) {
  if (epoch < epoch_) {
    ++past_.epoch_refused_total;
    return absl::FailedPreconditionError(
        absl::StrCat("epoch ", epoch, " is lower than ", epoch_, ", which was seen"));
  }
  epoch_ = epoch;
  return absl::OkStatus();
}

absl::Status Packager::Validate(const SessionRequest& request) const {
  const auto invalid = [](const auto&... text) {
    return absl::InvalidArgumentError(absl::StrCat(text...));
  };
  const std::string group = request.channel.group.ToString();
  if (!IsServedGroup(request.channel.group)) {
    return invalid("session.channel.group: ", group, " is no multicast group to serve");
  }
  if (const auto& source = request.channel.source) {
    if (source->family() != request.channel.group.family() || source->IsMulticast()) {
      return invalid("session.channel.source: ", source->ToString(), " cannot send to ", group);
    }
  }
  if (request.number >> 31 == 0) return invalid("session.station.number: the top bit is not set");
  if (request.kind == SourceKind::kHttp && request.urls.empty()) {
    return invalid("session.station.urls: empty");
  }
  if (request.urls.size() > kUrlsMax) return invalid("session.station.urls: more than ", kUrlsMax);
  for (const std::string& url : request.urls) {
    if (!IsSourceUrl(url)) {
      return invalid("session.station.urls: not http, https or icy, or too long: ",
                     url.substr(0, 100));
    }
  }
  if (request.dscp > 63) return invalid("session.dscp: ", request.dscp, " is not in 0..63");
  if (request.hop_limit < 1 || request.hop_limit > 255) {
    return invalid("session.hop_limit: ", request.hop_limit, " is not in 1..255");
  }
  if (request.silence_limit < Duration{} || request.silence_limit > kSilenceLimitMax) {
    return invalid("session.silence_limit: not in 0..24 h");
  }
  if (request.links.size() > kLinksMax) return invalid("session.links: more than ", kLinksMax);
  for (const std::string& link : request.links) {
    if (std::find(links_.begin(), links_.end(), link) == links_.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat("session.links: no leg in link ", link.substr(0, 100)));
    }
  }
  return absl::OkStatus();
}

absl::Status Packager::Apply(const SessionRequest& request) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  if (absl::Status status = CheckEpoch(request.epoch); !status.ok()) return status;
  const ClockPair now = environment_.now();
  auto found = sessions_.find(request.channel);
  if (found != sessions_.end() && found->second.number != request.number) {
    // The plan has changed under a running session: another station is another session.
    Remove(request.channel, now);
    found = sessions_.end();
  }
  if (found == sessions_.end() && sessions_.size() >= options_.sessions_max) {
    return absl::ResourceExhaustedError(
        absl::StrCat("sessions_max: ", options_.sessions_max, " sessions are running"));
  }
  SessionRecord& record = found == sessions_.end() ? Open(request, now) : found->second;
  record.stream->stream->Update(ConfigOf(request));
  record.links = request.links;
  record.dscp = static_cast<uint8_t>(request.dscp);
  record.hop_limit = static_cast<uint8_t>(request.hop_limit);
  Deliver(record);
  if (request.transmit) Transmit(record, request, now);
  changes_.insert(request.channel);
  Wake(*record.stream);
  return absl::OkStatus();
}

Packager::SessionRecord& Packager::Open(const SessionRequest& request, const ClockPair& now) {
  // A second BYE of the session before would end the listeners of this one.
  std::erase_if(closing_, [&](const std::unique_ptr<Session>& session) {
    return session->channel() == request.channel;
  });
  const bool goes_on = request.ssrc != 0;
  SessionRecord& record = sessions_[request.channel];
  record.number = request.number;
  record.session = std::make_unique<Session>(
      options_,
      SessionConfig{.channel = request.channel,
                    .ssrc = ChooseSsrc(request.ssrc),
                    .first_sequence =
                        goes_on ? std::optional(SequenceNumber(request.sequence)) : std::nullopt,
                    .sent_before = goes_on ? request.sent_before : std::nullopt,
                    .cname = environment_.cname,
                    .seed = random_(),
                    .applied = now.mono});
  StreamRecord& stream = FindOrOpenStream(request);
  record.stream = &stream;
  stream.sessions.push_back(&record);
  if (stream.stream->format()) record.session->SetFormat(*stream.stream->format());
  return record;
}

StreamConfig Packager::ConfigOf(const SessionRequest& request) const {
  return {.number = request.number,
          .test_tone = request.kind == SourceKind::kTest,
          .title = request.title,
          .urls = request.urls,
          .local = request.local,
          .silence_limit =
              request.silence_limit > Duration{} ? request.silence_limit : options_.silence_limit,
          .announced = request.format,
          .transport_stream = request.transport_stream,
          .feed_source = request.feed_source,
          .bare_pids = request.bare_pids};
}

Packager::StreamRecord& Packager::FindOrOpenStream(const SessionRequest& request) {
  // A failed stream stays with the sessions that it failed; a new session gets a new attempt.
  const auto same = std::find_if(streams_.begin(), streams_.end(), [&](const StreamRecord& each) {
    return each.number == request.number && each.stream->state() != StreamState::kFailed;
  });
  if (same != streams_.end()) return *same;
  StreamRecord& record = streams_.emplace_back();
  record.number = request.number;
  record.environment = {.opener = environment_.opener,
                        .tone = environment_.tone,
                        .transcoders = environment_.transcoders,
                        .now = environment_.now,
                        .wake = [this, &record] { Wake(record); }};
  if (request.kind == SourceKind::kDvb) {
    OpenFeed(record, ConfigOf(request));
  } else {
    record.stream = std::make_unique<Stream>(options_, ConfigOf(request), record.environment);
  }
  return record;
}

void Packager::OpenFeed(StreamRecord& record, const StreamConfig& config) {
  record.tap = std::make_unique<Tap>(*this, record);
  absl::StatusOr<std::unique_ptr<Feed>> feed = absl::UnimplementedError("there are no feeds here");
  if (environment_.feeds != nullptr) feed = environment_.feeds->Open(*record.tap);
  auto stream = std::make_unique<FeedStream>(options_, config, record.environment, std::move(feed));
  record.feed = stream.get();
  record.stream = std::move(stream);
}

Ssrc Packager::ChooseSsrc(uint32_t wanted) {
  const auto taken = [&](uint32_t value) {
    return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& each) {
      return each.second.session && each.second.session->ssrc() == Ssrc{value};
    });
  };
  while (wanted == 0 || taken(wanted)) wanted = static_cast<uint32_t>(random_());
  return Ssrc{wanted};
}

void Packager::Transmit(SessionRecord& record, const SessionRequest& request,
                        const ClockPair& now) {
  Session& session = *record.session;
  if (request.ssrc != 0 && request.sent_before && !session.transmits()) {
    session.GoOnFrom(SequenceNumber(request.sequence), *request.sent_before);
  }
  const bool goes_on =
      request.sent_before && now.wall - request.sent_before->sent < kHandoverPauseMax;
  const StreamState state = record.stream->stream->state();
  const bool running = state == StreamState::kSending || state == StreamState::kSilent;
  session.Transmit(now.mono, running && !goes_on ? options_.startup_delay : Duration{});
  record.stream->stream->Transmit(/*goes_on=*/goes_on);
}

absl::Status Packager::Stop(uint64_t epoch, const Channel& channel) {
  if (absl::Status status = CheckEpoch(epoch); !status.ok()) return status;
  if (sessions_.contains(channel)) Remove(channel, environment_.now());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SessionEnd>> Packager::HandOver(uint64_t epoch,
                                                             const Channel& channel) {
  if (absl::Status status = CheckEpoch(epoch); !status.ok()) return status;
  if (!sessions_.contains(channel)) return std::nullopt;
  const std::unique_ptr<Session> session = Take(channel);
  AddStats(*session);
  return SessionEnd{.sequence = session->sequence().value(), .next_sent = session->next_sent()};
}

void Packager::StopAll() {
  const ClockPair now = environment_.now();
  while (!sessions_.empty()) Remove(sessions_.begin()->first, now);
}

void Packager::Remove(const Channel& channel, const ClockPair& now) {
  std::unique_ptr<Session> session = Take(channel);
  session->Close(now, outbox_);
  AddStats(*session);
  if (!session->closed()) closing_.push_back(std::move(session));
}

std::unique_ptr<Session> Packager::Take(const Channel& channel) {
  const auto found = sessions_.find(channel);
  changes_.insert(channel);
  Detach(found->second);
  session_deadlines_.Remove(&found->second);
  std::unique_ptr<Session> session = std::move(found->second.session);
  sessions_.erase(found);
  environment_.wake();
  return session;
}

void Packager::Detach(SessionRecord& record) {
  StreamRecord* stream = record.stream;
  std::erase(stream->sessions, &record);
  if (!stream->sessions.empty()) return;
  AddStats(*stream, past_);
  std::erase(woken_, stream);
  stream_deadlines_.Remove(stream);
  streams_.remove_if([&](const StreamRecord& each) { return &each == stream; });
}

void Packager::AddStats(const Session& session) {
  past_.packets_total += session.packets_total();
  past_.octets_total += session.octets_total();
  past_.reports_total += session.receivers().reports_total;
  past_.forged_total += session.receivers().forged_total;
  past_.malformed_total += session.rtcp_stats().malformed_total;
  past_.collisions_total += session.rtcp_stats().collisions_total;
  past_.loops_total += session.rtcp_stats().loops_total;
}

void Packager::AddStats(const StreamRecord& record, PackagerStats& sum) {
  const StreamStats& stats = record.stream->stats();
  sum.reopens_total += stats.reopens_total;
  sum.silences_total += stats.silences_total;
  sum.underruns_total += stats.underruns_total;
  if (record.feed == nullptr) return;
  const FeedStats feed = record.feed->feed_stats();
  sum.feeds.datagrams_total += feed.datagrams_total;
  sum.feeds.foreign_total += feed.foreign_total;
  sum.feeds.malformed_total += feed.malformed_total;
  sum.feeds.missing_total += feed.missing_total;
}

void Packager::Deliver(SessionRecord& record) {
  SessionDelivery delivery = {.dscp = record.dscp, .hop_limit = record.hop_limit};
  const Channel& channel = record.session->channel();
  for (size_t leg = 0; leg < links_.size(); ++leg) {
    const auto& links = record.links;
    if (std::find(links.begin(), links.end(), links_[leg]) == links.end()) continue;
    const auto address = legs_[leg].ServiceAddress(channel.group);
    if (!legs_[leg].up || !address) continue;
    // Whoever joined (S,G) hears nobody but S.
    if (channel.source && *channel.source != *address) continue;
    delivery.legs.push_back(static_cast<uint16_t>(leg));
  }
  record.session->SetDelivery(std::move(delivery));
}

void Packager::SetLeg(size_t leg, const Leg& state) {
  legs_[leg] = state;
  for (auto& [channel, record] : sessions_) Deliver(record);
}

RtcpOrigin Packager::OriginOf(size_t leg, const IpAddress& from) const {
  for (size_t i = 0; i < legs_.size(); ++i) {
    const Leg& each = legs_[i];
    const bool own = each.service_ipv4 == from || each.service_ipv6 == from ||
                     (each.link_local == from && i == leg);
    if (!own) continue;
    // One service address may stand for several legs of a host.
    const Leg& here = legs_[leg];
    const bool here_too =
        here.service_ipv4 == from || here.service_ipv6 == from || here.link_local == from;
    return here_too ? RtcpOrigin::kOwnLeg : RtcpOrigin::kOtherLeg;
  }
  return RtcpOrigin::kForeign;
}

void Packager::OnGroupRtcp(size_t leg, const IpAddress& group, const IpAddress& from, Bytes bytes) {
  const ClockPair now = environment_.now();
  const RtcpOrigin origin = OriginOf(leg, from);
  for (auto each = sessions_.lower_bound(Channel{group, std::nullopt});
       each != sessions_.end() && each->first.group == group; ++each) {
    Session& session = *each->second.session;
    const Ssrc before = session.ssrc();
    session.OnRtcp(bytes, from, origin, now, outbox_);
    Schedule(each->second);
    if (session.ssrc() != before) changes_.insert(each->first);
  }
  environment_.wake();
}

void Packager::OnGroupRtp(size_t leg, const IpAddress& group, const IpAddress& from, Bytes bytes) {
  const auto packet = RtpPacketView::Parse(bytes);
  if (!packet.ok()) return;
  const ClockPair now = environment_.now();
  for (auto each = sessions_.lower_bound(Channel{group, std::nullopt});
       each != sessions_.end() && each->first.group == group; ++each) {
    Session& session = *each->second.session;
    if (session.ssrc() != packet->header.ssrc) continue;
    session.OnOwnRtp(OriginOf(leg, from), now, outbox_);
    Schedule(each->second);
    if (session.ssrc() != packet->header.ssrc) changes_.insert(each->first);
  }
  environment_.wake();
}

void Packager::OnUnicastRtcp(size_t leg, const IpAddress& from, Bytes bytes) {
  const auto packets = ParseRtcp(bytes);
  if (!packets.ok()) {
    ++past_.malformed_total;
    return;
  }
  const ClockPair now = environment_.now();
  std::set<Ssrc> named;
  for (const RtcpPacket& packet : *packets) {
    const std::vector<ReportBlock>* blocks = nullptr;
    if (const auto* report = std::get_if<ReceiverReport>(&packet)) blocks = &report->blocks;
    if (const auto* report = std::get_if<SenderReport>(&packet)) blocks = &report->blocks;
    if (!blocks) continue;
    for (const ReportBlock& block : *blocks) named.insert(block.ssrc);
  }
  for (auto& [channel, record] : sessions_) {
    if (!named.contains(record.session->ssrc())) continue;
    record.session->OnRtcp(bytes, from, OriginOf(leg, from), now, outbox_);
    Schedule(record);
  }
  environment_.wake();
}

void Packager::SetWatchers(size_t count) {
  if (watchers_ > 0 && count == 0) unwatched_since_ = environment_.now().mono;
  if (watchers_ == 0 && count > 0) counters_at_ = environment_.now().mono;
  if (count == 0) counters_at_ = kNever;
  watchers_ = count;
  environment_.wake();
}

void Packager::FollowStream(StreamRecord& record, const ClockPair& now) {
  const MediaStream& stream = *record.stream;
  if (stream.revision() == record.seen_revision) return;
  record.seen_revision = stream.revision();
  for (SessionRecord* each : record.sessions) {
    changes_.insert(each->session->channel());
    if (stream.format()) each->session->SetFormat(*stream.format());
    if (stream.state() == StreamState::kFailed) each->session->Close(now, outbox_);
  }
}

void Packager::Wake(StreamRecord& record) {
  if (!std::exchange(record.woken, true)) woken_.push_back(&record);
  environment_.wake();
}

void Packager::Schedule(SessionRecord& record) {
  session_deadlines_.Set(&record, record.session->NextDeadline());
}

void Packager::Schedule(StreamRecord& record) {
  stream_deadlines_.Set(&record, record.stream->NextDeadline());
  // A packet that was sent may have moved its sessions' next report.
  for (SessionRecord* each : record.sessions) Schedule(*each);
}

void Packager::Run(StreamRecord& record, const ClockPair& now) {
  record.woken = false;
  FollowStream(record, now);
  Fanout fanout(*this, record, now);
  record.stream->OnTime(fanout);
  FollowStream(record, now);
  Schedule(record);
}

void Packager::RunClosing(const ClockPair& now) {
  for (auto& session : closing_) session->OnTime(now, outbox_);
  std::erase_if(closing_, [](const auto& session) { return session->closed(); });
}

void Packager::TellCounters(MonoTime now) {
  if (now < counters_at_) return;
  counters_at_ = now + options_.status_interval;
  for (auto& [channel, record] : sessions_) {
    const uint64_t packets = record.session->packets_total();
    if (std::exchange(record.told_packets, packets) != packets) changes_.insert(channel);
  }
}

void Packager::OnTime() {
  const ClockPair now = environment_.now();
  if (watchers_ == 0 && !sessions_.empty() &&
      now.mono >= unwatched_since_ + options_.unwatched_limit) {
    StopAll();
  }
  // Gathered before any is run: one that is due again at once waits for the next call. What may
  // leave now, since it is due within the slack, does: one system call for many streams.
  due_.swap(woken_);
  while (const auto record = stream_deadlines_.PopDue(now.mono + options_.send_slack)) {
    if (!(*record)->woken) due_.push_back(*record);
  }
  for (StreamRecord* record : due_) Run(*record, now);
  due_.clear();
  while (const auto record = session_deadlines_.PopDue(now.mono)) {
    (*record)->session->OnTime(now, outbox_);
    const MonoTime next = (*record)->session->NextDeadline();
    session_deadlines_.Set(*record, std::max(next, now.mono + 1ns));
  }
  RunClosing(now);
  TellCounters(now.mono);
}

MonoTime Packager::NextDeadline() const {
  if (!woken_.empty()) return MonoTime{};
  MonoTime next = sessions_.empty() ? kNever : counters_at_;
  if (watchers_ == 0 && !sessions_.empty()) next = unwatched_since_ + options_.unwatched_limit;
  next = std::min({next, stream_deadlines_.Next(), session_deadlines_.Next()});
  for (const auto& session : closing_) next = std::min(next, session->NextDeadline());
  return next;
}

std::set<Channel> Packager::TakeChanges() { return std::exchange(changes_, {}); }

StreamState Packager::StateOf(const SessionRecord& record) const {
  const StreamState state = record.stream->stream->state();
  const bool running = state == StreamState::kSending || state == StreamState::kSilent;
  return running && !record.session->transmits() ? StreamState::kReady : state;
}

std::vector<Ssrc> Packager::Ssrcs() const {
  std::vector<Ssrc> ssrcs;
  for (const auto& [channel, record] : sessions_) ssrcs.push_back(record.session->ssrc());
  return ssrcs;
}

std::optional<SessionStatus> Packager::Status(const Channel& channel) const {
  const auto found = sessions_.find(channel);
  if (found == sessions_.end()) return std::nullopt;
  const SessionRecord& record = found->second;
  const MediaStream& stream = *record.stream->stream;
  const FeedStream* feed = record.stream->feed;
  const Session& session = *record.session;
  return SessionStatus{.channel = channel,
                       .number = record.number,
                       .state = StateOf(record),
                       .error = stream.error(),
                       .error_reason = std::string(stream.error_reason()),
                       .format = stream.format(),
                       .source_format = stream.source_format(),
                       .texts = stream.texts(),
                       .ssrc = static_cast<uint32_t>(session.ssrc()),
                       .sequence = session.sequence().value(),
                       .last_sent = session.last_sent(),
                       .links = record.links,
                       .transmit = session.transmits(),
                       .source_url = stream.source_url(),
                       .applied = session.applied(),
                       .times = stream.times(),
                       .first_rtp = session.first_rtp(),
                       .receivers = session.receivers(),
                       .packets_total = session.packets_total(),
                       .octets_total = session.octets_total(),
                       .source_reopens_total = stream.stats().reopens_total,
                       .feed = feed ? feed->endpoint() : std::nullopt,
                       .continuity_errors_total = feed ? feed->feed_stats().missing_total : 0};
}

std::vector<Channel> Packager::Channels() const {
  std::vector<Channel> channels;
  for (const auto& [channel, record] : sessions_) channels.push_back(channel);
  return channels;
}

PackagerStats Packager::Stats() const {
  PackagerStats sum = past_;
  for (const auto& [channel, record] : sessions_) {
    const ReceiverSummary receivers = record.session->receivers();
    const RtcpSessionStats rtcp = record.session->rtcp_stats();
    sum.packets_total += record.session->packets_total();
    sum.octets_total += record.session->octets_total();
    sum.reports_total += receivers.reports_total;
    sum.forged_total += receivers.forged_total;
    sum.malformed_total += rtcp.malformed_total;
    sum.collisions_total += rtcp.collisions_total;
    sum.loops_total += rtcp.loops_total;
  }
  for (const StreamRecord& record : streams_) AddStats(record, sum);
  return sum;
}

Duration Packager::queue_max() const {
  Duration longest{};
  for (const StreamRecord& record : streams_) {
    longest = std::max(longest, record.stream->queue_length());
  }
  return longest;
}

}  // namespace headwater::packager
