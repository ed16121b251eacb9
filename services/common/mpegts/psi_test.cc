#include "services/common/mpegts/psi.h"

#include <gtest/gtest.h>

namespace headwater::mpegts {
namespace {

template <typename Table>
Table Again(const Table& table) {
  std::vector<uint8_t> bytes;
  table.SerializeTo(bytes);
  const auto section = ParseSection(bytes);
  EXPECT_TRUE(section.ok());
  const auto parsed = Table::Parse(*section);
  EXPECT_TRUE(parsed.ok());
  return *parsed;
}

TEST(PsiTest, RoundTrips) {
  const ProgramAssociation association = {.transport_stream_id = 0x1234,
                                          .version = 31,
                                          .programs = {{1, Pid(0x1000)}, {65535, Pid(0x1ffe)}}};
  EXPECT_EQ(Again(association), association);
  const ProgramMap map = {
      .program = 65535,
      .version = 7,
      .pcr = Pid(0x101),
      .descriptors = {{0x0a, {'d', 'e', 'u', 0}}},
      .streams = {{.type = 0x0f, .pid = Pid(0x100), .descriptors = {}},
                  {.type = 0x06,
                   .pid = Pid(0x101),
                   .descriptors = {{0x05, {'O', 'p', 'u', 's'}}, {0x7f, {0x80, 2}}}}}};
  EXPECT_EQ(Again(map), map);
}

// A PMT that FFmpeg has made: programme 1, PCR and MPEG-1 audio at PID 0x100.
TEST(PsiTest, ProgramMapFromCapture) {
  const std::vector<uint8_t> bytes = {0x02, 0xb0, 0x12, 0x00, 0x01, 0xc1, 0x00,
                                      0x00, 0xe1, 0x00, 0xf0, 0x00, 0x03, 0xe1,
                                      0x00, 0xf0, 0x00, 0xd7, 0x86, 0x44, 0x5c};
  const auto section = ParseSection(bytes);
  ASSERT_TRUE(section.ok());
  const auto map = ProgramMap::Parse(*section);
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(*map, (ProgramMap{.program = 1,
                              .pcr = Pid(0x100),
                              .streams = {{.type = 3, .pid = Pid(0x100), .descriptors = {}}}}));
}

TEST(PsiTest, LeavesTheNetworkOut) {
  const std::vector<uint8_t> body = {0, 0, 0xe0, 0x10, 0, 5, 0xe1, 0};
  const auto table = ProgramAssociation::Parse({.table_id = 0, .body = body});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->programs, (std::vector{ProgramAssociation::Program{5, Pid(0x100)}}));
}

TEST(PsiTest, RefusesTruncationAtEveryLength) {
  const ProgramMap map = {
      .descriptors = {{0x0a, {1, 2, 3, 4}}},
      .streams = {{.type = 0x0f, .pid = Pid(0x100), .descriptors = {{0x0a, {5, 6}}}}}};
  std::vector<uint8_t> bytes;
  map.SerializeTo(bytes);
  const Section whole = *ParseSection(bytes);
  // Before the stream, a map without streams ends too.
  const size_t streams_from = 4 + 6;
  for (size_t size = 0; size < whole.body.size(); ++size) {
    Section cut = whole;
    cut.body = whole.body.first(size);
    EXPECT_EQ(ProgramMap::Parse(cut).ok(), size == streams_from) << size;
  }
}

TEST(PsiTest, ServiceDescriptionFitsOnePacketAndCutsAtACharacter) {
  const std::string name = std::string(75, 'x') + "\xc3\xa4";
  std::vector<uint8_t> bytes;
  const std::string provider(200, 'p');
  ServiceDescription{.service_id = 1, .service_type = 2, .provider = provider, .name = name}
      .SerializeTo(bytes);
  EXPECT_LE(bytes.size(), 183u);
  ASSERT_TRUE(ParseSection(bytes).ok());
  const std::string_view text = AsText(bytes);
  EXPECT_NE(text.find(std::string(75, 'x')), std::string_view::npos);
  EXPECT_EQ(text.find('\xc3'), std::string_view::npos);
}

}  // namespace
}  // namespace headwater::mpegts
