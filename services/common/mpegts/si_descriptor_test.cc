#include "services/common/mpegts/si_descriptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/mpegts/si_samples.h"

namespace headwater::mpegts {
namespace {

using samples::Buffer;
using ::testing::ElementsAre;
using ::testing::Pair;

Descriptor One(const Buffer& bytes) {
  std::vector<Descriptor> out;
  EXPECT_TRUE(ParseDescriptors(bytes, out));
  return out.size() == 1 ? out[0] : Descriptor();
}

// Cut at each length it is nothing, or less.
template <typename Parsed>
void ExpectNothingWhenCut(const Descriptor& whole, size_t least) {
  for (size_t size = 0; size < least; ++size) {
    Descriptor cut = whole;
    cut.bytes.resize(size);
    EXPECT_FALSE(Parsed::Parse(cut)) << size;
  }
}

TEST(SiDescriptorTest, ReadsAService) {
  const Descriptor descriptor = One(samples::ServiceDescriptorOf(2, "BBC", "Radio 1"));
  const auto service = ServiceDescriptor::Parse(descriptor);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->type, 2);
  EXPECT_EQ(service->provider, "BBC");
  EXPECT_EQ(service->name, "Radio 1");
  ExpectNothingWhenCut<ServiceDescriptor>(descriptor, descriptor.bytes.size());
  EXPECT_FALSE(ServiceDescriptor::Parse({0x49, descriptor.bytes}));
}

TEST(SiDescriptorTest, ReadsEvents) {
  const Descriptor descriptor = One(samples::ShortEventOf("News", "At \x8aone"));
  const auto brief = ShortEvent::Parse(descriptor);
  ASSERT_TRUE(brief);
  EXPECT_EQ(brief->language, "eng");
  EXPECT_EQ(brief->name, "News");
  EXPECT_EQ(brief->text, "At one");
  ExpectNothingWhenCut<ShortEvent>(descriptor, descriptor.bytes.size());

  const Descriptor extended = {0x4e, {0x12, 'e', 'n', 'g', 6, 2, 'b', 'y', 2, 'm', 'e', 1, 'x'}};
  const auto more = ExtendedEvent::Parse(extended);
  ASSERT_TRUE(more);
  EXPECT_EQ(more->number, 1);
  EXPECT_EQ(more->last_number, 2);
  EXPECT_EQ(more->items, "by: me");
  EXPECT_EQ(more->text, "x");
  ExpectNothingWhenCut<ExtendedEvent>(extended, extended.bytes.size());
}

TEST(SiDescriptorTest, ReadsSatelliteDelivery) {
  const Descriptor descriptor = One(samples::SatelliteDeliveryOf());
  const auto first = SatelliteDelivery::Parse(descriptor);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->frequency_khz, 11426500u);
  EXPECT_EQ(first->position_tenths, 282);
  EXPECT_TRUE(first->east);
  EXPECT_EQ(first->polarisation, 0);
  EXPECT_FALSE(first->second_generation);
  EXPECT_EQ(first->symbol_rate, 27500000u);
  EXPECT_EQ(first->fec, 2);
  ExpectNothingWhenCut<SatelliteDelivery>(descriptor, descriptor.bytes.size());
  const auto second = SatelliteDelivery::Parse(One(samples::Satellite2DeliveryOf()));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->frequency_khz, 12441000u);
  EXPECT_EQ(second->polarisation, 1);
  EXPECT_TRUE(second->second_generation);
  EXPECT_EQ(second->modulation, 2);
  Descriptor no_digits = descriptor;
  no_digits.bytes[0] = 0xfa;
  EXPECT_FALSE(SatelliteDelivery::Parse(no_digits));
}

TEST(SiDescriptorTest, ReadsWhatMultistreamsHave) {
  const auto both = S2Delivery::Parse({0x79, {0xdf, 0x02, 0x00, 0x01, 0x05}});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->scrambling_sequence, 0x20001u);
  EXPECT_EQ(both->stream, 5);
  EXPECT_FALSE(S2Delivery::Parse({0x79, {0xc0, 0x02}}));
  const auto neither = S2Delivery::Parse({0x79, {0x00}});
  ASSERT_TRUE(neither);
  EXPECT_FALSE(neither->stream);
}

TEST(SiDescriptorTest, ReadsCableAndTerrestrialDelivery) {
  const auto cable = CableDelivery::Parse(
      {0x44, {0x03, 0x46, 0x00, 0x00, 0xff, 0xf2, 0x05, 0x00, 0x69, 0x00, 0x0f}});
  ASSERT_TRUE(cable);
  EXPECT_EQ(cable->frequency_hz, 346000000u);
  EXPECT_EQ(cable->modulation, 5);
  EXPECT_EQ(cable->symbol_rate, 6900000u);
  const auto terrestrial = TerrestrialDelivery::Parse(
      {0x5a, {0x03, 0x04, 0x18, 0x40, 0x1f, 0x83, 0x1a, 0xff, 0xff, 0xff, 0xff}});
  ASSERT_TRUE(terrestrial);
  EXPECT_EQ(terrestrial->frequency_hz, 506000000u);
  EXPECT_EQ(terrestrial->bandwidth, 0);
  const auto t2 = T2Delivery::Parse(
      {0x7f, {0x04, 0x01, 0x00, 0x01, 0x02, 0x00, 0x00, 0x01, 0x03, 0x04, 0x18, 0x40, 0x00}});
  ASSERT_TRUE(t2);
  EXPECT_EQ(t2->plp, 1);
  EXPECT_THAT(t2->frequencies_hz, ElementsAre(506000000u));
  EXPECT_FALSE(T2Delivery::Parse({0x7f, {0x05, 0x01, 0x00, 0x01}}));
}

TEST(SiDescriptorTest, ReadsLogicalChannels) {
  EXPECT_THAT(LogicalChannels({0x83, {0x10, 0x41, 0xfc, 0x65, 0x10, 0x42, 0x7c, 0x66, 0x10}}),
              ElementsAre(Pair(0x1041, 101)));
  // Version 2 of NorDig: list 1, "TV", "gbr".
  EXPECT_THAT(LogicalChannels({0x87, {1, 2, 'T', 'V', 'g', 'b', 'r', 4, 0x10, 0x41, 0xc1, 0x00}}),
              ElementsAre(Pair(0x1041, 256)));
  EXPECT_TRUE(LogicalChannels({0x87, {1, 200, 'T'}}).empty());
  EXPECT_TRUE(LogicalChannels({0x48, {0x10, 0x41, 0xfc, 0x65}}).empty());
}

}  // namespace
}  // namespace headwater::mpegts
