#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// Whole IP packets as a well-behaved host or querier sends them; each field can be made wrong. For
// tests and fuzz seeds only.

// Bytes from hexadecimal text; whitespace is ignored.
std::vector<uint8_t> FromHex(std::string_view text);

IpAddress Address(std::string_view text);

struct PacketFaults {
  uint8_t hop_limit = 1;
  bool router_alert = true;
  bool bad_checksum = false;
};

// A report of any version: the older ones need exactly one record, IS_EX or TO_IN.
std::vector<uint8_t> ReportPacket(std::string_view from, const Report& report,
                                  const PacketFaults& faults = {});
std::vector<uint8_t> QueryPacket(std::string_view from, const Query& query,
                                 const PacketFaults& faults = {});

// Writes the right checksum into a message (bytes 2 and 3), or a wrong one.
void FixChecksum(const IpAddress& from, const IpAddress& to, std::vector<uint8_t>& message,
                 bool wrong = false);

// An IPv6 packet with the hop-by-hop Router Alert, or an IPv4 one with the option, around a
// message.
std::vector<uint8_t> WrapPacket(const IpAddress& from, const IpAddress& to,
                                const std::vector<uint8_t>& message,
                                const PacketFaults& faults = {});

}  // namespace headwater::membership
