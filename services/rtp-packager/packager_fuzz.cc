// A packager with a hostile source and hostile listeners: bytes choose what comes next. Whatever it
// is, the core neither crashes nor spins, what it holds is bounded, and what it sends is RTP in
// sequence.
#include <map>
#include <memory>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/packager.h"
#include "services/rtp-packager/rtp/rtp_packet.h"
#include "services/rtp-packager/source/fake_source.h"

namespace headwater::packager {
namespace {

class Machine {
 public:
  Machine() {
    core_ = std::make_unique<Packager>(options_, std::vector<std::string>{"lan"},
                                       PackagerEnvironment{.opener = &opener_,
                                                           .tone = &tone_,
                                                           .now = [this] { return clocks_; },
                                                           .wake = [this] { woken_ = true; },
                                                           .seed = 7,
                                                           .cname = "fuzz"});
    Leg leg;
    leg.up = true;
    leg.ifindex = 1;
    leg.service_ipv6 = IpAddress::Parse("2001:db8::1");
    leg.service_ipv4 = IpAddress::Parse("192.0.2.1");
    core_->SetLeg(0, leg);
    core_->SetWatchers(1);
  }

  void Step(ByteReader& input) {
    const uint8_t operation = input.U8();
    const uint8_t argument = input.U8();
    switch (operation % 10) {
      case 0:
      case 1:
        return Apply(argument);
      case 2:
        static_cast<void>(core_->Stop(0, ChannelOf(argument)));
        return Settle();
      case 3:
        return Advance(argument * 20ms);
      case 4:
        if (opener_.opened() > 0) {
          opener_.latest().Answer({.url = "http://a.example/", .icy_name = "x", .url_index = 0});
        }
        return Settle();
      case 5:
      case 6:
        return Media(input.Take(std::min<size_t>(argument * 8, input.remaining())), operation / 10);
      case 7:
        if (opener_.opened() > 0) {
          opener_.latest().Close({static_cast<SourceErrorReason>(argument % 13), "closed"});
        }
        return Settle();
      case 8:
        if (opener_.opened() > 0) opener_.latest().Title({std::string(argument, 't'), ""});
        return Settle();
      default:
        return Rtcp(input.Take(std::min<size_t>(argument, input.remaining())), operation / 10);
    }
  }

 private:
  static Channel ChannelOf(uint8_t argument) {
    return {*IpAddress::Parse(argument & 1 ? "239.192.0.1" : "ff3e::8000:1"), std::nullopt};
  }

  void Apply(uint8_t argument) {
    SessionRequest request;
    request.channel = ChannelOf(argument);
    request.number = 0x80000001 + (argument >> 1 & 1);
    request.urls = {"http://a.example/", "http://b.example/"};
    request.links = {"lan"};
    request.transmit = (argument & 4) != 0;
    static_cast<void>(core_->Apply(request));
    Settle();
  }
  void Media(Bytes bytes, int times) {
    if (opener_.opened() == 0) return;
    for (int i = 0; i <= times; ++i) opener_.latest().Media(bytes);
    Settle();
  }
  void Rtcp(Bytes bytes, int from) {
    const IpAddress sender = from & 1 ? *IpAddress::Parse("2001:db8::1") : IpAddress();
    core_->OnGroupRtcp(0, ChannelOf(0).group, sender, bytes);
    core_->OnGroupRtp(0, ChannelOf(0).group, sender, bytes);
    core_->OnUnicastRtcp(0, sender, bytes);
    Settle();
  }
  void Advance(Duration time) {
    const MonoTime end = clocks_.mono + time;
    for (int turns = 0; core_->NextDeadline() <= end; ++turns) {
      HW_CHECK(turns < 100000);
      if (core_->NextDeadline() > clocks_.mono) SetTime(core_->NextDeadline());
      core_->OnTime();
      Settle();
    }
    SetTime(end);
  }
  void SetTime(MonoTime time) {
    clocks_.wall += absl::FromChrono(time - clocks_.mono);
    clocks_.mono = time;
  }
  void Settle() {
    for (int i = 0; i < 10 && std::exchange(woken_, false); ++i) core_->OnTime();
    for (const OutDatagram& each : core_->outbox().datagrams()) Check(each);
    core_->outbox().Clear();
    core_->TakeChanges();
    HW_CHECK(core_->queue_max() <= 2 * options_.queue_max + 120s);
  }
  void Check(const OutDatagram& datagram) {
    if (datagram.rtcp) return;
    const Bytes bytes = core_->outbox().Header(datagram);
    const auto packet = RtpPacketView::Parse(bytes);
    HW_CHECK(packet.ok());
    const auto [last, first] = sequences_.try_emplace(packet->header.ssrc, packet->header.sequence);
    HW_CHECK(first || packet->header.sequence == last->second.Next());
    last->second = packet->header.sequence;
  }

  Options options_;
  ClockPair clocks_{MonoTime{} + 1000s, absl::UnixEpoch() + absl::Hours(400000)};
  FakeSourceOpener opener_;
  TestTone tone_;
  std::unique_ptr<Packager> core_;
  std::map<Ssrc, SequenceNumber> sequences_;
  bool woken_ = false;
};

}  // namespace
}  // namespace headwater::packager

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 8192) return 0;
  headwater::packager::Machine machine;
  headwater::ByteReader input(headwater::Bytes(data, size));
  for (int steps = 0; input.remaining() > 0 && steps < 200; ++steps) machine.Step(input);
  return 0;
}
