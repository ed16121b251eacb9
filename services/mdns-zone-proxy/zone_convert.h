#pragma once

#include "headwater/zone/v1/zone.pb.h"
#include "services/mdns-zone-proxy/zone_proxy_shell.h"

namespace headwater::zone {

v1::Zone ZoneToProto(const ZoneProxyShell& proxy, size_t zone);
v1::Rule RuleToProto(const ZoneProxyShell& proxy, size_t rule);
v1::Service ServiceToProto(const ZoneProxyShell& proxy, size_t zone, const ServiceKey& key,
                           const SeenService& service);
v1::Mirrored MirroredToProto(const ZoneProxyShell& proxy, const MirrorKey& key,
                             const Mirrored& mirrored);
// What `checked` does with all that is seen now, against the policy in force.
v1::CheckPolicyResponse Compare(const ZoneProxyShell& proxy, const Policy& checked);

}  // namespace headwater::zone
