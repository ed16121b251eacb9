// Packets and sections in hostile bytes: what is parsed is written again and must come out equal;
// sections are put together from packets of any order.
#include <algorithm>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/mpegts/psi.h"

namespace headwater::mpegts {
namespace {

template <typename Table>
void RoundTrip(const Section& section) {
  const auto table = Table::Parse(section);
  if (!table.ok()) return;
  std::vector<uint8_t> bytes;
  table->SerializeTo(bytes);
  const auto again = ParseSection(bytes);
  HW_CHECK(again.ok());
  const auto same = Table::Parse(*again);
  HW_CHECK(same.ok() && *same == *table);
}

void TrySection(Bytes bytes) {
  HW_CHECK(bytes.size() >= 3 && bytes.size() <= kSectionMax);
  // Hardly any input has a right CRC: that of this one is mended.
  std::vector<uint8_t> mended(bytes.begin(), bytes.end());
  if (mended.size() > 4) {
    mended.resize(mended.size() - 4);
    const uint32_t crc = Crc32(mended);
    for (int shift = 24; shift >= 0; shift -= 8)
      mended.push_back(static_cast<uint8_t>(crc >> shift));
  }
  const auto section = ParseSection(mended);
  if (!section.ok()) return;
  RoundTrip<ProgramAssociation>(*section);
  RoundTrip<ProgramMap>(*section);
}

void TryPacket(const Packet& packet) {
  std::vector<uint8_t> bytes;
  const size_t taken = packet.SerializeTo(bytes);
  HW_CHECK(bytes.size() == kPacketSize);
  const auto again = ParsePacket(bytes);
  HW_CHECK(again.ok() && again->pid == packet.pid && again->pcr == packet.pcr);
  HW_CHECK(std::ranges::equal(again->payload, packet.payload.first(taken)));
}

}  // namespace
}  // namespace headwater::mpegts

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  mpegts::SectionAssembler assembler;
  std::vector<std::vector<uint8_t>> sections;
  for (Bytes bytes(data, size); !bytes.empty();) {
    const size_t step = std::min(bytes.size(), mpegts::kPacketSize);
    if (const auto packet = mpegts::ParsePacket(bytes); packet.ok()) {
      mpegts::TryPacket(*packet);
      assembler.Push(*packet, sections);
    }
    bytes = bytes.subspan(step);
  }
  for (const auto& section : sections) mpegts::TrySection(section);
  return 0;
}
