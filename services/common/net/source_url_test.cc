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
  for (const char* text : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "239.1.2.3", "::ffff:0.0.0.0",
                           "::ffff:239.1.2.3"}) {
    EXPECT_FALSE(allowed(text, true)) << text;
  }
}

// What becomes of a URL from outside, in a directory that is not local, before any packet is sent.
std::string Fate(std::string_view text) {
  const auto url = SourceUrl::Parse(text);
  if (!url.ok()) return url.error() == SourceUrlError::kScheme ? "scheme" : "syntax";
  if (!url->literal) return "resolved";  // and every address of it comes here again
  return IsAddressAllowed(*url->literal, false) ? "allowed" : "refused";
}

struct RequestForgery {
  const char* what;
  const char* url;
  const char* fate;
};

constexpr RequestForgery kRequestForgeries[] = {
    {"an ordinary host", "http://9.9.9.9/", "allowed"},
    {"an ordinary host", "http://[2620:fe::fe]:8000/", "allowed"},
    {"loopback", "http://127.0.0.1/", "refused"},
    {"loopback, elsewhere", "http://127.99.0.1:9464/metrics", "refused"},
    {"loopback", "http://[::1]/", "refused"},
    {"private, 10/8", "http://10.0.0.1/", "refused"},
    {"private, 172.16/12, its end", "http://172.31.255.255/", "refused"},
    {"beside 172.16/12", "http://172.32.0.0/", "allowed"},
    {"private, 192.168/16", "http://192.168.1.1/", "refused"},
    {"shared by carriers, its ends", "http://100.64.0.1/", "refused"},
    {"shared by carriers, its ends", "http://100.127.255.254/", "refused"},
    {"link-local and cloud metadata", "http://169.254.169.254/latest/meta-data/", "refused"},
    {"cloud metadata", "http://[fd00:ec2::254]/latest/", "refused"},
    {"cloud metadata of another", "http://100.100.100.200/", "refused"},
    {"this network", "http://0.0.0.0/", "refused"},
    {"this network", "http://0.1.2.3/", "refused"},
    {"protocol assignments", "http://192.0.0.8/", "refused"},
    {"documentation", "http://192.0.2.1/", "refused"},
    {"documentation", "http://198.51.100.1/", "refused"},
    {"documentation", "http://203.0.113.1/", "refused"},
    {"documentation", "http://[2001:db8::1]/", "refused"},
    {"documentation", "http://[3fff::1]/", "refused"},
    {"benchmarks", "http://198.19.255.255/", "refused"},
    {"6to4 relays", "http://192.88.99.1/", "refused"},
    {"multicast", "http://224.0.0.251/", "refused"},
    {"multicast", "http://[ff02::1]/", "refused"},
    {"reserved", "http://240.0.0.1/", "refused"},
    {"broadcast", "http://255.255.255.255/", "refused"},
    {"unspecified", "http://[::]/", "refused"},
    {"unique local", "http://[fc00::1]/", "refused"},
    {"link-local", "http://[fe80::1]/", "refused"},
    {"site-local", "http://[fec0::1]/", "refused"},
    {"discarded", "http://[100::1]/", "refused"},
    {"mapped, private", "http://[::ffff:10.0.0.1]/", "refused"},
    {"mapped, in hexadecimal", "http://[::ffff:7f00:1]/", "refused"},
    {"mapped, public: nobody needs it", "http://[::ffff:9.9.9.9]/", "refused"},
    {"compatible", "http://[::127.0.0.1]/", "refused"},
    {"translated, RFC 2765", "http://[::ffff:0:127.0.0.1]/", "refused"},
    {"NAT64 of a private address", "http://[64:ff9b::10.0.0.1]/", "refused"},
    {"NAT64 of metadata", "http://[64:ff9b::169.254.169.254]/", "refused"},
    {"NAT64 of a public address", "http://[64:ff9b::9.9.9.9]/", "allowed"},
    {"NAT64 by a local prefix", "http://[64:ff9b:1::9.9.9.9]/", "refused"},
    {"6to4 of a private address", "http://[2002:a00:1::1]/", "refused"},
    {"6to4 of loopback", "http://[2002:7f00:1::]/", "refused"},
    {"Teredo", "http://[2001:0:53aa:64c::1]/", "refused"},
    {"ORCHID", "http://[2001:20::1]/", "refused"},
    {"one number", "http://2130706433/", "syntax"},
    {"octal", "http://0177.0.0.1/", "syntax"},
    {"hexadecimal", "http://0x7f.1/", "syntax"},
    {"hexadecimal, one number", "http://0x7f000001/", "syntax"},
    {"too short", "http://127.1/", "syntax"},
    {"with a dot behind", "http://127.0.0.1./", "syntax"},
    {"zone", "http://[fe80::1%25lo]/", "syntax"},
    {"percent-encoded", "http://127%2e0%2e0%2e1/", "syntax"},
    {"full-width digits", "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", "syntax"},
    {"a name with a dot behind", "http://localhost./", "resolved"},
    {"a name of the machine", "http://localhost:9464/", "resolved"},
    {"a public name of a private address", "http://127.0.0.1.nip.io/", "resolved"},
    {"host behind user", "http://9.9.9.9@127.0.0.1/", "refused"},
    {"host behind user and password", "http://9.9.9.9:80@10.0.0.1/", "refused"},
    {"user behind host", "http://127.0.0.1@9.9.9.9/", "allowed"},
    {"two users", "http://a@9.9.9.9@127.0.0.1/", "refused"},
    {"fragment for a path", "http://127.0.0.1#@9.9.9.9/", "refused"},
    {"query for a path", "http://127.0.0.1?@9.9.9.9/", "refused"},
    {"backslash", "http://9.9.9.9\\@127.0.0.1/", "syntax"},
    {"backslashes", "http:\\\\127.0.0.1/", "syntax"},
    {"a line end in the host", "http://9.9.9.9\r\nHost: 127.0.0.1/", "syntax"},
    {"files", "file:///etc/passwd", "scheme"},
    {"gopher", "gopher://127.0.0.1:25/_MAIL", "scheme"},
    {"dict", "dict://127.0.0.1:11211/stats", "scheme"},
    {"unix sockets", "unix:///run/headwater/x.sock", "scheme"},
    {"libav", "concat:http://9.9.9.9/|file:///etc/passwd", "scheme"},
    {"icy is http", "icy://127.0.0.1/", "refused"},
};

TEST(AddressPolicyTest, RefusesEveryWayToForgeARequest) {
  for (const RequestForgery& row : kRequestForgeries) {
    EXPECT_EQ(Fate(row.url), row.fate) << row.what << ": " << row.url;
    // The same as a redirect or a list's target.
    const auto relative = SourceUrl::Parse("http://9.9.9.9/a")->Resolve(row.url);
    EXPECT_EQ(relative.ok(), SourceUrl::Parse(row.url).ok()) << row.what << ": " << row.url;
  }
}

}  // namespace
}  // namespace headwater
