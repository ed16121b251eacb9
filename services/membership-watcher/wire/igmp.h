#pragma once

#include <cstdint>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/membership-watcher/wire/membership_message.h"

namespace headwater::membership {

// IGMPv1 (RFC 1112), IGMPv2 (RFC 2236) and IGMPv3 (RFC 9776).
//
// Reads a whole IPv4 packet, from its header on; bytes after its total length (Ethernet padding)
// are ignored. Checked: header checksum, no fragment, TTL 1, Router Alert (but not of IGMPv1, which
// has none), IGMP checksum, lengths. A report from 0.0.0.0 is taken: RFC 9776 section 4.2.14
// demands it.
Result<Message, DropReason> ParseIgmp(Bytes packet);

// Appends the IGMP message of a query, of the version that `query.version` says.
void SerializeIgmpQuery(const Query& query, std::vector<uint8_t>& out);

// Bytes of an IGMPv3 query without sources; an IPv4 header with Router Alert.
inline constexpr int kIgmpQueryBytes = 12;
inline constexpr int kIgmpHeaderBytes = 24;

}  // namespace headwater::membership
