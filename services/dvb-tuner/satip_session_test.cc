#include "services/dvb-tuner/satip_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/dvb-tuner/satip_search.h"

namespace headwater::tuner {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Carrier Parse(std::string_view line) {
  return ParseCarrier(line, {.by_switch = {"28.2E", "19.2E"}}).value();
}

TEST(SatipQueryTest, SaysHowToTune) {
  EXPECT_EQ(SatipQuery(Parse("-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23"), 0),
            "src=1&freq=11426.500&pol=h&msys=dvbs&sr=27500&fec=23&pids=all");
  EXPECT_EQ(SatipQuery(Parse("-f 12441000 -v 13 -5 DVBS2 -s 29500000 -F 89 -m QPSK -R 25 -P 1 -S 2 "
                             "--multistream-id-is-id 4"),
                       3),
            "src=2&freq=12441.000&pol=v&msys=dvbs2&sr=29500&fec=89&mtype=qpsk&ro=0.25&plts=on&isi=4"
            "&fe=3&pids=all");
  EXPECT_EQ(SatipQuery(Parse("-f 506000000 -5 DVBT2 -b 8 -9 1"), 0),
            "freq=506.000&bw=8&msys=dvbt2&plp=1&pids=all");
  EXPECT_EQ(SatipQuery(Parse("-f 346000000 -5 DVBC_ANNEX_A -s 6900000 -m QAM_256"), 0),
            "freq=346.000&msys=dvbc&sr=6900&mtype=256qam&pids=all");
  EXPECT_EQ(SatipQuery(Parse("-f 506000000 -5 ISDBT"), 0), std::nullopt);
}

class SatipSessionTest : public ::testing::Test {
 protected:
  std::string Answer(std::string_view text) { return session_.OnBytes(AsBytes(text), now_); }
  void Play() {
    session_.Begin(now_);
    Answer("RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 0521;timeout=30\r\ncom.ses.streamID: 7\r\n\r\n");
    Answer("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n");
  }

  MonoTime now_{};
  SatipSession session_{"192.0.2.5:554", "src=1", 5000};
};

TEST_F(SatipSessionTest, SetsUpAndPlays) {
  EXPECT_EQ(session_.Begin(now_),
            "SETUP rtsp://192.0.2.5:554/?src=1 RTSP/1.0\r\nCSeq: 1\r\n"
            "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n");
  // In pieces, and with a body.
  EXPECT_EQ(Answer("RTSP/1.0 200 OK\r\nCSeq: 1\r\nsession: 0521;timeout=30\r\n"), "");
  EXPECT_EQ(Answer("com.ses.streamID: 7\r\nContent-Length: 2\r\n\r\nx"), "");
  EXPECT_EQ(Answer("y"),
            "PLAY rtsp://192.0.2.5:554/stream=7 RTSP/1.0\r\nCSeq: 2\r\nSession: 0521\r\n\r\n");
  EXPECT_FALSE(session_.playing());
  Answer("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n");
  EXPECT_TRUE(session_.playing());
  EXPECT_THAT(session_.End(), StartsWith("TEARDOWN rtsp://192.0.2.5:554/stream=7"));
}

TEST_F(SatipSessionTest, KeepsItselfAlive) {
  Play();
  EXPECT_EQ(session_.NextDeadline(), now_ + 15s);
  now_ += 15s;
  EXPECT_THAT(session_.OnTime(now_), AllOf(StartsWith("OPTIONS"), HasSubstr("Session: 0521")));
  Answer("RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n");
  EXPECT_EQ(session_.NextDeadline(), now_ + 15s);
  now_ += 15s;
  session_.OnTime(now_);
  now_ += 5s;
  EXPECT_EQ(session_.OnTime(now_), "");
  EXPECT_THAT(session_.error(), HasSubstr("no answer"));
}

TEST_F(SatipSessionTest, SaysWhyTheServerRefuses) {
  session_.Begin(now_);
  Answer("RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\n\r\n");
  EXPECT_EQ(session_.error(), "SAT>IP server 192.0.2.5:554: 503 Service Unavailable");
  EXPECT_EQ(session_.End(), "");
}

TEST_F(SatipSessionTest, IsBounded) {
  session_.Begin(now_);
  Answer(std::string(SatipSession::kHeaderMax + 1, 'x'));
  EXPECT_THAT(session_.error(), HasSubstr("no end"));
  SatipSession other("h", "q", 1);
  other.Begin(now_);
  other.OnBytes(AsBytes("RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"), now_);
  EXPECT_THAT(other.error(), HasSubstr("too long"));
}

TEST_F(SatipSessionTest, SendsNothingThatTheServerCouldHaveMadeALineOf) {
  session_.Begin(now_);
  Answer("RTSP/1.0 200 OK\r\nSession: a b\r\ncom.ses.streamID: 7\r\n\r\n");
  EXPECT_THAT(session_.error(), HasSubstr("without session or stream"));
  EXPECT_THAT(session_.error(), Not(HasSubstr("\r")));
}

TEST(SatipStatusTest, ReadsTheServersReport) {
  const std::string text = "ver=1.0;src=1;tuner=1,240,1,7,11426.50,h,dvbs,,,,27500,23;pids=all";
  std::vector<uint8_t> packet = {0x80, 200, 0, 1, 1, 2, 3, 4};  // SR in front, cut short
  const size_t padded = (text.size() + 3) / 4 * 4;
  packet.insert(packet.end(), {0x80, 204, 0, static_cast<uint8_t>((12 + padded) / 4), 1, 2, 3, 4,
                               'S', 'E', 'S', '1', 0, 0, 0, static_cast<uint8_t>(text.size())});
  packet.insert(packet.end(), text.begin(), text.end());
  packet.resize(8 + 16 + padded);
  const auto signal = ParseSatipStatus(packet);
  ASSERT_TRUE(signal);
  EXPECT_TRUE(signal->locked);
  EXPECT_NEAR(*signal->strength_ratio, 240 / 255.0, 1e-9);
  EXPECT_NEAR(*signal->snr_ratio, 7 / 15.0, 1e-9);
  for (size_t size = 0; size < 8 + 16; ++size) {
    EXPECT_FALSE(ParseSatipStatus(Bytes(packet).first(size)));
  }
}

TEST(SatipSearchTest, KnowsAServersAnswer) {
  EXPECT_TRUE(IsSatipServer(AsBytes(
      "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\n"
      "LOCATION: http://192.0.2.5:80/desc.xml\r\nst:  urn:ses-com:device:SatIPServer:1 \r\n\r\n")));
  EXPECT_FALSE(IsSatipServer(AsBytes("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n")));
  EXPECT_FALSE(IsSatipServer(AsBytes(SatipSearch())));
  EXPECT_FALSE(IsSatipServer(AsBytes("HTTP/1.1 200 OK")));
  EXPECT_FALSE(IsSatipServer({}));
}

}  // namespace
}  // namespace headwater::tuner
