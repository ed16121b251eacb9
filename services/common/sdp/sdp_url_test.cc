#include <gtest/gtest.h>

#include "services/common/sdp/sdp.h"

namespace headwater {
namespace {

TEST(SdpUrlTest, KnowsUrls) {
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

}  // namespace
}  // namespace headwater
