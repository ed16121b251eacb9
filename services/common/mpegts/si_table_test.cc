#include "services/common/mpegts/si_table.h"

#include <gtest/gtest.h>

#include "services/common/mpegts/si_samples.h"

namespace headwater::mpegts {
namespace {

using samples::Buffer;

template <typename Table>
Table Parse(const Buffer& bytes) {
  const auto section = ParseSection(bytes);
  EXPECT_TRUE(section.ok());
  auto table = Table::Parse(*section);
  EXPECT_TRUE(table.ok());
  return table.ok() ? *table : Table();
}

// A body that is cut at each length, or of which a byte lies: whatever comes of it, no fault.
template <typename Table>
void ExpectNoFault(const Buffer& bytes) {
  const auto section = ParseSection(bytes);
  ASSERT_TRUE(section.ok());
  for (size_t size = 0; size < section->body.size(); ++size) {
    Section cut = *section;
    cut.body = section->body.first(size);
    static_cast<void>(Table::Parse(cut));
  }
  for (size_t at = 0; at < section->body.size(); ++at) {
    Buffer body(section->body.begin(), section->body.end());
    body[at] = 0xff;
    Section lying = *section;
    lying.body = body;
    static_cast<void>(Table::Parse(lying));
  }
}

const Buffer kSdt = samples::SdtOf(
    2041, 2, {{0x1041, samples::ServiceDescriptorOf(2, "BBC", "Radio 1")}, {0x1042, {}, true}}, 5);

TEST(ServiceInformationTest, ReadsServices) {
  const auto table = Parse<ServiceInformation>(kSdt);
  EXPECT_EQ(table.transport_stream_id, 2041);
  EXPECT_EQ(table.original_network_id, 2);
  EXPECT_EQ(table.version, 5);
  ASSERT_EQ(table.services.size(), 2u);
  EXPECT_EQ(table.services[0].service_id, 0x1041);
  EXPECT_TRUE(table.services[0].event_present);
  EXPECT_FALSE(table.services[0].event_schedule);
  EXPECT_EQ(table.services[0].running, 4);
  EXPECT_FALSE(table.services[0].scrambled);
  EXPECT_TRUE(table.services[1].scrambled);
  ExpectNoFault<ServiceInformation>(kSdt);
}

const Buffer kNit = samples::NitOf(2, samples::DescriptorOf(0x40, {'A', 's', 't', 'r', 'a'}),
                                   {{2041, 2, samples::SatelliteDeliveryOf()}, {2050, 2, {}}});

TEST(NetworkInformationTest, ReadsTransports) {
  const auto table = Parse<NetworkInformation>(kNit);
  EXPECT_EQ(table.id, 2);
  EXPECT_EQ(table.descriptors.size(), 1u);
  ASSERT_EQ(table.transports.size(), 2u);
  EXPECT_EQ(table.transports[0].transport_stream_id, 2041);
  EXPECT_EQ(table.transports[0].descriptors.size(), 1u);
  ExpectNoFault<NetworkInformation>(kNit);
}

// Annex C's own example: 93/10/13 12:45:00, and 01:45:30.
const Buffer kEit = samples::EitOf(0x4e, 0x1041, 2041, 2,
                                   {{7,
                                     {0xc0, 0x79, 0x12, 0x45, 0x00},
                                     {0x01, 0x45, 0x30},
                                     samples::ShortEventOf("News", "At one")}});

TEST(EventInformationTest, ReadsEvents) {
  const auto table = Parse<EventInformation>(kEit);
  EXPECT_TRUE(table.present_following());
  EXPECT_EQ(table.service_id, 0x1041);
  ASSERT_EQ(table.events.size(), 1u);
  EXPECT_EQ(table.events[0].start, 750516300);
  EXPECT_EQ(table.events[0].seconds, 6330u);
  EXPECT_EQ(table.events[0].running, 4);
  ExpectNoFault<EventInformation>(kEit);
}

TEST(SiTimeTest, KnowsWhatIsNoTime) {
  EXPECT_EQ(SiTime(Buffer{0xff, 0xff, 0xff, 0xff, 0xff}), std::nullopt);
  EXPECT_EQ(SiTime(Buffer{0xc0, 0x79, 0x24, 0x00, 0x00}), std::nullopt);
  EXPECT_EQ(SiTime(Buffer{0xc0, 0x79, 0x1a, 0x00, 0x00}), std::nullopt);
  EXPECT_EQ(SiTime(Buffer{0xc0, 0x79}), std::nullopt);
  EXPECT_EQ(SiTime(Buffer{0x00, 0x01, 0x00, 0x00, 0x00}), std::nullopt);
  EXPECT_EQ(SiDuration(Buffer{0x00, 0x60, 0x00}), std::nullopt);
}

TEST(SiTableTest, RefusesOtherTables) {
  const auto sdt = ParseSection(kSdt);
  EXPECT_FALSE(NetworkInformation::Parse(*sdt).ok());
  EXPECT_FALSE(EventInformation::Parse(*sdt).ok());
  EXPECT_FALSE(ServiceInformation::Parse(*ParseSection(kNit)).ok());
}

}  // namespace
}  // namespace headwater::mpegts
