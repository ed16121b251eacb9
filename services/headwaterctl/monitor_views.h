#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "headwater/monitor/v1/monitor.pb.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// How the monitor's messages are shown; see views.h. Whatever a monitor answers, no text leaves
// here with a control character or a direction mark in it. Pure.

Json ToJson(const monitor::v1::Event& event);
// "2026-11-28T20:00:00.123Z mgmt 192.168.0.239 user.warning sw1 TRAPMGR: Link Down".
std::string EventLine(const monitor::v1::Event& event);

Json ToJson(const monitor::v1::GetNtpResponse& ntp);
std::string NtpText(const monitor::v1::GetNtpResponse& ntp);

Json ToJson(const monitor::v1::Listener& listener);
Row ToRow(const monitor::v1::Listener& listener);
inline const Row kListenerHeader = {"SERVICE", "LINK",   "INTERFACE", "GROUP",
                                    "SOURCE",  "JOINED", "ERROR"};
Json ToJson(const monitor::v1::Handover& handover);
Row ToRow(const monitor::v1::Handover& handover);
inline const Row kHandoverHeader = {"SERVICE",   "TARGET", "UP",      "QUEUED",
                                    "FORWARDED", "RESENT", "DROPPED", "LOST"};
Json ToJson(const monitor::v1::GetStatusResponse& status);
std::string StoreText(const monitor::v1::Store& store);

// A rule set for nft that has the daemons themselves hear what the hand-overs would give them: the
// source stays, and the monitor hears those groups no more.
std::string NftRules(const monitor::v1::GetStatusResponse& status);

// "warning" or "4"; INVALID_ARGUMENT lists what is allowed.
absl::StatusOr<uint32_t> ParseSeverity(std::string_view text);
absl::StatusOr<uint32_t> ParseFacility(std::string_view text);
absl::StatusOr<monitor::v1::EventKind> ParseEventKind(std::string_view text);

}  // namespace headwater
