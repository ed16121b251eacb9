#include "services/directory-resolver/dvb_convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/text/clean_text.h"

namespace headwater::directory_resolver {
namespace {

namespace pb = tuner::v1;

constexpr size_t kIdMax = 256;
constexpr size_t kNameMax = 256;
constexpr size_t kEventTextMax = 1024;
constexpr size_t kEventDescriptionMax = 4096;

absl::StatusOr<uint16_t> Id(uint32_t value, const std::string& field) {
  if (value > 0xffff)
    return absl::InvalidArgumentError(fmt::format("{}: {} is more than 65535", field, value));
  return static_cast<uint16_t>(value);
}

// "DVBS2" of DELIVERY_SYSTEM_DVBS2; empty for one that we do not know.
std::string SystemName(pb::DeliverySystem system) {
  constexpr std::string_view kPrefix = "DELIVERY_SYSTEM_";
  std::string name = pb::DeliverySystem_Name(system);
  if (system == pb::DELIVERY_SYSTEM_UNSPECIFIED || !name.starts_with(kPrefix)) return {};
  return name.substr(kPrefix.size());
}

DvbType TypeFromProto(pb::ServiceType type) {
  switch (type) {
    case pb::SERVICE_TYPE_TV:
      return DvbType::kTv;
    case pb::SERVICE_TYPE_RADIO:
      return DvbType::kRadio;
    case pb::SERVICE_TYPE_DATA:
      return DvbType::kData;
    default:
      return DvbType::kUnknown;
  }
}

absl::StatusOr<DvbService> ServiceFromProto(const pb::Service& proto, const std::string& carrier) {
  const std::string field = fmt::format("carrier {}: service {}", carrier, proto.service_id());
  DvbService service;
  ASSIGN_OR_RETURN(service.id, Id(proto.service_id(), field));
  ASSIGN_OR_RETURN(service.channel_number, Id(proto.channel_number(), field + ": channel_number"));
  service.type = TypeFromProto(proto.type());
  service.name = CleanText(proto.name(), kNameMax);
  service.provider = CleanText(proto.provider(), kNameMax);
  service.scrambled = proto.scrambled();
  return service;
}

absl::Time TimeFromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds());
}

// ISO 639-2, since it becomes an attribute; empty for anything else.
std::string Language(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const bool good = text.size() == 3 && std::all_of(text.begin(), text.end(),
                                                    [](char c) { return c >= 'a' && c <= 'z'; });
  return good ? text : std::string();
}

}  // namespace

types::v1::DvbService ToProto(const DvbSource& source) {
  types::v1::DvbService proto;
  proto.set_carrier(source.carrier);
  proto.set_original_network_id(source.original_network_id);
  proto.set_transport_stream_id(source.transport_stream_id);
  proto.set_service_id(source.service_id);
  for (const uint16_t pid : source.pids) proto.add_pids(pid);
  return proto;
}

absl::StatusOr<DvbCarrier> CarrierFromProto(const pb::Carrier& proto) {
  DvbCarrier carrier;
  carrier.id = CleanText(proto.id(), kIdMax);
  // It goes back to the tuner as it came.
  if (carrier.id.empty() || carrier.id != proto.id()) {
    return absl::InvalidArgumentError(fmt::format(
        "carriers: \"{}\" is no id of a carrier: 1 to {} bytes of clean text", carrier.id, kIdMax));
  }
  const std::string field = "carrier " + carrier.id;
  carrier.system = SystemName(proto.delivery_system());
  carrier.frequency_khz = proto.frequency_khz();
  carrier.position = CleanText(proto.position(), kNameMax);
  if (proto.voltage() != 0 && proto.voltage() != 13 && proto.voltage() != 18)
    return absl::InvalidArgumentError(
        fmt::format("{}: voltage {} is not 0, 13 or 18", field, proto.voltage()));
  carrier.voltage = static_cast<uint8_t>(proto.voltage());
  ASSIGN_OR_RETURN(carrier.original_network_id,
                   Id(proto.original_network_id(), field + ": original_network_id"));
  ASSIGN_OR_RETURN(carrier.transport_stream_id,
                   Id(proto.transport_stream_id(), field + ": transport_stream_id"));
  carrier.name = CleanText(proto.name(), kNameMax);
  for (const pb::Service& row : proto.services()) {
    ASSIGN_OR_RETURN(DvbService service, ServiceFromProto(row, carrier.id));
    carrier.services.push_back(std::move(service));
  }
  return carrier;
}

absl::StatusOr<ToldGuide> GuideFromProto(const pb::Guide& proto) {
  ToldGuide guide;
  ASSIGN_OR_RETURN(guide.service.original_network_id,
                   Id(proto.original_network_id(), "guides: original_network_id"));
  ASSIGN_OR_RETURN(guide.service.transport_stream_id,
                   Id(proto.transport_stream_id(), "guides: transport_stream_id"));
  ASSIGN_OR_RETURN(guide.service.service_id, Id(proto.service_id(), "guides: service_id"));
  for (const pb::Event& row : proto.events()) {
    if (!row.has_start() || !row.has_duration()) continue;
    GuideEvent& event = guide.events.emplace_back();
    event.start = TimeFromProto(row.start());
    event.stop = event.start + absl::Seconds(row.duration().seconds());
    event.title = CleanText(row.title(), kNameMax);
    event.text = CleanText(row.text(), kEventTextMax);
    event.description = CleanText(row.description(), kEventDescriptionMax);
    event.language = Language(row.language());
  }
  return guide;
}

}  // namespace headwater::directory_resolver
