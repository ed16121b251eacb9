#include "services/mdns-zone-proxy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/mdns-zone-proxy/record.h"

namespace headwater::zone {
namespace {

using testing::ElementsAre;

TEST(GlobTest, MatchesAsAShellDoesButInAnyCase) {
  EXPECT_TRUE(MatchesGlob("*", ""));
  EXPECT_TRUE(MatchesGlob("Office*", "oFFICE printer"));
  EXPECT_TRUE(MatchesGlob("*a*b?", "xxaaybz"));
  EXPECT_FALSE(MatchesGlob("*a*b?", "xxaayb"));
  EXPECT_FALSE(MatchesGlob("Office", "Office 2"));
  EXPECT_FALSE(MatchesGlob("?", ""));
}

TEST(PolicyTest, TheFirstRuleThatMatchesDecides) {
  const Policy policy(
      {{.name = "no", .from = "iot", .to = "*", .names = {"Secret*"}, .allow = false},
       {.name = "yes", .from = "iot", .to = "trusted", .types = {"_ip*._tcp"}}});
  const auto decide = [&](const char* from, const char* to, const char* type, const char* name) {
    return policy.Decide(from, to, {type, name}, {}, true);
  };
  EXPECT_EQ(decide("iot", "trusted", "_ipp._tcp", "Office"), (Decision{.rule = 1, .allow = true}));
  EXPECT_EQ(decide("iot", "trusted", "_ipp._tcp", "SECRET 1"), (Decision{.rule = 0}));
  EXPECT_EQ(decide("iot", "cam", "_ipp._tcp", "Office"), Decision{});
  EXPECT_EQ(decide("trusted", "iot", "_ipp._tcp", "Office"), Decision{});
  EXPECT_EQ(decide("iot", "trusted", "_http._tcp", "Office"), Decision{});
}

TEST(PolicyTest, SubtypesMatchInFullAndADenyWaitsForThem) {
  const std::string subtype = "_universal._sub._ipp._tcp";
  const Policy allow({{.name = "a", .from = "a", .to = "b", .types = {subtype}}});
  const ServiceKey key = {"_ipp._tcp", "x"};
  EXPECT_TRUE(allow.Decide("a", "b", key, {subtype}, false).allow);
  EXPECT_EQ(allow.Decide("a", "b", key, {}, false), Decision{});
  const Policy deny({{.name = "d", .from = "a", .to = "b", .types = {subtype}, .allow = false},
                     {.name = "a", .from = "a", .to = "b"}});
  EXPECT_TRUE(deny.Decide("a", "b", key, {}, false).wait);
  EXPECT_TRUE(deny.Decide("a", "b", key, {}, true).allow);
  EXPECT_EQ(deny.Decide("a", "b", key, {subtype}, true), (Decision{.rule = 0}));
  EXPECT_THAT(deny.TypesFrom("a"), ElementsAre(subtype));
}

TEST(ServiceNameTest, NamesAreCheckedEscapedAndCutBetweenCharacters) {
  EXPECT_FALSE(IsInstanceName(std::string("a\0b", 3)));
  EXPECT_FALSE(IsInstanceName("a\x1b[31m"));
  EXPECT_FALSE(IsInstanceName("\xff"));
  EXPECT_FALSE(IsServiceType("_ipp._sctp"));
  EXPECT_FALSE(IsServiceType("ipp._tcp"));
  EXPECT_EQ(FullName({"_ipp._tcp", "D.e v\\x"}), "D\\.e\\032v\\\\x._ipp._tcp.local");
  EXPECT_EQ(AlternateName("Office", "iot", 1), "Office (iot)");
  EXPECT_EQ(AlternateName("Office", "iot", 2), "Office (iot) #2");
  const std::string cut = AlternateName(std::string(56, 'x') + "\xc3\xa9", "iot", 1);
  EXPECT_EQ(cut, std::string(56, 'x') + " (iot)");
  EXPECT_EQ(AlternateHost("printer.local", "iot", 1), "printer-iot.local");
  EXPECT_EQ(AlternateHost("a\\.b.local", "iot", 2), "a\\.b-iot-2.local");
}

// SRV and TXT as Avahi 0.8 hands them on (RecordBrowser.ItemNew).
TEST(RecordTest, FromCapture) {
  using namespace std::string_view_literals;
  const std::string_view srv = "\0\0\0\0\x02\x77\x07printer\x05local\0"sv;
  EXPECT_EQ(ParseSrv(AsBytes(srv)), (Srv{"printer.local", 631}));
  for (size_t size = 0; size < srv.size(); ++size) {
    EXPECT_FALSE(ParseSrv(AsBytes(srv.substr(0, size)))) << size;
  }
  const std::string_view txt =
      "\x03"
      "a=1\0\x02"
      "b="sv;
  EXPECT_THAT(*ParseTxt(AsBytes(txt)), ElementsAre("a=1", "b="));
  EXPECT_FALSE(ParseTxt(AsBytes(txt.substr(0, txt.size() - 1))));
  EXPECT_FALSE(
      ParseSrv(AsBytes("\0\0\0\0\x02\x77\x03"
                       "com\0"sv)));  // not in "local"
}

TEST(RecordTest, TheNewestCountsAndAFreshOneBeforeAStaleOne) {
  RecordSet records;
  EXPECT_TRUE(records.Add({1, 0}, AsBytes("old"), 3));
  EXPECT_TRUE(records.Add({1, 0}, AsBytes("new"), 3));
  EXPECT_EQ(*records.Newest(), "new");
  records.Remove({1, 0}, AsBytes("new"));
  EXPECT_EQ(*records.Newest(), "old");
  records.MarkStale();
  EXPECT_TRUE(records.Add({1, 1}, AsBytes("fresh"), 3));
  EXPECT_EQ(*records.Newest(), "fresh");
  EXPECT_TRUE(records.Add({2, 1}, AsBytes("more"), 3));
  EXPECT_FALSE(records.Add({3, 1}, AsBytes("too many"), 3));
  EXPECT_TRUE(records.DropStale());
  EXPECT_EQ(*records.Newest(), "more");
}

}  // namespace
}  // namespace headwater::zone
