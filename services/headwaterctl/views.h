#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "headwater/directory/v1/directory.pb.h"
#include "headwater/membership/v1/membership.pb.h"
#include "headwater/session/v1/session.pb.h"
#include "headwater/types/v1/types.pb.h"

namespace headwater {

// How control-plane messages are shown: as an object for machines (fields as in schema/*.json) and
// as a row for people. Pure.
using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

// "radio-browser" of DIRECTORY_SOURCE_RADIO_BROWSER.
std::string EnumText(std::string name, std::string_view prefix);

// "ff3e::8000:1", or "2001:db8::1@ff3e::8000:1" with SSM.
std::string ChannelText(const types::v1::Channel& channel);
// "0x80000001"; empty for 0.
std::string ShownNumber(uint32_t number);
// "live".
std::string StateText(session::v1::SessionState state);
// RFC 3339 in UTC with milliseconds; empty when unset.
std::string TimeText(const google::protobuf::Timestamp& time);

Json ToJson(const session::v1::Session& session);
Row ToRow(const session::v1::Session& session);
inline const Row kSessionHeader = {"GROUP",  "STATE",   "LINKS", "MEMBERS",
                                   "SENDER", "STATION", "TITLE"};

Json ToJson(const membership::v1::GroupMembership& group);
Row ToRow(const membership::v1::GroupMembership& group);
inline const Row kGroupHeader = {"LINK", "GROUP", "MODE", "MEMBERS", "SOURCES"};

Json ToJson(const types::v1::DvbService& service);
Json ToJson(const types::v1::Station& station);
Row ToRow(const types::v1::Station& station);
inline const Row kStationHeader = {"NUMBER", "DIRECTORY", "TITLE", "URL"};

// An exported document with its content type.
Json ToJson(const directory::v1::ExportResponse& exported);

Json ToJson(const session::v1::Sender& sender);
Row ToRow(const session::v1::Sender& sender);
inline const Row kSenderHeader = {"SENDER",   "CONNECTED", "DRAINED",
                                  "SESSIONS", "CAPACITY",  "LINKS"};

Json ToJson(const session::v1::Endpoint& endpoint);
Row ToRow(const session::v1::Endpoint& endpoint);
inline const Row kEndpointHeader = {"SERVICE", "INSTANCE", "TARGET", "CONNECTED", "SYNCED"};

// The story of a session with milliseconds since its first step, and a last line that says where it
// stands and why.
std::string StoryText(const session::v1::ExplainSessionResponse& story);
Json ToJson(const session::v1::ExplainSessionResponse& story);

}  // namespace headwater
