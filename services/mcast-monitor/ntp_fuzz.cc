#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/mcast-monitor/clock_poll.h"
#include "services/mcast-monitor/ntp_server.h"

using namespace headwater;
using namespace headwater::monitor;

// Datagrams of 48 bytes and less, one after the other: no time is told by a clock that has none,
// and an answer is no request, so that two monitors never talk to each other.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  NtpServer server({});
  ClockPoll poll;
  poll.Ask(1);
  const absl::Time now = absl::FromUnixSeconds(1'795'896'000);
  MonoTime time{};
  Bytes rest(data, size);
  for (int i = 0; !rest.empty() && i < 100; ++i) {
    const Bytes datagram = rest.first(std::min<size_t>(rest.size(), 52));
    rest = rest.subspan(datagram.size());
    time += 3s;
    auto verdict = server.Handle(datagram, IpAddress(), now, time);
    if (verdict.answer) {
      NtpServer::SetTransmit(*verdict.answer, now);
      HW_CHECK(server.clock().synchronised || verdict.answer->leap == kLeapUnsynchronised);
      HW_CHECK(server.clock().synchronised || verdict.answer->receive == 0 ||
               verdict.answer->receive == verdict.answer->origin);
      HW_CHECK(NtpPacket::Parse(verdict.answer->Serialize()) == *verdict.answer);
      HW_CHECK(!server.Handle(verdict.answer->Serialize(), IpAddress(), now, time).answer);
    }
    if (poll.OnAnswer(datagram, now, time)) server.set_clock(poll.State(time));
  }
  return 0;
}
