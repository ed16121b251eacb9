#include <map>

#include "services/common/mpegts/psi.h"
#include "services/rtp-packager/packager_fixture.h"

namespace headwater::packager {
namespace {

class TransportStreamTest : public PackagerFixture {
 protected:
  static SessionRequest TsRequest(const Channel& channel) {
    SessionRequest request = Request(channel, true);
    request.transport_stream = true;
    return request;
  }
};

TEST_F(TransportStreamTest, GoesOnThroughSilenceAndAReopenedSource) {
  Apply(TsRequest(V6()));
  Answer(4s, "Radio");
  EXPECT_EQ(StatusOf(V6()).format->encoding, "MP2T");
  EXPECT_EQ(StatusOf(V6()).format->payload_type, 33);
  Play(2s);
  Advance(15s);  // played out, then silence
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  Answer(4s);
  Play(3s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);

  const std::vector<Rtp> packets = RtpOf(V6());
  ExpectContinuous(packets, 2500ms);
  std::map<mpegts::Pid, uint8_t> next;
  uint64_t clock = 0;
  for (const Rtp& rtp : packets) {
    EXPECT_EQ(rtp.header.payload_type, 33);
    EXPECT_EQ(rtp.header.marker, &rtp == &packets.front());
    for (Bytes rest = rtp.payload; !rest.empty(); rest = rest.subspan(mpegts::kPacketSize)) {
      const mpegts::Packet packet = mpegts::ParsePacket(rest).value();
      const auto [at, first] = next.try_emplace(packet.pid, packet.continuity);
      EXPECT_EQ(packet.continuity, at->second);
      at->second = (packet.continuity + 1) & 15;
      if (!packet.pcr) continue;
      EXPECT_LE(*packet.pcr - clock, 27'000'000u / 10) << "the clock runs on through all";
      clock = *packet.pcr;
    }
  }
  EXPECT_EQ(next.size(), 4u) << "PAT, PMT, SDT and audio";
}

TEST_F(TransportStreamTest, SessionsOfBothFamiliesShareIt) {
  Apply(TsRequest(V6()));
  Answer(4s);
  Play(1s);
  Apply(TsRequest(V4()));
  Play(2s);
  ASSERT_FALSE(RtpOf(V4()).empty());
  EXPECT_EQ(RtpOf(V4()).back().payload, RtpOf(V6()).back().payload);
  EXPECT_EQ(StatusOf(V4()).format, StatusOf(V6()).format);
  EXPECT_EQ(opener_.opened(), 1u);
}

TEST_F(TransportStreamTest, AFormatThatWasAnnouncedAsSuchIsKept) {
  SessionRequest request = TsRequest(V6());
  request.format = RtpFormat{.encoding = "MP2T", .payload_type = 33, .clock_rate = 90000};
  Apply(request);
  Answer(4s);
  Play(1s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(TransportStreamTest, AnotherCodecWithinItEndsTheSession) {
  Apply(TsRequest(V6()));
  Answer(4s);
  Play(1s);
  opener_.latest().Close({SourceErrorReason::kClosed, "the server closed"});
  Advance(1s);
  ASSERT_EQ(opener_.opened(), 2u);
  opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/aac"});
  opener_.latest().Media(Adts(20));
  Advance(1s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
  EXPECT_EQ(Byes(V6()), 2u);
}

}  // namespace
}  // namespace headwater::packager
