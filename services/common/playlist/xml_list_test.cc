#include "services/common/playlist/xml_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Locations(std::string_view text) {
  const auto playlist = ParseXmlList(text);
  if (!playlist.ok()) return {"error: " + std::string(ToString(playlist.error()))};
  std::vector<std::string> locations;
  for (const PlaylistEntry& entry : playlist->entries) locations.push_back(entry.location);
  return locations;
}

// As icecast 2.4 writes it.
constexpr std::string_view kXspf =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<playlist xmlns=\"http://xspf.org/ns/0/\" version=\"1\">\n  <title/>\n  <creator/>\n"
    "  <trackList>\n    <track>\n      <location>http://radio.example:8000/jazz</location>\n"
    "      <title>Jazz &amp; Co</title>\n      <annotation>Stream Title: Jazz</annotation>\n"
    "      <info>http://radio.example/</info>\n    </track>\n  </trackList>\n</playlist>\n";

TEST(XmlListTest, ReadsXspf) {
  const auto playlist = ParseXmlList(kXspf);
  ASSERT_TRUE(playlist.ok());
  ASSERT_EQ(playlist->entries.size(), 1u);
  EXPECT_EQ(playlist->entries[0].location, "http://radio.example:8000/jazz");
  EXPECT_EQ(playlist->entries[0].title, "Jazz & Co");
  EXPECT_EQ(playlist->entries[0].line, 7u);
  EXPECT_EQ(playlist->base, "");
}

TEST(XmlListTest, ReadsXspfWithPrefixesBaseAndAlternatives) {
  const auto playlist = ParseXmlList(
      "<x:playlist xmlns:x='http://xspf.org/ns/0/' xml:base='http://b/c/'><x:trackList><x:track>"
      "<x:title>T</x:title><x:location> a?x=1&amp;y=2 </x:location><x:location>b</x:location>"
      "</x:track><x:track><x:location/><x:location><![CDATA[c?a=1&b]]></x:location></x:track>");
  ASSERT_TRUE(playlist.ok());
  EXPECT_EQ(playlist->base, "http://b/c/");
  ASSERT_EQ(playlist->entries.size(), 3u);
  EXPECT_EQ(playlist->entries[0].location, "a?x=1&y=2");
  EXPECT_EQ(playlist->entries[1].title, "T");
  EXPECT_EQ(playlist->entries[2].location, "c?a=1&b");
  EXPECT_EQ(playlist->entries[2].title, "");
}

TEST(XmlListTest, ReadsAsxAsServersWriteIt) {
  const auto playlist = ParseXmlList(
      "<ASX version = \"3.0\">\r\n<Base HREF=\"http://b/\"/><TITLE>All of it</Title>\r\n"
      "<Entry><Title>One & only</TITLE><Ref href = \"http://a/?x=1&y=2\" />\r\n"
      "<REF HREF='second'>\r\n<MoreInfo href=\"http://shop/\"/><Banner HREF=\"ad.gif\"></ENTRY>"
      "<PARAM name=\"x\" value=\"y\"/><EntryRef href=\"more.asx\"/></ASX>");
  ASSERT_TRUE(playlist.ok());
  EXPECT_EQ(playlist->base, "http://b/");
  ASSERT_EQ(playlist->entries.size(), 3u);
  EXPECT_EQ(playlist->entries[0].location, "http://a/?x=1&y=2");
  EXPECT_EQ(playlist->entries[0].title, "One & only");
  EXPECT_EQ(playlist->entries[1].location, "second");
  EXPECT_EQ(playlist->entries[2].location, "more.asx");
  EXPECT_EQ(playlist->entries[2].title, "");
}

TEST(XmlListTest, MakesOutMangledAsx) {
  EXPECT_THAT(Locations("<asx version=3.0><entry><ref href=\"http://a/x></entry>\n"
                        "<entry><ref href=http://b/y/><entry><ref href='http://c/z'"),
              ElementsAre("http://a/x", "http://b/y", "http://c/z"));
}

TEST(XmlListTest, ReadsSmilAndWpl) {
  const auto playlist = ParseXmlList(
      "<!DOCTYPE smil PUBLIC \"-//W3C//DTD SMIL 1.0//EN\" \"http://www.w3.org/TR/REC-smil/"
      "SMIL10.dtd\"><smil><head><meta name=\"base\" content=\"http://b/\"/></head><body><switch>"
      "<audio src=\"high\" system-bitrate=\"128000\" title=\"H\"/><img src=\"no.png\"/>"
      "<ref src=\"low\"/></switch><a href=\"no\"/></body></smil>");
  ASSERT_TRUE(playlist.ok());
  EXPECT_EQ(playlist->base, "http://b/");
  ASSERT_EQ(playlist->entries.size(), 2u);
  EXPECT_EQ(playlist->entries[0].location, "high");
  EXPECT_EQ(playlist->entries[0].title, "H");
  EXPECT_EQ(playlist->entries[1].location, "low");
  EXPECT_THAT(Locations("<?wpl version=\"1.0\"?><smil><body><seq><media src=\"http://a/\"/>"),
              ElementsAre("http://a/"));
}

TEST(XmlListTest, ReadsTheAudioOfAnOpml) {
  const auto playlist = ParseXmlList(
      "<opml version=\"1\"><head><title>T</title></head><body><outline text=\"Group\">"
      "<outline type=\"audio\" text=\"One\" URL=\"http://a/Tune.ashx?id=s1&amp;f=1\" bitrate='64'/>"
      "<outline type=\"link\" text=\"More\" URL=\"http://a/Browse.ashx\"/>"
      "<outline type=\"rss\" xmlUrl=\"http://a/feed\"/><outline text=\"Two\" xmlUrl=\"b\"/>"
      "</outline></body></opml>");
  ASSERT_TRUE(playlist.ok());
  ASSERT_EQ(playlist->entries.size(), 2u);
  EXPECT_EQ(playlist->entries[0].location, "http://a/Tune.ashx?id=s1&f=1");
  EXPECT_EQ(playlist->entries[0].title, "One");
  EXPECT_EQ(playlist->entries[1].location, "b");
}

TEST(XmlListTest, ReadsAQuickTimeLink) {
  EXPECT_THAT(Locations("<?xml version=\"1.0\"?><?quicktime type=\"application/x-quicktime-media-"
                        "link\"?><embed autoplay=\"true\" src=\"http://a/live\" />"),
              ElementsAre("http://a/live"));
}

TEST(XmlListTest, RefusesOtherDocuments) {
  EXPECT_EQ(ParseXmlList("<rss><channel/></rss>").error(), PlaylistError::kUnknownFormat);
  EXPECT_EQ(ParseXmlList("no markup").error(), PlaylistError::kUnknownFormat);
  EXPECT_EQ(ParseXmlList(std::string_view("<asx>\0", 6)).error(), PlaylistError::kBinary);
  EXPECT_EQ(ParseXmlList("<asx></asx>", {.bytes_max = 10}).error(), PlaylistError::kTooLong);
  EXPECT_THAT(Locations("<asx/>"), IsEmpty());
}

TEST(XmlListTest, NeverReadsWhatADocumentTypeDefines) {
  EXPECT_THAT(Locations("<!DOCTYPE playlist [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><playlist>"
                        "<track><location>&x;</location></track></playlist>"),
              ElementsAre("&x;"));
}

TEST(XmlListTest, HoldsItsLimits) {
  const auto cut =
      ParseXmlList("<asx><ref href='a'/><ref href='b'/><ref href='c'/></asx>", {.entries_max = 2});
  EXPECT_EQ(cut->entries.size(), 2u);
  EXPECT_TRUE(cut->truncated);
  // Depth costs nothing.
  std::string deep = "<smil>";
  for (int i = 0; i < 50'000; ++i) deep += "<seq>";
  EXPECT_THAT(Locations(deep + "<audio src='a'/>"), ElementsAre("a"));
}

TEST(XmlListTest, SurvivesTruncationAtEveryLength) {
  for (size_t length = 0; length <= kXspf.size(); ++length) {
    const auto playlist = ParseXmlList(kXspf.substr(0, length));
    EXPECT_LE(playlist.ok() ? playlist->entries.size() : 0, 1u);
  }
}

}  // namespace
}  // namespace headwater
