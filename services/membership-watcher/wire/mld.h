#pragma once

#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// MLDv1 (RFC 2710) and MLDv2 (RFC 9777).
//
// Reads a whole IPv6 packet, from its header on; bytes after the IPv6 payload (Ethernet padding)
// are ignored. What a router must check is checked here: hop limit 1, link-local source (a report
// from :: is refused too, RFC 9777 section 5.2.14), Router Alert, checksum, lengths. Auxiliary
// data, reserved fields and records of unknown type are skipped. Bounded by the packet: at most
// 65,535 bytes of payload.
Result<Message, DropReason> ParseMld(Bytes packet);

// Appends the ICMPv6 message of an MLDv2 query (or, by `query.version`, an MLDv1 one) with its
// checksum for these addresses.
void SerializeMldQuery(const Query& query, const IpAddress& from, const IpAddress& to,
                       std::vector<uint8_t>& out);

// Bytes of an MLDv2 query without sources, and of each source.
inline constexpr int kMldQueryBytes = 28;
// IPv6 header and the hop-by-hop header that carries Router Alert.
inline constexpr int kMldHeaderBytes = 48;

}  // namespace headwater::membership
