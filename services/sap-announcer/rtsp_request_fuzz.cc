#include <cstddef>
#include <cstdint>
#include <set>

#include "services/common/base/check.h"
#include "services/sap-announcer/rtsp_server.h"

using namespace headwater;

namespace {

Announcement Radio(const IpAddress& group, uint32_t number) {
  Announcement radio;
  radio.channel.group = group;
  radio.number = number;
  radio.format.encoding = "MPA";
  radio.format.payload_type = 14;
  radio.format.clock_rate = 90'000;
  radio.hop_limit = 16;
  return radio;
}

// Stands for the shell: what is closed is gone, and each question is counted.
void Take(RtspServer::Actions& actions, std::set<uint64_t>& open, uint64_t& asked) {
  for (const auto& send : actions.sends) {
    HW_CHECK(send.bytes.find("RTSP/1.0 ") == 0);
    HW_CHECK(open.contains(send.connection));
  }
  for (const uint64_t id : actions.closes) HW_CHECK(open.erase(id) == 1);
  asked += actions.questions.size();
  actions = {};
}

}  // namespace

// Two players of one link send the input in pieces, the first byte of each piece saying how long it
// is, who sends it, and what happens next: an answer, time, or nothing.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Announcer announcer{AnnouncerOptions{}};
  Announcer::Now now = {MonoTime{}, 3'970'000'000};
  Sends sends;
  Leg leg;
  leg.link = "lan";
  leg.up = true;
  leg.service_ipv4 = IpAddress::Parse("192.0.2.1");
  leg.service_ipv6 = IpAddress::Parse("2001:db8::1");
  announcer.SetLegs({leg}, now, sends);
  Announcement live = Radio(*IpAddress::Parse("239.192.0.1"), 0x80000001);
  live.links["lan"] = 1;
  HW_CHECK(announcer.Apply(0, live, now, sends).ok());

  RtspServer server(announcer, 1);
  server.SetWatched(true);
  std::set<uint64_t> open;
  uint64_t asked = 0;
  RtspServer::Actions actions;
  for (uint64_t id = 0; id < 2; ++id) {
    HW_CHECK(server.OnConnect(id, {"lan", *leg.service_ipv4}, now.mono));
    open.insert(id);
  }
  while (size > 0) {
    const uint8_t step = *data++;
    // 15 in the low half is "all that is left", which is what seeds are.
    const size_t length = (step & 15) == 15 ? size - 1 : std::min<size_t>(step & 15, size - 1);
    server.OnBytes((step >> 4) & 1, Bytes(data, length), now, actions);
    data += length;
    size -= length + 1;
    Take(actions, open, asked);
    if ((step >> 5 & 3) == 1 && asked > 0) {
      server.OnAnswer(asked, Radio(*IpAddress::Parse("ff3e::8000:2"), 0x80000002), now, actions);
    } else if ((step >> 5 & 3) == 2) {
      now.mono += 2s;
      server.OnTime(now, actions);
    }
    Take(actions, open, asked);
    HW_CHECK(server.questions().size() <= 2);
  }
  // Whatever was asked is over in time, and nobody is kept for ever.
  now.mono += RtspServer::kAnswerTime;
  server.OnTime(now, actions);
  Take(actions, open, asked);
  now.mono += 2 * RtspConnection::kSessionTimeout;
  for (int round = 0; round < 64 && server.NextDeadline() <= now.mono; ++round) {
    server.OnTime(now, actions);
    Take(actions, open, asked);
    now.mono += 2 * RtspConnection::kSessionTimeout;
  }
  HW_CHECK(server.connections() == 0 && open.empty());
  return 0;
}
