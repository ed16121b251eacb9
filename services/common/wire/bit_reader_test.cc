#include "services/common/wire/bit_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace headwater {
namespace {

TEST(BitReaderTest, ReadsFieldsOfAnyWidthAtAnyPlace) {
  const std::vector<uint8_t> bytes = {0xa5, 0x5a, 0xff, 0x00, 0x12, 0x34};
  BitReader reader(bytes);
  EXPECT_EQ(reader.Read(0), 0u);
  EXPECT_TRUE(reader.Flag());
  EXPECT_EQ(reader.Read(3), 2u);
  EXPECT_EQ(reader.Read(32), 0x55aff001u);
  EXPECT_EQ(reader.position(), 36u);
  reader.Skip(2);
  EXPECT_EQ(reader.Read(2), 2u);
  std::vector<uint8_t> rest;
  reader.ReadBytes(1, rest);
  EXPECT_EQ(rest, (std::vector<uint8_t>{0x34}));
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.ok());
}

TEST(BitReaderTest, FailureIsSticky) {
  const std::vector<uint8_t> bytes = {0xff, 0xff};
  BitReader reader(bytes);
  reader.Read(1);
  EXPECT_EQ(reader.Read(16), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Read(1), 0u);
  EXPECT_EQ(reader.remaining(), 0u);
  BitReader other(bytes);
  std::vector<uint8_t> out;
  other.ReadBytes(3, out);
  EXPECT_TRUE(out.empty() && !other.ok());
  BitReader third(bytes);
  third.Skip(SIZE_MAX);
  EXPECT_FALSE(third.ok());
}

}  // namespace
}  // namespace headwater
