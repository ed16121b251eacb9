#include "services/common/net/legs.h"

#include <gtest/gtest.h>

#include "services/common/loop/event_loop.h"
#include "services/common/net/leg_watch.h"

namespace headwater {
namespace {

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

const LegConfig kConfig{.link = "lan", .interface = "eth0"};

InterfaceState Interface(std::vector<InterfaceAddress> addresses) {
  return {.index = 7, .up = true, .mtu = 1500, .addresses = std::move(addresses)};
}

TEST(ChooseLegTest, PrefersALastingGlobalAddress) {
  const InterfaceState interface = Interface({{.address = Ip("fe80::1")},
                                              {.address = Ip("2001:db8::a"), .temporary = true},
                                              {.address = Ip("2001:db8::b"), .usable = false},
                                              {.address = Ip("2001:db8::c")},
                                              {.address = Ip("192.0.2.1")}});
  const Leg leg = ChooseLeg(kConfig, &interface, nullptr);
  EXPECT_EQ(leg.service_ipv6, Ip("2001:db8::c"));
  EXPECT_EQ(leg.service_ipv4, Ip("192.0.2.1"));
  EXPECT_EQ(leg.link_local, Ip("fe80::1"));
  EXPECT_EQ(leg.ServiceAddress(Ip("ff3e::8000:1")), Ip("2001:db8::c"));
  EXPECT_EQ(leg.ServiceAddress(Ip("ff32::8000:1")), Ip("fe80::1"));
  EXPECT_EQ(leg.ServiceAddress(Ip("239.1.1.1")), Ip("192.0.2.1"));
}

TEST(ChooseLegTest, KeepsTheServiceAddressWhileItIsThere) {
  const InterfaceState first = Interface({{.address = Ip("2001:db8::c")}});
  const Leg before = ChooseLeg(kConfig, &first, nullptr);
  const InterfaceState more = Interface(
      {{.address = Ip("2001:db8::a")}, {.address = Ip("2001:db8::c"), .deprecated = true}});
  EXPECT_EQ(ChooseLeg(kConfig, &more, &before).service_ipv6, Ip("2001:db8::c"));
  const InterfaceState gone = Interface({{.address = Ip("2001:db8::a")}});
  EXPECT_EQ(ChooseLeg(kConfig, &gone, &before).service_ipv6, Ip("2001:db8::a"));
}

TEST(ChooseLegTest, AConfiguredServiceAddressStands) {
  LegConfig config = kConfig;
  config.service_ipv6 = Ip("2001:db8::ff");
  const InterfaceState interface = Interface({{.address = Ip("2001:db8::c")}});
  EXPECT_EQ(ChooseLeg(config, &interface, nullptr).service_ipv6, Ip("2001:db8::ff"));
  const Leg absent = ChooseLeg(config, nullptr, nullptr);
  EXPECT_FALSE(absent.up);
  EXPECT_EQ(absent.ifindex, 0u);
}

TEST(LegWatchTest, ReadsTheLoopbackFromTheKernel) {
  EventLoop loop;
  auto watch = LegWatch::Open(
      loop, {{.link = "self", .interface = "lo"}, {.link = "none", .interface = "nosuch0"}},
      nullptr);
  ASSERT_TRUE(watch.ok()) << watch.status();
  ASSERT_EQ((*watch)->legs().size(), 2u);
  const Leg* self = (*watch)->Find("self");
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->ifindex, 1u);
  EXPECT_EQ((*watch)->FindByIndex(1), self);
  EXPECT_EQ((*watch)->Find("none")->ifindex, 0u);
  EXPECT_EQ((*watch)->Find("other"), nullptr);
}

}  // namespace
}  // namespace headwater
