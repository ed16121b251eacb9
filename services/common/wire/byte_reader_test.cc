#include "services/common/wire/byte_reader.h"

#include <gtest/gtest.h>

#include <vector>

#include "services/common/wire/byte_writer.h"

namespace headwater {
namespace {

TEST(ByteReaderTest, ReadsWhatAWriterWrote) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(0x12);
  writer.U16(0x3456);
  writer.U32(0x789abcde);
  writer.U64(0x0102030405060708);
  writer.PatchU16(1, 0xbeef);
  ByteReader reader(out);
  EXPECT_EQ(reader.U8(), 0x12);
  EXPECT_EQ(reader.U16(), 0xbeef);
  EXPECT_EQ(reader.U32(), 0x789abcdeu);
  EXPECT_EQ(reader.U64(), 0x0102030405060708u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReaderTest, FailureIsSticky) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0u) << "a byte is left, yet the reader has failed";
  EXPECT_TRUE(reader.Take(1).empty());
}

TEST(ByteReaderTest, TakesNoMoreThanThereIs) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  ByteReader reader(bytes);
  reader.Skip(1);
  EXPECT_EQ(reader.Rest().size(), 2u);
  EXPECT_TRUE(reader.ok());
  reader.Skip(SIZE_MAX);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace headwater
