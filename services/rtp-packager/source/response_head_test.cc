#include "services/rtp-packager/source/response_head.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace headwater {
namespace {

ResponseHead Read(std::initializer_list<std::string_view> lines) {
  ResponseHead head;
  for (const std::string_view line : lines) EXPECT_TRUE(head.AddLine(line));
  return head;
}

TEST(ResponseHeadTest, ReadsShoutcast) {
  const ResponseHead head =
      Read({"ICY 200 OK\r\n", "icy-name: Caf\xe9\r\n", "icy-br:128\r\n", "Icy-MetaInt: 8192\r\n",
            "content-type: Audio/MPEG; charset=x\r\n", "icy-genre:Jazz\r\n", "\r\n"});
  EXPECT_TRUE(head.complete());
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.head().icy_name, "Café");
  EXPECT_EQ(head.head().icy_genre, "Jazz");
  EXPECT_EQ(head.head().content_type, "audio/mpeg");
  EXPECT_EQ(head.head().bitrate_kbps, 128);
  EXPECT_EQ(head.metaint(), 8192u);
}

TEST(ResponseHeadTest, TellsTheStatusInWords) {
  EXPECT_EQ(Read({"HTTP/1.1 404 Nope\x1b[0m", ""}).StatusText(), "404 Nope [0m");
  EXPECT_EQ(Read({"HTTP/2 404", ""}).StatusText(), "404 Not Found");
  EXPECT_EQ(Read({"HTTP/1.0 299", ""}).StatusText(), "299");
}

TEST(ResponseHeadTest, ForgetsTheHeaderOfAnInformationalAnswer) {
  const ResponseHead head = Read({"HTTP/1.1 100 Continue", "icy-name: x", "", "HTTP/1.1 302 Found",
                                  "Location: http://b/", ""});
  EXPECT_TRUE(head.complete());
  EXPECT_EQ(head.head().icy_name, "");
  EXPECT_EQ(head.location(), "http://b/");
}

TEST(ResponseHeadTest, IgnoresNumbersThatAreNone) {
  const ResponseHead head =
      Read({"HTTP/1.1 200 OK", "icy-metaint: 99999999999999999999", "icy-br: quality 7", ""});
  EXPECT_EQ(head.metaint(), 0u);
  EXPECT_EQ(head.head().bitrate_kbps, 0);
}

TEST(ResponseHeadTest, RefusesAnEndlessHeader) {
  ResponseHead many;
  size_t lines = 0;
  while (many.AddLine("X: y\r\n")) ++lines;
  EXPECT_EQ(lines, ResponseHead::kLinesMax);
  ResponseHead large;
  EXPECT_FALSE(large.AddLine(std::string(ResponseHead::kBytesMax + 1, 'x')));
}

}  // namespace
}  // namespace headwater
