#include "services/sap-announcer/announcement.h"

#include <gtest/gtest.h>

#include "services/sap-announcer/sap_packet.h"

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(AnnouncementTest, FindsTheWellKnownGroup) {
  EXPECT_EQ(WellKnownSapGroup(Ip("ff3e:40:2001:db8::8000:1")), Ip("ff0e::2:7ffe"));
  EXPECT_EQ(WellKnownSapGroup(Ip("ff35::8000:1")), Ip("ff05::2:7ffe"));
  EXPECT_EQ(WellKnownSapGroup(Ip("239.255.1.1")), Ip("239.255.255.255"));
  EXPECT_EQ(WellKnownSapGroup(Ip("239.192.0.1")), Ip("239.195.255.255"));
  EXPECT_EQ(WellKnownSapGroup(Ip("232.1.1.1")), Ip("224.2.127.254"));
}

TEST(AnnouncementTest, NamesTheLinksServiceAddress) {
  Announcement announcement;
  announcement.channel.group = Ip("239.192.0.1");
  announcement.format = {
      .encoding = "MPA", .payload_type = 14, .clock_rate = 90'000, .channels = 0, .fmtp = ""};
  announcement.name = "Nine";
  announcement.title = "A - B";
  announcement.hop_limit = 16;
  announcement.origin = {.id = 5, .version = 6, .past_versions = {}};
  const auto packet = SapPacket::Parse(*AnnouncementPacket(announcement, Ip("192.0.2.1")));
  ASSERT_TRUE(packet.ok());
  EXPECT_EQ(packet->source, Ip("192.0.2.1"));
  EXPECT_EQ(packet->hash, SapHash(5, 6));
  const auto sdp = ParseSdp(packet->payload);
  ASSERT_TRUE(sdp.ok());
  EXPECT_EQ(sdp->source, Ip("192.0.2.1"));
  EXPECT_EQ(sdp->origin_address, Ip("192.0.2.1"));
  EXPECT_EQ(sdp->ttl, 16);
  EXPECT_EQ(sdp->name, "Nine");
  EXPECT_EQ(sdp->info, "A - B");
}

TEST(AnnouncementTest, DeletesByTheOriginLine) {
  const auto packet = SapPacket::Parse(DeletionPacket(5, 6, Ip("2001:db8::1")));
  EXPECT_EQ(*packet, (SapPacket{.deletion = true,
                                .hash = SapHash(5, 6),
                                .source = Ip("2001:db8::1"),
                                .payload = "o=- 5 6 IN IP6 2001:db8::1\r\n"}));
}

TEST(AnnouncementTest, CountsHeaders) {
  EXPECT_EQ(BitsOnLink(100, Ip("239.1.1.1")), 8u * 128);
  EXPECT_EQ(BitsOnLink(100, Ip("ff3e::1")), 8u * 148);
}

}  // namespace
}  // namespace headwater
