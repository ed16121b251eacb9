#include "services/common/net/ip_address.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(IpAddressTest, ParsesAndPrintsCanonicalText) {
  EXPECT_EQ(Ip("ff3e:0040:2001:0db8:d0be:f00d:8000:0000").ToString(),
            "ff3e:40:2001:db8:d0be:f00d:8000:0");
  EXPECT_EQ(Ip("239.192.0.1").ToString(), "239.192.0.1");
  for (const char* bad :
       {"", "1.2.3", "1.2.3.4.5", "ff3e::1%eth0", "[::1]", "host", "1.2.3.256", "::1 "}) {
    EXPECT_FALSE(IpAddress::Parse(bad)) << bad;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("::1\0x", 5)));
}

TEST(IpAddressTest, GivesTheServiceNumber) {
  EXPECT_EQ(Ip("ff3e:40:2001:db8:d0be:f00d:cb5a:1041").low32(), 0xcb5a1041u);
}

TEST(IpAddressTest, KnowsMulticast) {
  EXPECT_TRUE(Ip("224.0.0.1").IsMulticast());
  EXPECT_TRUE(Ip("239.255.255.255").IsMulticast());
  EXPECT_FALSE(Ip("240.0.0.1").IsMulticast());
  EXPECT_EQ(Ip("ff35::1").MulticastScope(), 5);
  EXPECT_TRUE(Ip("ff3e::8000:1").IsSsmGroup());
  EXPECT_FALSE(Ip("ff3e:40:2001:db8::1").IsSsmGroup());
  EXPECT_TRUE(Ip("232.1.2.3").IsSsmGroup());
}

TEST(IpAddressTest, TrustsOnlyPublicAddresses) {
  for (const char* text :
       {"8.8.8.8", "2a00:1450::1", "100.128.0.1", "172.32.0.1", "2002:808:808::1"}) {
    EXPECT_TRUE(Ip(text).IsPublic()) << text;
  }
  for (const char* text : {"127.0.0.1",
                           "10.1.1.1",
                           "100.64.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "169.254.169.254",
                           "0.0.0.0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::1",
                           "::",
                           "fe80::1",
                           "fd00::1",
                           "ff0e::1",
                           "::ffff:127.0.0.1",
                           "::ffff:8.8.8.8",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "2001:db8::1",
                           "2001::1",
                           "3fff::1"}) {
    EXPECT_FALSE(Ip(text).IsPublic()) << text;
  }
}

TEST(IpAddressTest, CrossesTheSocketBorder) {
  for (const char* text : {"192.0.2.7", "2001:db8::7"}) {
    sockaddr_storage storage;
    EXPECT_GT(ToSockaddr({Ip(text), 5004}, 0, storage), 0u);
    EXPECT_EQ(IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&storage)), Ip(text));
  }
}

TEST(ChannelTest, PrintsItsSource) {
  EXPECT_EQ((Channel{Ip("ff3e::8000:1"), Ip("2001:db8::1")}).ToString(),
            "2001:db8::1@ff3e::8000:1");
  EXPECT_EQ((Endpoint{Ip("::1"), 80}).ToString(), "[::1]:80");
}

}  // namespace
}  // namespace headwater
