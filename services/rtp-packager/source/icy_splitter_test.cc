#include "services/rtp-packager/source/icy_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headwater {
namespace {

using std::string_literals::operator""s;

std::string Block(std::string text) {
  text.resize((text.size() + 15) / 16 * 16, '\0');
  return std::string(1, static_cast<char>(text.size() / 16)) + text;
}

struct Output {
  std::string media;
  std::vector<StreamTitle> titles;
};

Output Split(size_t metaint, const std::string& stream, size_t chunk) {
  IcySplitter splitter(metaint);
  Output output;
  for (size_t at = 0; at < stream.size(); at += chunk) {
    Bytes input = AsBytes(std::string_view(stream).substr(at, chunk));
    while (!input.empty()) {
      const auto piece = splitter.Take(input);
      output.media += AsText(piece.media);
      if (piece.title) output.titles.push_back(*piece.title);
    }
  }
  return output;
}

TEST(IcySplitterTest, FindsTitlesWhereverChunksEnd) {
  const std::string stream = "abcd" + Block("StreamTitle='One';") + "efgh" + "\0"s + "ijkl" +
                             Block("StreamTitle='One';") + "mnop" +
                             Block("StreamTitle='Two';StreamUrl='http://x/';") + "qr";
  for (size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    const Output output = Split(4, stream, chunk);
    EXPECT_EQ(output.media, "abcdefghijklmnopqr") << chunk;
    ASSERT_EQ(output.titles.size(), 2u) << chunk;
    EXPECT_EQ(output.titles[0], (StreamTitle{"One", ""}));
    EXPECT_EQ(output.titles[1], (StreamTitle{"Two", "http://x/"}));
  }
}

TEST(IcySplitterTest, TakesTheLargestBlock) {
  const std::string title(255 * 16 - 15, 'x');
  const Output output = Split(2, "ab" + Block("StreamTitle='" + title + "';") + "cd", 100);
  EXPECT_EQ(output.media, "abcd");
  ASSERT_EQ(output.titles.size(), 1u);
  EXPECT_EQ(output.titles[0].title, std::string(512, 'x'));
}

TEST(IcySplitterTest, PassesAllThroughWithoutInterval) {
  EXPECT_EQ(Split(0,
                  "abc\x10"
                  "def",
                  2)
                .media,
            "abc\x10"
            "def");
}

TEST(IcyMetadataTest, KeepsQuotesAndSemicolonsInTitles) {
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='It's a 'test'; yes';StreamUrl='';")->title,
            "It's a 'test'; yes");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='a';b';")->title, "a';b");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='';StreamUrl='u';")->title, "");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='';StreamUrl='u';")->url, "u");
}

TEST(IcyMetadataTest, ForgivesWhatServersSend) {
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='cut off")->title, "cut off");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='no semicolon'")->title, "no semicolon");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle=bare;StreamUrl=x")->title, "bare");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle=\"double\";")->title, "double");
  EXPECT_EQ(ParseIcyMetadata("adw_ad='true';streamtitle='x';")->title, "x");
  EXPECT_EQ(ParseIcyMetadata("StreamUrl='x';"), std::nullopt);
  EXPECT_EQ(ParseIcyMetadata(""), std::nullopt);
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='x';\0StreamTitle='y';"s)->title, "x");
}

TEST(IcyMetadataTest, ConvertsCharsetsAndRemovesControlCharacters) {
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='Bj\xf6rk\r\nX-Evil: 1';")->title, "Björk X-Evil: 1");
  EXPECT_EQ(ParseIcyMetadata("StreamTitle='Bj\xc3\xb6rk';")->title, "Björk");
}

}  // namespace
}  // namespace headwater
