#include "services/mdns-zone-proxy/zone_service.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/text/clean_text.h"
#include "services/mdns-zone-proxy/config.h"
#include "services/mdns-zone-proxy/zone_convert.h"

namespace headwater::zone {
namespace {

// "synced" must not overtake what is before it.
constexpr const char* kInOrder = "";
constexpr size_t kConfigurationMax = 1 << 20;
// As zone_convert.cc shows names.
constexpr size_t kNameMax = 255;

std::string KeyOf(size_t zone, const ServiceKey& key) {
  return fmt::format("{}/{}/{}", zone, key.type, key.name);
}

bool Wants(const std::string& zone, const std::string& type,
           const v1::WatchServicesResponse& response) {
  if (response.has_synced()) return true;
  const bool removed = response.has_removed();
  const std::string& of = removed ? response.removed().zone() : response.service().zone();
  const std::string& kind = removed ? response.removed().type() : response.service().type();
  return (zone.empty() || zone == of) && (type.empty() || MatchesGlob(type, kind));
}

}  // namespace

ZoneServiceImpl::ZoneServiceImpl(EventLoop& loop, ZoneProxyShell& proxy)
    : loop_(loop),
      proxy_(proxy),
      services_(loop, [this](auto& stream) { SendServices(stream); }),
      resolved_(loop, [this](auto& stream) { SendServices(stream); }),
      mirrored_(loop, [this](auto& stream) { SendMirrored(stream); }) {
  resolved_.OnReaders([this](size_t readers) { proxy_.SetResolveAll(readers > 0); });
  proxy_.SetObserver(this);
}

ZoneServiceImpl::~ZoneServiceImpl() { proxy_.SetObserver(nullptr); }

grpc::ServerUnaryReactor* ZoneServiceImpl::ListZones(grpc::CallbackServerContext* context,
                                                     const v1::ListZonesRequest*,
                                                     v1::ListZonesResponse* response) {
  return OnLoop(context, loop_, [this, response]() -> absl::Status {
    for (size_t i = 0; i < proxy_.mirror().zones(); ++i) {
      *response->add_zones() = ZoneToProto(proxy_, i);
    }
    for (size_t i = 0; i < proxy_.mirror().policy().rules().size(); ++i) {
      *response->add_rules() = RuleToProto(proxy_, i);
    }
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::WatchServicesResponse>* ZoneServiceImpl::WatchServices(
    grpc::CallbackServerContext*, const v1::WatchServicesRequest* request) {
  const auto wants = [zone = request->zone(),
                      type = request->type()](const v1::WatchServicesResponse& response) {
    return Wants(zone, type, response);
  };
  return request->resolve() ? resolved_.Open(wants) : services_.Open(wants);
}

grpc::ServerWriteReactor<v1::WatchMirroredResponse>* ZoneServiceImpl::WatchMirrored(
    grpc::CallbackServerContext*, const v1::WatchMirroredRequest*) {
  return mirrored_.Open();
}

grpc::ServerUnaryReactor* ZoneServiceImpl::CheckPolicy(grpc::CallbackServerContext* context,
                                                       const v1::CheckPolicyRequest* request,
                                                       v1::CheckPolicyResponse* response) {
  return OnLoop(context, loop_, [this, request, response]() -> absl::Status {
    if (request->configuration().size() > kConfigurationMax) {
      return absl::InvalidArgumentError("configuration: more than 1 MiB");
    }
    if (request->configuration().empty()) {
      *response = Compare(proxy_, proxy_.mirror().policy());
      return absl::OkStatus();
    }
    const std::string file = request->file().empty() ? "configuration" : request->file();
    ASSIGN_OR_RETURN(std::vector<Rule> rules, RulesFromText(request->configuration(), file));
    *response = Compare(proxy_, Policy(std::move(rules)));
    return absl::OkStatus();
  });
}

v1::WatchServicesResponse ZoneServiceImpl::ServiceMessage(size_t zone,
                                                          const ServiceKey& key) const {
  v1::WatchServicesResponse message;
  message.set_revision(revision_);
  const auto& services = proxy_.mirror().seen(zone).services();
  const auto found = services.find(key);
  if (found != services.end() && found->second.IsThere() &&
      proxy_.mirror().IsForeign(zone, key, found->second)) {
    *message.mutable_service() = ServiceToProto(proxy_, zone, key, found->second);
  } else {
    message.mutable_removed()->set_zone(proxy_.zone(zone).options().name);
    message.mutable_removed()->set_type(key.type);
    message.mutable_removed()->set_name(CleanText(key.name, kNameMax));
  }
  return message;
}

v1::WatchMirroredResponse ZoneServiceImpl::MirroredMessage(const MirrorKey& key) const {
  v1::WatchMirroredResponse message;
  message.set_revision(revision_);
  const auto found = proxy_.mirror().mirrored().find(key);
  if (found != proxy_.mirror().mirrored().end()) {
    *message.mutable_mirrored() = MirroredToProto(proxy_, key, found->second);
  } else {
    message.mutable_removed()->set_from(proxy_.zone(key.from).options().name);
    message.mutable_removed()->set_to(proxy_.zone(key.to).options().name);
    message.mutable_removed()->set_type(key.key.type);
    message.mutable_removed()->set_name(CleanText(key.key.name, kNameMax));
  }
  return message;
}

void ZoneServiceImpl::SendServices(WatchStream<v1::WatchServicesResponse>& stream) const {
  for (size_t zone = 0; zone < proxy_.mirror().zones(); ++zone) {
    for (const auto& [key, service] : proxy_.mirror().seen(zone).services()) {
      const v1::WatchServicesResponse message = ServiceMessage(zone, key);
      if (message.has_service()) stream.Push(KeyOf(zone, key), message);
    }
  }
  v1::WatchServicesResponse synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push(kInOrder, synced);
}

void ZoneServiceImpl::SendMirrored(WatchStream<v1::WatchMirroredResponse>& stream) const {
  for (const auto& [key, mirrored] : proxy_.mirror().mirrored()) {
    stream.Push(fmt::format("{}/{}", key.to, KeyOf(key.from, key.key)), MirroredMessage(key));
  }
  v1::WatchMirroredResponse synced;
  synced.set_revision(revision_);
  synced.mutable_synced();
  stream.Push(kInOrder, synced);
}

void ZoneServiceImpl::OnServices(size_t zone, const std::set<ServiceKey>& changed) {
  ++revision_;
  if (services_.readers() + resolved_.readers() == 0) return;
  for (const ServiceKey& key : changed) {
    const v1::WatchServicesResponse message = ServiceMessage(zone, key);
    services_.Publish(KeyOf(zone, key), message);
    resolved_.Publish(KeyOf(zone, key), message);
  }
}

void ZoneServiceImpl::OnMirrored(const std::set<MirrorKey>& changed) {
  ++revision_;
  if (mirrored_.readers() == 0) return;
  for (const MirrorKey& key : changed) {
    mirrored_.Publish(fmt::format("{}/{}", key.to, KeyOf(key.from, key.key)), MirroredMessage(key));
  }
}

void ZoneServiceImpl::Close() {
  const grpc::Status ending(grpc::StatusCode::UNAVAILABLE, "the service is ending");
  services_.Close(ending);
  resolved_.Close(ending);
  mirrored_.Close(ending);
}

}  // namespace headwater::zone
