#include "services/sap-announcer/rtsp_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

RtspDescription Refusal(int status, std::string reason) {
  RtspDescription refusal;
  refusal.status = status;
  refusal.reason = std::move(reason);
  return refusal;
}

}  // namespace

RtspServer::RtspServer(const Announcer& announcer, uint64_t seed)
    : announcer_(announcer), next_question_(seed), next_seed_(seed) {}

bool RtspServer::OnConnect(ConnectionId id, Peer peer, MonoTime now) {
  const auto of_peer =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& entry) { return entry.second.peer.address == peer.address; });
  if (connections_.size() >= kConnectionsMax ||
      static_cast<size_t>(of_peer) >= kConnectionsPerPeer) {
    ++stats_.connections_refused;
    return false;
  }
  connections_.emplace(id, Connection{.peer = std::move(peer), .core = {next_seed_++, now}});
  return true;
}

void RtspServer::OnBytes(ConnectionId id, Bytes bytes, Announcer::Now now, Actions& out) {
  const auto connection = connections_.find(id);
  if (connection == connections_.end()) return;
  RtspConnection::Output output;
  connection->second.core.OnBytes(bytes, now.mono, output);
  Perform(id, std::move(output), now, out);
}

void RtspServer::OnClosed(ConnectionId id) {
  connections_.erase(id);
  // A question that nobody waits for any more is still answered to whoever asks meanwhile.
  for (auto& [question, waiting] : questions_) std::erase(waiting.connections, id);
}

void RtspServer::OnAnswer(uint64_t question, Answer answer, Announcer::Now now, Actions& out) {
  const auto found = questions_.find(question);
  if (found == questions_.end()) return;
  const Waiting waiting = std::move(found->second);
  questions_.erase(found);
  auto* announcement = std::get_if<Announcement>(&answer);
  if (announcement != nullptr && announcement->origin.id == 0) {
    announcement->origin.id = announcement->origin.version = now.ntp_seconds;
  }
  for (const ConnectionId id : waiting.connections) {
    const std::string& link = connections_.at(id).peer.link;
    if (const auto* not_found = std::get_if<NotFound>(&answer)) {
      Tell(id, Refusal(404, not_found->reason), now, out);
    } else if (const auto* unavailable = std::get_if<Unavailable>(&answer)) {
      Tell(id, Refusal(503, unavailable->reason), now, out);
    } else {
      // It may have begun meanwhile.
      const IpAddress& group = announcement->channel.group;
      const Announcement* live =
          FindLive({.target = {.group = group}, .ipv4 = group.is_v4()}, link);
      Tell(id, Describe(live != nullptr ? *live : *announcement, link), now, out);
    }
  }
}

void RtspServer::OnTime(Announcer::Now now, Actions& out) {
  for (auto it = questions_.begin(); it != questions_.end();) {
    const uint64_t question = (it++)->first;
    if (questions_.at(question).deadline > now.mono) continue;
    OnAnswer(question, Unavailable{"The station could not be looked up in time"}, now, out);
  }
  for (auto it = connections_.begin(); it != connections_.end();) {
    const ConnectionId id = it->first;
    const bool idle = it->second.core.Deadline() <= now.mono;
    ++it;
    if (!idle) continue;
    out.closes.push_back(id);
    OnClosed(id);
  }
}

MonoTime RtspServer::NextDeadline() const {
  MonoTime deadline = kNever;
  for (const auto& [id, waiting] : questions_) deadline = std::min(deadline, waiting.deadline);
  for (const auto& [id, connection] : connections_) {
    deadline = std::min(deadline, connection.core.Deadline());
  }
  return deadline;
}

void RtspServer::Perform(ConnectionId id, RtspConnection::Output output, Announcer::Now now,
                         Actions& out) {
  for (const auto& [what, count] : connections_.at(id).core.TakeCounts()) {
    stats_.responses[what] += count;
  }
  if (!output.bytes.empty()) out.sends.push_back({id, std::move(output.bytes)});
  if (output.close) {
    out.closes.push_back(id);
    OnClosed(id);
  } else if (output.ask) {
    Ask(id, *output.ask, now, out);
  }
}

void RtspServer::Ask(ConnectionId id, const RtspTarget& target, Announcer::Now now, Actions& out) {
  const Peer& peer = connections_.at(id).peer;
  const Question question = {.target = target, .ipv4 = peer.address.is_v4()};
  if (const Announcement* live = FindLive(question, peer.link)) {
    return Tell(id, Describe(*live, peer.link), now, out);
  }
  if (!watched_) return Tell(id, Refusal(503, "No session-manager is connected"), now, out);
  for (auto& [number, waiting] : questions_) {
    if (waiting.question == question) {
      waiting.connections.push_back(id);
      return;
    }
  }
  if (questions_.size() >= kQuestionsMax) {
    return Tell(id, Refusal(503, "Too many stations are being looked up"), now, out);
  }
  const uint64_t number = next_question_++;
  questions_[number] = {
      .question = question, .deadline = now.mono + kAnswerTime, .connections = {id}};
  out.questions.push_back(number);
}

void RtspServer::Tell(ConnectionId id, const RtspDescription& description, Announcer::Now now,
                      Actions& out) {
  RtspConnection::Output output;
  connections_.at(id).core.OnDescription(description, now.mono, output);
  Perform(id, std::move(output), now, out);
}

const Announcement* RtspServer::FindLive(const Question& question, const std::string& link) const {
  if (question.target.group) {
    const IpAddress& group = *question.target.group;
    const Leg* leg = announcer_.FindLeg(link);
    Channel channel = {.group = group, .source = std::nullopt};
    if (group.IsSsmGroup() && leg != nullptr) channel.source = leg->ServiceAddress(group);
    const Announcer::Status* status = announcer_.Find(channel);
    return status == nullptr ? nullptr : &status->announcement;
  }
  for (const auto& [channel, status] : announcer_.announcements()) {
    if (status.announcement.number == question.target.number &&
        channel.group.is_v4() == question.ipv4 && !channel.source) {
      return &status.announcement;
    }
  }
  return nullptr;
}

RtspDescription RtspServer::Describe(const Announcement& announcement,
                                     const std::string& link) const {
  const IpAddress& group = announcement.channel.group;
  const Leg* leg = announcer_.FindLeg(link);
  const auto source = leg == nullptr ? std::nullopt : leg->ServiceAddress(group);
  if (!source) {
    return Refusal(503, fmt::format("Link {} has no {} service address", link,
                                    group.is_v4() ? "IPv4" : "IPv6"));
  }
  auto sdp = LinkSdp(announcement, *source);
  if (!sdp.ok()) return Refusal(503, std::string(FromAbsl(sdp.status().message())));
  RtspDescription description;
  description.sdp = *std::move(sdp);
  description.group = group;
  description.source = *source;
  description.ttl = announcement.hop_limit;
  return description;
}

}  // namespace headwater
