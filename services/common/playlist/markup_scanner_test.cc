#include "services/common/playlist/markup_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/common/playlist/playlist.h"

namespace headwater {
namespace {

using ::testing::ElementsAre;

// "name", "/name" of every tag.
std::vector<std::string> Names(std::string_view document) {
  std::vector<std::string> names;
  MarkupScanner scanner(document);
  while (const auto tag = scanner.Next()) {
    names.push_back((tag->closing ? "/" : "") + std::string(tag->name));
  }
  return names;
}

std::string AttributeOf(std::string_view document, std::string_view name) {
  return MarkupScanner(document).Next()->Attribute(name).value_or("(none)");
}

std::string TextOf(std::string_view document) { return MarkupScanner(document).Next()->Text(); }

TEST(MarkupScannerTest, GivesTagsAndNothingElse) {
  EXPECT_THAT(Names("\xef\xbb\xbf<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b '<c>'>]><!-- <d> -->"
                    "<x:A b='<'><![CDATA[<e>]]> 1 < 2 </A ><f/>"),
              ElementsAre("A", "/A", "f"));
  EXPECT_THAT(Names("<script>if (a<b) '<i>';</scriPT><b><style><i></b></style>"),
              ElementsAre("script", "/scriPT", "b", "style", "/style"));
}

TEST(MarkupScannerTest, ReadsAttributesHoweverTheyAreQuoted) {
  EXPECT_EQ(AttributeOf("<ref HREF = \"http://a/?x=1&y=2&amp;z=>3\">", "href"),
            "http://a/?x=1&y=2&z=>3");
  EXPECT_EQ(AttributeOf("<ref title='a href=\"no\"' href='yes'/>", "href"), "yes");
  EXPECT_EQ(AttributeOf("<ref href=http://a/b.mp3 x>", "href"), "http://a/b.mp3");
  EXPECT_EQ(AttributeOf("<ref href=http://a/b.mp3/>", "href"), "http://a/b.mp3");
  EXPECT_EQ(AttributeOf("<a xml:base='http://b/'>", "base"), "http://b/");
  EXPECT_EQ(AttributeOf("<a hre='1' hreff='2' href>", "href"), "");
  EXPECT_EQ(AttributeOf("<a x='href'>", "href"), "(none)");
}

TEST(MarkupScannerTest, ClosesAQuoteThatIsNeverClosed) {
  EXPECT_EQ(AttributeOf("<ref href=\"http://a/x/>\n<ref href=\"http://b/\">", "href"),
            "http://a/x");
  EXPECT_THAT(Names("<ref href=\"http://a/>\n<b c='\n<d>"), ElementsAre("ref", "b", "d"));
}

TEST(MarkupScannerTest, DecodesReferencesAndExpandsNothing) {
  EXPECT_EQ(
      TextOf(
          "<t> A &amp;&#38; &#x42;&#xe9; &lt;b&gt; &nbsp; &a; &#0;&#xd800; &#10; <![CDATA[&amp;]]>"
          "<!-- no -->!</t>"),
      "A && B\xc3\xa9 <b> &nbsp; &a; &#0;&#xd800;   &amp;!");
  const std::string bomb =
      "<!DOCTYPE lolz [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;'>]><t>&b;</t>";
  EXPECT_EQ(TextOf(bomb), "&b;");
}

TEST(MarkupScannerTest, GivesNothingLongerThanALine) {
  const std::string longer(kPlaylistLineMax + 1, 'x');
  EXPECT_EQ(AttributeOf("<a href='" + longer + "'>", "href"), "(none)");
  EXPECT_EQ(TextOf("<a>" + longer + "</a>"), "");
}

TEST(MarkupScannerTest, NamesTheRoot) {
  EXPECT_EQ(RootElement("<!-- <a> --><?b?><!DOCTYPE c><ns:D/>"), "d");
  EXPECT_EQ(RootElement("no < tag"), "");
}

// A parser that keeps a stack, or looks for every end from the beginning, would not come back.
TEST(MarkupScannerTest, IsLinearInHostileDocuments) {
  for (const std::string piece :
       {"<a>", "<", "<!", "<!--", "<a b=\"", "<a '", "<script>", "</", "&#", "<![CDATA["}) {
    std::string document;
    while (document.size() < 256u << 10) document += piece;
    size_t tags = 0;
    MarkupScanner scanner(document);
    while (const auto tag = scanner.Next()) {
      ++tags;
      EXPECT_FALSE(tag->Attribute("c"));
      EXPECT_LE(tag->Text().size(), kPlaylistLineMax);
    }
    EXPECT_LE(tags, document.size());
  }
}

}  // namespace
}  // namespace headwater
