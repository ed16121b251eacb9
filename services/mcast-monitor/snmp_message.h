#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"
#include "services/common/net/ip_address.h"
#include "services/mcast-monitor/snmp_user.h"

namespace headwater::monitor {

enum class SnmpError : uint8_t {
  kSyntax,       // no SNMP message, or one cut off
  kVersion,      // neither 1, 2c nor 3
  kOther,        // no notification: requests and reports are for agents
  kUnknownUser,  // SNMPv3 of a user that is not configured, encrypted
  kSignature,    // signed, but not by that user's key
  kUnreadable,   // SNMPv3 that cannot be decrypted
  kUntimely,     // a signed inform from outside SnmpEngine's time window
};
inline constexpr size_t kSnmpErrors = 7;
const char* ToString(SnmpError error);

// Of a version 3 message what its answer needs (RFC 3412 section 6, RFC 3414 section 2.4).
struct SnmpV3 {
  int64_t message_id = 0;
  bool reportable = false;
  bool encrypted = false;
  std::vector<uint8_t> engine_id;
  uint32_t boots = 0;
  uint32_t time = 0;
  // The scoped PDU in the clear, and where in it the PDU's tag stands.
  std::vector<uint8_t> scoped;
  size_t pdu_offset = 0;
};

struct SnmpVariable {
  std::string oid;
  // As people read it; may hold anything that the sender put into a string.
  std::string value;
};

// A trap or inform of any version (RFC 1157, 3416, 3412 and 3414). Bounded by the datagram and by
// kVariablesMax.
struct SnmpMessage {
  // Variables behind these are left out.
  static constexpr size_t kVariablesMax = 64;

  uint8_t version = 0;  // 1, 2, 3
  bool inform = false;
  // SNMPv3: the signature was made by the configured user.
  bool authenticated = false;
  // SNMPv3. Communities are passwords and are not kept.
  std::string user;
  // Of SNMPv1 as RFC 3584 section 3.1 makes it: the OID of the notification.
  std::string trap;
  // SNMPv1: who it is about.
  std::optional<IpAddress> agent;
  // Hundredths of a second.
  uint64_t uptime = 0;
  std::vector<SnmpVariable> variables;
  // Of versions 1 and 2c: where in the datagram the PDU's tag stands.
  size_t pdu_offset = 0;
  // Of version 3.
  SnmpV3 v3;

  static Result<SnmpMessage, SnmpError> Parse(Bytes datagram, const std::vector<SnmpKeys>& users);
};

// The acknowledgement of a version 2c inform: the same message as a Response (RFC 3416
// section 4.2.7). Nothing for all else: an inform of version 3 is acknowledged by the engine that
// it is addressed to.
inline constexpr uint8_t kSnmpResponse = 0xa2;
std::optional<std::vector<uint8_t>> Acknowledge(Bytes datagram, const SnmpMessage& message);

}  // namespace headwater::monitor
