// What the hop through the packager costs: one thread sends a transport stream to a feed and takes
// it there again, `feed_benchmark sink|bare|packager DATAGRAMS_PER_MS`. `sink` throws it away,
// `bare` puts an RTP header before it and hands it to sendmmsg, `packager` is the service's own
// path. Needs an interface d0 with 2001:db8::1. Prints the thread's CPU time for a datagram.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "services/common/time/clock.h"
#include "services/rtp-packager/feed_samples.h"
#include "services/rtp-packager/feed_socket.h"
#include "services/rtp-packager/feed_stream.h"
#include "services/rtp-packager/multicast_sender.h"
#include "services/rtp-packager/rtp/rtp_packet.h"
#include "services/rtp-packager/session.h"

namespace headwater::packager {
namespace {

constexpr Duration kTime = 5s;
const Channel kChannel = {*IpAddress::Parse("ff3e::cb5a:1041"), std::nullopt};

double CpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Sink : public FeedReceiver {
 public:
  void OnFeed(std::span<const FeedDatagram> batch) override { count += batch.size(); }
  size_t count = 0;
};

class Bare : public Sink {
 public:
  Bare() : fd_(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const int index = static_cast<int>(if_nametoindex("d0"));
    setsockopt(fd_, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
    name_size_ = ToSockaddr({kChannel.group, 5004}, 0, name_);
  }
  ~Bare() override { close(fd_); }

  void OnFeed(std::span<const FeedDatagram> batch) override {
    Sink::OnFeed(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      headers_[i].clear();
      header_.sequence = header_.sequence.Next();
      header_.SerializeTo(headers_[i]);
      parts_[i][0] = {headers_[i].data(), headers_[i].size()};
      parts_[i][1] = {const_cast<uint8_t*>(batch[i].bytes.data()), batch[i].bytes.size()};
      messages_[i].msg_hdr = {.msg_name = &name_,
                              .msg_namelen = name_size_,
                              .msg_iov = parts_[i].data(),
                              .msg_iovlen = 2};
    }
    sendmmsg(fd_, messages_.data(), static_cast<unsigned>(batch.size()), MSG_DONTWAIT);
  }

 private:
  static constexpr size_t kBatch = 64;
  const int fd_;
  RtpHeader header_ = {.payload_type = 33};
  sockaddr_storage name_;
  socklen_t name_size_;
  std::array<std::vector<uint8_t>, kBatch> headers_;
  std::array<std::array<iovec, 2>, kBatch> parts_;
  std::array<mmsghdr, kBatch> messages_ = {};
};

class OwnPath : public Sink, public PayloadSink {
 public:
  explicit OwnPath(EventLoop& loop)
      : sender_(loop, 5004, 5005, [](auto, const auto&, auto) {}),
        session_(options_, {.channel = kChannel, .ssrc = Ssrc{1}, .cname = "benchmark"}) {
    environment_.now = [] { return ReadClocks(); };
    environment_.wake = [] {};
    sender_.SetLeg(0, {.ifindex = if_nametoindex("d0"), .ipv6 = IpAddress::Parse("2001:db8::1")});
    session_.SetDelivery({.legs = {0}, .dscp = 34, .hop_limit = 16});
  }
  void Start(std::unique_ptr<Feed> feed) {
    StreamConfig config;
    config.feed_source = feed->endpoint().address;
    config.silence_limit = 60s;
    stream_ = std::make_unique<FeedStream>(options_, config, environment_, std::move(feed));
    session_.SetFormat(*stream_->format());
    session_.Transmit(MonoNow(), 0s);
    stream_->Transmit(false);
  }

  void OnFeed(std::span<const FeedDatagram> batch) override {
    Sink::OnFeed(batch);
    stream_->OnFeed(batch, *this);
    sender_.Send(outbox_);
    outbox_.Clear();
  }
  void OnPayload(const RtpPayload& payload, MonoTime due) override {
    const ClockPair now = ReadClocks();
    if (!session_.Sends(now.mono)) return;
    session_.OnPayload(payload, due, now, outbox_.Append(payload.bytes), outbox_);
  }
  uint64_t sent() const { return sender_.stats().datagrams; }

 private:
  Options options_;
  StreamEnvironment environment_;
  MulticastSender sender_;
  Session session_;
  Outbox outbox_;
  std::unique_ptr<FeedStream> stream_;
};

// A datagram each so often, as dvblast would, from this thread too: the same in all three.
class Tuner {
 public:
  Tuner(EventLoop& loop, const Endpoint& feed, int per_ms)
      : loop_(loop), per_ms_(per_ms), fd_(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage name;
    const socklen_t size = ToSockaddr(feed, 0, name);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&name), size) != 0) std::abort();
    Tick();
  }
  ~Tuner() { close(fd_); }

 private:
  void Tick() {
    for (int i = 0; i < per_ms_; ++i) {
      bytes_ = tables_.Association();
      const std::vector<uint8_t> map = tables_.Map();
      bytes_.insert(bytes_.end(), map.begin(), map.end());
      for (int packet = 0; packet < 5; ++packet) {
        const std::vector<uint8_t> media = MediaPacket(mpegts::Pid(0x101), counter_++ & 15);
        bytes_.insert(bytes_.end(), media.begin(), media.end());
      }
      if (send(fd_, bytes_.data(), bytes_.size(), 0) < 0) std::abort();
    }
    loop_.At(next_ += 1ms, [this] { Tick(); });
  }

  EventLoop& loop_;
  const int per_ms_;
  const int fd_;
  MonoTime next_ = MonoNow();
  ServiceTables tables_;
  uint8_t counter_ = 0;
  std::vector<uint8_t> bytes_;
};

int Run(std::string_view mode, int per_ms) {
  EventLoop loop;
  FeedSockets feeds(loop, {}, [] {});
  std::unique_ptr<Sink> receiver;
  OwnPath* own = nullptr;
  if (mode == "sink") receiver = std::make_unique<Sink>();
  if (mode == "bare") receiver = std::make_unique<Bare>();
  if (mode == "packager") {
    auto path = std::make_unique<OwnPath>(loop);
    own = path.get();
    receiver = std::move(path);
  }
  if (!receiver) return 2;
  auto feed = feeds.Open(*receiver);
  if (!feed.ok()) return 1;
  const Endpoint endpoint = (*feed)->endpoint();
  if (own != nullptr) own->Start(*std::move(feed));
  Tuner tuner(loop, endpoint, per_ms);
  loop.At(MonoNow() + kTime, [&] { loop.Stop(); });
  const double before = CpuSeconds();
  loop.Run();
  const double seconds = CpuSeconds() - before;
  std::printf("%s: %zu datagrams, %.2f us each%s\n", mode.data(), receiver->count,
              seconds * 1e6 / static_cast<double>(receiver->count),
              own != nullptr && own->sent() < receiver->count - 100 ? ", NOT ALL SENT" : "");
  return 0;
}

}  // namespace
}  // namespace headwater::packager

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return headwater::packager::Run(argv[1], std::atoi(argv[2]));
}
