#include "services/dvb-tuner/tuner_convert.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/rpc/proto_convert.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/endpoint_text.h"

namespace headwater::tuner {
namespace {

constexpr uint32_t kPidMax = 0x1ffe;
constexpr uint32_t kPriorityMax = 100;
constexpr size_t kHolderMax = 120;

template <typename... Args>
absl::Status Wrong(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(fmt::format(format, std::forward<Args>(args)...));
}

google::protobuf::Timestamp FromUnix(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return time;
}

v1::DeliverySystem ToProto(DeliverySystem system) {
  switch (system) {
    case DeliverySystem::kDvbs:
      return v1::DELIVERY_SYSTEM_DVBS;
    case DeliverySystem::kDvbs2:
      return v1::DELIVERY_SYSTEM_DVBS2;
    case DeliverySystem::kDvbt:
      return v1::DELIVERY_SYSTEM_DVBT;
    case DeliverySystem::kDvbt2:
      return v1::DELIVERY_SYSTEM_DVBT2;
    case DeliverySystem::kDvbc:
      return v1::DELIVERY_SYSTEM_DVBC;
    case DeliverySystem::kAtsc:
      return v1::DELIVERY_SYSTEM_ATSC;
    case DeliverySystem::kIsdbt:
      return v1::DELIVERY_SYSTEM_ISDBT;
    case DeliverySystem::kNetwork:
      return v1::DELIVERY_SYSTEM_NETWORK;
  }
  return v1::DELIVERY_SYSTEM_UNSPECIFIED;
}

v1::LeaseState ToProto(LeaseState state) {
  switch (state) {
    case LeaseState::kTuning:
      return v1::LEASE_STATE_TUNING;
    case LeaseState::kLocked:
      return v1::LEASE_STATE_LOCKED;
    case LeaseState::kSending:
      return v1::LEASE_STATE_SENDING;
    case LeaseState::kLost:
      return v1::LEASE_STATE_LOST;
    case LeaseState::kFailed:
      return v1::LEASE_STATE_FAILED;
  }
  return v1::LEASE_STATE_UNSPECIFIED;
}

// Closing is nobody's state but ours: free, or on the way to the next carrier.
v1::TunerState StateOf(const Tuner& tuner) {
  switch (tuner.state()) {
    case TunerState::kFree:
      return v1::TUNER_STATE_FREE;
    case TunerState::kClosing:
      return tuner.carrier() != nullptr ? v1::TUNER_STATE_TUNING : v1::TUNER_STATE_FREE;
    case TunerState::kTuning:
      return v1::TUNER_STATE_TUNING;
    case TunerState::kLocked:
      return v1::TUNER_STATE_LOCKED;
    case TunerState::kLost:
      return v1::TUNER_STATE_LOST;
    case TunerState::kBackoff:
      return v1::TUNER_STATE_BACKOFF;
    case TunerState::kAbsent:
      return v1::TUNER_STATE_ABSENT;
  }
  return v1::TUNER_STATE_UNSPECIFIED;
}

v1::TunerKind ToProto(TunerKind kind) {
  switch (kind) {
    case TunerKind::kCard:
      return v1::TUNER_KIND_CARD;
    case TunerKind::kSatip:
      return v1::TUNER_KIND_SATIP;
    case TunerKind::kNetwork:
      return v1::TUNER_KIND_NETWORK;
  }
  return v1::TUNER_KIND_UNSPECIFIED;
}

v1::ServiceType ToProto(ServiceType type) {
  switch (type) {
    case ServiceType::kUnknown:
      return v1::SERVICE_TYPE_UNSPECIFIED;
    case ServiceType::kTv:
      return v1::SERVICE_TYPE_TV;
    case ServiceType::kRadio:
      return v1::SERVICE_TYPE_RADIO;
    case ServiceType::kData:
      return v1::SERVICE_TYPE_DATA;
  }
  return v1::SERVICE_TYPE_UNSPECIFIED;
}

v1::Signal ToProto(const Signal& signal) {
  v1::Signal proto;
  proto.set_locked(signal.locked);
  if (signal.strength_dbm) proto.set_strength_dbm(*signal.strength_dbm);
  if (signal.strength_ratio) proto.set_strength_ratio(*signal.strength_ratio);
  if (signal.snr_db) proto.set_snr_db(*signal.snr_db);
  if (signal.snr_ratio) proto.set_snr_ratio(*signal.snr_ratio);
  if (signal.bit_error_rate) proto.set_bit_error_rate(*signal.bit_error_rate);
  if (signal.uncorrected_blocks) proto.set_uncorrected_blocks_total(*signal.uncorrected_blocks);
  return proto;
}

absl::StatusOr<WantedService> ServiceFromProto(const types::v1::DvbService& proto) {
  WantedService service;
  service.carrier = proto.carrier();
  if (service.carrier.empty()) return Wrong("service.carrier is empty");
  if (std::max({proto.service_id(), proto.original_network_id(), proto.transport_stream_id()}) >
      0xffff) {
    return Wrong("service ids have 16 bits");
  }
  service.service_id = static_cast<uint16_t>(proto.service_id());
  service.original_network_id = static_cast<uint16_t>(proto.original_network_id());
  service.transport_stream_id = static_cast<uint16_t>(proto.transport_stream_id());
  if (service.service_id != 0 && proto.pids_size() > 0) {
    return Wrong("PIDs are named without a service: service_id must be 0");
  }
  if (static_cast<size_t>(proto.pids_size()) > DvblastOutput::kPidsMax) {
    return Wrong("at most {} PIDs", DvblastOutput::kPidsMax);
  }
  for (const uint32_t pid : proto.pids()) {
    if (pid > kPidMax) return Wrong("PID {}: allowed are 0 to {}", pid, kPidMax);
    service.pids.push_back(static_cast<uint16_t>(pid));
  }
  std::ranges::sort(service.pids);
  const auto same = std::ranges::unique(service.pids);
  service.pids.erase(same.begin(), same.end());
  return service;
}

// What the SDP says of it: the service, and what is on now.
void FillInfo(const Lease& lease, const TunerShell& shell, types::v1::StreamInfo& info) {
  const WantedService& wanted = lease.request.service;
  const LineupCarrier* entry = shell.lineup().Find(wanted.carrier);
  if (entry == nullptr) return;
  if (wanted.service_id == 0) {
    info.set_name(entry->name().empty() ? wanted.carrier : entry->name());
    return;
  }
  const auto service = entry->services.find(wanted.service_id);
  if (service != entry->services.end()) info.set_name(service->second.name);
  const GuideEvent* present = shell.guide().Present(
      {entry->original_network_id, entry->transport_stream_id, wanted.service_id});
  if (present == nullptr) return;
  info.set_title(present->title);
  *info.mutable_began() = FromUnix(present->start);
}

}  // namespace

absl::StatusOr<LeaseRequest> LeaseFromProto(const v1::AcquireServiceRequest& request) {
  LeaseRequest lease;
  lease.number = request.number();
  if (lease.number == 0) return Wrong("number is 0");
  auto service = ServiceFromProto(request.service());
  if (!service.ok()) return service.status();
  lease.service = *std::move(service);
  const auto feed = ParseEndpoint(request.feed(), 0);
  if (!feed || feed->port == 0 || feed->address.IsMulticast() || feed->address.IsUnspecified() ||
      feed->address.IsLinkLocal()) {
    return Wrong("feed \"{}\": a unicast address in figures and a port, as \"[::1]:40000\"",
                 CleanText(request.feed(), kHolderMax));
  }
  lease.feed = *feed;
  if (request.priority() > kPriorityMax) {
    return Wrong("priority {}: allowed are 0 to {}", request.priority(), kPriorityMax);
  }
  lease.priority = request.priority();
  lease.holder = CleanText(request.holder(), kHolderMax);
  if (lease.holder.empty()) lease.holder = fmt::format("{:#x}", lease.number);
  if (request.has_ttl()) {
    lease.ttl = headwater::FromProto(request.ttl());
    if (lease.ttl <= Duration::zero()) return Wrong("ttl must be more than nothing");
  }
  return lease;
}

ScanRequest ScanFromProto(const v1::ScanRequest& request) {
  return {.carriers = {request.carriers().begin(), request.carriers().end()},
          .follow = !request.no_follow(),
          .dry_run = request.dry_run()};
}

v1::Lease ToProto(const Lease& lease, const TunerShell& shell) {
  v1::Lease proto;
  const LeaseRequest& request = lease.request;
  proto.set_number(request.number);
  types::v1::DvbService& service = *proto.mutable_service();
  service.set_carrier(request.service.carrier);
  service.set_original_network_id(request.service.original_network_id);
  service.set_transport_stream_id(request.service.transport_stream_id);
  service.set_service_id(request.service.service_id);
  for (const uint16_t pid : request.service.pids) service.add_pids(pid);
  proto.set_feed(request.feed.ToString());
  proto.set_priority(request.priority);
  proto.set_holder(request.holder);
  proto.set_state(ToProto(lease.state));
  proto.set_error(lease.error);
  proto.set_error_reason(lease.error_reason);
  if (lease.tuner) proto.set_tuner(shell.reception().tuners()[*lease.tuner].options().name);
  proto.set_feed_source(request.feed_source.ToString());
  FillInfo(lease, shell, *proto.mutable_info());
  if (lease.map) proto.set_description(Describe(*lease.map));
  proto.set_scrambled(lease.scrambled);
  proto.set_continuity_errors_total(lease.continuity_errors_total);
  if (lease.locked) *proto.mutable_locked() = headwater::ToProto(shell.ToWall(*lease.locked));
  if (lease.sent) *proto.mutable_sent() = headwater::ToProto(shell.ToWall(*lease.sent));
  return proto;
}

v1::Tuner ToProto(const Tuner& tuner, size_t index, const TunerShell& shell) {
  v1::Tuner proto;
  const TunerOptions& options = tuner.options();
  proto.set_name(options.name);
  proto.set_kind(ToProto(options.kind));
  proto.set_state(StateOf(tuner));
  if (tuner.carrier() != nullptr) proto.set_carrier(tuner.carrier()->id);
  for (const DeliverySystem system : options.systems) proto.add_delivery_systems(ToProto(system));
  for (const std::string& position : options.positions) proto.add_positions(position);
  *proto.mutable_signal() = ToProto(tuner.signal());
  proto.set_bits_per_second(tuner.bits_per_second());
  proto.set_continuity_errors_total(tuner.continuity_errors_total());
  for (const uint32_t number : shell.reception().NumbersOf(index)) proto.add_numbers(number);
  proto.set_error(tuner.error());
  if (tuner.retry() != kNever)
    *proto.mutable_retry() = headwater::ToProto(shell.ToWall(tuner.retry()));
  proto.set_restarts_total(tuner.restarts_total());
  return proto;
}

v1::Carrier ToProto(const LineupCarrier& entry) {
  v1::Carrier proto;
  const Carrier& carrier = entry.carrier;
  proto.set_id(carrier.id);
  proto.set_command(carrier.Command());
  proto.set_delivery_system(ToProto(carrier.system));
  proto.set_frequency_khz(carrier.frequency_khz);
  proto.set_position(carrier.position);
  proto.set_voltage(carrier.voltage);
  proto.set_original_network_id(entry.original_network_id);
  proto.set_transport_stream_id(entry.transport_stream_id);
  proto.set_origin(entry.in_file ? v1::CARRIER_ORIGIN_FILE : v1::CARRIER_ORIGIN_NIT);
  proto.set_name(entry.name());
  for (const auto& [id, service] : entry.services) {
    v1::Service& row = *proto.add_services();
    row.set_service_id(service.id);
    row.set_type(ToProto(service.type));
    row.set_name(service.name);
    row.set_provider(service.provider);
    row.set_scrambled(service.scrambled);
    row.set_channel_number(service.channel_number);
  }
  if (entry.read) *proto.mutable_read() = FromUnix(*entry.read);
  return proto;
}

v1::Guide ToProto(const ServiceKey& key, const Guide::Programme& programme) {
  v1::Guide proto;
  proto.set_original_network_id(key.original_network_id);
  proto.set_transport_stream_id(key.transport_stream_id);
  proto.set_service_id(key.service_id);
  std::vector<const GuideEvent*> events;
  for (const auto& [id, event] : programme.events) events.push_back(&event);
  std::ranges::sort(events, {}, &GuideEvent::start);
  for (const GuideEvent* event : events) {
    v1::Event& row = *proto.add_events();
    row.set_event_id(event->event_id);
    *row.mutable_start() = FromUnix(event->start);
    row.mutable_duration()->set_seconds(event->seconds);
    row.set_title(event->title);
    row.set_text(event->text);
    row.set_description(event->description);
    row.set_language(event->language);
  }
  return proto;
}

v1::ScanStep ToProto(const ScanStep& step) {
  v1::ScanStep proto;
  proto.set_carrier(step.carrier);
  proto.set_done(static_cast<uint32_t>(step.done));
  proto.set_total(static_cast<uint32_t>(step.total));
  proto.set_error(step.error);
  *proto.mutable_signal() = ToProto(step.signal);
  proto.set_services(static_cast<uint32_t>(step.services));
  return proto;
}

v1::ScanResult ToProto(const ScanResult& result) {
  v1::ScanResult proto;
  for (const LineupChange& change : result.changes) {
    v1::LineupChange& row = *proto.add_changes();
    row.set_kind(change.kind == LineupChange::Kind::kAdded     ? v1::LINEUP_CHANGE_KIND_ADDED
                 : change.kind == LineupChange::Kind::kRemoved ? v1::LINEUP_CHANGE_KIND_REMOVED
                                                               : v1::LINEUP_CHANGE_KIND_CHANGED);
    row.set_carrier(change.carrier);
    row.set_service_id(change.service_id);
    row.set_name(change.name);
    for (const std::string& field : change.fields) row.add_fields(field);
  }
  proto.set_carriers(static_cast<uint32_t>(result.carriers));
  proto.set_services(static_cast<uint32_t>(result.services));
  proto.set_failed(static_cast<uint32_t>(result.failed));
  return proto;
}

}  // namespace headwater::tuner
