// FFmpeg's libraries judge our transport streams, and we cut theirs.
#include <gtest/gtest.h>

#include "services/rtp-packager/media/libav_ts_oracle.h"
#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/media/silence.h"
#include "services/rtp-packager/media/ts_payload.h"

namespace headwater {
namespace {

std::vector<uint8_t> Wrap(const AudioFormat& format, const std::vector<AudioFrame>& frames) {
  const auto payloader = MakeTsPayloader(format, {.id = 7, .name = "Radio Müller"});
  MediaClock clock(90000, RtpTimestamp(0));
  std::vector<uint8_t> out;
  for (size_t i = 0; i <= frames.size(); ++i) {
    if (i < frames.size()) {
      payloader->Push(frames[i].view(), clock.now());
      clock.Advance(frames[i].samples, frames[i].sample_rate);
    } else {
      payloader->Flush();
    }
    while (const RtpPayload* payload = payloader->Next()) {
      out.insert(out.end(), payload->bytes.begin(), payload->bytes.end());
    }
  }
  return out;
}

struct Sample {
  const char* name;
  const char* codec;  // libavformat names all layers of MPEG-1 so
  size_t header;      // bytes before each frame
};

TEST(LibavTsTest, ReadsOurStreams) {
  for (const Sample& sample :
       {Sample{kMp3, "mp3", 0}, Sample{kMp3Mono, "mp3", 0}, Sample{kMp2, "mp3", 0},
        Sample{kAac, "aac", 7}, Sample{kAacMono, "aac", 7}}) {
    SCOPED_TRACE(sample.name);
    const Framed framed = Frame(ReadSample(sample.name));
    const DemuxedByLibav demuxed = DemuxWithLibav(Wrap(framed.formats[0], framed.frames));
    EXPECT_EQ(demuxed.codec, sample.codec);
    EXPECT_EQ(demuxed.service, "Radio Müller");
    EXPECT_EQ(demuxed.complaints, "");
    ASSERT_EQ(demuxed.packets.size(), framed.frames.size());
    const double ticks = 90000.0 * framed.formats[0].frame_samples / framed.formats[0].sample_rate;
    size_t stamped = 0;
    for (size_t i = 0; i < framed.frames.size(); ++i) {
      const std::vector<uint8_t>& bytes = demuxed.packets[i].bytes;
      ASSERT_GT(bytes.size(), sample.header);
      EXPECT_TRUE(std::equal(bytes.begin() + static_cast<ptrdiff_t>(sample.header), bytes.end(),
                             framed.frames[i].bytes.begin(), framed.frames[i].bytes.end()));
      if (!demuxed.packets[i].pts) continue;
      ++stamped;
      EXPECT_NEAR(static_cast<double>(*demuxed.packets[i].pts - *demuxed.packets[0].pts),
                  ticks * static_cast<double>(i), 2);
    }
    EXPECT_GE(stamped, framed.frames.size() / 5);
  }
}

TEST(LibavTsTest, ReadsOpusWithPacketsOfAllSizes) {
  const AudioFormat format = OpusFormat(2);
  std::vector<AudioFrame> frames;
  for (const size_t size : {3, 100, 252, 253, 254, 255, 256, 509, 510, 511, 1275}) {
    frames.push_back(MakeSilence(format));
    frames.back().bytes.resize(size, 0x55);
  }
  const DemuxedByLibav demuxed = DemuxWithLibav(Wrap(format, frames));
  EXPECT_EQ(demuxed.codec, "opus");
  EXPECT_EQ(demuxed.complaints, "");
  ASSERT_EQ(demuxed.packets.size(), frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(demuxed.packets[i].bytes, frames[i].bytes) << i;
  }
}

}  // namespace
}  // namespace headwater
