// For ./headwater bench packager: what stands around the packager and what it is held against.
//   packager-bench serve PORT                        stations of 128 kb/s as Icecast serves them
//   packager-bench floor SERVER PORT STREAMS SECONDS INTERFACE
//                                                    a bare loop: what is read is sent, unlooked at
//   packager-bench watch INTERFACE SECONDS EVERY     RTP on a link, of one stream in EVERY
// `floor` and `watch` print one JSON object. Streams go to 239.0.x.y, where x.y is their number.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "services/common/time/clock.h"

namespace headwater::packager {
namespace {

// MPEG-1 layer III, 128 kb/s, 48 kHz: 24 ms in 384 bytes, all zeros after the header: silence.
constexpr size_t kFrameBytes = 384;
constexpr std::array<uint8_t, 4> kFrameHeader = {0xff, 0xfb, 0x94, 0xc4};
// What a station sends at once: three frames, which also fit one datagram.
constexpr size_t kBlockBytes = 3 * kFrameBytes;
constexpr int kBlockMs = 72;
// As Icecast's burst-on-connect.
constexpr size_t kBurstBlocks = 57;
constexpr size_t kMetaInterval = 16000;
constexpr uint32_t kTicksInBlock = 90000 * kBlockMs / 1000;

// Says what failed, and ends.
int Fail(const std::string& what) {
  fmt::print(stderr, "packager-bench: {}: {}\n", what, std::strerror(errno));
  return 1;
}

void RaiseFileLimit() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// --- serve ---

struct Connection {
  int fd = -1;
  std::string request;
  bool wants_titles = false;
  size_t until_title = kMetaInterval;
  uint64_t titles = 0;
};

class Server {
 public:
  int Run(uint16_t port) {
    const int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 name = {};
    name.sin6_family = AF_INET6;
    name.sin6_port = htons(port);
    if (bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof name) < 0 ||
        listen(listener, 4096) < 0)
      return Fail(fmt::format("port {}", port));
    for (size_t i = 0; i < kBlockBytes; i += kFrameBytes)
      std::copy(kFrameHeader.begin(), kFrameHeader.end(), block_.begin() + static_cast<long>(i));
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Watch(listener, 0);
    fmt::print(stderr, "serving\n");
    const MonoTime began = MonoNow();
    for (int64_t done = 0;;) {
      Poll(listener);
      const int64_t now =
          std::chrono::duration_cast<std::chrono::milliseconds>(MonoNow() - began).count();
      for (; done < now; ++done) Tick(slots_[static_cast<size_t>(done % kBlockMs)]);
    }
  }

 private:
  void Watch(int fd, uint64_t key) const {
    epoll_event event = {.events = EPOLLIN, .data = {.u64 = key}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void Poll(int listener) {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1);
    for (int i = 0; i < count; ++i) {
      const uint64_t key = events[static_cast<size_t>(i)].data.u64;
      if (key != 0) {
        Read(key);
        continue;
      }
      for (int fd; (fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        const int size = 256 << 10;
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections_[++last_key_].fd = fd;
        Watch(fd, last_key_);
      }
    }
  }

  void Read(uint64_t key) {
    const auto found = connections_.find(key);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    char buffer[4096];
    const ssize_t size = recv(connection.fd, buffer, sizeof buffer, 0);
    if (size <= 0) return Close(key);
    if (connection.request.size() > sizeof buffer) return Close(key);
    const bool answered = connection.request.ends_with("\r\n\r\n");
    connection.request.append(buffer, static_cast<size_t>(size));
    if (answered || !connection.request.ends_with("\r\n\r\n")) return;
    connection.wants_titles = connection.request.find("cy-MetaData: 1") != std::string::npos ||
                              connection.request.find("cy-metadata: 1") != std::string::npos;
    std::string header = "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-name: Station\r\n";
    header += "icy-br: 128\r\n";
    if (connection.wants_titles) header += fmt::format("icy-metaint: {}\r\n", kMetaInterval);
    header += "\r\n";
    send(connection.fd, header.data(), header.size(), MSG_NOSIGNAL);
    for (size_t i = 0; i < kBurstBlocks; ++i) {
      if (!SendBlock(connection)) return Close(key);
    }
    slots_[key % kBlockMs].push_back(key);
  }

  void Tick(std::vector<uint64_t>& slot) {
    std::erase_if(slot, [this](uint64_t key) {
      const auto found = connections_.find(key);
      if (found == connections_.end()) return true;
      if (SendBlock(found->second)) return false;
      Close(key);
      return true;
    });
  }

  // One that does not take a block is let go, as Icecast does with one that is far behind.
  bool SendBlock(Connection& connection) const {
    if (!connection.wants_titles || connection.until_title > kBlockBytes) {
      connection.until_title -= connection.wants_titles ? kBlockBytes : 0;
      return send(connection.fd, block_.data(), block_.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(block_.size());
    }
    std::string title(1, '\0');
    if (connection.titles++ % 100 == 0) {
      title += fmt::format("StreamTitle='Title {}';", connection.titles);
      title.resize(1 + (title.size() - 1 + 15) / 16 * 16);
      title[0] = static_cast<char>((title.size() - 1) / 16);
    }
    const size_t before = connection.until_title;
    iovec parts[] = {{const_cast<uint8_t*>(block_.data()), before},
                     {title.data(), title.size()},
                     {const_cast<uint8_t*>(block_.data()) + before, kBlockBytes - before}};
    connection.until_title = kMetaInterval - (kBlockBytes - before);
    return writev(connection.fd, parts, 3) == static_cast<ssize_t>(kBlockBytes + title.size());
  }

  void Close(uint64_t key) {
    close(connections_[key].fd);
    connections_.erase(key);
  }

  int epoll_ = -1;
  uint64_t last_key_ = 0;
  std::array<uint8_t, kBlockBytes> block_ = {};
  std::unordered_map<uint64_t, Connection> connections_;
  std::array<std::vector<uint64_t>, kBlockMs> slots_;
};

// --- floor ---

struct Datagram {
  std::array<uint8_t, 12 + 1400> bytes;
};

class Floor {
 public:
  int Run(const char* server, uint16_t port, uint32_t streams, int seconds, const char* interface) {
    sockaddr_in6 to = {};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    if (inet_pton(AF_INET6, server, &to.sin6_addr) != 1) return Fail(server);
    out_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ip_mreqn from = {};
    from.imr_ifindex = static_cast<int>(if_nametoindex(interface));
    if (setsockopt(out_, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from) < 0)
      return Fail(interface);
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    streams_.resize(streams);
    for (uint32_t i = 0; i < streams; ++i) {
      const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0)
        return Fail(fmt::format("stream {}", i));
      const std::string request = fmt::format("GET /s/{} HTTP/1.0\r\n\r\n", i);
      send(fd, request.data(), request.size(), MSG_NOSIGNAL);
      streams_[i].fd = fd;
      epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    fmt::print(stderr, "sending\n");
    for (const MonoTime end = MonoNow() + std::chrono::seconds(seconds); MonoNow() < end;) Poll();
    fmt::print("{{\"datagrams\": {}, \"not_sent\": {}}}\n", sent_, not_sent_);
    return 0;
  }

 private:
  struct Stream {
    int fd = -1;
    uint16_t sequence = 0;
    uint64_t octets = 0;
    // Of the response's header nothing is needed but where it ends.
    bool begun = false;
  };

  void Poll() {
    std::array<epoll_event, kBatch> events;
    const int count = epoll_wait(epoll_, events.data(), kBatch, 100);
    for (int i = 0; i < count; ++i) Take(events[static_cast<size_t>(i)].data.u32);
    Flush();
  }

  void Take(uint32_t number) {
    Stream& stream = streams_[number];
    std::array<uint8_t, 12 + 1400>& datagram = datagrams_[queued_].bytes;
    uint8_t* payload = datagram.data() + 12;
    ssize_t size = recv(stream.fd, payload, 1400, MSG_DONTWAIT);
    if (size <= 0) return;
    if (!stream.begun) {
      const std::string_view text(reinterpret_cast<char*>(payload), static_cast<size_t>(size));
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string_view::npos) return;
      stream.begun = true;
      size -= static_cast<ssize_t>(end) + 4;
      std::memmove(payload, payload + end + 4, static_cast<size_t>(size));
      if (size == 0) return;
    }
    const auto timestamp = static_cast<uint32_t>(stream.octets * kTicksInBlock / kBlockBytes);
    stream.octets += static_cast<uint64_t>(size);
    const uint16_t sequence = htons(stream.sequence++);
    const uint32_t ticks = htonl(timestamp), ssrc = htonl(number);
    datagram[0] = 0x80, datagram[1] = 14;
    std::memcpy(&datagram[2], &sequence, 2);
    std::memcpy(&datagram[4], &ticks, 4);
    std::memcpy(&datagram[8], &ssrc, 4);
    names_[queued_] = {};
    names_[queued_].sin_family = AF_INET;
    names_[queued_].sin_port = htons(5004);
    names_[queued_].sin_addr.s_addr = htonl(0xef000000u + number);
    parts_[queued_] = {datagram.data(), 12 + static_cast<size_t>(size)};
    messages_[queued_] = {};
    messages_[queued_].msg_hdr.msg_name = &names_[queued_];
    messages_[queued_].msg_hdr.msg_namelen = sizeof names_[queued_];
    messages_[queued_].msg_hdr.msg_iov = &parts_[queued_];
    messages_[queued_].msg_hdr.msg_iovlen = 1;
    if (++queued_ == kBatch) Flush();
  }

  void Flush() {
    for (unsigned done = 0; done < queued_;) {
      const int sent = sendmmsg(out_, &messages_[done], queued_ - done, 0);
      if (sent <= 0) {
        ++not_sent_;
        ++done;
        continue;
      }
      done += static_cast<unsigned>(sent);
      sent_ += static_cast<uint64_t>(sent);
    }
    queued_ = 0;
  }

  static constexpr unsigned kBatch = 64;
  int epoll_ = -1;
  int out_ = -1;
  std::vector<Stream> streams_;
  unsigned queued_ = 0;
  uint64_t sent_ = 0, not_sent_ = 0;
  std::array<Datagram, kBatch> datagrams_;
  std::array<sockaddr_in, kBatch> names_;
  std::array<iovec, kBatch> parts_;
  std::array<mmsghdr, kBatch> messages_;
};

// --- watch ---

struct Watched {
  uint32_t first_timestamp = 0;
  uint16_t next_sequence = 0;
  // Arrival less media time, ms, of each packet.
  std::vector<float> offsets;
};

class Watcher {
 public:
  int Run(const char* interface, int seconds, uint32_t every) {
    const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    // IPv4, UDP, to port 5004, and the group's low bits are zero; from the IP header on.
    sock_filter code[] = {{BPF_LD | BPF_B | BPF_ABS, 0, 0, 9},
                          {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, 17},
                          {BPF_LD | BPF_H | BPF_ABS, 0, 0, 22},
                          {BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 5004},
                          {BPF_LD | BPF_W | BPF_ABS, 0, 0, 16},
                          {BPF_ALU | BPF_AND | BPF_K, 0, 0, every - 1},
                          {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0},
                          {BPF_RET | BPF_K, 0, 0, 64},
                          {BPF_RET | BPF_K, 0, 0, 0}};
    const sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
    sockaddr_ll name = {};
    name.sll_family = AF_PACKET;
    name.sll_protocol = htons(ETH_P_IP);
    name.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    packet_mreq all = {};
    all.mr_ifindex = name.sll_ifindex;
    all.mr_type = PACKET_MR_ALLMULTI;
    const int room = 64 << 20, on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
        bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
      return Fail(interface);
    const timeval patience = {.tv_sec = 0, .tv_usec = 100'000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (const MonoTime end = MonoNow() + std::chrono::seconds(seconds); MonoNow() < end;) Take(fd);
    tpacket_stats stats = {};
    socklen_t size = sizeof stats;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    return Tell(stats.tp_drops);
  }

 private:
  void Take(int fd) {
    std::array<uint8_t, 64> bytes;
    alignas(cmsghdr) std::array<char, 128> control;
    iovec part = {bytes.data(), bytes.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (recvmsg(fd, &message, 0) < 40) return;
    timespec time = {};
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
        std::memcpy(&time, CMSG_DATA(c), sizeof time);
    }
    uint16_t sequence;
    uint32_t group, timestamp;
    std::memcpy(&group, &bytes[16], 4);
    std::memcpy(&sequence, &bytes[30], 2);
    std::memcpy(&timestamp, &bytes[32], 4);
    sequence = ntohs(sequence), timestamp = ntohl(timestamp);
    const double now =
        static_cast<double>(time.tv_sec % 100'000) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
    if (began_ == 0) began_ = now;
    const auto [found, fresh] = streams_.try_emplace(group);
    Watched& stream = found->second;
    if (fresh) {
      stream.first_timestamp = timestamp;
    } else {
      lost_ += static_cast<uint16_t>(sequence - stream.next_sequence);
    }
    stream.next_sequence = static_cast<uint16_t>(sequence + 1);
    const double media = static_cast<int32_t>(timestamp - stream.first_timestamp) / 90.0;
    stream.offsets.push_back(static_cast<float>(now - began_ - media));
  }

  int Tell(uint32_t dropped_here) const {
    std::vector<float> late;
    for (const auto& [group, stream] : streams_) {
      const float earliest = *std::min_element(stream.offsets.begin(), stream.offsets.end());
      for (const float offset : stream.offsets) late.push_back(offset - earliest);
    }
    std::sort(late.begin(), late.end());
    const auto at = [&](double share) {
      return late.empty() ? 0
                          : late[static_cast<size_t>(share * static_cast<double>(late.size() - 1))];
    };
    fmt::print(
        "{{\"streams\": {}, \"packets\": {}, \"lost\": {}, \"missed_by_watch\": {}, "
        "\"late_p50_ms\": "
        "{:.2f}, \"late_p99_ms\": {:.2f}, \"late_max_ms\": {:.2f}}}\n",
        streams_.size(), late.size(), lost_, dropped_here, at(0.5), at(0.99), at(1));
    return 0;
  }

  double began_ = 0;
  uint64_t lost_ = 0;
  std::unordered_map<uint32_t, Watched> streams_;
};

}  // namespace
}  // namespace headwater::packager

int main(int argc, char** argv) {
  using namespace headwater::packager;
  const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
  const std::string what = argc > 1 ? argv[1] : "";
  RaiseFileLimit();
  if (what == "serve" && argc == 3) return Server().Run(static_cast<uint16_t>(number(2)));
  if (what == "floor" && argc == 7) {
    return Floor().Run(argv[2], static_cast<uint16_t>(number(3)), static_cast<uint32_t>(number(4)),
                       static_cast<int>(number(5)), argv[6]);
  }
  if (what == "watch" && argc == 5) {
    return Watcher().Run(argv[2], static_cast<int>(number(3)), static_cast<uint32_t>(number(4)));
  }
  fmt::print(stderr,
             "usage: packager-bench serve PORT\n"
             "       packager-bench floor SERVER PORT STREAMS SECONDS INTERFACE\n"
             "       packager-bench watch INTERFACE SECONDS EVERY\n");
  return 64;
}
