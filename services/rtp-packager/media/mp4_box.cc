#include "services/rtp-packager/media/mp4_box.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/media/aac_config.h"

namespace headwater {
namespace {

struct Box {
  uint32_t type = 0;
  Bytes body;
};

// Gives the boxes within another one after the other (section 4.2), as far as they are whole.
class BoxReader {
 public:
  explicit BoxReader(Bytes bytes) : reader_(bytes) {}

  std::optional<Box> Next() {
    const size_t begin = reader_.position();
    uint64_t size = reader_.U32();
    const uint32_t type = reader_.U32();
    if (size == 1) size = reader_.U64();
    const size_t header = reader_.position() - begin;
    if (size == 0) size = header + reader_.remaining();
    if (!reader_.ok() || size < header || size - header > reader_.remaining()) return std::nullopt;
    return Box{type, reader_.Take(static_cast<size_t>(size) - header)};
  }

 private:
  ByteReader reader_;
};

// The first box of that type; empty where there is none.
Bytes Find(Bytes bytes, uint32_t type) {
  BoxReader boxes(bytes);
  while (const auto box = boxes.Next()) {
    if (box->type == type) return box->body;
  }
  return {};
}

Bytes FindPath(Bytes bytes, std::initializer_list<uint32_t> path) {
  for (const uint32_t type : path) bytes = Find(bytes, type);
  return bytes;
}

std::string TypeText(uint32_t type) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const char letter = static_cast<char>(type >> shift);
    text += letter > 0x20 && letter < 0x7f ? letter : '?';
  }
  return text;
}

// A descriptor's tag and body (ISO 14496-1 section 8.3.3: the length has seven bits a byte).
struct Descriptor {
  uint8_t tag = 0;
  Bytes body;
};

std::optional<Descriptor> ReadDescriptor(ByteReader& reader) {
  Descriptor descriptor;
  descriptor.tag = reader.U8();
  size_t size = 0;
  for (int i = 0; i < 4; ++i) {
    const uint8_t byte = reader.U8();
    size = size << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) break;
  }
  descriptor.body = reader.Take(size);
  return reader.ok() ? std::optional(descriptor) : std::nullopt;
}

constexpr uint8_t kEsDescriptor = 3;
constexpr uint8_t kDecoderConfig = 4;
constexpr uint8_t kDecoderSpecificInfo = 5;
constexpr uint8_t kMpeg4Audio = 0x40;

// `esds` (ISO 14496-14 section 5.6): the AudioSpecificConfig within, or what else it is.
void ReadEsds(Bytes esds, Mp4Track& track) {
  track.unsupported = "AAC without a config";
  ByteReader reader(esds);
  reader.Skip(4);  // version and flags
  const auto es = ReadDescriptor(reader);
  if (!es || es->tag != kEsDescriptor) return;
  ByteReader fields(es->body);
  fields.Skip(2);  // ES_ID
  const uint8_t flags = fields.U8();
  if ((flags & 0x80) != 0) fields.Skip(2);
  if ((flags & 0x40) != 0) fields.Skip(fields.U8());
  if ((flags & 0x20) != 0) fields.Skip(2);
  const auto decoder = ReadDescriptor(fields);
  if (!decoder || decoder->tag != kDecoderConfig) return;
  ByteReader config(decoder->body);
  const uint8_t object_type = config.U8();
  config.Skip(12);  // stream type, buffer size, bit rates
  if (object_type != kMpeg4Audio) {
    const bool mp3 = object_type == 0x69 || object_type == 0x6b;
    track.unsupported = mp3 ? "MP3 in MP4" : fmt::format("MPEG-4 object type {:#x}", object_type);
    return;
  }
  const auto specific = ReadDescriptor(config);
  if (!specific || specific->tag != kDecoderSpecificInfo) return;
  const auto aac = ParseAacConfig(specific->body);
  if (!aac) return;
  track.format = aac->format;
  track.unsupported =
      aac->unsupported == nullptr ? "" : fmt::format("AAC with {}", aac->unsupported);
}

// `dOps` (Encapsulation of Opus in ISO base media, section 4.3.2).
void ReadOpus(Bytes box, Mp4Track& track) {
  ByteReader reader(box);
  reader.Skip(1);  // version
  const uint8_t channels = reader.U8();
  reader.Skip(8);  // pre-skip, rate before encoding, gain
  const uint8_t mapping = reader.U8();
  if (!reader.ok() || mapping != 0 || channels < 1 || channels > 2) {
    track.unsupported = "Opus of more than two channels";
    return;
  }
  track.unsupported.clear();
  track.format = OpusFormat(channels);
}

// The first entry of `stsd`; further ones have other configs of the same codec, rarely.
Mp4Error ReadSampleEntry(Bytes stsd, Mp4Track& track) {
  if (stsd.size() < 8) return Mp4Error::kBroken;
  const auto entry = BoxReader(stsd.subspan(8)).Next();
  if (!entry) return Mp4Error::kBroken;
  track.entry = TypeText(entry->type);
  track.unsupported = fmt::format("{} in MP4", track.entry);
  if (entry->type == Mp4Type("enca")) return Mp4Error::kEncrypted;
  ByteReader reader(entry->body);
  reader.Skip(8);
  const uint16_t version = reader.U16();
  reader.Skip(18);
  // QuickTime's sound description has more fields.
  if (version == 1) reader.Skip(16);
  if (version == 2) reader.Skip(36);
  const Bytes children = reader.Rest();
  if (entry->type == Mp4Type("mp4a")) {
    Bytes esds = Find(children, Mp4Type("esds"));
    if (esds.empty()) esds = FindPath(children, {Mp4Type("wave"), Mp4Type("esds")});
    ReadEsds(esds, track);
  } else if (entry->type == Mp4Type("Opus")) {
    ReadOpus(Find(children, Mp4Type("dOps")), track);
  }
  return Mp4Error::kNone;
}

// Its count of 32-bit numbers, or of 64-bit ones, behind `skip` bytes.
class Table {
 public:
  Table(Bytes box, size_t skip, size_t entry_bytes) {
    ByteReader reader(box);
    reader.Skip(skip);
    const uint32_t count = reader.U32();
    body_ = reader.Rest();
    entry_bytes_ = entry_bytes;
    size_ = std::min<size_t>(count, body_.size() / entry_bytes);
  }
  size_t size() const { return size_; }
  ByteReader At(size_t index) const {
    return ByteReader(body_.subspan(index * entry_bytes_, entry_bytes_));
  }

 private:
  Bytes body_;
  size_t entry_bytes_ = 1;
  size_t size_ = 0;
};

// The tables of a file that is not fragmented (section 8.7): sizes, samples of each chunk, offsets
// of the chunks.
Mp4Error ReadSampleTables(Bytes stbl, std::vector<Mp4Sample>& samples) {
  const Bytes stsz = Find(stbl, Mp4Type("stsz"));
  if (stsz.size() < 12) return Mp4Error::kNone;
  ByteReader head(stsz.subspan(4));
  const uint32_t fixed_size = head.U32();
  const uint32_t count = head.U32();
  if (count == 0) return Mp4Error::kNone;
  if (count > kMp4SamplesMax) return Mp4Error::kTooMany;
  const Table sizes(stsz, 8, 4);
  const Table runs(Find(stbl, Mp4Type("stsc")), 4, 12);
  const Bytes co64 = Find(stbl, Mp4Type("co64"));
  const Table chunks(co64.empty() ? Find(stbl, Mp4Type("stco")) : co64, 4, co64.empty() ? 4 : 8);
  if (fixed_size == 0 && sizes.size() < count) return Mp4Error::kBroken;
  if (runs.size() == 0) return Mp4Error::kBroken;
  size_t run = 0;
  for (size_t chunk = 0; chunk < chunks.size() && samples.size() < count; ++chunk) {
    // A run begins with a chunk's number, from 1.
    while (run + 1 < runs.size() && runs.At(run + 1).U32() <= chunk + 1) ++run;
    ByteReader fields = runs.At(run);
    fields.Skip(4);
    const uint32_t in_chunk = fields.U32();
    ByteReader offset_field = chunks.At(chunk);
    uint64_t offset = co64.empty() ? offset_field.U32() : offset_field.U64();
    for (uint32_t i = 0; i < in_chunk && samples.size() < count; ++i) {
      const uint32_t size = fixed_size != 0 ? fixed_size : sizes.At(samples.size()).U32();
      samples.push_back({offset, size});
      offset += size;
    }
  }
  if (samples.size() < count) return Mp4Error::kBroken;
  std::stable_sort(samples.begin(), samples.end(),
                   [](const Mp4Sample& a, const Mp4Sample& b) { return a.offset < b.offset; });
  return Mp4Error::kNone;
}

uint32_t TrackId(Bytes trak) {
  ByteReader reader(Find(trak, Mp4Type("tkhd")));
  const uint8_t version = reader.U8();
  reader.Skip(version == 1 ? 19 : 11);
  return reader.U32();
}

bool IsSound(Bytes trak) {
  ByteReader reader(FindPath(trak, {Mp4Type("mdia"), Mp4Type("hdlr")}));
  reader.Skip(8);
  return reader.U32() == Mp4Type("soun");
}

void ReadDefaults(Bytes mvex, Mp4Track& track) {
  BoxReader boxes(mvex);
  while (const auto box = boxes.Next()) {
    if (box->type != Mp4Type("trex")) continue;
    ByteReader reader(box->body);
    reader.Skip(4);
    if (reader.U32() != track.id) continue;
    reader.Skip(8);  // description index, duration
    track.default_sample_size = reader.U32();
  }
}

// One run of samples (section 8.8.8). `offset`: where it begins unless it says so itself; is moved
// to its end.
Mp4Error ReadRun(Bytes trun, uint64_t begin, uint32_t default_size, uint64_t& offset,
                 std::vector<Mp4Sample>& samples) {
  ByteReader reader(trun);
  const uint32_t flags = reader.U32() & 0xffffff;
  const uint32_t count = reader.U32();
  // Data offset, signed.
  if ((flags & 0x1) != 0)
    offset = begin + static_cast<uint64_t>(int64_t{static_cast<int32_t>(reader.U32())});
  if ((flags & 0x4) != 0) reader.Skip(4);
  if (count > kMp4SamplesMax - samples.size()) return Mp4Error::kTooMany;
  for (uint32_t i = 0; i < count; ++i) {
    if ((flags & 0x100) != 0) reader.Skip(4);  // duration
    const uint32_t size = (flags & 0x200) != 0 ? reader.U32() : default_size;
    if ((flags & 0x400) != 0) reader.Skip(4);
    if ((flags & 0x800) != 0) reader.Skip(4);
    if (!reader.ok()) return Mp4Error::kBroken;
    samples.push_back({offset, size});
    offset += size;
  }
  return reader.ok() ? Mp4Error::kNone : Mp4Error::kBroken;
}

// Of one track fragment; nothing of another track's.
Mp4Error ReadTrackFragment(Bytes traf, uint64_t begin, const Mp4Track& track, uint64_t& offset,
                           std::vector<Mp4Sample>& samples) {
  ByteReader head(Find(traf, Mp4Type("tfhd")));
  const uint32_t flags = head.U32() & 0xffffff;
  if (head.U32() != track.id || !head.ok()) return Mp4Error::kNone;
  if ((flags & 0x1) != 0) head.Skip(8);  // base data offset
  if ((flags & 0x2) != 0) head.Skip(4);
  if ((flags & 0x8) != 0) head.Skip(4);
  const uint32_t default_size = (flags & 0x10) != 0 ? head.U32() : track.default_sample_size;
  if (!head.ok()) return Mp4Error::kBroken;
  BoxReader boxes(traf);
  while (const auto box = boxes.Next()) {
    if (box->type != Mp4Type("trun")) continue;
    const Mp4Error error = ReadRun(box->body, begin, default_size, offset, samples);
    if (error != Mp4Error::kNone) return error;
  }
  return Mp4Error::kNone;
}

}  // namespace

std::string_view ToString(Mp4Error error) {
  switch (error) {
    case Mp4Error::kNone:
      return "MP4";
    case Mp4Error::kBroken:
      return "an MP4 index that is broken";
    case Mp4Error::kNoAudio:
      return "MP4 without audio";
    case Mp4Error::kEncrypted:
      return "encrypted MP4";
    case Mp4Error::kTooMany:
      break;
  }
  return "an MP4 index of too many samples";
}

Mp4Movie ParseMp4Movie(Bytes moov) {
  Mp4Movie movie;
  movie.error = Mp4Error::kNoAudio;
  BoxReader boxes(moov);
  while (const auto box = boxes.Next()) {
    if (box->type != Mp4Type("trak") || !IsSound(box->body)) continue;
    movie.track.id = TrackId(box->body);
    const Bytes stbl = FindPath(box->body, {Mp4Type("mdia"), Mp4Type("minf"), Mp4Type("stbl")});
    movie.error = ReadSampleEntry(Find(stbl, Mp4Type("stsd")), movie.track);
    if (movie.error == Mp4Error::kNone) movie.error = ReadSampleTables(stbl, movie.samples);
    break;
  }
  const Bytes mvex = Find(moov, Mp4Type("mvex"));
  movie.fragmented = !mvex.empty() || movie.samples.empty();
  ReadDefaults(mvex, movie.track);
  return movie;
}

Mp4Error ParseMp4Fragment(Bytes moof, uint64_t begin, const Mp4Track& track,
                          std::vector<Mp4Sample>& samples) {
  // Where a run says nothing of its place, it follows the one before, or the boxes' headers.
  uint64_t offset = begin + moof.size() + 16;
  BoxReader boxes(moof);
  while (const auto box = boxes.Next()) {
    if (box->type != Mp4Type("traf")) continue;
    const Mp4Error error = ReadTrackFragment(box->body, begin, track, offset, samples);
    if (error != Mp4Error::kNone) return error;
  }
  return Mp4Error::kNone;
}

Bytes Mp4Id3Message(Bytes emsg) {
  ByteReader reader(emsg);
  const uint8_t version = reader.U8();
  reader.Skip(3);
  const auto text = [&reader] {
    std::string out;
    while (reader.ok()) {
      const uint8_t letter = reader.U8();
      if (letter == 0 || out.size() >= 64) break;
      out += static_cast<char>(letter);
    }
    return out;
  };
  if (version == 1) reader.Skip(4 + 8 + 4 + 4);
  const std::string scheme = text();
  text();  // value
  if (version == 0) reader.Skip(16);
  return reader.ok() && scheme == "https://aomedia.org/emsg/ID3" ? reader.Rest() : Bytes();
}

}  // namespace headwater
