#include "services/sap-announcer/rtsp_connection.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kUrl[] = "rtsp://192.0.2.1:8554/239.192.0.1";

RtspDescription Radio() {
  RtspDescription radio;
  radio.sdp = "v=0\r\ns=Radio\r\n";
  radio.group = *IpAddress::Parse("239.192.0.1");
  radio.source = *IpAddress::Parse("192.0.2.1");
  radio.ttl = 16;
  return radio;
}

// A player, whose station is described whenever it is asked for.
class RtspConnectionTest : public ::testing::Test {
 protected:
  RtspConnection::Output Send(std::string_view text) {
    RtspConnection::Output out;
    connection_.OnBytes(AsBytes(text), now_, out);
    return out;
  }
  // The response to a whole request.
  std::string Ask(std::string_view method, std::string_view more = "",
                  std::string_view uri = kUrl) {
    RtspConnection::Output out =
        Send(fmt::format("{} {} RTSP/1.0\r\nCSeq: {}\r\n{}\r\n", method, uri, ++cseq_, more));
    if (out.ask) {
      out = {};
      connection_.OnDescription(description_, now_, out);
    }
    return out.bytes;
  }
  std::string Session() {
    const std::string response = Ask("SETUP", "Transport: RTP/AVP;multicast\r\n");
    const size_t at = response.find("Session: ");
    return at == std::string::npos ? "" : response.substr(at + 9, response.find(';', at) - at - 9);
  }

  MonoTime now_{};
  RtspConnection connection_{1, MonoTime{}};
  RtspDescription description_ = Radio();
  int cseq_ = 0;
};

// Requests as ffmpeg 5.1 sends them.
TEST_F(RtspConnectionTest, ServesFfmpeg) {
  EXPECT_THAT(Send("OPTIONS rtsp://192.0.2.1:8554/239.192.0.1 RTSP/1.0\r\nCSeq: 1\r\n"
                   "User-Agent: Lavf59.27.100\r\n\r\n")
                  .bytes,
              AllOf(StartsWith("RTSP/1.0 200 OK\r\nCSeq: 1\r\n"), HasSubstr("DESCRIBE")));
  RtspConnection::Output out = Send(
      "DESCRIBE rtsp://192.0.2.1:8554/239.192.0.1 RTSP/1.0\r\nAccept: application/sdp\r\n"
      "CSeq: 2\r\nUser-Agent: Lavf59.27.100\r\n\r\n");
  EXPECT_EQ(out.bytes, "");
  ASSERT_TRUE(out.ask);
  EXPECT_EQ(out.ask->ToString(), "239.192.0.1");
  connection_.OnDescription(Radio(), now_, out);
  EXPECT_EQ(out.bytes,
            "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Type: application/sdp\r\n"
            "Content-Base: rtsp://192.0.2.1:8554/239.192.0.1/\r\nServer: Headwater\r\n"
            "Content-Length: 14\r\n\r\nv=0\r\ns=Radio\r\n");
  out = Send(
      "SETUP rtsp://192.0.2.1:8554/239.192.0.1/ RTSP/1.0\r\n"
      "Transport: RTP/AVP/UDP;multicast\r\nCSeq: 3\r\nUser-Agent: Lavf59.27.100\r\n\r\n");
  ASSERT_TRUE(out.ask);
  connection_.OnDescription(Radio(), now_, out);
  EXPECT_THAT(out.bytes,
              HasSubstr("Transport: RTP/AVP;multicast;destination=239.192.0.1;source=192.0.2.1;"
                        "port=5004-5005;ttl=16\r\n"));
  EXPECT_THAT(out.bytes, HasSubstr(";timeout=60\r\n"));
}

// As VLC's live555 sends them: it asks for multicast where the SDP has a group.
TEST_F(RtspConnectionTest, ServesLive555) {
  const std::string agent = "User-Agent: LibVLC/3.0.20 (LIVE555 Streaming Media v2016.11.28)\r\n";
  EXPECT_THAT(Ask("OPTIONS", agent), StartsWith("RTSP/1.0 200"));
  EXPECT_THAT(Ask("DESCRIBE", agent + "Accept: application/sdp\r\n"), HasSubstr("s=Radio"));
  const std::string setup = Ask("SETUP", agent + "Transport: RTP/AVP;multicast;port=5004-5005\r\n",
                                std::string(kUrl) + "/");
  EXPECT_THAT(setup, StartsWith("RTSP/1.0 200"));
  const std::string session = setup.substr(setup.find("Session: ") + 9, 8);
  EXPECT_THAT(Ask("PLAY", agent + "Session: " + session + "\r\nRange: npt=0.000-\r\n"),
              AllOf(StartsWith("RTSP/1.0 200"), HasSubstr("Session: " + session)));
  EXPECT_THAT(Ask("GET_PARAMETER", agent + "Session: " + session + "\r\n"),
              StartsWith("RTSP/1.0 200"));
  EXPECT_THAT(Ask("TEARDOWN", agent + "Session: " + session + "\r\n"), StartsWith("RTSP/1.0 200"));
  EXPECT_THAT(Ask("PLAY", "Session: " + session + "\r\n"), StartsWith("RTSP/1.0 454"));
}

TEST_F(RtspConnectionTest, SaysWhyNot) {
  EXPECT_THAT(Ask("SETUP", "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n"),
              StartsWith("RTSP/1.0 461 Stations are sent by multicast only"));
  EXPECT_THAT(Ask("SETUP"), StartsWith("RTSP/1.0 400 SETUP has no Transport"));
  EXPECT_THAT(Ask("DESCRIBE", "", "rtsp://192.0.2.1/radio"), StartsWith("RTSP/1.0 404 The path"));
  EXPECT_THAT(Ask("DESCRIBE", "Accept: text/html\r\n"), StartsWith("RTSP/1.0 406"));
  EXPECT_THAT(Ask("DESCRIBE", "Require: x-speed\r\n"),
              AllOf(StartsWith("RTSP/1.0 551"), HasSubstr("Unsupported: x-speed\r\n")));
  EXPECT_THAT(Ask("PAUSE"), AllOf(StartsWith("RTSP/1.0 405"), HasSubstr("Allow: OPTIONS")));
  EXPECT_THAT(Ask("RECORD"), StartsWith("RTSP/1.0 405"));
  EXPECT_THAT(Ask("FLY"), StartsWith("RTSP/1.0 501"));
  EXPECT_THAT(Ask("PLAY"), StartsWith("RTSP/1.0 454"));
  EXPECT_THAT(Ask("SETUP", "Transport: RTP/AVP;multicast\r\nSession: 1\r\n"),
              StartsWith("RTSP/1.0 454"));
  EXPECT_THAT(Ask("GET_PARAMETER", "Content-Length: 1\r\n"), StartsWith("RTSP/1.0 451"));
  // Its body.
  EXPECT_THAT(Send("xOPTIONS * RTSP/1.0\r\n\r\n").bytes, StartsWith("RTSP/1.0 400 CSeq"));
  description_.status = 404;
  description_.reason = "0x80000005 is not in the number plan";
  EXPECT_THAT(Ask("DESCRIBE"),
              AllOf(StartsWith("RTSP/1.0 404 0x80000005 is not"), Not(HasSubstr("Content-"))));
  EXPECT_THAT(Ask("SETUP", "Transport: RTP/AVP;multicast\r\n"), StartsWith("RTSP/1.0 404"));
}

TEST_F(RtspConnectionTest, WhatComesWhileItWaitsIsAnsweredInOrder) {
  RtspConnection::Output out = Send(
      "DESCRIBE /239.192.0.1 RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n"
      "DESCRIBE /0x80000007 RTSP/1.0\r\nCSeq: 3\r\n\r\n");
  ASSERT_TRUE(out.ask);
  EXPECT_EQ(out.bytes, "");
  EXPECT_EQ(connection_.Deadline(), kNever);
  out = {};
  connection_.OnDescription(Radio(), now_, out);
  EXPECT_LT(out.bytes.find("CSeq: 1"), out.bytes.find("CSeq: 2"));
  EXPECT_THAT(out.bytes, HasSubstr("CSeq: 2"));
  ASSERT_TRUE(out.ask);
  EXPECT_EQ(out.ask->number, 0x80000007);
}

TEST_F(RtspConnectionTest, EndsAfterNonsenseAndFloods) {
  RtspConnection::Output out = Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(out.bytes, StartsWith("RTSP/1.0 505"));
  EXPECT_TRUE(out.close);
  out = Send("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
  EXPECT_EQ(out.bytes, "");

  connection_ = RtspConnection(1, now_);
  for (uint64_t i = 0; i < RtspConnection::kRequestsBurst; ++i) {
    ASSERT_THAT(Ask("OPTIONS"), StartsWith("RTSP/1.0 200"));
  }
  EXPECT_TRUE(Send("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").close);

  connection_ = RtspConnection(1, now_);
  ASSERT_TRUE(Send("DESCRIBE /239.192.0.1 RTSP/1.0\r\nCSeq: 1\r\n\r\n").ask);
  EXPECT_TRUE(Send(std::string(RtspReader::kWaitingBytesMax + 1, 'x')).close);
}

TEST_F(RtspConnectionTest, StaysAsLongAsThePlayerIsHeard) {
  EXPECT_EQ(connection_.Deadline(), now_ + RtspConnection::kIdle);
  now_ += 10s;
  // Bytes without a request are no sign of life: a slow request ends.
  Send("OPTIONS * RTSP");
  EXPECT_EQ(connection_.Deadline(), now_ - 10s + RtspConnection::kIdle);
  Send("/1.0\r\nCSeq: 1\r\n\r\n");
  EXPECT_EQ(connection_.Deadline(), now_ + RtspConnection::kIdle);
  const std::string session = Session();
  now_ += 50s;
  EXPECT_GT(connection_.Deadline(), now_);
  Ask("GET_PARAMETER", "Session: " + session + "\r\n");
  EXPECT_EQ(connection_.Deadline(),
            now_ + RtspConnection::kSessionTimeout + RtspConnection::kSessionGrace);
}

TEST_F(RtspConnectionTest, CountsByMethodAndStatus) {
  Ask("OPTIONS");
  Ask("FLY");
  Ask("DESCRIBE");
  Send("nonsense\n\n");
  const RtspCounts counts = connection_.TakeCounts();
  const RtspCounts expected = {
      {{"OPTIONS", 200}, 1}, {{"other", 501}, 1}, {{"DESCRIBE", 200}, 1}, {{"none", 400}, 1}};
  EXPECT_EQ(counts, expected);
}

}  // namespace
}  // namespace headwater
