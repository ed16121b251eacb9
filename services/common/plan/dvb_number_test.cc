#include "services/common/plan/dvb_number.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::HasSubstr;

TEST(DvbNumberTest, EncodesTheDesignsExamples) {
  EXPECT_EQ(*(DvbNumber{Polarisation::kHorizontal, 11'426'500, 0x1041}.Encode()), 0xcb5a1041u);
  EXPECT_EQ(*(DvbNumber{Polarisation::kVertical, 12'441'000, 0x0001}.Encode()), 0xfb340001u);
}

TEST(DvbNumberTest, EncodesTheEdgesOfTheBand) {
  EXPECT_EQ(*(DvbNumber{Polarisation::kHorizontal, 10'700'000, 0}.Encode()), 0xc0000000u);
  EXPECT_EQ(*(DvbNumber{Polarisation::kVertical, 12'747'750, 0xffff}.Encode()), 0xffffffffu);
}

TEST(DvbNumberTest, RefusesWhatIsOffTheGridWithItsNeighbours) {
  const auto number = DvbNumber{Polarisation::kHorizontal, 11'426'600, 1}.Encode();
  EXPECT_EQ(number.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(number.status().message()),
              HasSubstr("nearest are 11426500 and 11426750 kHz"));
}

TEST(DvbNumberTest, RefusesWhatIsOutsideTheBand) {
  for (const uint32_t khz : {0u, 10'699'750u, 12'748'000u, 0xffffffffu}) {
    const auto number = DvbNumber{Polarisation::kVertical, khz, 1}.Encode();
    EXPECT_THAT(std::string(number.status().message()), HasSubstr("outside the band")) << khz;
  }
}

TEST(DvbNumberTest, DecodesWhatItEncodes) {
  for (uint32_t carrier = 0; carrier < 0x2000; ++carrier) {
    const DvbNumber service{carrier % 2 == 0 ? Polarisation::kHorizontal : Polarisation::kVertical,
                            10'700'000 + carrier * 250, static_cast<uint16_t>(carrier * 7)};
    EXPECT_EQ(DvbNumber::Decode(*service.Encode()), service);
  }
  EXPECT_EQ(DvbNumber::Decode(0xcb5a1041)->ToString(), "11426.500 MHz H service 0x1041");
}

TEST(DvbNumberTest, DecodesNothingOutsideItsPrefix) {
  EXPECT_EQ(DvbNumber::Decode(0xbfffffff), std::nullopt);
  EXPECT_EQ(DvbNumber::Decode(0x80000001), std::nullopt);
  EXPECT_EQ(DvbNumber::Decode(0x40000000), std::nullopt);
}

}  // namespace
}  // namespace headwater
