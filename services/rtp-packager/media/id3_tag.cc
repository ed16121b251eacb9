#include "services/rtp-packager/media/id3_tag.h"

#include <string>
#include <string_view>
#include <vector>

#include "services/common/wire/byte_reader.h"

namespace headwater {
namespace {

// Flags of the tag's header.
constexpr uint8_t kUnsynchronised = 0x80;
constexpr uint8_t kExtendedHeader = 0x40;
constexpr uint8_t kCompressedV2 = 0x40;  // v2.2: of a scheme that was never made
constexpr uint8_t kFooter = 0x10;        // v2.4

// A text longer than this is cut: a title has kTitleBytesMax in the end.
constexpr size_t kTextBytesMax = 4096;

// Four bytes of seven bits (ID3v2.4.0 section 6.2); nothing when one has its top bit set.
std::optional<uint32_t> SyncSafe(uint32_t word) {
  if ((word & 0x80808080) != 0) return std::nullopt;
  return (word & 0x7f) | (word >> 1 & 0x3f80) | (word >> 2 & 0x1fc000) | (word >> 3 & 0xfe00000);
}

// Section 6.1: a zero was put behind each 0xff that would have looked like a frame's beginning.
std::vector<uint8_t> Resynchronised(Bytes bytes) {
  std::vector<uint8_t> out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    out.push_back(bytes[i]);
    if (bytes[i] == 0xff && i + 1 < bytes.size() && bytes[i + 1] == 0) ++i;
  }
  return out;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(static_cast<uint8_t>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

bool IsHighSurrogate(uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsLowSurrogate(uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// Up to the first zero. A surrogate alone becomes the replacement character.
std::string FromUtf16(Bytes bytes, bool big_endian) {
  const auto unit = [&](size_t i) -> uint32_t {
    if (i + 1 >= bytes.size()) return 0;
    return big_endian ? uint32_t{bytes[i]} << 8 | bytes[i + 1]
                      : uint32_t{bytes[i + 1]} << 8 | bytes[i];
  };
  std::string out;
  for (size_t i = 0; unit(i) != 0; i += 2) {
    uint32_t code = unit(i);
    if (IsHighSurrogate(code) && IsLowSurrogate(unit(i + 2))) {
      code = 0x10000 + ((code - 0xd800) << 10) + (unit(i + 2) - 0xdc00);
      i += 2;
    } else if (IsHighSurrogate(code) || IsLowSurrogate(code)) {
      code = 0xfffd;
    }
    AppendUtf8(code, out);
  }
  return out;
}

// A text information frame (section 4.2): encoding, then values with zeros between them.
std::string FirstText(Bytes frame) {
  if (frame.empty()) return {};
  const uint8_t encoding = frame[0];
  Bytes text = frame.subspan(1, std::min(frame.size() - 1, kTextBytesMax));
  switch (encoding) {
    case 0:    // ISO 8859-1, as it says
    case 3: {  // UTF-8
      const std::string_view value = AsText(text);
      return std::string(value.substr(0, value.find('\0')));
    }
    case 1: {  // UTF-16 with a byte order mark
      const bool little_endian = text.size() >= 2 && text[0] == 0xff && text[1] == 0xfe;
      const bool big_endian = text.size() >= 2 && text[0] == 0xfe && text[1] == 0xff;
      if (little_endian || big_endian) text = text.subspan(2);
      // Without a mark: what the tools write that forget it.
      return FromUtf16(text, big_endian);
    }
    case 2:  // UTF-16, big-endian
      return FromUtf16(text, true);
    default:
      return {};
  }
}

struct FrameHead {
  std::string_view id;
  size_t size = 0;
  uint8_t format_flags = 0;
};

// Sections 3.2 (v2.2), 3.3 (v2.3) and 4 (v2.4).
std::optional<FrameHead> ReadFrameHead(uint8_t version, ByteReader& reader) {
  FrameHead head;
  if (version == 2) {
    head.id = AsText(reader.Take(3));
    const size_t high = reader.U8();
    head.size = high << 16 | reader.U16();
  } else {
    head.id = AsText(reader.Take(4));
    const uint32_t size = reader.U32();
    const std::optional<uint32_t> safe = SyncSafe(size);
    if (version == 4 && !safe.has_value()) return std::nullopt;
    head.size = version == 4 ? *safe : size;
    reader.U8();
    head.format_flags = reader.U8();
  }
  if (!reader.ok() || head.id[0] == '\0') return std::nullopt;  // the end, or padding
  return head;
}

// The text in a frame, past what its flags put in front of it.
std::string TextOf(uint8_t version, const FrameHead& head, Bytes body) {
  const uint8_t flags = head.format_flags;
  ByteReader reader(body);
  if (version == 3) {
    if ((flags & 0xc0) != 0) return {};    // compressed, encrypted
    if ((flags & 0x20) != 0) reader.U8();  // group
  } else if (version == 4) {
    if ((flags & 0x0c) != 0) return {};
    if ((flags & 0x40) != 0) reader.U8();
    if ((flags & 0x01) != 0) reader.U32();  // length of the data
    if ((flags & 0x02) != 0) return FirstText(Resynchronised(reader.Rest()));
  }
  return FirstText(reader.Rest());
}

// False: the header has no place for what it says it has.
bool SkipExtendedHeader(uint8_t version, ByteReader& reader) {
  const uint32_t size = reader.U32();
  if (version == 3) {
    reader.Skip(size);
  } else {
    const std::optional<uint32_t> safe = SyncSafe(size);
    if (!safe.has_value() || *safe < 4) return false;
    reader.Skip(*safe - 4);  // counts itself
  }
  return reader.ok();
}

}  // namespace

std::optional<size_t> Id3TagSize(Bytes bytes) {
  ByteReader reader(bytes);
  const Bytes id = reader.Take(3);
  reader.U16();  // version
  const uint8_t flags = reader.U8();
  const std::optional<uint32_t> size = SyncSafe(reader.U32());
  if (!reader.ok() || AsText(id) != "ID3" || !size.has_value()) return std::nullopt;
  return size_t{*size} + kId3HeaderSize * ((flags & kFooter) != 0 ? 2 : 1);
}

std::optional<StreamTitle> ParseId3Title(Bytes bytes) {
  const std::optional<size_t> size = Id3TagSize(bytes);
  if (!size.has_value()) return std::nullopt;
  const uint8_t version = bytes[3];
  const uint8_t flags = bytes[5];
  if (version < 2 || version > 4 || (version == 2 && (flags & kCompressedV2) != 0)) {
    return std::nullopt;
  }
  Bytes body = bytes.first(std::min(bytes.size(), *size)).subspan(kId3HeaderSize);
  // In v2.4 it is done frame by frame, and a frame's size counts what is stored.
  std::vector<uint8_t> resynchronised;
  if (version < 4 && (flags & kUnsynchronised) != 0) {
    resynchronised = Resynchronised(body);
    body = resynchronised;
  }
  ByteReader reader(body);
  if (version > 2 && (flags & kExtendedHeader) != 0 && !SkipExtendedHeader(version, reader)) {
    return std::nullopt;
  }
  std::string artist;
  std::string title;
  while (const std::optional<FrameHead> head = ReadFrameHead(version, reader)) {
    const Bytes frame = reader.Take(head->size);
    if (!reader.ok()) break;
    if (head->id == "TIT2" || head->id == "TT2") title = TextOf(version, *head, frame);
    if (head->id == "TPE1" || head->id == "TP1") artist = TextOf(version, *head, frame);
  }
  StreamTitle joined = JoinTitle(artist, title);
  if (joined.title.empty()) return std::nullopt;
  return joined;
}

}  // namespace headwater
