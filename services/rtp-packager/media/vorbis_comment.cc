#include "services/rtp-packager/media/vorbis_comment.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "services/common/wire/byte_reader.h"

namespace headwater {
namespace {

// The one format here whose lengths are little-endian.
Bytes TakeCounted(ByteReader& reader) {
  const Bytes size = reader.Take(4);
  if (!reader.ok()) return {};
  return reader.Take(size_t{size[0]} | size_t{size[1]} << 8 | size_t{size[2]} << 16 |
                     size_t{size[3]} << 24);
}

// What stands behind "NAME=", in letters of either case.
std::optional<std::string_view> ValueOf(std::string_view comment, std::string_view name) {
  if (comment.size() <= name.size() || comment[name.size()] != '=') return std::nullopt;
  const bool same = std::equal(name.begin(), name.end(), comment.begin(), [](char want, char is) {
    return want == (is >= 'a' && is <= 'z' ? is - 32 : is);
  });
  if (!same) return std::nullopt;
  return comment.substr(name.size() + 1);
}

}  // namespace

// length: 32| vendor| count: 32| each: length: 32| NAME=value in UTF-8
StreamTitle ParseVorbisComment(Bytes bytes) {
  ByteReader reader(bytes);
  TakeCounted(reader);
  reader.U32();  // the end tells as well
  std::optional<std::string_view> artist;
  std::optional<std::string_view> title;
  while (reader.ok() && reader.remaining() > 0) {
    const std::string_view comment = AsText(TakeCounted(reader));
    if (!title) title = ValueOf(comment, "TITLE");
    if (!artist) artist = ValueOf(comment, "ARTIST");
  }
  return JoinTitle(artist.value_or(std::string_view()), title.value_or(std::string_view()));
}

}  // namespace headwater
