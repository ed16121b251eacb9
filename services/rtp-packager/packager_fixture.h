#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/rtp-packager/fake_feed.h"
#include "services/rtp-packager/media/fake_transcoder.h"
#include "services/rtp-packager/packager.h"
#include "services/rtp-packager/rtp/rtcp_packet.h"
#include "services/rtp-packager/rtp/rtp_packet.h"
#include "services/rtp-packager/source/fake_source.h"

namespace headwater::packager {

// A packager with sources by hand, in virtual time: what it sends is kept with its time.
class PackagerFixture : public ::testing::Test {
 protected:
  struct Rtp {
    MonoTime time;
    OutDatagram datagram;
    RtpHeader header;
    std::vector<uint8_t> payload;
  };
  struct Rtcp {
    MonoTime time;
    OutDatagram datagram;
    std::vector<RtcpPacket> packets;
    bool HasBye() const {
      return std::any_of(packets.begin(), packets.end(), [](const RtcpPacket& packet) {
        return std::holds_alternative<Bye>(packet);
      });
    }
  };

  static constexpr uint32_t kNumber = 0x80000001;
  // Of a frame of 1152 samples at 44.1 kHz.
  static constexpr Duration kFrame = 26122449ns;

  explicit PackagerFixture(Options options = {}) : options_(options) { Start(); }

  // Fresh, with the options as they are now; two legs, both up.
  void Start() {
    core_ = std::make_unique<Packager>(options_, std::vector<std::string>{"lan", "vlan20"},
                                       PackagerEnvironment{.opener = &opener_,
                                                           .tone = &tone_,
                                                           .transcoders = maker_,
                                                           .feeds = &feeds_,
                                                           .now =
                                                               [this] {
                                                                 ++clock_reads_;
                                                                 return clocks_;
                                                               },
                                                           .wake = [this] { woken_ = true; },
                                                           .seed = 42,
                                                           .cname = "test"});
    core_->SetLeg(0, MakeLeg(1, "192.0.2.1", "2001:db8::1"));
    core_->SetLeg(1, MakeLeg(2, "198.51.100.1", "2001:db8:1::1"));
    core_->SetWatchers(1);
    Settle();
  }

  // Fresh, and able to transcode.
  void StartWithTranscoders() {
    maker_ = &transcoders_;
    Start();
  }

  static Leg MakeLeg(uint32_t index, const char* ipv4, const char* ipv6) {
    Leg leg;
    leg.ifindex = index;
    leg.up = true;
    leg.service_ipv4 = IpAddress::Parse(ipv4);
    leg.service_ipv6 = IpAddress::Parse(ipv6);
    return leg;
  }
  static Channel V6() { return {*IpAddress::Parse("ff3e:40:2001:db8::8000:1"), std::nullopt}; }
  static Channel V4() { return {*IpAddress::Parse("239.192.0.1"), std::nullopt}; }

  static SessionRequest Request(const Channel& channel, bool transmit) {
    SessionRequest request;
    request.channel = channel;
    request.number = kNumber;
    request.title = "Radio";
    request.urls = {"http://a.example/", "http://b.example/"};
    request.links = {"lan"};
    request.transmit = transmit;
    request.dscp = 46;
    request.hop_limit = 16;
    return request;
  }
  void Apply(const SessionRequest& request) {
    const absl::Status status = core_->Apply(request);
    ASSERT_TRUE(status.ok()) << status;
    Settle();
  }
  void Stop(const Channel& channel) {
    ASSERT_TRUE(core_->Stop(0, channel).ok());
    Settle();
  }

  // MPEG-1 layer 3, 128 kb/s, 44.1 kHz, stereo; each frame carries its number.
  std::vector<uint8_t> Mp3(size_t frames) {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < frames; ++i) {
      std::vector<uint8_t> frame(417);
      frame[0] = 0xff;
      frame[1] = 0xfb;
      frame[2] = 0x90;
      frame[100] = static_cast<uint8_t>(made_ >> 8 & 0x7f);
      frame[101] = static_cast<uint8_t>(made_ & 0x7f);
      ++made_;
      bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
    return bytes;
  }
  // AAC-LC in ADTS, 44.1 kHz, stereo, frames of 200 bytes.
  static std::vector<uint8_t> Adts(size_t frames) {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < frames; ++i) {
      std::vector<uint8_t> frame(200, 0x21);
      const uint8_t header[] = {0xff, 0xf1, 0x50, 0x80, 200 >> 3, (200 & 7) << 5 | 0x1f, 0xfc};
      std::copy(std::begin(header), std::end(header), frame.begin());
      bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
    return bytes;
  }
  // The newest opening answers and gives `media` of audio at once.
  void Answer(Duration media, const std::string& name = "") {
    opener_.latest().Requested(now());
    opener_.latest().Answer(
        {.url = "http://a.example/", .content_type = "audio/mpeg", .icy_name = name});
    Deliver(media);
  }
  void Deliver(Duration media) {
    opener_.latest().Media(Mp3(static_cast<size_t>((media + kFrame - 1ns) / kFrame)));
    Settle();
  }
  // Time passes while the source delivers at media pace, in lumps.
  void Play(Duration time, Duration lump = 100ms) {
    const MonoTime end = now() + time;
    Duration owed{};
    while (now() < end) {
      Advance(lump);
      owed += lump;
      const auto frames = static_cast<size_t>(owed / kFrame);
      owed -= static_cast<int64_t>(frames) * kFrame;
      opener_.latest().Media(Mp3(frames));
      Settle();
    }
  }
  // Time passes, from deadline to deadline.
  void Advance(Duration time) {
    const MonoTime end = now() + time;
    int turns = 0;
    while (core_->NextDeadline() <= end) {
      if (core_->NextDeadline() > now()) SetTime(core_->NextDeadline());
      ASSERT_LT(++turns, 100000) << "the core spins";
      core_->OnTime();
      Settle();
    }
    SetTime(end);
  }

  MonoTime now() const { return clocks_.mono; }
  SessionStatus StatusOf(const Channel& channel) {
    return core_->Status(channel).value_or(SessionStatus{});
  }
  std::vector<Rtp> RtpOf(const Channel& channel, uint16_t leg = 0) const {
    std::vector<Rtp> mine;
    for (const Rtp& each : rtp_) {
      if (each.datagram.group == channel.group && each.datagram.leg == leg) mine.push_back(each);
    }
    return mine;
  }
  size_t Byes(const Channel& channel) const {
    return static_cast<size_t>(std::count_if(rtcp_.begin(), rtcp_.end(), [&](const Rtcp& each) {
      return each.datagram.group == channel.group && each.HasBye();
    }));
  }
  // Sequence numbers without a gap, timestamps that never jump: every packet's begins where the one
  // before ended.
  static void ExpectContinuous(const std::vector<Rtp>& packets, Duration gap_max) {
    ASSERT_GT(packets.size(), 1u);
    for (size_t i = 1; i < packets.size(); ++i) {
      const Rtp& before = packets[i - 1];
      const Rtp& after = packets[i];
      ASSERT_EQ(after.header.sequence, before.header.sequence.Next()) << i;
      ASSERT_EQ(after.header.ssrc, before.header.ssrc) << i;
      const int64_t ticks = after.header.timestamp.DistanceFrom(before.header.timestamp);
      ASSERT_GT(ticks, 0) << i;
      // group_max, and the frame that goes past it.
      ASSERT_LE(ticks, 90 * 130) << i;
      ASSERT_LE(after.time - before.time, gap_max)
          << i << " at " << (after.time - MonoTime{}) / 1ms << " ms";
    }
  }

  // What the shell does after each call.
  void Settle() {
    for (int i = 0; i < 10 && std::exchange(woken_, false); ++i) core_->OnTime();
    const Outbox& outbox = core_->outbox();
    for (const OutDatagram& each : outbox.datagrams()) Keep(outbox, each);
    core_->outbox().Clear();
    changes_.merge(core_->TakeChanges());
  }

  Options options_;
  ClockPair clocks_{MonoTime{} + 1000s, absl::UnixEpoch() + absl::Hours(400000)};
  FakeSourceOpener opener_;
  TestTone tone_;
  FakeTranscoderMaker transcoders_;
  FakeFeedOpener feeds_;
  std::unique_ptr<Packager> core_;
  std::vector<Rtp> rtp_;
  std::vector<Rtcp> rtcp_;
  std::set<Channel> changes_;
  // Each stream that is looked at reads it.
  size_t clock_reads_ = 0;

 private:
  TranscoderMaker* maker_ = nullptr;

  void SetTime(MonoTime time) {
    clocks_.wall += absl::FromChrono(time - clocks_.mono);
    clocks_.mono = time;
  }
  void Keep(const Outbox& outbox, const OutDatagram& datagram) {
    if (datagram.rtcp) {
      auto parsed = ParseRtcp(outbox.Header(datagram));
      ASSERT_TRUE(parsed.ok());
      rtcp_.push_back({now(), datagram, *parsed});
      return;
    }
    std::vector<uint8_t> bytes(outbox.Header(datagram).begin(), outbox.Header(datagram).end());
    const Bytes payload = outbox.Payload(datagram);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    const auto packet = RtpPacketView::Parse(bytes);
    ASSERT_TRUE(packet.ok());
    rtp_.push_back({now(), datagram, packet->header, {payload.begin(), payload.end()}});
  }

  bool woken_ = false;
  uint32_t made_ = 0;
};

}  // namespace headwater::packager
