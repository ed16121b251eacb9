#include "services/rtp-packager/media/opus_packet.h"

#include "services/common/wire/byte_reader.h"

namespace headwater {
namespace {

// Table 2: configurations 0..11 are SILK, to 15 hybrid, to 31 CELT.
uint32_t FrameSamples(uint8_t config) {
  constexpr std::array<uint32_t, 4> kSilk = {480, 960, 1920, 2880};
  if (config < 12) return kSilk[config & 3];
  if (config < 16) return (config & 1) != 0 ? 960 : 480;
  return 120u << (config & 3);
}

// Section 3.2.1: one byte, or two from 252 on.
size_t ReadLength(ByteReader& reader) {
  const size_t first = reader.U8();
  return first < 252 ? first : first + 4 * size_t{reader.U8()};
}

// Frames of one size share what is left.
bool TakeEqual(ByteReader& reader, OpusPacketView& packet) {
  if (reader.remaining() % packet.frame_count != 0) return false;
  const size_t size = reader.remaining() / packet.frame_count;
  for (size_t i = 0; i < packet.frame_count; ++i) packet.frames[i] = reader.Take(size);
  return size <= kOpusFrameBytesMax;
}

// All lengths but the last's stand in front of the frames.
bool TakeUnequal(ByteReader& reader, OpusPacketView& packet) {
  std::array<size_t, kOpusFramesMax> sizes{};
  const size_t last = packet.frame_count - 1;
  for (size_t i = 0; i < last; ++i) sizes[i] = ReadLength(reader);
  for (size_t i = 0; i < last; ++i) packet.frames[i] = reader.Take(sizes[i]);
  packet.frames[last] = reader.Rest();
  return reader.ok() && packet.frames[last].size() <= kOpusFrameBytesMax;
}

// Section 3.2.5: a byte of flags and count, the length of padding, lengths, frames, padding.
bool TakeCounted(ByteReader& reader, OpusPacketView& packet) {
  const uint8_t head = reader.U8();
  packet.frame_count = head & 0x3f;
  if (packet.frame_count == 0 || packet.frame_count > kOpusFramesMax) return false;
  if (packet.samples() > kOpusPacketSamplesMax) return false;
  size_t padding = 0;
  if ((head & 0x40) != 0) {
    uint8_t byte = 0;
    do {
      byte = reader.U8();
      padding += byte == 255 ? 254 : byte;
    } while (byte == 255 && reader.ok());
  }
  if (!reader.ok() || padding > reader.remaining()) return false;
  ByteReader frames(reader.Take(reader.remaining() - padding));
  return (head & 0x80) != 0 ? TakeUnequal(frames, packet) : TakeEqual(frames, packet);
}

}  // namespace

// |config: 5|stereo: 1|code: 2|, then by code: 0 one frame, 1 two of one size, 2 two, 3 as told.
std::optional<OpusPacketView> OpusPacketView::Parse(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  ByteReader reader(bytes);
  OpusPacketView packet;
  const uint8_t toc = reader.U8();
  packet.toc = toc & 0xfc;
  packet.frame_samples = FrameSamples(toc >> 3);
  packet.frame_count = (toc & 3) == 0 ? 1 : 2;
  bool valid = false;
  switch (toc & 3) {
    case 0:
    case 1:
      valid = TakeEqual(reader, packet);
      break;
    case 2:
      valid = TakeUnequal(reader, packet);
      break;
    default:
      valid = TakeCounted(reader, packet);
  }
  if (!valid) return std::nullopt;
  return packet;
}

}  // namespace headwater
