#include "services/membership-watcher/wire/mdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/membership-watcher/testing/packet_builder.h"

namespace headwater::membership {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum RecordType;

// Notifications of Linux 6.18, from struct br_port_msg on: bridge 2 with ports 3 and 4.
const char* const kJoin =
    "0700000002000000 40000100 3c000100 38000100 03000000 0000 0000 efc00001 "
    "000000000000000000000000"
    "08000000 08000100 90650000 0500050002000000 0500030000000000";
const char* const kSourceJoin =
    "0700000002000000 64000100 60000100 5c000100 04000000 0000 0000 "
    "ff3e0000000000000000000080000001"
    "86dd0000 0800010000000000 0500050002000000 24000280 20000180 14000100"
    "20010db8000000000000000000000009 0800020090650000 0500030001000000";
const char* const kDerived =
    "0700000002000000 48000100 44000100 40000100 04000000 0000 0000 e8010203 "
    "000000000000000000000000"
    "08000000 0800010000000000 08000400 c0000209 0500050002000000 0500030001000000";

std::vector<MdbRow> Decoded(std::string_view hex) {
  std::vector<MdbRow> rows;
  EXPECT_TRUE(DecodeMdb(FromHex(hex), rows));
  return rows;
}

TEST(MdbTest, ReadsWhatTheKernelTells) {
  EXPECT_THAT(Decoded(kJoin),
              ElementsAre(MdbRow{
                  .bridge = 2, .port = 3, .record = {kIsExclude, Address("239.192.0.1"), {}}}));
  EXPECT_THAT(Decoded(kSourceJoin),
              ElementsAre(MdbRow{
                  .bridge = 2,
                  .port = 4,
                  .record = {kIsInclude, Address("ff3e::8000:1"), {Address("2001:db8::9")}}}));
  EXPECT_THAT(
      Decoded(kDerived),
      ElementsAre(MdbRow{.bridge = 2,
                         .port = 4,
                         .record = {kIsInclude, Address("232.1.2.3"), {Address("192.0.2.9")}},
                         .of_source = true,
                         .derived = true}));
}

// A bridge that speaks IGMPv2 tells neither mode nor sources.
TEST(MdbTest, ARowWithoutModeWantsAll) {
  std::string row = kJoin;
  row.resize(row.size() - std::string("0500030000000000").size());
  row.replace(row.find("40000100"), 8, "38000100");
  row.replace(row.find("3c000100"), 8, "34000100");
  row.replace(row.find("38000100", row.find("34000100")), 8, "30000100");
  const std::vector<MdbRow> rows = Decoded(row);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].record.type, kIsExclude);
  EXPECT_THAT(rows[0].record.sources, IsEmpty());
}

TEST(MdbTest, InExcludeModeOnlySourcesWithoutTimerAreRefused) {
  std::string row = kSourceJoin;
  row.replace(row.rfind("0500030001000000"), 16, "0500030000000000");
  EXPECT_THAT(Decoded(row)[0].record, (Record{kIsExclude, Address("ff3e::8000:1"), {}}));
  row.replace(row.find("0800020090650000"), 16, "0800020000000000");
  EXPECT_THAT(Decoded(row)[0].record,
              (Record{kIsExclude, Address("ff3e::8000:1"), {Address("2001:db8::9")}}));
}

TEST(MdbTest, WhatIsCutOffIsToldAndLinkLayerGroupsAreLeftOut) {
  const std::vector<uint8_t> whole = FromHex(kSourceJoin);
  std::vector<MdbRow> rows;
  for (size_t size = 9; size < whole.size(); ++size) {
    const bool ends_early = DecodeMdb(Bytes(whole).first(size), rows);
    EXPECT_EQ(ends_early, size < 12) << size << ": less than an attribute's header is padding";
  }
  EXPECT_THAT(rows, IsEmpty());
  std::string row = kJoin;
  row.replace(row.find("08000000"), 8, "00000000");
  EXPECT_THAT(Decoded(row), IsEmpty());
}

TEST(MdbTest, RowsOfABridgeMergeByPortAndGroup) {
  const IpAddress group = Address("ff3e::8000:1");
  const IpAddress a = Address("2001:db8::a");
  const IpAddress b = Address("2001:db8::b");
  const MdbRow learned{.bridge = 2, .port = 7, .vlan = 20, .record = {kIsInclude, group, {a}}};
  MdbRow by_hand = learned;
  by_hand.of_source = true;
  by_hand.record.sources = {b};
  MdbRow derived = by_hand;
  derived.derived = true;
  derived.record.sources = {Address("2001:db8::c")};
  MdbRow elsewhere = learned;
  elsewhere.bridge = 9;
  EXPECT_THAT(Merge({by_hand, derived, learned, elsewhere}, 2),
              ElementsAre(PortReport{Address("::14:0:7"), {kIsInclude, group, {b, a}}}));
  MdbRow all = learned;
  all.record = {kIsExclude, group, {}};
  EXPECT_THAT(Merge({by_hand, all}, 2), ElementsAre(PortReport{Address("::14:0:7"), all.record}));
  EXPECT_THAT(Merge({all, by_hand}, 2), ElementsAre(PortReport{Address("::14:0:7"), all.record}));
}

}  // namespace
}  // namespace headwater::membership
