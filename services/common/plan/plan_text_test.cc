#include "services/common/plan/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

TEST(PlanTextTest, ReadsNumbersInHexAndDecimal) {
  EXPECT_EQ(*ParseNumber("0x80000001"), 0x80000001u);
  EXPECT_EQ(*ParseNumber("2147483649"), 0x80000001u);
  EXPECT_EQ(*ParseNumber("0XD0BEF00D"), 0xd0bef00du);
  EXPECT_EQ(NumberText(0xd0bef00d), "0xd0bef00d");
  for (const char* bad :
       {"", "0x", "0x1ffffffff", "80000001x", "-1", "+1", " 1", "0x-1", "4294967296"}) {
    EXPECT_FALSE(ParseNumber(bad).ok()) << bad;
  }
}

TEST(PlanTextTest, ReadsPrefixes) {
  EXPECT_EQ(*ParseNumberPrefix("0xC0000000/2"), std::pair(0xC0000000u, 2));
  for (const char* bad : {"0xC0000000", "0xC0000000/", "0xC0000000/33", "/4", "0xC0000000/-1"}) {
    EXPECT_FALSE(ParseNumberPrefix(bad).ok()) << bad;
  }
}

TEST(PlanTextTest, ReadsBlocks) {
  EXPECT_EQ(ParseAddressBlock("239.192.0.0/16")->ToString(), "239.192.0.0/16");
  EXPECT_EQ(ParseAddressBlock("2001:db8:d0be:f00d::/64")->ToString(), "2001:db8:d0be:f00d::/64");
  for (const char* bad : {"239.192.0.0", "239.192.0.0/33", "::/129", "a/1", "239.192.0.0/1x"}) {
    EXPECT_FALSE(ParseAddressBlock(bad).ok()) << bad;
  }
}

TEST(PlanTextTest, ReadsChannelsEitherWayRound) {
  EXPECT_EQ(ParseChannel("[ff3e::8000:1]")->ToString(), "ff3e::8000:1");
  EXPECT_EQ(ParseChannel("ff3e::8000:1@2001:db8::1")->ToString(), "2001:db8::1@ff3e::8000:1");
  EXPECT_EQ(ParseChannel("2001:db8::1@ff3e::8000:1")->ToString(), "2001:db8::1@ff3e::8000:1");
  for (const char* bad :
       {"", "2001:db8::1", "ff3e::1@192.0.2.1", "ff3e::1@ff3e::2", "@ff3e::1", "ff3e::1@"}) {
    EXPECT_FALSE(ParseChannel(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace headwater
