#include "services/rtp-packager/media/payloader.h"

#include <gtest/gtest.h>

#include <optional>

#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/media/media_samples.h"

namespace headwater {
namespace {

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

std::vector<Payload> Payloads(AudioCodec codec, const std::vector<AudioFrame>& frames,
                              const PayloaderOptions& options = {}) {
  const std::unique_ptr<Payloader> payloader = MakePayloader(codec, options);
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

std::vector<AudioFrame> MakeFrames(const std::vector<size_t>& sizes) {
  std::vector<AudioFrame> frames;
  uint8_t fill = 1;
  for (const size_t size : sizes) {
    frames.push_back({std::vector<uint8_t>(size, fill++), 1152, 48000});
  }
  return frames;
}

// What a receiver takes from MPA payloads: the elementary stream.
std::vector<uint8_t> DepayMpa(const std::vector<Payload>& payloads) {
  std::vector<uint8_t> out;
  size_t frame_start = 0;
  for (const Payload& payload : payloads) {
    ByteReader reader(payload.bytes);
    EXPECT_EQ(reader.U16(), 0);
    const uint16_t offset = reader.U16();
    if (offset == 0) frame_start = out.size();
    EXPECT_EQ(frame_start + offset, out.size());
    const Bytes rest = reader.Rest();
    EXPECT_TRUE(reader.ok());
    out.insert(out.end(), rest.begin(), rest.end());
  }
  return out;
}

// What a receiver takes from AAC-hbr payloads: the access units.
std::vector<std::vector<uint8_t>> DepayAac(const std::vector<Payload>& payloads) {
  std::vector<std::vector<uint8_t>> out;
  std::vector<uint8_t> partial;
  for (const Payload& payload : payloads) {
    ByteReader reader(payload.bytes);
    const uint16_t bits = reader.U16();
    EXPECT_EQ(bits % 16, 0);
    std::vector<size_t> sizes;
    for (int i = 0; i < bits / 16; ++i) {
      const uint16_t header = reader.U16();
      EXPECT_EQ(header & 7, 0) << "index";
      sizes.push_back(header >> 3);
    }
    if (sizes.size() == 1 && sizes[0] != reader.remaining()) {
      const Bytes part = reader.Rest();
      partial.insert(partial.end(), part.begin(), part.end());
      EXPECT_EQ(payload.marker, partial.size() == sizes[0]);
      if (payload.marker) out.push_back(std::exchange(partial, {}));
      continue;
    }
    EXPECT_TRUE(payload.marker);
    for (const size_t size : sizes) {
      const Bytes unit = reader.Take(size);
      out.emplace_back(unit.begin(), unit.end());
    }
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0u);
  }
  return out;
}

TEST(MpaPayloaderTest, FillsAPacketUpToItsTime) {
  const auto payloads = Payloads(AudioCodec::kMpegAudio, MakeFrames(std::vector<size_t>(12, 100)));
  ASSERT_EQ(payloads.size(), 3u) << "24 ms a frame: 100 ms are reached with the fifth";
  EXPECT_EQ(payloads[0].bytes.size(), 4u + 500);
  EXPECT_EQ(payloads[0].length, 120ms);
  EXPECT_EQ(payloads[1].time, (MediaTime{RtpTimestamp(10800), 120ms}));
  EXPECT_EQ(payloads[2].length, 48ms) << "the rest, flushed";
}

TEST(MpaPayloaderTest, FillsAPacketUpToItsSize) {
  const auto payloads =
      Payloads(AudioCodec::kMpegAudio, MakeFrames({400, 400, 400, 196, 1, 1400, 10}));
  std::vector<size_t> sizes;
  for (const Payload& payload : payloads) sizes.push_back(payload.bytes.size());
  EXPECT_EQ(sizes, (std::vector<size_t>{1400, 5, 1400, 8, 14}));
}

TEST(MpaPayloaderTest, OneFrameAPacketWithoutGrouping) {
  const auto payloads =
      Payloads(AudioCodec::kMpegAudio, MakeFrames({10, 20, 30}), {.group_max = 0s});
  EXPECT_EQ(payloads.size(), 3u);
}

TEST(MpaPayloaderTest, CutsAFrameThatIsTooLarge) {
  const auto payloads = Payloads(AudioCodec::kMpegAudio, MakeFrames({50, 250, 50}),
                                 {.payload_max = 104, .group_max = 1s});
  ASSERT_EQ(payloads.size(), 5u);
  const std::vector<uint8_t> second(payloads[2].bytes.begin(), payloads[2].bytes.begin() + 4);
  EXPECT_EQ(second, (std::vector<uint8_t>{0, 0, 0, 100}));
  EXPECT_EQ(payloads[3].bytes.size(), 54u);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(payloads[i].time.timestamp, RtpTimestamp(2160));
  EXPECT_EQ(payloads[1].length, 0s);
  EXPECT_EQ(payloads[3].length, 24ms);
  EXPECT_EQ(payloads[4].time.timestamp, RtpTimestamp(4320));
}

TEST(MpaPayloaderTest, MarksWhatFollowsADiscontinuity) {
  const std::unique_ptr<Payloader> payloader =
      MakePayloader(AudioCodec::kMpegAudio, {.group_max = 0s});
  const auto frames = MakeFrames({10, 10, 10});
  std::vector<Payload> out;
  for (const AudioFrame& frame : frames) {
    if (&frame == &frames[2]) payloader->MarkDiscontinuity();
    payloader->Push(frame.view(), {});
    Drain(*payloader, out);
  }
  EXPECT_TRUE(out[0].marker);
  EXPECT_FALSE(out[1].marker);
  EXPECT_TRUE(out[2].marker);
}

TEST(MpaPayloaderTest, NothingIsLostOnTheWay) {
  for (const char* name : {kMp3, kMp3Mono, kMp2}) {
    const auto frames = Frame(ReadSample(name)).frames;
    for (const size_t payload_max : {64, 300, 1400}) {
      EXPECT_EQ(DepayMpa(Payloads(AudioCodec::kMpegAudio, frames, {.payload_max = payload_max})),
                Join(BytesOf(frames)));
    }
  }
}

TEST(AacPayloaderTest, PutsSizesInFront) {
  const auto payloads = Payloads(AudioCodec::kAac, MakeFrames({1, 2}));
  ASSERT_EQ(payloads.size(), 1u);
  EXPECT_EQ(payloads[0].bytes,
            (std::vector<uint8_t>{0, 32, 0, 1 << 3, 0, 2 << 3, 0x01, 0x02, 0x02}));
  EXPECT_TRUE(payloads[0].marker);
}

TEST(AacPayloaderTest, CutsAnAccessUnitThatIsTooLarge) {
  const auto payloads =
      Payloads(AudioCodec::kAac, MakeFrames({50, 8000, 50}), {.payload_max = 1000});
  ASSERT_EQ(payloads.size(), 11u);
  EXPECT_EQ(payloads[1].bytes.size(), 1000u);
  EXPECT_EQ(payloads[1].bytes[2], 8000 >> 5) << "the size of the whole";
  EXPECT_FALSE(payloads[1].marker);
  EXPECT_TRUE(payloads[9].marker);
}

TEST(AacPayloaderTest, NothingIsLostOnTheWay) {
  for (const char* name : {kAac, kAacMono}) {
    const auto frames = Frame(ReadSample(name)).frames;
    for (const size_t payload_max : {64, 300, 1400}) {
      for (const Duration group_max : {Duration(0s), Duration(100ms), Duration(10s)}) {
        const auto payloads = Payloads(AudioCodec::kAac, frames,
                                       {.payload_max = payload_max, .group_max = group_max});
        for (const Payload& payload : payloads) EXPECT_LE(payload.bytes.size(), payload_max);
        EXPECT_EQ(DepayAac(payloads), BytesOf(frames));
      }
    }
  }
}

TEST(PayloaderTest, ItsBuffersDoNotGrowOnceWarm) {
  const std::unique_ptr<Payloader> payloader = MakePayloader(AudioCodec::kMpegAudio);
  const auto frames = MakeFrames(std::vector<size_t>(1000, 400));
  std::vector<const uint8_t*> places;
  for (const AudioFrame& frame : frames) {
    payloader->Push(frame.view(), {});
    while (const RtpPayload* payload = payloader->Next()) places.push_back(payload->bytes.data());
  }
  ASSERT_GT(places.size(), 300u);
  for (const uint8_t* place : places) EXPECT_EQ(place, places[0]);
}

}  // namespace
}  // namespace headwater
