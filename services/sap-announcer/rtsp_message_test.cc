#include "services/sap-announcer/rtsp_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

// ffmpeg 5.1.
constexpr std::string_view kFfmpegSetup =
    "SETUP rtsp://192.0.2.1:8554/239.192.0.1/ RTSP/1.0\r\n"
    "Transport: RTP/AVP/UDP;multicast\r\n"
    "CSeq: 3\r\n"
    "User-Agent: Lavf59.27.100\r\n"
    "\r\n";
// GStreamer 1.22: a header may come twice.
constexpr std::string_view kGstOptions =
    "OPTIONS rtsp://[2001:db8::1]:8554/ff3e:40::8000:1 RTSP/1.0\r\n"
    "CSeq: 1\r\n"
    "User-Agent: GStreamer/1.22.0\r\n"
    "User-Agent: RealMedia Player Version 6.0.9.1235 (linux-2.0-libc6-i386-gcc2.95)\r\n"
    "GUID: 00000000-0000-0000-0000-000000000000\r\n"
    "PlayerStarttime: [28/03/2003:22:50:23 00:00]\r\n"
    "\r\n";

RtspRequest Read(std::string_view text) {
  RtspReader reader;
  EXPECT_TRUE(reader.Add(AsBytes(text)));
  auto request = reader.Next();
  EXPECT_TRUE(request.ok() && request->has_value()) << text;
  return request.ok() ? request->value_or(RtspRequest{}) : RtspRequest{};
}

std::optional<RtspError> ErrorOf(std::string_view text) {
  RtspReader reader;
  EXPECT_TRUE(reader.Add(AsBytes(text)));
  const auto request = reader.Next();
  return request.ok() ? std::nullopt : std::optional(request.error());
}

TEST(RtspReaderTest, ReadsWhatPlayersSend) {
  const RtspRequest setup = Read(kFfmpegSetup);
  EXPECT_EQ(setup.method, "SETUP");
  EXPECT_EQ(setup.uri, "rtsp://192.0.2.1:8554/239.192.0.1/");
  EXPECT_EQ(*setup.Find("cseq"), "3");
  EXPECT_EQ(*setup.Find("transport"), "RTP/AVP/UDP;multicast");
  EXPECT_EQ(setup.Find("session"), nullptr);
  const RtspRequest options = Read(kGstOptions);
  EXPECT_EQ(*options.Find("user-agent"), "GStreamer/1.22.0");
  EXPECT_EQ(options.headers.size(), 5u);
}

TEST(RtspReaderTest, WaitsForTheRestAtEveryLength) {
  for (size_t cut = 0; cut < kFfmpegSetup.size(); ++cut) {
    RtspReader reader;
    ASSERT_TRUE(reader.Add(AsBytes(kFfmpegSetup.substr(0, cut))));
    auto request = reader.Next();
    ASSERT_TRUE(request.ok() && !request->has_value()) << cut;
    ASSERT_TRUE(reader.Add(AsBytes(kFfmpegSetup.substr(cut))));
    request = reader.Next();
    ASSERT_TRUE(request.ok() && request->has_value()) << cut;
    EXPECT_EQ((*request)->headers.size(), 3u);
    EXPECT_FALSE(reader.Next()->has_value());
  }
}

TEST(RtspReaderTest, ReadsOverBodiesAndEmptyLines) {
  RtspReader reader;
  ASSERT_TRUE(
      reader.Add(AsBytes("\r\n\nGET_PARAMETER * RTSP/1.0\nContent-Length: 7\n\npackets"
                         "OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n")));
  const auto first = reader.Next();
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ((*first)->body_bytes, 7u);
  const auto second = reader.Next();
  ASSERT_TRUE(second.ok() && second->has_value());
  EXPECT_EQ((*second)->method, "OPTIONS");
}

TEST(RtspReaderTest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(ErrorOf("GET / HTTP/1.1\r\n\r\n"), RtspError::kBadVersion);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/2.0\r\n\r\n"), RtspError::kBadVersion);
  EXPECT_EQ(ErrorOf("RTSP/1.0 200 OK\r\n\r\n"), RtspError::kBadRequestLine);
  EXPECT_EQ(ErrorOf("OPTIONS *\r\n\r\n"), RtspError::kBadRequestLine);
  EXPECT_EQ(ErrorOf("OPT\x01IONS * RTSP/1.0\r\n\r\n"), RtspError::kBadRequestLine);
  EXPECT_EQ(ErrorOf(std::string_view("$\0\0\4abcd\n", 9)), RtspError::kBadRequestLine);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n"), RtspError::kBadHeader);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nA: b\r\n folded: c\r\n\r\n"), RtspError::kBadHeader);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n"), RtspError::kBadHeader);
}

TEST(RtspReaderTest, BoundsWhatItKeeps) {
  const std::string long_line(RtspReader::kHeaderBytesMax, 'x');
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nA: " + long_line), RtspError::kTooLong);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nA: " + long_line + "\r\n\r\n"), RtspError::kTooLong);
  EXPECT_EQ(ErrorOf("OPTIONS * RTSP/1.0\r\nContent-Length: 4097\r\n\r\n"), RtspError::kTooLong);
  std::string many = "OPTIONS * RTSP/1.0\r\n";
  for (size_t i = 0; i <= RtspReader::kHeadersMax; ++i) many += "A: b\r\n";
  EXPECT_EQ(ErrorOf(many), RtspError::kTooLong);
  RtspReader reader;
  EXPECT_FALSE(reader.Add(AsBytes(std::string(RtspReader::kWaitingBytesMax + 1, 'x'))));
}

TEST(RtspResponseTest, IsOneLineForEachHeader) {
  EXPECT_EQ(
      ToText({.status = 404, .reason = "no\r\nSession: 1", .headers = {{"CSeq", "7"}}, .body = {}}),
      "RTSP/1.0 404 no Session: 1\r\nCSeq: 7\r\n\r\n");
  EXPECT_EQ(ToText({.status = 200, .reason = "OK", .headers = {}, .body = "v=0\r\n"}),
            "RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nv=0\r\n");
}

TEST(RtspTargetTest, IsAGroupOrANumber) {
  const auto target = [](std::string_view uri) {
    const auto parsed = ParseRtspTarget(uri);
    return parsed ? parsed->ToString() : "none";
  };
  EXPECT_EQ(target("rtsp://192.0.2.1:8554/239.192.0.1"), "239.192.0.1");
  EXPECT_EQ(target("rtsp://[2001:db8::1]:8554/ff3e:40::8000:1/"), "ff3e:40::8000:1");
  EXPECT_EQ(target("RTSP://h/[ff3e:40:0::8000:1]?x=/y"), "ff3e:40::8000:1");
  EXPECT_EQ(target("rtsp://h/%5Bff3e%3A40%3a%3A8000:1%5d/"), "ff3e:40::8000:1");
  EXPECT_EQ(target("rtsp://user:secret@h/0x80000001"), "0x80000001");
  EXPECT_EQ(target("/0XD0BEF00D"), "0xd0bef00d");
  for (const char* none :
       {"*", "", "rtsp://h", "rtsp://h/", "rtsp://h/192.0.2.1", "rtsp://h/::1", "rtsp://h/0x1",
        "rtsp://h/0x800000001", "rtsp://h/0x", "rtsp://h/2147483649", "rtsp://h/ff3e:40::8000:1/a",
        "rtsp://h/%", "rtsp://h/%f", "http://h/239.192.0.1", "rtsp://h/0x8000000g"}) {
    EXPECT_EQ(target(none), "none") << none;
  }
}

TEST(RtspTransportTest, MulticastMustBeAmongTheOffers) {
  EXPECT_TRUE(OffersMulticast("RTP/AVP/UDP;multicast"));
  EXPECT_TRUE(OffersMulticast("RTP/AVP;multicast;port=5004-5005"));
  // The default (RFC 2326 section 12.39).
  EXPECT_TRUE(OffersMulticast("rtp/avp"));
  EXPECT_TRUE(OffersMulticast("RTP/AVP/TCP;unicast;interleaved=0-1, RTP/AVP ; Multicast"));
  EXPECT_FALSE(OffersMulticast("RTP/AVP;unicast;client_port=4588-4589"));
  EXPECT_FALSE(OffersMulticast("RTP/AVP/TCP;interleaved=0-1"));
  EXPECT_FALSE(OffersMulticast("RTP/AVP;interleaved=0-1"));
  EXPECT_FALSE(OffersMulticast("RAW/RAW/UDP;multicast"));
  EXPECT_FALSE(OffersMulticast(""));
}

}  // namespace
}  // namespace headwater
