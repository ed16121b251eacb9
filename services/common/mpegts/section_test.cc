#include "services/common/mpegts/section.h"

#include <gtest/gtest.h>

namespace headwater::mpegts {
namespace {

// A PAT that FFmpeg has made: transport stream 1, version 0, programme 1 at PID 0x1000.
const std::vector<uint8_t> kPat = {0x00, 0xb0, 0x0d, 0x00, 0x01, 0xc1, 0x00, 0x00,
                                   0x00, 0x01, 0xf0, 0x00, 0x2a, 0xb1, 0x04, 0xb2};

std::vector<uint8_t> MakeSection(uint8_t table_id, size_t body_size) {
  const std::vector<uint8_t> body(body_size, table_id);
  std::vector<uint8_t> out;
  Section{.table_id = table_id, .extension = 7, .version = 3, .body = body}.SerializeTo(out);
  return out;
}

// Feeds packets of one PID that carry these bytes; `starts` are the places where sections begin.
std::vector<std::vector<uint8_t>> Assemble(SectionAssembler& assembler, Bytes packets) {
  std::vector<std::vector<uint8_t>> sections;
  for (; packets.size() >= kPacketSize; packets = packets.subspan(kPacketSize)) {
    assembler.Push(*ParsePacket(packets), sections);
  }
  return sections;
}

TEST(SectionTest, FromCapture) {
  const auto section = ParseSection(kPat);
  ASSERT_TRUE(section.ok());
  EXPECT_EQ(section->table_id, 0);
  EXPECT_EQ(section->extension, 1);
  EXPECT_EQ(section->version, 0);
  EXPECT_TRUE(section->current);
  EXPECT_EQ(section->body.size(), 4u);
  std::vector<uint8_t> again;
  section->SerializeTo(again);
  EXPECT_EQ(again, kPat);
}

TEST(SectionTest, RefusesEveryChangedBitAndEveryTruncation) {
  for (size_t bit = 0; bit < 8 * kPat.size(); ++bit) {
    std::vector<uint8_t> bytes = kPat;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(ParseSection(bytes).ok()) << bit;
  }
  for (size_t size = 0; size < kPat.size(); ++size) {
    EXPECT_FALSE(ParseSection(Bytes(kPat).first(size)).ok()) << size;
  }
}

TEST(SectionAssemblerTest, PutsSectionsOfAnyLengthTogether) {
  for (const size_t size : {0, 100, 171, 172, 500, 4084}) {
    const std::vector<uint8_t> section = MakeSection(0x42, size);
    std::vector<uint8_t> packets;
    uint8_t continuity = 14;
    PacketizeSection(section, Pid::kSdt, continuity, packets);
    PacketizeSection(section, Pid::kSdt, continuity, packets);
    SectionAssembler assembler;
    EXPECT_EQ(Assemble(assembler, packets), (std::vector{section, section})) << size;
  }
}

TEST(SectionAssemblerTest, FindsSectionsThatFollowOneAnotherWithinPackets) {
  const std::vector<uint8_t> first = MakeSection(1, 200);
  const std::vector<uint8_t> second = MakeSection(2, 10);
  const std::vector<uint8_t> third = MakeSection(3, 100);
  // The first ends in the second packet, whose pointer leads to the second; the third is cut too.
  std::vector<uint8_t> unit = {0};
  unit.insert(unit.end(), first.begin(), first.begin() + 183);
  std::vector<uint8_t> packets;
  Packet packet = {.pid = Pid(5), .unit_start = true, .has_payload = true, .payload = unit};
  packet.SerializeTo(packets);
  std::vector<uint8_t> rest(first.begin() + 183, first.end());
  rest.insert(rest.begin(), static_cast<uint8_t>(rest.size()));
  rest.insert(rest.end(), second.begin(), second.end());
  rest.insert(rest.end(), third.begin(), third.end());
  packet.continuity = 1;
  packet.payload = rest;
  const size_t taken = packet.SerializeTo(packets);
  packet = {.pid = Pid(5), .continuity = 2, .has_payload = true};
  packet.payload = Bytes(rest).subspan(taken);
  packet.SerializeTo(packets);
  SectionAssembler assembler;
  EXPECT_EQ(Assemble(assembler, packets), (std::vector{first, second, third}));
}

TEST(SectionAssemblerTest, DropsASectionWithAGapAndTakesTheNext) {
  const std::vector<uint8_t> section = MakeSection(0x42, 500);
  std::vector<uint8_t> packets;
  uint8_t continuity = 0;
  PacketizeSection(section, Pid::kSdt, continuity, packets);
  PacketizeSection(section, Pid::kSdt, continuity, packets);
  for (size_t lost = 0; lost < 3; ++lost) {
    std::vector<uint8_t> left = packets;
    const auto at = left.begin() + static_cast<ptrdiff_t>(lost * kPacketSize);
    left.erase(at, at + static_cast<ptrdiff_t>(kPacketSize));
    SectionAssembler assembler;
    EXPECT_EQ(Assemble(assembler, left), (std::vector<std::vector<uint8_t>>{section})) << lost;
  }
}

TEST(SectionAssemblerTest, HoldsNoMoreThanOneSection) {
  // A length beyond the limit, and then packets without end.
  std::vector<uint8_t> unit = {0, 0x42, 0xff, 0xff};
  unit.resize(184, 1);
  SectionAssembler assembler;
  std::vector<std::vector<uint8_t>> sections;
  Packet packet = {.pid = Pid(5), .unit_start = true, .has_payload = true, .payload = unit};
  for (int i = 0; i < 1000; ++i) {
    assembler.Push(packet, sections);
    packet.unit_start = false;
    packet.continuity = (packet.continuity + 1) & 15;
  }
  EXPECT_TRUE(sections.empty());
}

}  // namespace
}  // namespace headwater::mpegts
