#include "services/rtp-packager/media/ts_muxer.h"

#include "services/common/base/check.h"
#include "services/common/wire/byte_writer.h"
#include "services/rtp-packager/media/audio_header.h"

namespace headwater {
namespace {

using mpegts::Pid;

constexpr Pid kMapPid = Pid(0x1000);
constexpr Pid kAudioPid = Pid(0x100);
constexpr uint16_t kTransportStream = 1;
// EN 300 468 / TS 101 162: for temporary private use.
constexpr uint16_t kNetwork = 0xff01;
constexpr Duration kDescriptionInterval = 1s;

// ISO 13818-1 table 2-34.
constexpr uint8_t kTypeMpeg1Audio = 0x03;
constexpr uint8_t kTypeMpeg2Audio = 0x04;
constexpr uint8_t kTypePrivate = 0x06;
constexpr uint8_t kTypeAdts = 0x0f;
// EN 300 468 table 87.
constexpr uint8_t kServiceRadio = 0x02;
constexpr uint8_t kServiceRadioAdvanced = 0x0a;

constexpr uint8_t kAudioStreamId = 0xc0;
constexpr uint8_t kPrivateStreamId = 0xbd;
constexpr size_t kPesHeaderSize = 14;
// Of a packet with a PCR, and of any other.
constexpr size_t kFirstRoom = 176;
constexpr size_t kRoom = 184;

// MPEG-1 has the sampling rates from 32 kHz on; the lower ones came with MPEG-2.
uint8_t StreamType(const AudioFormat& format) {
  if (format.codec == AudioCodec::kAac) return kTypeAdts;
  if (format.codec == AudioCodec::kOpus) return kTypePrivate;
  return format.sample_rate >= 32000 ? kTypeMpeg1Audio : kTypeMpeg2Audio;
}

// "Opus in MPEG-2 Transport Streams" (Xiph): registration, and an extension with the number of
// channels. Always two, as in the SDP of Opus alone: a decoder for two takes packets of either
// kind.
std::vector<mpegts::Descriptor> Descriptors(const AudioFormat& format) {
  if (format.codec != AudioCodec::kOpus) return {};
  return {{0x05, {'O', 'p', 'u', 's'}}, {0x7f, {0x80, 2}}};
}

// The same, its control header: 11 bits of sync, no flags, then the size in bytes of 255 and less.
void WriteOpusHeader(size_t size, std::vector<uint8_t>& out) {
  ByteWriter writer(out);
  writer.U16(0x7fe0);
  for (; size >= 255; size -= 255) writer.U8(255);
  writer.U8(static_cast<uint8_t>(size));
}

// 2^63 ns are far longer than 2^33 ticks: it wraps as the wire does.
uint64_t Ticks90kHz(Duration time) {
  return static_cast<uint64_t>(time.count() / 100'000 * 9 + time.count() % 100'000 * 9 / 100'000) &
         0x1ffffffff;
}

uint64_t Ticks27MHz(Duration time) {
  const auto below_tick = static_cast<uint64_t>(time.count() % 1'000'000 * 27 / 1000);
  return Ticks90kHz(time) * 300 + below_tick % 300;
}

}  // namespace

bool FitsTransportStream(const AudioFormat& format) {
  switch (format.codec) {
    case AudioCodec::kMpegAudio:
    case AudioCodec::kAac:
    case AudioCodec::kOpus:
      return true;
  }
  return false;
}

TsMuxer::TsMuxer(const AudioFormat& format, const TsService& service) : format_(format) {
  HW_CHECK(FitsTransportStream(format));
  const uint16_t id = service.id == 0 ? 1 : service.id;
  mpegts::ProgramAssociation{.transport_stream_id = kTransportStream, .programs = {{id, kMapPid}}}
      .SerializeTo(association_);
  mpegts::ProgramMap{.program = id,
                     .pcr = kAudioPid,
                     .streams = {{.type = StreamType(format),
                                  .pid = kAudioPid,
                                  .descriptors = Descriptors(format)}}}
      .SerializeTo(map_);
  mpegts::ServiceDescription{.transport_stream_id = kTransportStream,
                             .original_network_id = kNetwork,
                             .service_id = id,
                             .service_type = format.codec == AudioCodec::kMpegAudio
                                                 ? kServiceRadio
                                                 : kServiceRadioAdvanced,
                             .provider = "Headwater",
                             .name = service.name}
      .SerializeTo(description_);
}

size_t TsMuxer::SizeOf(const AudioFrameView& frame) const {
  const size_t size = frame.bytes.size();
  switch (format_.codec) {
    case AudioCodec::kAac:
      return size > kAdtsFrameMax ? 0 : kAdtsHeaderSize + size;
    case AudioCodec::kOpus: {
      const size_t with_header = 2 + size / 255 + 1 + size;
      return with_header > kPesMax ? 0 : with_header;
    }
    case AudioCodec::kMpegAudio:
      break;
  }
  return size > kPesMax ? 0 : size;
}

void TsMuxer::AppendFrame(const AudioFrameView& frame, std::vector<uint8_t>& pes) const {
  if (SizeOf(frame) == 0) return;
  if (format_.codec == AudioCodec::kAac) WriteAdtsHeader(format_, frame.bytes.size(), pes);
  if (format_.codec == AudioCodec::kOpus) WriteOpusHeader(frame.bytes.size(), pes);
  pes.insert(pes.end(), frame.bytes.begin(), frame.bytes.end());
}

bool TsMuxer::TablesDue(Duration end) const {
  return !tables_at_ || end - *tables_at_ > kTablesInterval;
}

bool TsMuxer::DescriptionDue(Duration end) const {
  return TablesDue(end) && (!description_at_ || end - *description_at_ > kDescriptionInterval);
}

size_t TsMuxer::PacketsOf(size_t pes_octets, Duration end) const {
  const size_t octets = kPesHeaderSize + pes_octets;
  const size_t behind_first = octets > kFirstRoom ? octets - kFirstRoom : 0;
  return 1 + (behind_first + kRoom - 1) / kRoom + (TablesDue(end) ? 2 : 0) +
         (DescriptionDue(end) ? 1 : 0);
}

void TsMuxer::WriteTables(Duration end, Duration begin, std::vector<uint8_t>& out) {
  if (!TablesDue(end)) return;
  const bool description = DescriptionDue(end);
  mpegts::PacketizeSection(association_, Pid::kPat, association_continuity_, out);
  mpegts::PacketizeSection(map_, kMapPid, map_continuity_, out);
  tables_at_ = begin;
  if (!description) return;
  mpegts::PacketizeSection(description_, Pid::kSdt, description_continuity_, out);
  description_at_ = begin;
}

// ISO 13818-1 section 2.4.3.6, with a PTS alone; frames begin where the payload does (data
// alignment).
void TsMuxer::WritePesHeader(size_t octets, Duration begin) {
  const uint64_t pts = Ticks90kHz(begin + kDecodeDelay);
  ByteWriter writer(pes_);
  const bool is_private = format_.codec == AudioCodec::kOpus;
  writer.U32(0x00000100u | (is_private ? kPrivateStreamId : kAudioStreamId));
  writer.U16(static_cast<uint16_t>(kPesHeaderSize - 6 + octets));
  writer.U8(0x84);
  writer.U8(0x80);
  writer.U8(5);
  writer.U8(static_cast<uint8_t>(0x21 | (pts >> 29 & 0x0e)));
  writer.U16(static_cast<uint16_t>((pts >> 14 & 0xfffe) | 1));
  writer.U16(static_cast<uint16_t>((pts << 1 & 0xfffe) | 1));
}

void TsMuxer::Write(Bytes pes, Duration begin, Duration end, std::vector<uint8_t>& out) {
  HW_CHECK(pes.size() <= kPesMax);
  WriteTables(end, begin, out);
  pes_.clear();
  WritePesHeader(pes.size(), begin);
  pes_.insert(pes_.end(), pes.begin(), pes.end());
  mpegts::Packet packet = {.pid = kAudioPid,
                           .unit_start = true,
                           .has_payload = true,
                           // Whoever listened to an earlier run of this programme is told.
                           .discontinuity = !begun_,
                           .random_access = true,
                           .pcr = Ticks27MHz(begin)};
  begun_ = true;
  for (Bytes rest = pes_; !rest.empty();) {
    packet.continuity = audio_continuity_;
    audio_continuity_ = (audio_continuity_ + 1) & 0x0f;
    packet.payload = rest;
    rest = rest.subspan(packet.SerializeTo(out));
    packet = {.pid = kAudioPid, .has_payload = true};
  }
}

}  // namespace headwater
