#include "services/rtp-packager/source/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HtmlPageTest, TakesTheTitle) {
  EXPECT_EQ(ReadHtmlPage("<html><TITLE lang=x>\n Radio &\n More </Title>").title, "Radio & More");
  EXPECT_EQ(ReadHtmlPage("<title>One</title><svg><title>Icon</title></svg>").title, "One");
  EXPECT_EQ(ReadHtmlPage("<title>" + std::string(5000, 'x')).title.size(), 120u);
  EXPECT_EQ(ReadHtmlPage("<title").title, "");
  EXPECT_EQ(ReadHtmlPage("").title, "");
}

TEST(HtmlPageTest, TakesAlternatesFirst) {
  const HtmlPage page = ReadHtmlPage(
      "<html><head><base href='/b/'><link rel=\"stylesheet\" href=\"no.css\">"
      "<link rel='alternate' type='application/rss+xml' href='no.rss'>"
      "<LINK REL='Alternate' TYPE='audio/x-mpegurl; charset=utf-8' HREF='radio.m3u?a=1&amp;b=2'>"
      "<meta property='og:audio' content='https://a/live'></head><audio src='no'></audio>");
  EXPECT_EQ(page.base, "/b/");
  EXPECT_THAT(page.links, ElementsAre("radio.m3u?a=1&b=2", "https://a/live"));
}

TEST(HtmlPageTest, TakesTheSourcesOfItsOnlyAudioElement) {
  EXPECT_THAT(
      ReadHtmlPage("<source src='no'><audio controls src=a><source src=\"b\" type=audio/mpeg>"
                   "</audio><video><source src='no'></video><script>'<audio src=no>'</script>")
          .links,
      ElementsAre("a", "b"));
  // Which of several stations was meant is anyone's guess.
  EXPECT_THAT(ReadHtmlPage("<audio src='a'></audio><audio src='b'></audio>").links, IsEmpty());
}

TEST(HtmlPageTest, TakesLinksToOneListInItsFormats) {
  EXPECT_THAT(
      ReadHtmlPage("<a href='listen.pls?sid=1'>x</a><a href=/>y</a><a href='listen.m3u'>").links,
      ElementsAre("listen.pls?sid=1", "listen.m3u"));
  EXPECT_THAT(ReadHtmlPage("<a href='one.m3u'>1</a><a href='two.m3u'>2</a>").links, IsEmpty());
}

TEST(HtmlPageTest, TakesARefreshToElsewhereLast) {
  EXPECT_THAT(ReadHtmlPage("<meta http-equiv=\"Refresh\" content=\"0; URL='http://a/b'\">").links,
              ElementsAre("http://a/b"));
  EXPECT_THAT(ReadHtmlPage("<meta http-equiv=refresh content='5;url=next'><a href='x.pls'>").links,
              ElementsAre("x.pls"));
  EXPECT_THAT(ReadHtmlPage("<meta http-equiv=refresh content=30>").links, IsEmpty());
  EXPECT_THAT(ReadHtmlPage("<meta http-equiv=refresh content='0;url=\"'>").links, IsEmpty());
}

TEST(HtmlPageTest, HoldsItsLimits) {
  std::string page = "<audio>";
  for (int i = 0; i < 100; ++i) page += "<source src='" + std::to_string(i) + "'>";
  EXPECT_EQ(ReadHtmlPage(page).links.size(), HtmlPage::kLinksMax);
  for (size_t length = 0; length < 200; ++length) {
    EXPECT_LE(ReadHtmlPage(page.substr(0, length)).links.size(), 16u);
  }
}

}  // namespace
}  // namespace headwater
