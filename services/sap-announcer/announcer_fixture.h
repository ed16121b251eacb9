#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/sap-announcer/announcer.h"
#include "services/sap-announcer/sap_packet.h"

namespace headwater {

// An announcer with legs in `lan` and `vlan20`, in virtual time.
class AnnouncerFixture : public ::testing::Test {
 protected:
  struct Sent {
    Duration at;
    SendDatagram datagram;
    SapPacket packet;
  };

  static IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

  static Leg MakeLeg(std::string link, std::string_view ipv4, std::string_view ipv6) {
    return {.link = link,
            .interface = "eth-" + link,
            .ifindex = 2,
            .up = true,
            .mtu = 1500,
            .service_ipv4 = Ip(ipv4),
            .service_ipv6 = Ip(ipv6)};
  }

  static Announcement Radio(std::map<std::string, uint64_t> links) {
    Announcement radio;
    radio.channel.group = Ip("ff3e:40:2001:db8:d0be:f00d:8000:1");
    radio.links = std::move(links);
    radio.format = {
        .encoding = "MPA", .payload_type = 14, .clock_rate = 90'000, .channels = 0, .fmtp = ""};
    radio.media_bits_per_second = 128'000;
    radio.name = "Radio Nine";
    radio.title = "Artist - Title";
    radio.hop_limit = 64;
    return radio;
  }

  AnnouncerFixture() { Restart(AnnouncerOptions{}); }

  // A new announcer process on the same legs; what was sent stays recorded.
  void Restart(const AnnouncerOptions& options) {
    announcer_ = std::make_unique<Announcer>(options);
    SetLegs();
  }

  void SetLegs() {
    Sends out;
    announcer_->SetLegs(legs_, now(), out);
    Record(std::move(out));
  }

  absl::Status Apply(const Announcement& wanted, uint64_t epoch = 0) {
    Sends out;
    const absl::Status status = announcer_->Apply(epoch, wanted, now(), out);
    Record(std::move(out));
    return status;
  }

  absl::Status Stop(uint64_t epoch = 0) {
    Sends out;
    const absl::Status status = announcer_->Stop(epoch, Radio({}).channel, now(), out);
    Record(std::move(out));
    return status;
  }

  // Lets time pass from deadline to deadline.
  void Advance(Duration duration) {
    const Duration end = time_ + duration;
    while (announcer_->NextDeadline() <= MonoTime(end)) {
      const Duration deadline = announcer_->NextDeadline() - MonoTime{};
      ASSERT_GE(deadline, time_);
      time_ = deadline;
      Sends out;
      announcer_->OnTime(now(), out);
      Record(std::move(out));
      ASSERT_GT(announcer_->NextDeadline(), MonoTime(time_)) << "no progress";
    }
    time_ = end;
  }

  // Forgets what was sent until now and returns it.
  std::vector<Sent> Take() { return std::exchange(sent_, {}); }

  Announcer::Now now() const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time_).count();
    return {MonoTime(time_), kBeginNtp + static_cast<uint64_t>(seconds)};
  }
  Origin origin() const { return announcer_->Find(Radio({}).channel)->announcement.origin; }

  static constexpr uint64_t kBeginNtp = 3'970'000'000;
  std::vector<Leg> legs_ = {MakeLeg("lan", "192.0.2.1", "2001:db8::1"),
                            MakeLeg("vlan20", "198.51.100.1", "2001:db8:20::1")};
  std::unique_ptr<Announcer> announcer_;
  Duration time_ = {};

 private:
  void Record(Sends out) {
    for (SendDatagram& datagram : out) {
      auto packet = SapPacket::Parse(datagram.bytes);
      ASSERT_TRUE(packet.ok());
      sent_.push_back({time_, std::move(datagram), *std::move(packet)});
    }
  }

  std::vector<Sent> sent_;
};

}  // namespace headwater
