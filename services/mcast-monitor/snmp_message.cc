#include "services/mcast-monitor/snmp_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "services/mcast-monitor/ber_reader.h"

namespace headwater::monitor {
namespace {

constexpr uint8_t kTrapV1 = 0xa4;
constexpr uint8_t kInform = 0xa6;
constexpr uint8_t kTrapV2 = 0xa7;
// RFC 2578.
constexpr uint8_t kIpAddress = 0x40;
constexpr uint8_t kCounter32 = 0x41;
constexpr uint8_t kGauge32 = 0x42;
constexpr uint8_t kTimeTicks = 0x43;
constexpr uint8_t kCounter64 = 0x46;
// RFC 3412 section 6.4.
constexpr uint8_t kFlagAuth = 1;
constexpr uint8_t kFlagPrivacy = 2;
constexpr uint8_t kFlagReportable = 4;
constexpr int64_t kSecurityModelUsm = 3;
constexpr int kGenericMax = 5;

constexpr std::string_view kUptimeOid = "1.3.6.1.2.1.1.3.0";
constexpr std::string_view kTrapOid = "1.3.6.1.6.3.1.1.4.1.0";
constexpr std::string_view kStandardTraps = "1.3.6.1.6.3.1.1.5";

std::string Octets(Bytes contents) {
  const bool text = std::all_of(contents.begin(), contents.end(), [](uint8_t byte) {
    return byte >= 0x20 || byte == '\t' || byte == '\n' || byte == '\r';
  });
  if (text) return std::string(AsText(contents));
  constexpr size_t kShownMax = 64;
  std::string hex = "0x";
  for (const uint8_t byte : contents.first(std::min(contents.size(), kShownMax)))
    fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return contents.size() > kShownMax ? hex + "..." : hex;
}

std::string ValueText(uint8_t tag, Bytes contents) {
  int64_t number = 0;
  switch (tag) {
    case kBerInteger:
      return BerInteger(contents, true, number) ? std::to_string(number) : "";
    case kCounter32:
    case kGauge32:
    case kTimeTicks:
    case kCounter64:
      return BerInteger(contents, false, number) ? std::to_string(static_cast<uint64_t>(number))
                                                 : "";
    case kBerOid:
      return OidText(contents);
    case kIpAddress:
      if (const auto address = IpAddress::FromBytes(contents)) return address->ToString();
      return Octets(contents);
    case kBerNull:
      return "";
    default:
      return Octets(contents);
  }
}

// False when the list is broken.
bool ReadVariables(BerReader& pdu, SnmpMessage& message) {
  BerReader list = pdu.Enter(kBerSequence);
  while (list.ok() && !list.AtEnd()) {
    BerReader pair = list.Enter(kBerSequence);
    SnmpVariable variable{.oid = OidText(pair.Take(kBerOid))};
    uint8_t tag;
    const Bytes contents = pair.Any(tag);
    if (!pair.ok()) return false;
    variable.value = ValueText(tag, contents);
    if (variable.oid == kUptimeOid && tag == kTimeTicks) {
      int64_t ticks;
      if (BerInteger(contents, false, ticks)) message.uptime = static_cast<uint64_t>(ticks);
    } else if (variable.oid == kTrapOid && tag == kBerOid) {
      message.trap = variable.value;
    } else if (message.variables.size() < SnmpMessage::kVariablesMax) {
      message.variables.push_back(std::move(variable));
    }
  }
  return pdu.ok() && list.ok();
}

// RFC 1157 section 4.1.6.
bool ReadTrapV1(BerReader& pdu, SnmpMessage& message) {
  const std::string enterprise = OidText(pdu.Take(kBerOid));
  message.agent = IpAddress::FromBytes(pdu.Take(kIpAddress));
  const int64_t generic = pdu.Integer();
  const int64_t specific = pdu.Integer();
  int64_t ticks = 0;
  if (BerInteger(pdu.Take(kTimeTicks), false, ticks)) message.uptime = static_cast<uint64_t>(ticks);
  // RFC 3584 section 3.1 (2) and (3).
  message.trap = generic >= 0 && generic <= kGenericMax
                     ? fmt::format("{}.{}", kStandardTraps, generic + 1)
                     : fmt::format("{}.0.{}", enterprise, specific);
  return ReadVariables(pdu, message);
}

Result<SnmpMessage, SnmpError> ReadPdu(BerReader& outer, SnmpMessage message) {
  const uint8_t tag = outer.PeekTag();
  const bool v1 = tag == kTrapV1 && message.version == 1;
  const bool v2 = (tag == kTrapV2 || tag == kInform) && message.version != 1;
  if (!outer.ok() || tag == 0) return SnmpError::kSyntax;
  if (!v1 && !v2) return SnmpError::kOther;
  message.inform = tag == kInform;
  BerReader pdu = outer.Enter(tag);
  if (v1) {
    if (!ReadTrapV1(pdu, message)) return SnmpError::kSyntax;
    return message;
  }
  pdu.Integer();  // request id
  const int64_t status = pdu.Integer();
  const int64_t index = pdu.Integer();
  if (status != 0 || index != 0 || !ReadVariables(pdu, message)) return SnmpError::kSyntax;
  return message;
}

// msgSecurityParameters of the user-based model (RFC 3414 section 2.4).
struct UsmParameters {
  Bytes engine_id;
  uint32_t boots = 0;
  uint32_t time = 0;
  Bytes user;
  Bytes authenticator;
  Bytes salt;

  bool Read(Bytes bytes) {
    BerReader outer(bytes);
    BerReader in = outer.Enter(kBerSequence);
    engine_id = in.Take(kBerOctets);
    boots = static_cast<uint32_t>(in.Integer());
    time = static_cast<uint32_t>(in.Integer());
    user = in.Take(kBerOctets);
    authenticator = in.Take(kBerOctets);
    salt = in.Take(kBerOctets);
    return in.ok() && outer.ok();
  }
};

// `rest` begins with a scoped PDU (RFC 3412 section 6.8); behind a decrypted one there may be
// padding.
Result<SnmpMessage, SnmpError> ReadScoped(Bytes rest, SnmpMessage message) {
  BerReader outer(rest);
  const Bytes contents = outer.Take(kBerSequence);
  if (!outer.ok()) return SnmpError::kSyntax;
  const Bytes whole = rest.first(outer.position());
  BerReader scoped(contents);
  scoped.Take(kBerOctets);  // context engine
  scoped.Take(kBerOctets);  // context
  if (!scoped.ok()) return SnmpError::kSyntax;
  message.v3.scoped.assign(whole.begin(), whole.end());
  message.v3.pdu_offset = whole.size() - contents.size() + scoped.position();
  return ReadPdu(scoped, std::move(message));
}

Result<SnmpMessage, SnmpError> ReadV3(BerReader& outer, Bytes datagram,
                                      const std::vector<SnmpKeys>& users) {
  SnmpMessage message{.version = 3};
  BerReader global = outer.Enter(kBerSequence);
  message.v3.message_id = global.Integer();
  global.Integer();  // largest message
  const Bytes flags = global.Take(kBerOctets);
  const int64_t model = global.Integer();
  UsmParameters usm;
  const Bytes parameters = outer.Take(kBerOctets);
  if (!global.ok() || !outer.ok() || flags.size() != 1) return SnmpError::kSyntax;
  if (model != kSecurityModelUsm || !usm.Read(parameters)) return SnmpError::kSyntax;
  message.user = std::string(AsText(usm.user));
  message.v3.engine_id.assign(usm.engine_id.begin(), usm.engine_id.end());
  message.v3.boots = usm.boots;
  message.v3.time = usm.time;
  message.v3.reportable = (flags[0] & kFlagReportable) != 0;
  message.v3.encrypted = (flags[0] & kFlagPrivacy) != 0;
  const auto known = std::find_if(users.begin(), users.end(), [&](const SnmpKeys& keys) {
    return keys.name() == message.user;
  });
  if ((flags[0] & kFlagAuth) != 0 && known != users.end()) {
    if (usm.authenticator.size() != known->authenticator_size()) return SnmpError::kSignature;
    const auto offset = static_cast<size_t>(usm.authenticator.data() - datagram.data());
    if (!known->Verify(datagram, offset, usm.engine_id)) return SnmpError::kSignature;
    message.authenticated = true;
  }
  if (!message.v3.encrypted) return ReadScoped(outer.Rest(), std::move(message));
  // Only what is signed is decrypted (RFC 3414 section 3.2: there is no privacy without).
  if (known == users.end()) return SnmpError::kUnknownUser;
  if (!message.authenticated || !known->has_privacy()) return SnmpError::kUnreadable;
  const Bytes encrypted = outer.Take(kBerOctets);
  if (!outer.ok()) return SnmpError::kSyntax;
  const std::vector<uint8_t> clear =
      known->Decrypt(encrypted, usm.engine_id, usm.boots, usm.time, usm.salt);
  Result<SnmpMessage, SnmpError> read = ReadScoped(clear, std::move(message));
  // A wrong key gives noise.
  if (!read.ok() && read.error() == SnmpError::kSyntax) return SnmpError::kUnreadable;
  return read;
}

}  // namespace

const char* ToString(SnmpError error) {
  constexpr const char* kNames[] = {"syntax",       "version",   "not_a_notification",
                                    "unknown_user", "signature", "unreadable",
                                    "untimely"};
  static_assert(std::size(kNames) == kSnmpErrors);
  return kNames[static_cast<size_t>(error)];
}

Result<SnmpMessage, SnmpError> SnmpMessage::Parse(Bytes datagram,
                                                  const std::vector<SnmpKeys>& users) {
  BerReader whole(datagram);
  BerReader outer = whole.Enter(kBerSequence);
  const int64_t version = outer.Integer();
  if (!outer.ok()) return SnmpError::kSyntax;
  if (version == 3) return ReadV3(outer, datagram, users);
  if (version != 0 && version != 1) return SnmpError::kVersion;
  outer.Take(kBerOctets);  // community
  SnmpMessage message{.version = static_cast<uint8_t>(version + 1)};
  // From the datagram's begin: the header of the sequence is what is not inside it.
  const Bytes contents = BerReader(datagram).Take(kBerSequence);
  if (outer.ok())
    message.pdu_offset = static_cast<size_t>(contents.data() - datagram.data()) + outer.position();
  return ReadPdu(outer, std::move(message));
}

std::optional<std::vector<uint8_t>> Acknowledge(Bytes datagram, const SnmpMessage& message) {
  if (message.version != 2 || !message.inform || message.pdu_offset >= datagram.size())
    return std::nullopt;
  std::vector<uint8_t> answer(datagram.begin(), datagram.end());
  answer[message.pdu_offset] = kSnmpResponse;
  return answer;
}

}  // namespace headwater::monitor
