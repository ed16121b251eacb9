#include <gtest/gtest.h>

#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

TEST(SdpTextTest, KeepsUtf8) {
  EXPECT_EQ(CleanSdpText("Édith Piaf – 東京 🎵"), "Édith Piaf – 東京 🎵");
}

TEST(SdpTextTest, RemovesWhatWouldBeginALine) {
  EXPECT_EQ(CleanSdpText("a\r\nm=audio 1 RTP/AVP 0"), "a m=audio 1 RTP/AVP 0");
  EXPECT_EQ(CleanSdpText("a\xE2\x80\xA8"
                         "b\xC2\x85"
                         "c\x7F"
                         "d\x1B[0m"),
            "a b c d [0m");
  EXPECT_EQ(CleanSdpText(std::string_view(" \0a\0 ", 5)), "a");
  EXPECT_EQ(CleanSdpText("\r\n\t"), "");
}

TEST(SdpTextTest, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(CleanSdpText("caf\xE9 x"), "caf\xEF\xBF\xBD x");
  // Overlong slash, surrogate, beyond U+10FFFF, truncated.
  EXPECT_EQ(CleanSdpText("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(CleanSdpText("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(CleanSdpText("\xF4\x90\x80\x80").size(), 12u);
  EXPECT_EQ(CleanSdpText("x\xE2\x82"), "x\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(SdpTextTest, RemovesDirectionOverrides) {
  EXPECT_EQ(CleanSdpText("\xEF\xBB\xBF"
                         "abc\xE2\x80\xAE"
                         "def"),
            "abcdef");
}

TEST(SdpTextTest, CutsAtACharacter) {
  EXPECT_EQ(CleanSdpText("éééééé", 9), "ééé…");
  EXPECT_EQ(CleanSdpText("éééééé", 8), "éé…");
  EXPECT_EQ(CleanSdpText("abcdef", 6), "abcdef");
  EXPECT_EQ(CleanSdpText("éé", 1), "");
  EXPECT_EQ(CleanSdpText(std::string(100'000, 'x')).size(), kSdpTextMax);
}

TEST(SdpTextTest, KnowsUrls) {
  for (const char* good : {"http://radio.example", "HTTPS://radio.example:8000/a?b=c#d",
                           "http://[2001:db8::1]/", "http://a/%C3%A9"}) {
    EXPECT_TRUE(IsSdpUrl(good)) << good;
  }
  for (const char* bad :
       {"", "http://", "http:///x", "http://:80/", "ftp://a/", "/a", "a.example", "http://a/b c",
        "http://a/\r\nm=audio", "http://a/%zz", "http://a/%4", "http://a/\xC3\xA9",
        "javascript:alert(1)", "http://u@/", "http://a/<b>"}) {
    EXPECT_FALSE(IsSdpUrl(bad)) << bad;
  }
  EXPECT_FALSE(IsSdpUrl("http://a/" + std::string(kSdpUrlMax, 'x')));
}

TEST(SdpTextTest, GivesBandwidthWithHeaders) {
  EXPECT_EQ(SdpBandwidthKbps(0), 0u);
  EXPECT_EQ(SdpBandwidthKbps(128'000), 148u);
  EXPECT_EQ(SdpBandwidthKbps(4'000'001), 4201u);
  EXPECT_EQ(SdpBandwidthKbps(0xFFFFFFFF), 4'509'716u);
}

}  // namespace
}  // namespace headwater
