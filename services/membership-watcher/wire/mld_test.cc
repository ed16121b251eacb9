#include "services/membership-watcher/wire/mld.h"

#include <gtest/gtest.h>

#include "services/membership-watcher/testing/packet_builder.h"
#include "services/membership-watcher/wire/float_code.h"

namespace headwater::membership {
namespace {

// Packets captured from Linux 6.18, from the IPv6 header on.

// fe80::6098:f8ff:fe95:f38c > ff02::16, TO_EX {} of ff3e:40:2001:db8:d0be:f00d:8000:1
constexpr char kJoinV2[] =
    "6000000000240001fe800000000000006098f8fffe95f38cff020000000000000000000000000016"
    "3a000502000001008f00b54c0000000104000000ff3e004020010db8d0bef00d80000001";
// ALLOW {2001:db8::1} of ff3e::8000:1
constexpr char kJoinSsm[] =
    "6000000000340001fe800000000000006098f8fffe95f38cff020000000000000000000000000016"
    "3a000502000001008f0075470000000105000001ff3e00000000000000000000800000012001"
    "0db8000000000000000000000001";
// BLOCK {2001:db8::1} of ff3e::8000:1, TO_IN {} of ff3e:40:2001:db8:d0be:f00d:8000:1
constexpr char kLeaveBoth[] =
    "6000000000480001fe800000000000006098f8fffe95f38cff020000000000000000000000000016"
    "3a000502000001008f00032c0000000206000001ff3e00000000000000000000800000012001"
    "0db800000000000000000000000103000000ff3e004020010db8d0bef00d80000001";
// An answer to a query: IS_EX {} of ff3e:40:... and of the solicited-node group
constexpr char kAnswer[] =
    "6000000000380001fe80000000000000602162fffe8f3eccff020000000000000000000000000016"
    "3a000502000001008f00c3150000000202000000ff3e004020010db8d0bef00d800000010200"
    "0000ff0200000000000000000001ff8f3ecc";
constexpr char kReportV1[] =
    "6000000000200001fe80000000000000200921fffe025502ff3e004020010db8d0bef00d80000001"
    "3a0005020000010083000d1200000000ff3e004020010db8d0bef00d80000001";
constexpr char kDone[] =
    "6000000000200001fe80000000000000200921fffe025502ff020000000000000000000000000002"
    "3a0005020000010084007b1300000000ff3e004020010db8d0bef00d80000001";
// Queries of a Linux bridge.
constexpr char kGeneralV2[] =
    "6000000000240001fe80000000000000008d30fffec27a38ff020000000000000000000000000001"
    "3a000502000001008200ac0f2710000000000000000000000000000000000000027d0000";
constexpr char kSpecificV2[] =
    "6000000000240001fe80000000000000008d30fffec27a38ff3e004020010db8d0bef00d80000001"
    "3a000502000001008200f22e03e80000ff3e004020010db8d0bef00d80000001027d0000";
constexpr char kGeneralV1[] =
    "6000000000200001fe80000000000000245101fffe7d47efff020000000000000000000000000001"
    "3a000502000001008200ec5a2710000000000000000000000000000000000000";
// A neighbour solicitation: ICMPv6, but not ours.
constexpr char kSolicitation[] =
    "6000000000203aff00000000000000000000000000000000ff0200000000000000000001ff95f38c"
    "87007ed800000000fe800000000000006098f8fffe95f38c0e0183804ccddf1a";

const char* const kGroup = "ff3e:40:2001:db8:d0be:f00d:8000:1";

Message Parsed(const std::vector<uint8_t>& packet) {
  auto message = ParseMld(packet);
  EXPECT_TRUE(message.ok()) << (message.ok() ? "" : Name(message.error()));
  return message.ok() ? *message : Message{};
}

Report ParsedReport(const char* hex) { return std::get<Report>(Parsed(FromHex(hex)).body); }

DropReason Dropped(const std::vector<uint8_t>& packet) {
  auto message = ParseMld(packet);
  EXPECT_FALSE(message.ok());
  return message.ok() ? DropReason::kNotMembership : message.error();
}

TEST(MldTest, ReportsFromCapture) {
  EXPECT_EQ(Parsed(FromHex(kJoinV2)),
            (Message{Address("fe80::6098:f8ff:fe95:f38c"), Address("ff02::16"),
                     Report{Version::kMldV2, {{RecordType::kToExclude, Address(kGroup), {}}}}}));
  EXPECT_EQ(ParsedReport(kJoinSsm),
            (Report{Version::kMldV2,
                    {{RecordType::kAllow, Address("ff3e::8000:1"), {Address("2001:db8::1")}}}}));
  EXPECT_EQ(ParsedReport(kLeaveBoth),
            (Report{Version::kMldV2,
                    {{RecordType::kBlock, Address("ff3e::8000:1"), {Address("2001:db8::1")}},
                     {RecordType::kToInclude, Address(kGroup), {}}}}));
  EXPECT_EQ(ParsedReport(kAnswer),
            (Report{Version::kMldV2,
                    {{RecordType::kIsExclude, Address(kGroup), {}},
                     {RecordType::kIsExclude, Address("ff02::1:ff8f:3ecc"), {}}}}));
}

TEST(MldTest, OlderReportsFromCaptureBecomeRecords) {
  EXPECT_EQ(ParsedReport(kReportV1),
            (Report{Version::kMldV1, {{RecordType::kIsExclude, Address(kGroup), {}}}}));
  EXPECT_EQ(ParsedReport(kDone),
            (Report{Version::kMldV1, {{RecordType::kToInclude, Address(kGroup), {}}}}));
}

TEST(MldTest, QueriesFromCapture) {
  Query query;
  query.max_response = std::chrono::seconds(10);
  query.robustness = 2;
  query.query_interval = std::chrono::seconds(125);
  EXPECT_EQ(std::get<Query>(Parsed(FromHex(kGeneralV2)).body), query);
  query.group = Address(kGroup);
  query.max_response = std::chrono::seconds(1);
  EXPECT_EQ(std::get<Query>(Parsed(FromHex(kSpecificV2)).body), query);
  Query older;
  older.version = Version::kMldV1;
  older.max_response = std::chrono::seconds(10);
  EXPECT_EQ(std::get<Query>(Parsed(FromHex(kGeneralV1)).body), older);
}

TEST(MldTest, EveryTruncationIsRefused) {
  for (const char* hex :
       {kJoinV2, kJoinSsm, kLeaveBoth, kReportV1, kDone, kGeneralV2, kGeneralV1}) {
    const std::vector<uint8_t> whole = FromHex(hex);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(Dropped({whole.begin(), whole.begin() + static_cast<long>(size)}),
                DropReason::kTruncated)
          << hex << " at " << size;
    }
  }
}

// The IP length is right but the message is shorter than its own counts say.
TEST(MldTest, EveryShortMessageIsRefused) {
  for (const char* hex : {kJoinV2, kLeaveBoth, kReportV1, kSpecificV2}) {
    const std::vector<uint8_t> whole = FromHex(hex);
    const Bytes message = Bytes(whole).subspan(48);
    for (size_t size = 0; size < message.size(); ++size) {
      if (hex == kSpecificV2 && size == 24) continue;  // that is an MLDv1 query
      std::vector<uint8_t> cut(message.begin(), message.begin() + static_cast<long>(size));
      const IpAddress from = Address("fe80::1");
      const IpAddress to = Address("ff02::16");
      if (size >= 4) FixChecksum(from, to, cut);
      EXPECT_EQ(Dropped(WrapPacket(from, to, cut)), DropReason::kTruncated)
          << hex << " at " << size;
    }
  }
}

TEST(MldTest, QueriesRoundTrip) {
  Query query;
  query.group = Address(kGroup);
  query.max_response = std::chrono::milliseconds(1000);
  query.suppress = true;
  query.robustness = 3;
  query.query_interval = std::chrono::seconds(20);
  query.sources = {Address("2001:db8::1"), Address("2001:db8::2")};
  EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("fe80::1", query)).body), query);
  query = Query{};
  query.version = Version::kMldV1;
  query.max_response = std::chrono::milliseconds(1000);
  EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("fe80::1", query)).body), query);
}

TEST(MldTest, ReportsRoundTrip) {
  const Report report{Version::kMldV2,
                      {{RecordType::kIsInclude, Address("ff3e::8000:1"), {Address("2001:db8::1")}},
                       {RecordType::kBlock, Address(kGroup), {}}}};
  EXPECT_EQ(std::get<Report>(Parsed(ReportPacket("fe80::1", report)).body), report);
}

TEST(MldTest, RobustnessAboveSevenIsSentAsUnknown) {
  Query query;
  query.robustness = 8;
  EXPECT_EQ(std::get<Query>(Parsed(QueryPacket("fe80::1", query)).body).robustness, 0);
}

TEST(MldTest, DropsWhatARouterMustNotTake) {
  const Report report{Version::kMldV2, {{RecordType::kToExclude, Address(kGroup), {}}}};
  EXPECT_EQ(Dropped(ReportPacket("fe80::1", report, {.hop_limit = 2})), DropReason::kHopLimit);
  EXPECT_EQ(Dropped(ReportPacket("fe80::1", report, {.hop_limit = 0})), DropReason::kHopLimit);
  EXPECT_EQ(Dropped(ReportPacket("fe80::1", report, {.router_alert = false})),
            DropReason::kRouterAlert);
  EXPECT_EQ(Dropped(ReportPacket("fe80::1", report, {.bad_checksum = true})),
            DropReason::kChecksum);
  EXPECT_EQ(Dropped(ReportPacket("2001:db8::1", report)), DropReason::kSource);
  EXPECT_EQ(Dropped(ReportPacket("::", report)), DropReason::kSource);
  EXPECT_EQ(Dropped(FromHex(kSolicitation)), DropReason::kNotMembership);
  const Report unicast{Version::kMldV2, {{RecordType::kToExclude, Address("2001:db8::1"), {}}}};
  EXPECT_EQ(Dropped(ReportPacket("fe80::1", unicast)), DropReason::kGroup);
}

TEST(MldTest, RouterAlertOfAnotherValueDoesNotCount) {
  std::vector<uint8_t> packet = FromHex(kJoinV2);
  packet[45] = 1;  // RSVP
  EXPECT_EQ(Dropped(packet), DropReason::kRouterAlert);
}

TEST(MldTest, SkipsUnknownRecordsAndAuxiliaryData) {
  std::vector<uint8_t> message = {143, 0, 0, 0, 0, 0, 0, 2};
  const IpAddress group = Address(kGroup);
  for (uint8_t type : {uint8_t{9}, uint8_t{4}}) {
    message.insert(message.end(), {type, 1, 0, 0});
    message.insert(message.end(), group.bytes().begin(), group.bytes().end());
    message.insert(message.end(), {0xde, 0xad, 0xbe, 0xef});
  }
  const IpAddress from = Address("fe80::1");
  const IpAddress to = Address("ff02::16");
  FixChecksum(from, to, message);
  EXPECT_EQ(std::get<Report>(Parsed(WrapPacket(from, to, message)).body),
            (Report{Version::kMldV2, {{RecordType::kToExclude, group, {}}}}));
}

TEST(MldTest, IgnoresPaddingAfterThePacket) {
  std::vector<uint8_t> packet = FromHex(kReportV1);
  packet.resize(packet.size() + 20, 0xaa);
  EXPECT_TRUE(ParseMld(packet).ok());
}

TEST(FloatCodeTest, DecodesAndEncodesLikeTheRfc) {
  EXPECT_EQ(DecodeFloatCode<4>(127), 127u);
  EXPECT_EQ(DecodeFloatCode<4>(0x80), 128u);
  EXPECT_EQ(DecodeFloatCode<4>(0xff), 31744u);
  EXPECT_EQ(DecodeFloatCode<12>(0x7fff), 32767u);
  EXPECT_EQ(DecodeFloatCode<12>(0x8000), 32768u);
  EXPECT_EQ(DecodeFloatCode<12>(0xffff), 8387584u);
  for (uint32_t code = 0; code < 256; ++code) {
    EXPECT_EQ(EncodeFloatCode<4>(DecodeFloatCode<4>(code)), code);
  }
  for (uint32_t code = 0; code < 65536; ++code) {
    EXPECT_EQ(EncodeFloatCode<12>(DecodeFloatCode<12>(code)), code);
  }
  EXPECT_EQ(DecodeFloatCode<4>(EncodeFloatCode<4>(131)), 128u) << "rounds down";
  EXPECT_EQ(EncodeFloatCode<4>(1'000'000), 0xffu);
}

}  // namespace
}  // namespace headwater::membership
