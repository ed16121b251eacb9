#include "services/rtp-packager/media/magic.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "services/rtp-packager/media/latm.h"

namespace headwater {
namespace {

using namespace std::string_view_literals;  // NOLINT: magics hold zero bytes

struct Magic {
  size_t offset;
  std::string_view text;
  std::string_view name;
  Container container = Container::kUnsupported;
};

// In Ogg the first packet, which tells the codec, begins at 28.
constexpr std::array kMagics = std::to_array<Magic>({
    {28, "OpusHead"sv, "Ogg Opus", Container::kOgg},
    {28, "\x01vorbis"sv, "Ogg Vorbis"},
    {28,
     "\x7f"
     "FLAC"sv,
     "Ogg FLAC"},
    {28, "Speex   "sv, "Ogg Speex"},
    {0, "OggS"sv, "Ogg", Container::kOgg},
    {0, "fLaC"sv, "FLAC"},
    {0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, "ASF (Windows Media)"},
    {0, "RIFF"sv, "RIFF (WAV)"},
    {0, "FORM"sv, "AIFF"},
    {4, "ftyp"sv, "MP4", Container::kMp4},
    {4, "styp"sv, "MP4", Container::kMp4},
    {4, "moov"sv, "MP4", Container::kMp4},
    {4, "moof"sv, "MP4", Container::kMp4},
    {4, "sidx"sv, "MP4", Container::kMp4},
    {4, "emsg"sv, "MP4", Container::kMp4},
    {0, "\x1a\x45\xdf\xa3"sv, "Matroska or WebM"},
    {0, "FLV\x01"sv, "Flash video"},
    {0, "wvpk"sv, "WavPack"},
    {0, "caff"sv, "Core Audio"},
    {0, ".snd"sv, "AU"},
    {0, "#EXTM3U"sv, "an M3U playlist", Container::kNotMedia},
    {0, "[playlist]"sv, "a PLS playlist", Container::kNotMedia},
});

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

bool IsMarkup(std::string_view text) {
  // A byte order mark and white space may stand in front.
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const std::string_view start : {"<!doctype"sv, "<html"sv, "<head"sv, "<?xml"sv}) {
    if (EqualsIgnoringCase(text.substr(0, start.size()), start)) return true;
  }
  return false;
}

// Three packets that begin with 0x47: of 188 bytes, of 204 (error correction behind each), or of
// 192 (a timestamp before each).
bool IsTransportStream(Bytes bytes) {
  constexpr std::pair<size_t, size_t> kKinds[] = {{188, 0}, {204, 0}, {192, 4}};
  return std::any_of(std::begin(kKinds), std::end(kKinds), [&](const auto& kind) {
    const auto [size, first] = kind;
    return bytes.size() > first + 2 * size && bytes[first] == 0x47 && bytes[first + size] == 0x47 &&
           bytes[first + 2 * size] == 0x47;
  });
}

// AAC in LOAS (ISO 14496-3 section 1.7.2), 11 bits of sync, 13 of length: by two headers, or where
// the second is too far away, by the config behind the first.
bool IsLoas(Bytes bytes) {
  const auto is_sync = [&](size_t at) {
    return bytes.size() >= at + 3 && bytes[at] == 0x56 && (bytes[at + 1] & 0xe0) == 0xe0;
  };
  if (!is_sync(0)) return false;
  const size_t next = 3 + ((size_t{bytes[1]} & 0x1f) << 8 | bytes[2]);
  if (bytes.size() >= next + 3) return is_sync(next);
  BitReader element(bytes.subspan(3));
  return ReadLatmConfig(element).has_value();
}

// The header of a frame, of which two bytes alone would be found in any noise: AC-3 (ETSI TS 102
// 366 section 4.4.1), or E-AC-3 (annex E), which counts its bsid from 11.
bool IsAc3(Bytes bytes) {
  if (bytes.size() < 6 || bytes[0] != 0x0b || bytes[1] != 0x77) return false;
  const int bsid = bytes[5] >> 3;
  const bool has_rate = bytes[4] >> 6 != 3 && (bytes[4] & 0x3f) < 38;
  return bsid <= 10 ? has_rate : bsid <= 16;
}

const Magic* FindMagic(Bytes first_bytes) {
  const std::string_view text = AsText(first_bytes);
  for (const Magic& magic : kMagics) {
    if (text.size() >= magic.offset + magic.text.size() &&
        text.substr(magic.offset, magic.text.size()) == magic.text) {
      return &magic;
    }
  }
  return nullptr;
}

// Bytes that decide, for a stream that begins so.
size_t BytesWanted(Bytes bytes) {
  const uint8_t first = bytes[0];
  // A transport stream shows by its third packet.
  if (first == 0x47 || (bytes.size() > 4 && bytes[4] == 0x47)) return kMagicBytesMax;
  if (first == 0x56) return kMagicBytesMax;  // LOAS by its second header
  return first == 'O' ? 64 : 16;             // Ogg by its first packet
}

}  // namespace

std::optional<Container> ContainerOf(Bytes first_bytes, bool complete) {
  if (first_bytes.empty()) return complete ? std::optional(Container::kElementary) : std::nullopt;
  if (!complete && first_bytes.size() < BytesWanted(first_bytes)) return std::nullopt;
  if (const Magic* magic = FindMagic(first_bytes)) return magic->container;
  if (IsMarkup(AsText(first_bytes))) return Container::kNotMedia;
  if (IsTransportStream(first_bytes)) return Container::kTransportStream;
  if (IsLoas(first_bytes)) return Container::kLoas;
  if (IsAc3(first_bytes)) return Container::kUnsupported;
  return Container::kElementary;
}

std::string_view NameOfMagic(Bytes first_bytes) {
  if (const Magic* magic = FindMagic(first_bytes)) return magic->name;
  if (IsMarkup(AsText(first_bytes))) return "an HTML or XML page";
  if (IsTransportStream(first_bytes)) return "an MPEG transport stream";
  if (IsLoas(first_bytes)) return "AAC in LATM";
  if (IsAc3(first_bytes)) return "AC-3";
  return {};
}

}  // namespace headwater
