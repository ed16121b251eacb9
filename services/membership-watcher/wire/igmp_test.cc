#include "services/membership-watcher/wire/igmp.h"

#include <gtest/gtest.h>

#include "services/membership-watcher/testing/packet_builder.h"

namespace headwater::membership {
namespace {

// Packets captured from Linux 6.18, from the IPv4 header on.

// 192.0.2.2 > 224.0.0.22, TO_EX {} of 239.192.0.1
constexpr char kJoinV3[] =
    "46c0002800004000010241f7c0000202e000001694040000"
    "2200ea3c0000000104000000efc00001";
// ALLOW {192.0.2.1} of 232.1.2.3
constexpr char kJoinSsm[] =
    "46c0002c00004000010241f3c0000202e000001694040000"
    "22002cf70000000105000001e8010203c0000201";
// BLOCK {192.0.2.1} of 232.1.2.3, TO_IN {} of 239.192.0.1
constexpr char kLeaveBoth[] =
    "46c0003400004000010241ebc0000202e000001694040000"
    "220039340000000206000001e8010203c000020103000000efc00001";
constexpr char kReportV2[] = "46c000200000400001023254c0000202efc00001940400001600fa3defc00001";
constexpr char kLeaveV2[] = "46c000200000400001024213c0000202e0000002940400001700f93defc00001";
constexpr char kReportV1[] = "46c000200000400001023254c0000202efc00001940400001200fe3defc00001";
// Queries of a Linux bridge without an address.
constexpr char kGeneralV3[] =
    "46c00024000040000102041300000000e0000001940400001164ec1e00000000027d0000";
constexpr char kGeneralV2[] = "46c00020000040000102041700000000e0000001940400001164ee9b00000000";

Message Parsed(const std::vector<uint8_t>& packet) {
  auto message = ParseIgmp(packet);
  EXPECT_TRUE(message.ok()) << (message.ok() ? "" : Name(message.error()));
  return message.ok() ? *message : Message{};
}

Report ParsedReport(const char* hex) { return std::get<Report>(Parsed(FromHex(hex)).body); }

DropReason Dropped(const std::vector<uint8_t>& packet) {
  auto message = ParseIgmp(packet);
  EXPECT_FALSE(message.ok());
  return message.ok() ? DropReason::kNotMembership : message.error();
}

Report OneRecord(Version version, RecordType type) {
  return Report{version, {{type, Address("239.192.0.1"), {}}}};
}

TEST(IgmpTest, ReportsFromCapture) {
  EXPECT_EQ(Parsed(FromHex(kJoinV3)),
            (Message{Address("192.0.2.2"), Address("224.0.0.22"),
                     OneRecord(Version::kIgmpV3, RecordType::kToExclude)}));
  EXPECT_EQ(ParsedReport(kJoinSsm),
            (Report{Version::kIgmpV3,
                    {{RecordType::kAllow, Address("232.1.2.3"), {Address("192.0.2.1")}}}}));
  EXPECT_EQ(ParsedReport(kLeaveBoth),
            (Report{Version::kIgmpV3,
                    {{RecordType::kBlock, Address("232.1.2.3"), {Address("192.0.2.1")}},
                     {RecordType::kToInclude, Address("239.192.0.1"), {}}}}));
}

TEST(IgmpTest, OlderReportsFromCaptureBecomeRecords) {
  EXPECT_EQ(ParsedReport(kReportV2), OneRecord(Version::kIgmpV2, RecordType::kIsExclude));
  EXPECT_EQ(ParsedReport(kLeaveV2), OneRecord(Version::kIgmpV2, RecordType::kToInclude));
  EXPECT_EQ(ParsedReport(kReportV1), OneRecord(Version::kIgmpV1, RecordType::kIsExclude));
}

TEST(IgmpTest, QueriesFromCapture) {
  Query query;
  query.version = Version::kIgmpV3;
  query.group = Address("0.0.0.0");
  query.max_response = std::chrono::seconds(10);
  query.robustness = 2;
  query.query_interval = std::chrono::seconds(125);
  EXPECT_EQ(Parsed(FromHex(kGeneralV3)),
            (Message{Address("0.0.0.0"), Address("224.0.0.1"), query}));
  Query older;
  older.version = Version::kIgmpV2;
  older.group = Address("0.0.0.0");
  older.max_response = std::chrono::seconds(10);
  EXPECT_EQ(std::get<Query>(Parsed(FromHex(kGeneralV2)).body), older);
}

TEST(IgmpTest, EveryTruncationIsRefused) {
  for (const char* hex :
       {kJoinV3, kJoinSsm, kLeaveBoth, kReportV2, kLeaveV2, kReportV1, kGeneralV3, kGeneralV2}) {
    const std::vector<uint8_t> whole = FromHex(hex);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(Dropped({whole.begin(), whole.begin() + static_cast<long>(size)}),
                DropReason::kTruncated)
          << hex << " at " << size;
    }
  }
}

// The IP length is right but the message is shorter than its own counts say.
TEST(IgmpTest, EveryShortMessageIsRefused) {
  for (const char* hex : {kJoinV3, kLeaveBoth, kReportV2, kGeneralV3}) {
    const std::vector<uint8_t> whole = FromHex(hex);
    const Bytes message = Bytes(whole).subspan(24);
    for (size_t size = 0; size < message.size(); ++size) {
      if (hex == kGeneralV3 && size == 8) continue;  // that is an IGMPv2 query
      std::vector<uint8_t> cut(message.begin(), message.begin() + static_cast<long>(size));
      const IpAddress from = Address("192.0.2.2");
      const IpAddress to = Address("224.0.0.22");
      if (size >= 4) FixChecksum(from, to, cut);
      EXPECT_EQ(Dropped(WrapPacket(from, to, cut)), DropReason::kTruncated)
          << hex << " at " << size;
    }
  }
}

TEST(IgmpTest, QueriesRoundTrip) {
  Query query;
  query.version = Version::kIgmpV3;
  query.group = Address("239.192.0.1");
  query.max_response = std::chrono::milliseconds(1000);
  query.suppress = true;
  query.robustness = 7;
  query.query_interval = std::chrono::seconds(20);
  query.sources = {Address("192.0.2.1"), Address("192.0.2.2")};
  EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("192.0.2.9", query)).body), query);
  for (Version version : {Version::kIgmpV1, Version::kIgmpV2}) {
    Query older;
    older.version = version;
    older.group = Address("0.0.0.0");
    older.max_response = std::chrono::seconds(10);
    EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("192.0.2.9", older)).body), older);
  }
}

TEST(IgmpTest, AnIgmpV1QueryMeansTenSeconds) {
  Query query;
  query.version = Version::kIgmpV1;
  query.group = Address("0.0.0.0");
  EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("192.0.2.9", query)).body).max_response,
            std::chrono::seconds(10));
}

TEST(IgmpTest, DropsWhatARouterMustNotTake) {
  const Report report = OneRecord(Version::kIgmpV3, RecordType::kToExclude);
  EXPECT_EQ(Dropped(ReportPacket("192.0.2.2", report, {.hop_limit = 2})), DropReason::kHopLimit);
  EXPECT_EQ(Dropped(ReportPacket("192.0.2.2", report, {.router_alert = false})),
            DropReason::kRouterAlert);
  EXPECT_EQ(Dropped(ReportPacket("192.0.2.2", report, {.bad_checksum = true})),
            DropReason::kChecksum);
  EXPECT_EQ(Dropped(ReportPacket("127.0.0.1", report)), DropReason::kSource);
  EXPECT_EQ(Dropped(ReportPacket("239.0.0.1", report)), DropReason::kSource);
  const Report unicast{Version::kIgmpV3, {{RecordType::kToExclude, Address("192.0.2.1"), {}}}};
  EXPECT_EQ(Dropped(ReportPacket("192.0.2.2", unicast)), DropReason::kGroup);
  std::vector<uint8_t> packet = FromHex(kJoinV3);
  packet[9] = 17;
  EXPECT_EQ(Dropped(packet), DropReason::kNotMembership);
}

TEST(IgmpTest, DropsFragmentsAndBrokenHeaders) {
  std::vector<uint8_t> packet = FromHex(kJoinV3);
  packet[8] = 2;  // the header checksum no longer fits
  EXPECT_EQ(Dropped(packet), DropReason::kBadHeader);
  packet = FromHex(kJoinV3);
  packet[6] = 0x60;  // more fragments; checksum adjusted by the same amount
  packet[10] = static_cast<uint8_t>(packet[10] - 0x20);
  EXPECT_EQ(Dropped(packet), DropReason::kFragment);
}

TEST(IgmpTest, TakesAReportFromAHostWithoutAddress) {
  const Report report = OneRecord(Version::kIgmpV3, RecordType::kToExclude);
  EXPECT_TRUE(ParseIgmp(ReportPacket("0.0.0.0", report)).ok());
}

TEST(IgmpTest, IgmpV1NeedsNoRouterAlert) {
  const Report v1 = OneRecord(Version::kIgmpV1, RecordType::kIsExclude);
  EXPECT_TRUE(ParseIgmp(ReportPacket("192.0.2.2", v1, {.router_alert = false})).ok());
  const Report v2 = OneRecord(Version::kIgmpV2, RecordType::kIsExclude);
  EXPECT_EQ(Dropped(ReportPacket("192.0.2.2", v2, {.router_alert = false})),
            DropReason::kRouterAlert);
}

TEST(IgmpTest, IgnoresPaddingAfterThePacket) {
  std::vector<uint8_t> packet = FromHex(kReportV2);
  packet.resize(packet.size() + 14, 0xaa);
  EXPECT_TRUE(ParseIgmp(packet).ok());
}

}  // namespace
}  // namespace headwater::membership
