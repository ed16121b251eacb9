#include "services/rtp-packager/media/id3_tag.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/rtp-packager/media/media_samples.h"

namespace headwater {
namespace {

using namespace std::string_literals;  // NOLINT: zero bytes

std::string SyncSafe(size_t size) {
  std::string out;
  for (int shift = 21; shift >= 0; shift -= 7) out += static_cast<char>(size >> shift & 0x7f);
  return out;
}

std::string Plain(size_t size) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  return out;
}

std::string Tag(char version, const std::string& body, int flags = 0) {
  return "ID3"s + version + '\0' + static_cast<char>(flags) + SyncSafe(body.size()) + body;
}

// A frame of v2.4 or v2.3.
std::string FrameOf(char version, const std::string& id, const std::string& body, int flags = 0) {
  return id + (version == 4 ? SyncSafe(body.size()) : Plain(body.size())) + '\0' +
         static_cast<char>(flags) + body;
}

std::string TitleOf(const std::string& tag) {
  const std::optional<StreamTitle> title = ParseId3Title(AsBytes(tag));
  return title.has_value() ? title->title : "-";
}

TEST(Id3TagTest, ReadsTheTagThatFfmpegWrites) {
  // ffmpeg -metadata title=Grüße -metadata artist=Ö -id3v2_version 4, its first 53 bytes.
  const std::string tag =
      "ID3\x04\x00\x00\x00\x00\x00\x2b"
      "TIT2\x00\x00\x00\x09\x00\x00\x03Gr\xc3\xbc\xc3\x9f"
      "e\0"
      "TPE1\x00\x00\x00\x04\x00\x00\x03\xc3\x96\0"
      "\0\0\0\0\0\0\0\0\0\0"s;
  EXPECT_EQ(Id3TagSize(AsBytes(tag)), tag.size());
  EXPECT_EQ(TitleOf(tag), "Ö - Grüße");
}

TEST(Id3TagTest, ReadsEveryVersion) {
  EXPECT_EQ(TitleOf(Tag(2, "TP1\0\0\3\0Me"s + "TT2\0\0\5\0Song"s)), "Me - Song");
  for (const char version : {'\3', '\4'}) {
    EXPECT_EQ(TitleOf(Tag(version, FrameOf(version, "TIT2", "\0Song"s))), "Song");
    EXPECT_EQ(TitleOf(Tag(version, FrameOf(version, "TPE1", "\0Me"s))), "Me");
    // The size of a large frame shows how it is written.
    EXPECT_EQ(TitleOf(Tag(version, FrameOf(version, "APIC", std::string(1000, 'x')) +
                                       FrameOf(version, "TIT2", "\0Song"s))),
              "Song");
  }
  EXPECT_EQ(TitleOf(Tag(1, FrameOf(4, "TIT2", "\0Song"s))), "-");
  EXPECT_EQ(TitleOf(Tag(5, FrameOf(4, "TIT2", "\0Song"s))), "-");
}

TEST(Id3TagTest, ReadsEveryTextEncoding) {
  const auto text = [](const std::string& body) {
    return TitleOf(Tag(4, FrameOf(4, "TIT2", body)));
  };
  EXPECT_EQ(text("\0Caf\xe9"s), "Café");
  EXPECT_EQ(text("\0Caf\xc3\xa9"s), "Café") << "UTF-8 that says it is ISO 8859-1";
  EXPECT_EQ(text("\1\xff\xfe\xe9\0\x3d\xd8\x00\xde"s), "é😀");
  EXPECT_EQ(text("\1\xfe\xff\0\xe9\xd8\x3d\xde\x00"s), "é😀");
  EXPECT_EQ(text("\1A\0B\0"s), "AB") << "no byte order mark";
  EXPECT_EQ(text("\2\0\xe9\x20\xac"s), "é€");
  EXPECT_EQ(text("\3\xc3\xa9\xe2\x82\xac"s), "é€");
  EXPECT_EQ(text("\1\xff\xfe\x3d\xd8\x41\0"s),
            "\xef\xbf\xbd"
            "A")
      << "half a pair";
  EXPECT_EQ(text("\1\xff\xfe\x41"s), "-") << "half a unit";
  EXPECT_EQ(text("\7Song"s), "-") << "no encoding that is known";
  EXPECT_EQ(text(""), "-");
}

TEST(Id3TagTest, TakesTheFirstOfSeveralValuesAndCleansIt) {
  EXPECT_EQ(TitleOf(Tag(4, FrameOf(4, "TPE1", "\3One\0Two"s) + FrameOf(4, "TIT2", "\3 A\r\nB "s))),
            "One - A B");
  EXPECT_EQ(TitleOf(Tag(4, FrameOf(4, "TIT2",
                                   "\1\xff\xfe"
                                   "A\0\0\0B\0"s))),
            "A");
  EXPECT_EQ(TitleOf(Tag(4, FrameOf(4, "TIT2", "\3"s + std::string(5000, 'x')))).size(), 512u);
}

TEST(Id3TagTest, UndoesUnsynchronisation) {
  // ff fe of the byte order mark has a zero put between.
  EXPECT_EQ(TitleOf(Tag(3,
                        FrameOf(3, "TIT2",
                                "\1\xff\0\xfe"
                                "A\0B\0"s)
                            .replace(7, 1, "\7"),
                        0x80)),
            "AB");
  EXPECT_EQ(TitleOf(Tag(4,
                        FrameOf(4, "TIT2",
                                "\1\xff\0\xfe"
                                "A\0B\0"s,
                                0x02),
                        0x80)),
            "AB");
}

TEST(Id3TagTest, PassesWhatFlagsPutInFront) {
  const std::string plain = FrameOf(3, "TIT2", "\0Song"s);
  EXPECT_EQ(TitleOf(Tag(3, Plain(6) + std::string(6, '\0') + plain, 0x40)), "Song");
  EXPECT_EQ(TitleOf(Tag(4, SyncSafe(6) + "\1\0"s + FrameOf(4, "TIT2", "\0Song"s), 0x40)), "Song");
  EXPECT_EQ(TitleOf(Tag(4, SyncSafe(3) + FrameOf(4, "TIT2", "\0Song"s), 0x40)), "-");
  EXPECT_EQ(TitleOf(Tag(3, FrameOf(3, "TIT2", "G\0Song"s, 0x20))), "Song");
  EXPECT_EQ(TitleOf(Tag(4, FrameOf(4, "TIT2", "G\0\0\0\5\0Song"s, 0x41))), "Song");
  for (const int flags : {0x40, 0x80}) {
    EXPECT_EQ(TitleOf(Tag(3, FrameOf(3, "TIT2", "\0zip"s, flags) + FrameOf(3, "TPE1", "\0Me"s))),
              "Me");
  }
  for (const int flags : {0x04, 0x08}) {
    EXPECT_EQ(TitleOf(Tag(4, FrameOf(4, "TIT2", "\0zip"s, flags) + FrameOf(4, "TPE1", "\0Me"s))),
              "Me");
  }
}

TEST(Id3TagTest, ATruncatedTagGivesWhatIsWhole) {
  const std::string tag = Tag(4, FrameOf(4, "TPE1", "\3Me"s) + FrameOf(4, "TIT2", "\3Song"s));
  for (size_t length = 0; length < tag.size(); ++length) {
    EXPECT_EQ(TitleOf(tag.substr(0, length)), length < 10 + 13 ? "-" : "Me") << length;
  }
  EXPECT_EQ(TitleOf(tag), "Me - Song");
}

TEST(Id3TagTest, FramesBehindAFaultAreNotRead) {
  const std::string song = FrameOf(4, "TIT2", "\3Song"s);
  EXPECT_EQ(TitleOf(Tag(4, "TALB\xff\0\0\0\0\0"s + song)), "-");
  EXPECT_EQ(TitleOf(Tag(3, "TALB\xff\xff\xff\xff\0\0"s + song)), "-");
  EXPECT_EQ(TitleOf(Tag(4, std::string(10, '\0') + song)), "-") << "padding";
  EXPECT_FALSE(Id3TagSize(AsBytes("ID3\4\0\0\xff\0\0\0"s)).has_value());
}

TEST(Id3TagTest, TheFramerTellsTheTitleWithItsFrames) {
  const std::vector<uint8_t> mp2 = ReadSample(kMp2);
  const auto tagged = [](const std::string& title, size_t padding) {
    const std::string tag = Tag(4, FrameOf(4, "TIT2", "\3"s + title) + std::string(padding, '\0'));
    return std::vector<uint8_t>(tag.begin(), tag.end());
  };
  const auto bytes = Join({tagged("First", 0), mp2, tagged("Second", 70000), mp2,
                           tagged("Second", 0), tagged("Third", 3), mp2});
  for (const size_t chunk : {size_t{1}, size_t{500}, SIZE_MAX}) {
    const Framed framed = Frame(bytes, chunk);
    EXPECT_EQ(framed.titles,
              (std::vector<StreamTitle>{{"First", ""}, {"Second", ""}, {"Third", ""}}));
    EXPECT_EQ(framed.title_frames, (std::vector<size_t>{0, 13, 26}));
    EXPECT_EQ(framed.frames.size(), 39u);
  }
}

}  // namespace
}  // namespace headwater
