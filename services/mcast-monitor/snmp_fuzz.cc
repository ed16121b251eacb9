#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/mcast-monitor/event.h"
#include "services/mcast-monitor/snmp_engine.h"

using namespace headwater;
using namespace headwater::monitor;

// What was read makes a clean event, and its acknowledgement is no notification.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<SnmpKeys> kUsers = {
      SnmpKeys({.name = "bob", .auth_password = "authpass1", .privacy_password = "privpass1"})};
  const Bytes datagram(data, size);
  const SnmpEngine engine({0x80, 0, 0, 0, 1, 2, 3, 4}, 1, MonoTime{});
  if (const auto report = engine.Discover(datagram, MonoTime{}))
    HW_CHECK(!engine.Discover(*report, MonoTime{}));
  const auto message = SnmpMessage::Parse(datagram, kUsers);
  if (!message) return 0;
  HW_CHECK(message->variables.size() <= SnmpMessage::kVariablesMax);
  if (message->version == 3) {
    const auto verdict = engine.Check(*message, kUsers, 1, MonoTime{});
    if (verdict.answer) HW_CHECK(!SnmpMessage::Parse(*verdict.answer, kUsers).ok());
  }
  const Event event = SnmpEvent({}, datagram, *message);
  HW_CHECK(IsUtf8(event.text) && event.text.size() <= Event::kTextMax);
  if (const auto answer = Acknowledge(datagram, *message)) {
    HW_CHECK(answer->size() == size);
    HW_CHECK(!SnmpMessage::Parse(*answer, kUsers).ok());
  }
  return 0;
}
