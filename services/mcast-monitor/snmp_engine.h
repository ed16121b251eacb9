#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/time/mono_time.h"
#include "services/mcast-monitor/snmp_message.h"
#include "services/mcast-monitor/snmp_user.h"

namespace headwater::monitor {

// The receiver's side of informs of version 3: whoever sends one asks first who we are, then sends
// it signed with our engine's id and time, and wants an answer signed alike (RFC 3414 section 4).
// What is addressed to another engine is left alone: another monitor on the link may be meant.
// Pure.
class SnmpEngine {
 public:
  // RFC 3414 section 2.2.3.
  static constexpr int64_t kWindowSeconds = 150;

  // `boots` is larger by one in each life of the engine of that id.
  SnmpEngine(std::vector<uint8_t> id, uint32_t boots, MonoTime started)
      : id_(std::move(id)), boots_(boots), started_(started) {}

  // The answer to "who are you" (section 4, a request without an engine id); nothing for all else.
  std::optional<std::vector<uint8_t>> Discover(Bytes datagram, MonoTime now) const;

  struct Verdict {
    // Whether the message is to be taken; a signed one that is too old, or of an earlier life, is
    // not.
    bool take = true;
    // To be sent back.
    std::optional<std::vector<uint8_t>> answer;
  };
  // Of an inform of version 3. `salt` is to be another one each time.
  Verdict Check(const SnmpMessage& message, const std::vector<SnmpKeys>& users, uint64_t salt,
                MonoTime now) const;

 private:
  struct Outgoing;
  uint32_t Time(MonoTime now) const;
  std::vector<uint8_t> Build(const Outgoing& outgoing, MonoTime now) const;
  std::vector<uint8_t> ReportPdu(Bytes counter_oid) const;

  const std::vector<uint8_t> id_;
  const uint32_t boots_;
  const MonoTime started_;
};

}  // namespace headwater::monitor
