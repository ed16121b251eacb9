#include "services/mcast-monitor/snmp_engine.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "services/common/wire/byte_writer.h"
#include "services/mcast-monitor/ber_reader.h"

namespace headwater::monitor {
namespace {

constexpr uint8_t kReport = 0xa8;
constexpr uint8_t kCounter32 = 0x41;
constexpr int64_t kMessageMax = 65507;
constexpr uint8_t kFlagAuth = 1, kFlagPrivacy = 2, kFlagReportable = 4;
constexpr int64_t kSecurityModelUsm = 3;
// 1.3.6.1.6.3.15.1.1.4.0 and ...2.0 (RFC 3414 section 5).
constexpr uint8_t kUnknownEngineIds[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0};
constexpr uint8_t kNotInTimeWindows[] = {0x2b, 6, 1, 6, 3, 15, 1, 1, 2, 0};

// One BER element behind the other.
class BerWriter {
 public:
  BerWriter& Put(uint8_t tag, Bytes contents) {
    out_.push_back(tag);
    const size_t size = contents.size();
    if (size >= 0x80) {
      out_.push_back(0x82);
      out_.push_back(static_cast<uint8_t>(size >> 8));
    }
    out_.push_back(static_cast<uint8_t>(size));
    out_.insert(out_.end(), contents.begin(), contents.end());
    return *this;
  }
  BerWriter& Integer(int64_t value, uint8_t tag = kBerInteger) {
    std::vector<uint8_t> bytes;
    ByteWriter(bytes).U64(static_cast<uint64_t>(value));
    size_t from = 0;
    // As few as keep the sign.
    while (from < 7 && ((bytes[from] == 0 && (bytes[from + 1] & 0x80) == 0) ||
                        (bytes[from] == 0xff && (bytes[from + 1] & 0x80) != 0))) {
      ++from;
    }
    return Put(tag, Bytes(bytes).subspan(from));
  }
  BerWriter& Append(Bytes bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  const std::vector<uint8_t>& bytes() const { return out_; }

 private:
  std::vector<uint8_t> out_;
};

std::vector<uint8_t> Wrap(uint8_t tag, const BerWriter& contents) {
  return BerWriter().Put(tag, contents.bytes()).bytes();
}

const SnmpKeys* FindUser(const std::vector<SnmpKeys>& users, const std::string& name) {
  const auto found = std::find_if(users.begin(), users.end(),
                                  [&](const SnmpKeys& keys) { return keys.name() == name; });
  return found == users.end() ? nullptr : &*found;
}

}  // namespace

struct SnmpEngine::Outgoing {
  int64_t message_id = 0;
  std::string user;
  // Null: not signed.
  const SnmpKeys* keys = nullptr;
  bool encrypt = false;
  uint64_t salt = 0;
  std::vector<uint8_t> scoped;
};

uint32_t SnmpEngine::Time(MonoTime now) const {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now - started_).count() & 0x7fffffff);
}

// Reports of a counter, whose value nobody reads.
std::vector<uint8_t> SnmpEngine::ReportPdu(Bytes counter_oid) const {
  const auto pair =
      Wrap(kBerSequence, BerWriter().Put(kBerOid, counter_oid).Integer(1, kCounter32));
  const auto list = Wrap(kBerSequence, BerWriter().Append(pair));
  const auto pdu = Wrap(kReport, BerWriter().Integer(0).Integer(0).Integer(0).Append(list));
  return Wrap(kBerSequence, BerWriter().Put(kBerOctets, id_).Put(kBerOctets, {}).Append(pdu));
}

std::vector<uint8_t> SnmpEngine::Build(const Outgoing& outgoing, MonoTime now) const {
  const uint32_t time = Time(now);
  std::vector<uint8_t> salt;
  if (outgoing.encrypt) ByteWriter(salt).U64(outgoing.salt);
  const auto flags = static_cast<uint8_t>((outgoing.keys != nullptr ? kFlagAuth : 0) |
                                          (outgoing.encrypt ? kFlagPrivacy : 0));
  const auto global = Wrap(kBerSequence, BerWriter()
                                             .Integer(outgoing.message_id)
                                             .Integer(kMessageMax)
                                             .Put(kBerOctets, {&flags, 1})
                                             .Integer(kSecurityModelUsm));
  const std::vector<uint8_t> zeros(outgoing.keys != nullptr ? outgoing.keys->authenticator_size()
                                                            : 0);
  const auto behind = BerWriter().Put(kBerOctets, salt).bytes();
  const auto usm = Wrap(kBerSequence, BerWriter()
                                          .Put(kBerOctets, id_)
                                          .Integer(boots_)
                                          .Integer(time)
                                          .Put(kBerOctets, AsBytes(outgoing.user))
                                          .Put(kBerOctets, zeros)
                                          .Append(behind));
  std::vector<uint8_t> data = outgoing.scoped;
  if (outgoing.encrypt) {
    data = BerWriter()
               .Put(kBerOctets, outgoing.keys->Encrypt(outgoing.scoped, id_, boots_, time, salt))
               .bytes();
  }
  std::vector<uint8_t> message =
      Wrap(kBerSequence, BerWriter().Integer(3).Append(global).Put(kBerOctets, usm).Append(data));
  if (outgoing.keys != nullptr) {
    // The authenticator stands before the salt and the data, at the end.
    outgoing.keys->Sign(message, message.size() - data.size() - behind.size() - zeros.size(), id_);
  }
  return message;
}

std::optional<std::vector<uint8_t>> SnmpEngine::Discover(Bytes datagram, MonoTime now) const {
  BerReader whole(datagram);
  BerReader outer = whole.Enter(kBerSequence);
  if (outer.Integer() != 3) return std::nullopt;
  BerReader global = outer.Enter(kBerSequence);
  const int64_t message_id = global.Integer();
  global.Integer();
  const Bytes flags = global.Take(kBerOctets);
  BerReader parameters(outer.Take(kBerOctets));
  BerReader usm = parameters.Enter(kBerSequence);
  const Bytes engine_id = usm.Take(kBerOctets);
  if (!global.ok() || !outer.ok() || !usm.ok() || !engine_id.empty()) return std::nullopt;
  if (flags.size() != 1 || (flags[0] & kFlagReportable) == 0) return std::nullopt;
  return Build({.message_id = message_id, .scoped = ReportPdu(kUnknownEngineIds)}, now);
}

SnmpEngine::Verdict SnmpEngine::Check(const SnmpMessage& message,
                                      const std::vector<SnmpKeys>& users, uint64_t salt,
                                      MonoTime now) const {
  if (message.v3.engine_id != id_) return {};
  Outgoing answer = {.message_id = message.v3.message_id, .user = message.user, .salt = salt};
  if (message.authenticated) {
    answer.keys = FindUser(users, message.user);
    // Both below 2^32.
    const int64_t apart = int64_t{message.v3.time} - int64_t{Time(now)};
    if (message.v3.boots != boots_ || apart > kWindowSeconds || apart < -kWindowSeconds) {
      answer.scoped = ReportPdu(kNotInTimeWindows);
      return {false, message.v3.reportable ? std::optional(Build(answer, now)) : std::nullopt};
    }
  }
  answer.encrypt = message.v3.encrypted;
  answer.scoped = message.v3.scoped;
  answer.scoped[message.v3.pdu_offset] = kSnmpResponse;
  return {true, Build(answer, now)};
}

}  // namespace headwater::monitor
