#pragma once

#include "headwater/bridge/v1/bridge.pb.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// How the bridge's messages are shown; see views.h. Pure.

Json ToJson(const bridge::v1::Rule& rule);
Row ToRow(const bridge::v1::Rule& rule);
inline const Row kBridgeRuleHeader = {"RULE", "STATE", "GROUPS", "WAYS", "MISSING"};

Json ToJson(const bridge::v1::Route& route);
Row ToRow(const bridge::v1::Route& route);
inline const Row kBridgeRouteHeader = {"GROUP", "SOURCE",  "FROM",  "TO",
                                       "RULE",  "PACKETS", "WRONG", "KERNEL"};

Json ToJson(const bridge::v1::Check& check);
Row ToRow(const bridge::v1::Check& check);
inline const Row kBridgeCheckHeader = {"CHECK", "OF", "STATE", "DETAIL"};

Json ToJson(const bridge::v1::Smcroute& smcroute);
Row ToRow(const bridge::v1::Smcroute& smcroute);
inline const Row kSmcrouteHeader = {"SMCROUTED", "PID", "RESTARTS", "IPV4", "IPV6"};
Row ToRow(const bridge::v1::SmcrouteError& error);
inline const Row kSmcrouteErrorHeader = {"WHEN", "KIND", "TIMES", "ERROR"};

}  // namespace headwater
