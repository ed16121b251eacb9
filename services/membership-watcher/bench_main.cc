// membership-bench core GROUPS: how fast the core takes records, and what its groups cost in
// memory. membership-bench send INTERFACE COUNT MILLISECONDS FIRST ipv4|ipv6: reports that join
// COUNT groups from number FIRST on, each from a host of its own, evenly over the time. One JSON
// object each.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <malloc.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "services/common/time/clock.h"
#include "services/membership-watcher/link_membership.h"
#include "services/membership-watcher/testing/packet_builder.h"

namespace headwater::membership {
namespace {

using Packet = std::vector<uint8_t>;

IpAddress Numbered(const char* base, uint32_t number) {
  const IpAddress address = Address(base);
  if (address.is_v4()) return IpAddress::V4(address.low32() + number);
  std::array<uint8_t, 16> bytes;
  std::copy(address.bytes().begin(), address.bytes().end(), bytes.begin());
  for (size_t i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return IpAddress::V6(bytes);
}

Packet Join(RecordType type, uint32_t first, uint32_t records, bool ipv4) {
  Report report{ipv4 ? Version::kIgmpV3 : Version::kMldV2, {}};
  for (uint32_t i = first; i < first + records; ++i) {
    report.records.push_back({type, Numbered(ipv4 ? "239.0.0.0" : "ff3e:40::", i), {}});
  }
  return ReportPacket(Numbered(ipv4 ? "10.0.0.1" : "fe80::1:0:0", first).ToString(), report);
}

// Memory that is this process's alone.
uint64_t PrivateBytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/smaps_rollup");
  uint64_t bytes = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Private_")) bytes += std::stoull(line.substr(line.find(':') + 1)) * 1024;
  }
  return bytes;
}

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Records a second; `now` goes on by a millisecond a packet, so that no host is held to its rate.
double Feed(LinkMembership& link, const std::vector<Packet>& packets, uint32_t records,
            MonoTime& now) {
  Actions actions;
  const auto began = MonoNow();
  for (const Packet& packet : packets) {
    now += 100us;
    link.OnPacket(packet, now, {}, actions);
    actions.clear();
  }
  return static_cast<double>(packets.size()) * records / Seconds(MonoNow() - began);
}

int Core(uint32_t groups) {
  constexpr uint32_t kRecordsOfBig = 50;
  std::vector<Packet> joins;
  std::vector<Packet> answers;
  std::vector<Packet> big_answers;
  for (uint32_t i = 0; i < groups; ++i) {
    joins.push_back(Join(RecordType::kToExclude, i, 1, false));
    answers.push_back(Join(RecordType::kIsExclude, i, 1, false));
  }
  for (uint32_t i = 0; i + kRecordsOfBig <= groups; i += kRecordsOfBig) {
    big_answers.push_back(Join(RecordType::kIsExclude, i, kRecordsOfBig, false));
  }
  LinkMembership link({});
  MonoTime now{};
  Actions actions;
  link.OnInterface({.up = true, .ipv4 = {}, .link_local = Address("fe80::5"), .mtu = 1500}, now,
                   actions);
  actions.clear();
  const uint64_t before = PrivateBytes();
  const double joined = Feed(link, joins, 1, now);
  const uint64_t held = PrivateBytes() - before;
  if (link.table().group_count() != groups) {
    std::cerr << "only " << link.table().group_count() << " groups are held\n";
    return 1;
  }
  const double answered = Feed(link, answers, 1, now);
  const double big = Feed(link, big_answers, kRecordsOfBig, now);
  std::cout << "{\"groups\": " << groups << ", \"joins_per_second\": " << static_cast<long>(joined)
            << ", \"answers_per_second\": " << static_cast<long>(answered)
            << ", \"answers_per_second_50_a_report\": " << static_cast<long>(big)
            << ", \"private_bytes\": " << held << "}\n";
  return 0;
}

Packet Frame(const Packet& packet, bool ipv4) {
  // To 224.0.0.22 or ff02::16.
  Packet frame = ipv4 ? Packet{0x01, 0x00, 0x5e, 0, 0, 0x16} : Packet{0x33, 0x33, 0, 0, 0, 0x16};
  frame.insert(frame.end(), {2, 0, 0, 0, 0, 0x77});
  frame.insert(frame.end(), ipv4 ? std::initializer_list<uint8_t>{0x08, 0x00}
                                 : std::initializer_list<uint8_t>{0x86, 0xdd});
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

int Send(const char* interface, uint32_t count, std::chrono::milliseconds time, uint32_t first,
         bool ipv4) {
  std::vector<Packet> frames;
  for (uint32_t i = 0; i < count; ++i) {
    frames.push_back(Frame(Join(RecordType::kToExclude, first + i, 1, ipv4), ipv4));
  }
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  if (fd < 0 || to.sll_ifindex == 0) {
    std::cerr << interface << ": " << std::strerror(errno) << "\n";
    return 1;
  }
  const auto began = MonoNow();
  for (uint32_t i = 0; i < count; ++i) {
    // A hundred at a time, as no timer is fine enough for each.
    const auto early =
        std::chrono::duration_cast<std::chrono::milliseconds>(began + time * i / count - MonoNow());
    if (i % 100 == 0 && early > 0ms) poll(nullptr, 0, static_cast<int>(early.count()));
    if (sendto(fd, frames[i].data(), frames[i].size(), 0, reinterpret_cast<sockaddr*>(&to),
               sizeof to) < 0) {
      std::cerr << "send: " << std::strerror(errno) << "\n";
      return 1;
    }
  }
  std::cout << "{\"sent\": " << count << ", \"seconds\": " << Seconds(MonoNow() - began) << "}\n";
  close(fd);
  return 0;
}

}  // namespace
}  // namespace headwater::membership

int main(int argc, char** argv) {
  const auto number = [&](int i) {
    return static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10));
  };
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "core" && argc == 3) return headwater::membership::Core(number(2));
  if (what == "send" && argc == 7) {
    return headwater::membership::Send(argv[2], number(3), std::chrono::milliseconds(number(4)),
                                       number(5), std::string(argv[6]) == "ipv4");
  }
  std::cerr << "usage: membership-bench core GROUPS\n"
               "       membership-bench send INTERFACE COUNT MILLISECONDS FIRST ipv4|ipv6\n";
  return 64;
}
