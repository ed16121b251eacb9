#include <gtest/gtest.h>

#include <vector>

#include "services/membership-watcher/testing/packet_builder.h"
#include "services/membership-watcher/wire/igmp.h"
#include "services/membership-watcher/wire/mld.h"

// What both protocols must put up with, and what neither may, where the two say the same.
namespace headwater::membership {
namespace {

using Packet = std::vector<uint8_t>;

// A family: what its messages are made of, so that each test is written once.
struct Family {
  IpAddress from;
  IpAddress to;
  IpAddress group;
  uint8_t query_type;
  uint8_t report_type;
  size_t query_bytes;        // of the newest version
  size_t reserved_in_query;  // of MLD; the flags' upper bits elsewhere

  Result<Message, DropReason> Parse(Packet message, const PacketFaults& faults = {}) const {
    FixChecksum(from, to, message, faults.bad_checksum);
    const Packet packet = WrapPacket(from, to, message, faults);
    return from.is_v4() ? ParseIgmp(packet) : ParseMld(packet);
  }
  Packet Query() const {
    Packet message(query_bytes, 0);
    message[0] = query_type;
    std::copy(group.bytes().begin(), group.bytes().end(), message.begin() + (from.is_v4() ? 4 : 8));
    return message;
  }
  Packet Report() const {
    Packet message = {report_type, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0};
    message.insert(message.end(), group.bytes().begin(), group.bytes().end());
    return message;
  }
};

std::vector<Family> Families() {
  return {{Address("192.0.2.1"), Address("224.0.0.22"), Address("239.192.0.1"), 0x11, 0x22, 12, 8},
          {Address("fe80::1"), Address("ff02::16"), Address("ff3e:40::1"), 130, 143, 28, 6}};
}

class ToleranceTest : public ::testing::TestWithParam<size_t> {
 protected:
  const Family family_ = Families()[GetParam()];
};

TEST_P(ToleranceTest, AdditionalOctetsAreSummedAndIgnored) {
  for (Packet message : {family_.Query(), family_.Report()}) {
    const auto plain = family_.Parse(message);
    ASSERT_TRUE(plain.ok());
    message.insert(message.end(), {1, 2, 3, 4, 5});
    const auto longer = family_.Parse(message);
    ASSERT_TRUE(longer.ok());
    EXPECT_EQ(longer->body, plain->body);
    EXPECT_FALSE(family_.Parse(message, {.bad_checksum = true}).ok());
  }
}

TEST_P(ToleranceTest, AQueryWithAWrongChecksumIsDropped) {
  const auto query = family_.Parse(family_.Query(), {.bad_checksum = true});
  ASSERT_FALSE(query.ok());
  EXPECT_EQ(query.error(), DropReason::kChecksum);
}

TEST_P(ToleranceTest, AQueryMustBeOfThisLink) {
  EXPECT_FALSE(family_.Parse(family_.Query(), {.hop_limit = 2}).ok());
  EXPECT_FALSE(family_.Parse(family_.Query(), {.router_alert = false}).ok());
}

TEST_P(ToleranceTest, CodeReservedAndFlagsAreIgnored) {
  Packet report = family_.Report();
  report[1] = 0xff;
  report[4] = report[5] = 0xff;
  const auto read = family_.Parse(report);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->body, family_.Parse(family_.Report())->body);
  Packet query = family_.Query();
  if (family_.from.is_v6()) query[1] = 0xff;
  query[family_.reserved_in_query] |= 0xf0;
  const auto other = family_.Parse(query);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->body, family_.Parse(family_.Query())->body);
}

TEST_P(ToleranceTest, UnknownTypesAreNoErrors) {
  for (uint8_t type : {uint8_t{0x10}, uint8_t{0x42}, uint8_t{200}}) {
    Packet message = family_.Report();
    message[0] = type;
    const auto read = family_.Parse(message);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error(), DropReason::kNotMembership);
  }
}

TEST_P(ToleranceTest, AQueryOfAnImpossibleLengthIsIgnored) {
  const size_t shortest = family_.from.is_v4() ? 8 : 24;
  for (size_t size = shortest + 1; size < family_.query_bytes; ++size) {
    Packet message = family_.Query();
    message.resize(size);
    EXPECT_FALSE(family_.Parse(message).ok()) << size;
  }
}

TEST_P(ToleranceTest, AMessageToAnyAddressCounts) {
  Family unicast = family_;
  unicast.to = Address(family_.from.is_v4() ? "192.0.2.5" : "fe80::5");
  EXPECT_TRUE(unicast.Parse(unicast.Query()).ok());
  EXPECT_TRUE(unicast.Parse(unicast.Report()).ok());
  Packet older = family_.from.is_v4() ? Packet{0x16, 0, 0, 0} : Packet{131, 0, 0, 0, 0, 0, 0, 0};
  older.insert(older.end(), family_.group.bytes().begin(), family_.group.bytes().end());
  EXPECT_TRUE(unicast.Parse(older).ok());
}

INSTANTIATE_TEST_SUITE_P(Both, ToleranceTest, ::testing::Values(size_t{0}, size_t{1}));

}  // namespace
}  // namespace headwater::membership
