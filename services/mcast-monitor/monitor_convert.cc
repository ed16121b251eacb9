#include "services/mcast-monitor/monitor_convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/common/base/absl_text.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/text/clean_text.h"

namespace headwater::monitor {
namespace {

absl::Status Wrong(const std::string& text) { return absl::InvalidArgumentError(ToAbsl(text)); }

// RFC 5905 section 7.3: an address from stratum 2 on, letters before.
std::string ReferenceText(uint32_t id, uint8_t stratum) {
  if (stratum >= 2) return IpAddress::V4(id).ToString();
  std::string letters;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(id >> shift & 0xff);
    if (c > ' ' && c < 0x7f) letters += c;
  }
  return letters;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  return headwater::ToProto(absl::ToChronoNanoseconds(duration));
}

}  // namespace

v1::Event ToProto(const Event& event) {
  v1::Event proto;
  proto.set_id(event.id);
  *proto.mutable_time() = headwater::ToProto(event.time);
  proto.set_link(event.link);
  proto.set_source(event.source.ToString());
  proto.set_source_port(event.source_port);
  proto.set_destination(event.destination.ToString());
  proto.set_kind(static_cast<v1::EventKind>(static_cast<int>(event.kind) + 1));
  if (event.facility) proto.set_facility(*event.facility);
  proto.set_severity(event.severity);
  proto.set_host(event.host);
  proto.set_app(event.app);
  proto.set_text(event.text);
  proto.set_digest(fmt::format("{:016x}", event.digest));
  proto.set_repeated(event.repeated);
  proto.set_authenticated(event.authenticated);
  return proto;
}

absl::StatusOr<EventFilter> FilterFromProto(const v1::EventFilter& proto) {
  EventFilter filter;
  const int kind = static_cast<int>(proto.kind());
  if (kind < 0 || kind > static_cast<int>(kEventKinds))
    return Wrong(fmt::format("kind {}: unknown", kind));
  if (kind > 0) filter.kind = static_cast<EventKind>(kind - 1);
  filter.link = proto.link();
  if (!proto.source().empty()) {
    filter.source = IpAddress::Parse(proto.source());
    if (!filter.source) {
      return Wrong(fmt::format("source {}: no address in figures", CleanText(proto.source(), 100)));
    }
  }
  if (proto.has_severity_max()) {
    if (proto.severity_max() >= kSeverities)
      return Wrong(fmt::format("severity {}: from 0 to 7", proto.severity_max()));
    filter.severity_max = static_cast<uint8_t>(proto.severity_max());
  }
  if (proto.has_facility()) {
    if (proto.facility() >= kFacilities)
      return Wrong(fmt::format("facility {}: from 0 to 23", proto.facility()));
    filter.facility = static_cast<uint8_t>(proto.facility());
  }
  filter.words = SplitWords(proto.words(), true);
  if (filter.words.empty() && !proto.words().empty())
    return Wrong(
        fmt::format("words {}: neither letters nor digits", CleanText(proto.words(), 100)));
  if (proto.has_since()) filter.since = FromProto(proto.since());
  if (proto.has_until()) filter.until = FromProto(proto.until());
  return filter;
}

v1::GetNtpResponse NtpToProto(const MonitorShell& shell) {
  v1::GetNtpResponse response;
  if (shell.ntp() == nullptr) return response;
  const NtpServer& server = shell.ntp()->server();
  const ClockState& clock = server.clock();
  response.set_enabled(true);
  response.set_synchronised(clock.synchronised);
  response.set_problem(clock.problem);
  response.set_clock(shell.ntp()->ClockName());
  response.set_leap(clock.synchronised ? clock.leap : kLeapUnsynchronised);
  if (clock.synchronised) {
    response.set_stratum(clock.stratum);
    *response.mutable_root_delay() = ToProto(clock.root_delay);
    *response.mutable_root_dispersion() = ToProto(clock.root_dispersion);
    response.set_reference_id(ReferenceText(clock.reference_id, clock.stratum));
  }
  for (size_t i = 0; i < NtpServer::kOutcomes; ++i) {
    const auto outcome = static_cast<NtpServer::Outcome>(i);
    (*response.mutable_requests())[ToString(outcome)] = server.count(outcome);
  }
  for (const std::string& link : shell.ntp()->options().answer_from_group)
    response.add_links_from_group(link);
  return response;
}

v1::GetStatusResponse StatusToProto(MonitorShell& shell) {
  v1::GetStatusResponse response;
  for (const auto& [key, join] : shell.joins()) {
    v1::Listener& listener = *response.add_listeners();
    listener.set_service(ToString(key.protocol));
    listener.set_link(key.link);
    if (const Leg* leg = shell.legs().Find(key.link)) listener.set_interface(leg->interface);
    listener.set_group(key.group.ToString());
    if (key.source) listener.set_source(key.source->ToString());
    listener.set_port(shell.options().ports[static_cast<size_t>(key.protocol)]);
    listener.set_joined(join.ifindex != 0);
    listener.set_error(join.error);
  }
  for (const auto& handover : shell.handovers()) {
    const ForwardQueue& queue = handover->queue();
    v1::Handover& proto = *response.add_handovers();
    proto.set_service(ToString(handover->options().protocol));
    proto.set_target(handover->options().target.ToString());
    proto.set_up(queue.up());
    proto.set_queued(queue.size());
    proto.set_forwarded_total(queue.stats().forwarded);
    proto.set_resent_total(queue.stats().resent);
    proto.set_dropped_total(queue.stats().dropped);
    proto.set_lost_total(queue.stats().lost);
    proto.set_keep_source(handover->options().keep_source);
  }
  const StoreWorker::Stats store = shell.store().stats();
  response.mutable_store()->set_events(store.kept.events);
  response.mutable_store()->set_bytes(store.kept.bytes);
  if (store.kept.oldest)
    *response.mutable_store()->mutable_oldest() = headwater::ToProto(*store.kept.oldest);
  response.mutable_store()->set_dropped_total(store.dropped);
  response.mutable_store()->set_error(store.error);
  return response;
}

}  // namespace headwater::monitor
