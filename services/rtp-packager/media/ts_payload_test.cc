#include "services/rtp-packager/media/ts_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "services/common/mpegts/psi.h"
#include "services/rtp-packager/media/media_samples.h"

namespace headwater {
namespace {

using mpegts::Pid;

struct Payload {
  std::vector<uint8_t> bytes;
  bool marker;
  MediaTime time;
  Duration length;
};

void Drain(Payloader& payloader, std::vector<Payload>& out) {
  while (const RtpPayload* payload = payloader.Next()) {
    out.push_back({{payload->bytes.begin(), payload->bytes.end()},
                   payload->marker,
                   payload->time,
                   payload->length});
  }
}

std::vector<Payload> Payloads(const AudioFormat& format, const std::vector<AudioFrame>& frames,
                              const PayloaderOptions& options = {}) {
  const auto payloader = MakeTsPayloader(format, {.id = 7, .name = "Radio"}, options);
  MediaClock clock(90000, RtpTimestamp(0));
  std::vector<Payload> out;
  for (const AudioFrame& frame : frames) {
    payloader->Push(frame.view(), clock.now());
    Drain(*payloader, out);
    clock.Advance(frame.samples, frame.sample_rate);
  }
  payloader->Flush();
  Drain(*payloader, out);
  return out;
}

// Frames of one format without end.
std::vector<AudioFrame> Many(const AudioFormat& format, size_t size, size_t count) {
  std::vector<AudioFrame> frames;
  for (size_t i = 0; i < count; ++i) {
    frames.push_back({std::vector<uint8_t>(size, static_cast<uint8_t>(i)), format.frame_samples,
                      format.sample_rate});
  }
  return frames;
}

std::vector<mpegts::Packet> Packets(const std::vector<Payload>& payloads) {
  std::vector<mpegts::Packet> packets;
  for (const Payload& payload : payloads) {
    EXPECT_EQ(payload.bytes.size() % mpegts::kPacketSize, 0u);
    EXPECT_LE(payload.bytes.size(), 7 * mpegts::kPacketSize);
    for (Bytes rest = payload.bytes; !rest.empty(); rest = rest.subspan(mpegts::kPacketSize)) {
      packets.push_back(mpegts::ParsePacket(rest).value());
    }
  }
  return packets;
}

constexpr AudioFormat kMp3Format = {.codec = AudioCodec::kMpegAudio,
                                    .layer = 3,
                                    .sample_rate = 44100,
                                    .channels = 2,
                                    .frame_samples = 1152};
constexpr AudioFormat kAacFormat = {.codec = AudioCodec::kAac,
                                    .object_type = 2,
                                    .channel_config = 2,
                                    .sample_rate = 48000,
                                    .channels = 2,
                                    .frame_samples = 1024};

TEST(TsPayloadTest, ComesOftenEnoughForWhoeverTunesIn) {
  // 32, 128, 320 and 512 kb/s.
  for (const size_t size : {104, 418, 1045, 1672}) {
    SCOPED_TRACE(size);
    Duration pat{}, pcr{}, pts{};
    MonoTime last_pat{}, last_pcr{};
    bool begun = false;
    for (const Payload& payload : Payloads(kMp3Format, Many(kMp3Format, size, 200))) {
      for (const mpegts::Packet& packet : Packets({payload})) {
        const MonoTime now = MonoTime{} + payload.time.position;
        if (!begun) last_pat = last_pcr = now;
        begun = true;
        if (packet.pid == Pid::kPat) pat = std::max(pat, now - std::exchange(last_pat, now));
        if (packet.pcr) {
          const MonoTime clock{Duration(*packet.pcr * 1000 / 27)};
          pcr = std::max(pcr, clock - std::exchange(last_pcr, clock));
        }
      }
    }
    EXPECT_LE(pat, 100ms);
    EXPECT_LE(pcr, 100ms);
    EXPECT_GT(pcr, 20ms);
  }
}

TEST(TsPayloadTest, EachDatagramBeginsWithAnAccessUnitOrTables) {
  for (const size_t size : {104, 418, 700}) {
    const auto payloads = Payloads(kMp3Format, Many(kMp3Format, size, 100));
    for (const Payload& payload : payloads) {
      const mpegts::Packet first = *mpegts::ParsePacket(payload.bytes);
      EXPECT_TRUE(first.unit_start) << size;
      EXPECT_FALSE(payload.marker);
    }
  }
}

TEST(TsPayloadTest, ClosesByTime) {
  for (const Duration group_max : {0ms, 40ms, 100ms}) {
    for (const Payload& payload :
         Payloads(kAacFormat, Many(kAacFormat, 20, 100), {.group_max = group_max})) {
      EXPECT_LE(payload.length, std::max<Duration>(group_max, 22ms));
    }
  }
}

TEST(TsPayloadTest, CutsLargeFramesIntoDatagramsThatLeaveEvenly) {
  const auto payloads = Payloads(kAacFormat, Many(kAacFormat, 4000, 10));
  ASSERT_GE(payloads.size(), 40u);
  for (size_t i = 1; i < payloads.size(); ++i) {
    const Duration step = payloads[i].time.position - payloads[i - 1].time.position;
    EXPECT_GT(step, 500us);
    EXPECT_LT(step, 8ms);
    const int64_t ticks = payloads[i].time.timestamp.DistanceFrom(payloads[i - 1].time.timestamp);
    EXPECT_NEAR(static_cast<double>(ticks), static_cast<double>(step.count()) * 9e-5, 1.01);
  }
}

TEST(TsPayloadTest, CountsOnAndFillsNoMoreThanOnePacketADatagramWhereThatIsAsked) {
  std::map<Pid, uint8_t> next;
  const auto payloads = Payloads(kMp3Format, Many(kMp3Format, 418, 100), {.payload_max = 200});
  for (const mpegts::Packet& packet : Packets(payloads)) {
    const auto [at, first] = next.try_emplace(packet.pid, packet.continuity);
    EXPECT_EQ(packet.continuity, at->second);
    at->second = (packet.continuity + 1) & 15;
  }
  for (const Payload& payload : payloads) EXPECT_EQ(payload.bytes.size(), mpegts::kPacketSize);
}

TEST(TsPayloadTest, TheFirstPacketSaysThatTheClockBegins) {
  size_t discontinuities = 0;
  const auto payloads = Payloads(kMp3Format, Many(kMp3Format, 418, 20));
  for (const mpegts::Packet& packet : Packets(payloads)) discontinuities += packet.discontinuity;
  EXPECT_EQ(discontinuities, 1u);
}

TEST(TsPayloadTest, LeavesOutAFrameThatAdtsCannotHold) {
  std::vector<AudioFrame> frames = Many(kAacFormat, 100, 3);
  frames[1].bytes.resize(9000);
  size_t octets = 0;
  const auto payloads = Payloads(kAacFormat, frames);
  for (const mpegts::Packet& packet : Packets(payloads)) {
    if (packet.pid == Pid(0x100)) octets += packet.payload.size();
  }
  EXPECT_LT(octets, 1000u);
}

TEST(TsPayloadTest, IsAnnouncedAsMp2t) {
  AudioFormat format = kMp3Format;
  format.bits_per_second = 128000;
  const RtpFormat rtp = InTransportStream(ToRtpFormat(format));
  EXPECT_EQ(rtp.encoding, "MP2T");
  EXPECT_EQ(rtp.payload_type, 33);
  EXPECT_EQ(rtp.clock_rate, 90000u);
  EXPECT_EQ(rtp.fmtp, "");
  EXPECT_EQ(rtp.description, "MPEG-TS with MP3 44.1 kHz stereo 128 kb/s");
  // What is announced must be about what is sent.
  const auto payloads = Payloads(format, Many(format, 418, 400));
  size_t octets = 0;
  for (const Payload& payload : payloads) octets += payload.bytes.size();
  const double rate = static_cast<double>(octets) * 8 / (400 * 1152 / 44100.0);
  EXPECT_NEAR(rate, rtp.bits_per_second, rate / 10);
  format.bits_per_second = 0;
  EXPECT_EQ(InTransportStream(ToRtpFormat(format)).bits_per_second, 0u);
}

}  // namespace
}  // namespace headwater
