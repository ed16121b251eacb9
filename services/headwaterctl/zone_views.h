#pragma once

#include <string>

#include "headwater/zone/v1/zone.pb.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// What mdns-zone-proxy says, as in views.h.
Json ToJson(const zone::v1::Zone& zone);
Row ToRow(const zone::v1::Zone& zone);
inline const Row kZoneHeader = {"ZONE",     "STATE",    "SINCE",   "SERVICES", "TYPES",
                                "MIRRORED", "RESTARTS", "DROPPED", "AVAHI",    "ERROR"};

Json ToJson(const zone::v1::Rule& rule);
Row ToRow(const zone::v1::Rule& rule);
inline const Row kRuleHeader = {"RULE",     "ACTION",  "FROM",     "TO",      "TYPES", "NAMES",
                                "FAMILIES", "MATCHED", "MIRRORED", "NFT SET", "ERROR"};

Json ToJson(const zone::v1::Service& service);
Row ToRow(const zone::v1::Service& service);
inline const Row kZoneServiceHeader = {"ZONE", "TYPE",      "NAME",     "HOST",
                                       "PORT", "ADDRESSES", "SUBTYPES", "STALE"};

// One step of a watch: an object with "event": "service", "removed" or "synced".
Json ToJson(const zone::v1::WatchServicesResponse& response);
// "+ iot _ipp._tcp Office printer.local:631 192.0.2.5"; empty for synced.
std::string StepText(const zone::v1::WatchServicesResponse& response);

Json ToJson(const zone::v1::Mirrored& mirrored);
Row ToRow(const zone::v1::Mirrored& mirrored);
inline const Row kMirroredHeader = {"FROM", "TO",        "TYPE",  "NAME",  "AS",  "HOST",
                                    "PORT", "ADDRESSES", "STATE", "SINCE", "RULE"};

Json ToJson(const zone::v1::Crossing& crossing);
Row ToRow(const zone::v1::Crossing& crossing);
inline const Row kCrossingHeader = {"EFFECT", "FROM", "TO", "TYPE", "NAME", "RULE"};
// "12 looked at: 3 cross already, 1 would cross, 0 would cross no more, 0 by another rule".
std::string ResultText(const zone::v1::CheckPolicyResponse& response);

}  // namespace headwater
