#include "services/common/net/source_url.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

std::string Canonical(std::string_view text) {
  const auto url = SourceUrl::Parse(text);
  if (url.ok()) return url->ToString();
  return url.error() == SourceUrlError::kScheme ? "scheme" : "syntax";
}

std::string Resolved(std::string_view base, std::string_view reference) {
  const auto url = SourceUrl::Parse(base)->Resolve(reference);
  return url.ok() ? url->ToString() : "error";
}

TEST(SourceUrlTest, ParsesWhatStationsGiveOut) {
  EXPECT_EQ(Canonical("HTTP://Radio.Example"), "http://radio.example/");
  EXPECT_EQ(Canonical("http://a:8000/;stream.mp3"), "http://a:8000/;stream.mp3");
  EXPECT_EQ(Canonical("icy://a:8000/x"), "http://a:8000/x");
  EXPECT_EQ(Canonical("https://a:443/x?y=z#frag"), "https://a/x?y=z");
  EXPECT_EQ(Canonical("http://a?x=1"), "http://a/?x=1");
  EXPECT_EQ(Canonical(" http://a/my song\xc3\xb6.mp3\r\n"), "http://a/my%20song%C3%B6.mp3");
  EXPECT_EQ(Canonical("http://192.0.2.1:80/"), "http://192.0.2.1/");
  EXPECT_EQ(Canonical("http://[2001:DB8::1]:8000/x"), "http://[2001:db8::1]:8000/x");
  EXPECT_EQ(Canonical("http://a/b/../c/./d"), "http://a/c/d");
}

TEST(SourceUrlTest, RefusesOtherSchemes) {
  for (const char* text :
       {"file:///etc/passwd", "ftp://a/", "gopher://a/", "rtsp://a/", "data:,x"}) {
    EXPECT_EQ(Canonical(text), "scheme") << text;
  }
}

TEST(SourceUrlTest, RefusesHostsThatTwoReadersTakeForDifferentOnes) {
  for (const char* text : {"http://127.1/",
                           "http://2130706433/",
                           "http://0x7f.0.0.1/",
                           "http://0177.0.0.01/",
                           "http://a%2eb/",
                           "http://a\\@b/",
                           "http://[fe80::1%25eth0]/",
                           "http://[::1/",
                           "http://::1/",
                           "http:///x",
                           "http://",
                           "http:a",
                           "http://a:0/",
                           "http://a:65536/",
                           "http://a:x/",
                           "http://a..b/",
                           "http://.a/",
                           "http://b\xc3\xbc"
                           "cher/",
                           "http://a b/",
                           "http://a\nb/",
                           "a/b",
                           "http://[1.2.3.4]/"}) {
    EXPECT_EQ(Canonical(text), "syntax") << text;
  }
  EXPECT_EQ(Canonical("http://" + std::string(5000, 'a')), "syntax");
}

TEST(SourceUrlTest, KeepsThePasswordOutOfEveryText) {
  const auto url = SourceUrl::Parse("http://me%40home:p%3Ass@a:8000/x");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->user, "me@home");
  EXPECT_EQ(url->password, "p:ss");
  EXPECT_EQ(url->ToString(), "http://a:8000/x");
  EXPECT_EQ(RedactUrl("http://me:secret@a/x"), "http://a/x");
  EXPECT_EQ(RedactUrl("ftp://me:sec@ret@a:99999/x@y"), "ftp://a:99999/x@y");
  EXPECT_EQ(RedactUrl("me:secret@a"), "a");
  EXPECT_FALSE(SourceUrl::Parse("http://u:a%0d%0aX-Y:1@a/").ok());
}

TEST(SourceUrlTest, ResolvesReferencesAsRfc3986Says) {
  const char* base = "http://a/b/c/d;p?q";
  EXPECT_EQ(Resolved(base, "g"), "http://a/b/c/g");
  EXPECT_EQ(Resolved(base, "./g/"), "http://a/b/c/g/");
  EXPECT_EQ(Resolved(base, "/g"), "http://a/g");
  EXPECT_EQ(Resolved(base, "//g"), "http://g/");
  EXPECT_EQ(Resolved(base, "?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(Resolved(base, "#s"), "http://a/b/c/d;p?q");
  EXPECT_EQ(Resolved(base, "../../../g"), "http://a/g");
  EXPECT_EQ(Resolved(base, "g?y/../x"), "http://a/b/c/g?y/../x");
  EXPECT_EQ(Resolved(base, ".."), "http://a/b/");
  EXPECT_EQ(Resolved("https://a/", "//g/x"), "https://g/x");
  EXPECT_EQ(Resolved(base, "https://x:8443/y"), "https://x:8443/y");
  EXPECT_EQ(Resolved(base, "file:///etc/passwd"), "error");
}

TEST(SourceUrlTest, CredentialsGoToTheSameOriginOnly) {
  const auto base = SourceUrl::Parse("http://me:secret@a:8000/list.m3u");
  EXPECT_EQ(base->Resolve("live")->password, "secret");
  EXPECT_EQ(base->Resolve("http://a:8000/live")->password, "secret");
  EXPECT_EQ(base->Resolve("http://b:8000/live")->password, "");
  EXPECT_EQ(base->Resolve("http://a:8001/live")->password, "");
  EXPECT_EQ(base->Resolve("//b/live")->user, "");
}

TEST(AddressPolicyTest, AllowsPublicAddressesAndOthersOnlyForLocalDirectories) {
  const auto allowed = [](const char* text, bool local) {
    return IsAddressAllowed(*IpAddress::Parse(text), local);
  };
  EXPECT_TRUE(allowed("9.9.9.9", false));
  EXPECT_TRUE(allowed("2620:fe::fe", false));
  for (const char* text : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "192.168.1.1",
                           "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1"}) {
    EXPECT_FALSE(allowed(text, false)) << text;
    EXPECT_TRUE(allowed(text, true)) << text;
  }
  for (const char* text : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "239.1.2.3"}) {
    EXPECT_FALSE(allowed(text, true)) << text;
  }
}

}  // namespace
}  // namespace headwater
