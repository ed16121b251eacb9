#include "services/rtp-packager/source/content_decoder.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

namespace headwater {
namespace {

// With deflateInit2's window: 31 gzip, 15 zlib, -15 raw.
std::string Deflate(std::string_view text, int window) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 100, '\0');
  stream.next_in = const_cast<Bytef*>(AsBytes(text).data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Fed in chunks; "corrupt" or "bomb" at the end of what was given before an error.
std::string Decode(std::string_view encoding, std::string_view body, size_t chunk) {
  ContentDecoder decoder(encoding);
  std::string out;
  for (; !body.empty(); body.remove_prefix(std::min(chunk, body.size()))) {
    Bytes input = AsBytes(body.substr(0, chunk));
    while (true) {
      const auto piece = decoder.Take(input);
      if (!piece.ok()) {
        return out + (piece.error() == ContentDecodeError::kBomb ? "bomb" : "corrupt");
      }
      EXPECT_LE(piece->size(), std::max(chunk, ContentDecoder::kPieceBytesMax));
      if (piece->empty()) break;
      out += AsText(*piece);
    }
    EXPECT_TRUE(input.empty());
  }
  return out;
}

std::string Text(size_t size) {
  std::string text;
  for (size_t i = 0; text.size() < size; ++i) text += std::to_string(i * i) + "\n";
  return text;
}

TEST(ContentDecoderTest, UndoesEveryEncodingHoweverItIsCut) {
  const std::string text = Text(100'000);
  for (const size_t chunk : {size_t{1}, size_t{7}, size_t{1000}, SIZE_MAX}) {
    EXPECT_EQ(Decode("gzip", Deflate(text, 31), chunk), text) << chunk;
    EXPECT_EQ(Decode("x-gzip", Deflate(text, 31), chunk), text) << chunk;
    EXPECT_EQ(Decode("deflate", Deflate(text, 15), chunk), text) << chunk;
    EXPECT_EQ(Decode("deflate", Deflate(text, -15), chunk), text) << chunk;
    EXPECT_EQ(Decode("", text, chunk), text) << chunk;
    EXPECT_EQ(Decode("utf-8", text, chunk), text) << chunk;
  }
}

TEST(ContentDecoderTest, ReadsMembersOneAfterTheOther) {
  EXPECT_EQ(Decode("gzip", Deflate("one", 31) + Deflate("two", 31) + "rest", 5), "onetwo");
}

TEST(ContentDecoderTest, LetsThroughWhatIsNotWhatItsHeaderSays) {
  EXPECT_EQ(Decode("gzip", "#EXTM3U\nhttp://a/\n", 3), "#EXTM3U\nhttp://a/\n");
}

TEST(ContentDecoderTest, EndsAtGarbage) {
  std::string body = Deflate(Text(100'000), 31);
  body.replace(100, 50, std::string(50, '\xff'));
  EXPECT_TRUE(Decode("gzip", body, 16).ends_with("corrupt"));
  EXPECT_EQ(Decode("gzip", "\x1f\x8b nonsense", 16), "corrupt");
}

TEST(ContentDecoderTest, EndsABombBeforeItIsLarge) {
  const std::string bomb = Deflate(std::string(64 << 20, '\0'), 31);
  const std::string out = Decode("gzip", bomb, 1000);
  EXPECT_TRUE(out.ends_with("bomb"));
  EXPECT_LE(out.size(),
            ContentDecoder::kFreeBytesMax + ContentDecoder::kRatioMax * (bomb.size() + 1000));
  EXPECT_LT(out.size(), size_t{4} << 20);
}

TEST(ContentDecoderTest, SurvivesTruncationAtEveryLength) {
  const std::string body = Deflate(Text(2000), 31);
  for (size_t length = 0; length <= body.size(); ++length) {
    EXPECT_TRUE(Text(2000).starts_with(Decode("gzip", body.substr(0, length), 64))) << length;
  }
}

TEST(ContentDecoderTest, NamesWhatItCannotUndo) {
  for (const char* encoding : {"br", "zstd", "compress", "gzip, gzip"}) {
    EXPECT_TRUE(ContentDecoder::IsUnknown(encoding)) << encoding;
  }
  for (const char* encoding : {"", "gzip", "deflate", "identity", "utf-8"}) {
    EXPECT_FALSE(ContentDecoder::IsUnknown(encoding)) << encoding;
  }
}

}  // namespace
}  // namespace headwater
