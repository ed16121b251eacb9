#include "services/rtp-packager/media/framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "services/rtp-packager/media/audio_header.h"
#include "services/rtp-packager/media/media_samples.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

struct Sample {
  const char* name;
  const char* format;
  size_t frames;
  uint32_t samples;
};
const Sample kSamples[] = {{kMp3, "MP3 44.1 kHz stereo 64 kb/s", 40, 1152},
                           {kMp3Mono, "MP3 22.05 kHz mono 32 kb/s", 25, 576},
                           {kMp2, "MP2 48 kHz stereo 192 kb/s", 13, 1152},
                           {kAac, "AAC-LC 44.1 kHz stereo", 45, 1024},
                           {kAacMono, "AAC-LC 24 kHz mono", 13, 1024}};

class FramerSampleTest : public ::testing::TestWithParam<Sample> {};
INSTANTIATE_TEST_SUITE_P(Samples, FramerSampleTest, ::testing::ValuesIn(kSamples),
                         [](const auto& entry) {
                           const std::string name = entry.param.name;
                           return name.substr(0, name.find('.'));
                         });

TEST_P(FramerSampleTest, FindsEveryFrameWhereverTheChunksEnd) {
  const std::vector<uint8_t> bytes = ReadSample(GetParam().name);
  const Framed whole = Frame(bytes);
  EXPECT_EQ(whole.error, "");
  EXPECT_EQ(whole.skipped, 0u);
  ASSERT_EQ(whole.formats.size(), 1u);
  EXPECT_EQ(whole.formats[0].ToString(), GetParam().format);
  EXPECT_EQ(whole.frames.size(), GetParam().frames);
  for (const AudioFrame& frame : whole.frames) EXPECT_EQ(frame.samples, GetParam().samples);
  for (const size_t chunk : {1, 2, 3, 7, 100, 417, 1460}) {
    const Framed pieces = Frame(bytes, chunk);
    EXPECT_EQ(BytesOf(pieces.frames), BytesOf(whole.frames)) << chunk;
    EXPECT_EQ(pieces.formats, whole.formats) << chunk;
  }
}

TEST_P(FramerSampleTest, ATruncatedStreamGivesTheFramesBeforeTheCutAndNothingElse) {
  const std::vector<uint8_t> bytes = ReadSample(GetParam().name);
  const auto whole = BytesOf(Frame(bytes).frames);
  const size_t end = std::min<size_t>(bytes.size(), 2500);
  for (size_t length = 0; length < end; ++length) {
    const Framed cut = Frame(Bytes(bytes).first(length));
    EXPECT_EQ(cut.error, "") << length;
    ASSERT_LE(cut.frames.size(), whole.size());
    for (size_t i = 0; i < cut.frames.size(); ++i) ASSERT_EQ(cut.frames[i].bytes, whole[i]);
  }
}

TEST_P(FramerSampleTest, BeginsInTheMiddleOfAFrame) {
  const std::vector<uint8_t> bytes = ReadSample(GetParam().name);
  const auto whole = BytesOf(Frame(bytes).frames);
  const size_t start = bytes.size() / 3;
  const Framed late = Frame(Bytes(bytes).subspan(start), 100);
  ASSERT_GT(late.frames.size(), whole.size() / 2);
  EXPECT_LT(late.skipped, 700u);
  const auto frames = BytesOf(late.frames);
  EXPECT_TRUE(std::equal(frames.rbegin(), frames.rend(), whole.rbegin())) << "the same last frames";
}

TEST_P(FramerSampleTest, ResumesBehindGarbageAndLosesOnlyTheFrameInFrontOfIt) {
  const std::vector<uint8_t> bytes = ReadSample(GetParam().name);
  std::vector<uint8_t> garbage(5000);
  std::mt19937 random(7);
  for (uint8_t& byte : garbage) byte = static_cast<uint8_t>(random());
  const Framed framed = Frame(Join({bytes, garbage, bytes}), 1000);
  EXPECT_EQ(framed.error, "");
  EXPECT_EQ(framed.formats.size(), 1u) << "the same format again is no news";
  // The last frame in front of the garbage is not confirmed; what makes it a loss is not known.
  EXPECT_EQ(framed.frames.size(), 2 * GetParam().frames - 1);
  // The second copy's ID3 tag stands in garbage, where it is not looked for.
  EXPECT_GE(framed.skipped, garbage.size());
}

TEST(FramerTest, AFrameIsConfirmedByTheHeaderBehindIt) {
  const std::vector<uint8_t> bytes = ReadSample(kMp2);
  const std::unique_ptr<Framer> framer = MakeFramer("audio/mpeg");
  framer->Push(Bytes(bytes).first(576 + 3));
  EXPECT_EQ(framer->Next(), FramerStep::kNeedBytes);
  framer->Push(Bytes(bytes).subspan(579, 1));
  EXPECT_EQ(framer->Next(), FramerStep::kFormat);
  EXPECT_EQ(framer->Next(), FramerStep::kFrame);
  EXPECT_EQ(framer->Next(), FramerStep::kNeedBytes);
  framer->Push(Bytes(bytes).subspan(580, 572));
  framer->Finish();
  EXPECT_EQ(framer->Next(), FramerStep::kFrame) << "the end confirms too";
  EXPECT_EQ(framer->Next(), FramerStep::kNeedBytes);
}

TEST(FramerTest, AChanceHeaderInGarbageNeitherBecomesAFrameNorDelaysTheFirstOne) {
  const std::vector<uint8_t> bytes = ReadSample(kMp2);
  // A header of a 1440-byte frame, alone.
  const std::vector<uint8_t> lure = {0xff, 0xfb, 0xe8, 0x00, 0x12};
  const Framed framed = Frame(Join({lure, {bytes.begin(), bytes.begin() + 580}}), 10, false);
  ASSERT_EQ(framed.frames.size(), 1u);
  EXPECT_EQ(framed.frames[0].bytes, std::vector<uint8_t>(bytes.begin(), bytes.begin() + 576));
  EXPECT_EQ(framed.skipped, lure.size());
}

TEST(FramerTest, SkipsTagsAtTheStartBetweenFramesAndAtTheEnd) {
  const std::vector<uint8_t> bytes = ReadSample(kMp2);
  std::vector<uint8_t> id3v2 = {'I', 'D', '3', 4, 0, 0x10, 0, 0, 2, 1};  // 257 bytes and a footer
  // Full of what looks like headers.
  for (int i = 0; i < 257; ++i) id3v2.push_back(i % 2 == 0 ? 0xff : 0xfd);
  id3v2.resize(id3v2.size() + 10);
  std::vector<uint8_t> ape(32 + 40);
  std::copy_n("APETAGEX", 8, ape.begin());
  ape[12] = 40;
  std::vector<uint8_t> id3v1(128, ' ');
  std::copy_n("TAG", 3, id3v1.begin());
  const auto once = BytesOf(Frame(bytes).frames);
  for (const size_t chunk : {1, 50, 100000}) {
    const Framed framed =
        Frame(Join({id3v2, id3v2, bytes, id3v1, id3v2, bytes, ape, id3v1, bytes}), chunk);
    EXPECT_EQ(BytesOf(framed.frames).size(), 3 * once.size()) << chunk;
    EXPECT_EQ(framed.skipped, 0u);
    EXPECT_EQ(framed.formats.size(), 1u);
  }
}

TEST(FramerTest, AnEndlessTagIsAnError) {
  const std::vector<uint8_t> tag = {'I',  'D',  '3', 4, 0, 0, 0x7f, 0x7f,
                                    0x7f, 0x7f, 0,   0, 0, 0, 0,    0};
  EXPECT_THAT(Frame(tag).error, HasSubstr("a tag of 268435465 bytes"));
}

TEST(FramerTest, ABitRateThatVariesIsTheSameFormat) {
  AudioFormat format;
  format.sample_rate = 44100;
  format.channels = 2;
  std::vector<uint8_t> bytes;
  for (uint8_t index = 1; index < 15; ++index) {
    std::vector<uint8_t> frame = {0xff, 0xfb, static_cast<uint8_t>(index << 4), 0x00};
    frame.resize(ParseMpegAudioHeader(frame)->size);
    bytes = Join({bytes, frame});
  }
  const Framed framed = Frame(bytes);
  EXPECT_EQ(framed.frames.size(), 14u);
  EXPECT_EQ(framed.formats.size(), 1u);
}

TEST(FramerTest, TellsWhenTheStreamBecomesAnotherOne) {
  const Framed framed = Frame(Join({ReadSample(kMp2), ReadSample(kMp3Mono), ReadSample(kAac),
                                    ReadSample(kAacMono), ReadSample(kMp2)}));
  std::vector<std::string> formats;
  for (const AudioFormat& format : framed.formats) formats.push_back(format.ToString());
  EXPECT_EQ(formats,
            (std::vector<std::string>{"MP2 48 kHz stereo 192 kb/s", "MP3 22.05 kHz mono 32 kb/s",
                                      "AAC-LC 44.1 kHz stereo", "AAC-LC 24 kHz mono",
                                      "MP2 48 kHz stereo 192 kb/s"}));
  // At most the frame in front of each change is lost.
  EXPECT_GE(framed.frames.size(), 13u + 25 + 45 + 13 + 13 - 4);
}

TEST(FramerTest, GarbageWithoutEndIsAnErrorThatNamesTheContentType) {
  std::vector<uint8_t> noise(70000);
  std::mt19937 random(1);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
  const Framed framed = Frame(noise, 1000, true, {}, "audio/x-\r\nthing");
  EXPECT_TRUE(framed.frames.empty());
  EXPECT_THAT(framed.error, HasSubstr("neither MPEG audio nor AAC in 65"));
  EXPECT_THAT(framed.error, HasSubstr("audio/x-??thing")) << "one line, whatever the server says";
}

TEST(FramerTest, NamesWhatItCannotSend) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {std::string("OggS\0\2", 6) + std::string(22, '\1') + "\1vorbis", "Ogg Vorbis"},
      {"fLaC" + std::string(40, '\1'), "FLAC"},
      {".snd" + std::string(40, '\1'), "AU"},
      {"\x0b\x77\x12\x34\x14\x40" + std::string(40, '\1'), "AC-3"},
      {"\x0b\x77\x01\xff\x3f\x80" + std::string(40, '\1'), "AC-3"},
      {"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + std::string(40, '\1'), "ASF"},
      {"\n <!DOCTYPE html><html>  ", "an HTML"},
      {"<HTML><body>not found</body>", "an HTML"},
      {"#EXTM3U\r\nhttp://x.example/", "an M3U playlist"},
      {std::string("ID3\4\0\0\0\0\0\2xx", 12) + "fLaC" + std::string(40, '\1'), "FLAC"},
  };
  for (const auto& [bytes, name] : cases) {
    for (const size_t chunk : {1, 1000}) {
      const Framed framed = Frame(AsBytes(bytes), chunk);
      EXPECT_THAT(framed.error, HasSubstr(name)) << chunk;
    }
  }
}

TEST(FramerTest, RefusesAdtsThatCannotBeSent) {
  // 44.1 kHz LC, 32 bytes a frame: no channel configuration; two raw data blocks.
  for (const std::vector<uint8_t>& head :
       {std::vector<uint8_t>{0xff, 0xf1, 0x50, 0x00, 0x04, 0x1f, 0xfc},
        std::vector<uint8_t>{0xff, 0xf1, 0x50, 0x80, 0x04, 0x1f, 0xfd}}) {
    std::vector<uint8_t> frame = head;
    frame.resize(32);
    const Framed framed = Frame(Join({frame, frame, frame}));
    EXPECT_TRUE(framed.frames.empty());
    EXPECT_THAT(framed.error, HasSubstr("cannot be sent"));
  }
}

TEST(FramerTest, StripsTheAdtsHeaderWithAndWithoutCrc) {
  for (const size_t header : {7, 9}) {
    std::vector<uint8_t> frame = {
        0xff, static_cast<uint8_t>(header == 7 ? 0xf1 : 0xf0), 0x50, 0x80, 0x04, 0x1f, 0xfc};
    frame.resize(32, 0xaa);
    const Framed framed = Frame(Join({frame, frame}));
    ASSERT_EQ(framed.frames.size(), 2u);
    EXPECT_EQ(framed.frames[0].bytes, std::vector<uint8_t>(32 - header, 0xaa));
  }
}

TEST(FramerTest, DropsXingInfoAndVbriFrames) {
  const std::vector<uint8_t> bytes = ReadSample(kMp3);
  const Framed whole = Frame(bytes);
  std::vector<uint8_t> frame = whole.frames[5].bytes;
  for (const std::string tag : {"Xing", "Info", "VBRI"}) {
    std::copy(tag.begin(), tag.end(), frame.begin() + 36);
    const Framed framed = Frame(Join({whole.frames[4].bytes, frame, whole.frames[6].bytes}));
    EXPECT_EQ(framed.frames.size(), 2u) << tag;
  }
}

TEST(AudioHeaderTest, ReservedValuesAreNoHeader) {
  const auto parses = [](std::vector<uint8_t> bytes) {
    return ParseMpegAudioHeader(bytes).has_value();
  };
  EXPECT_TRUE(parses({0xff, 0xfb, 0x90, 0x00}));
  EXPECT_FALSE(parses({0xff, 0xfb, 0x90})) << "too short";
  EXPECT_FALSE(parses({0xff, 0xeb, 0x90, 0x00})) << "version";
  EXPECT_FALSE(parses({0xff, 0xf9, 0x90, 0x00})) << "layer";
  EXPECT_FALSE(parses({0xff, 0xfb, 0x00, 0x00})) << "free format";
  EXPECT_FALSE(parses({0xff, 0xfb, 0xf0, 0x00})) << "bit rate";
  EXPECT_FALSE(parses({0xff, 0xfb, 0x9c, 0x00})) << "sample rate";
  EXPECT_FALSE(parses({0xff, 0xfb, 0x90, 0x02})) << "emphasis";
}

TEST(AudioFormatTest, BecomesWhatSdpNeeds) {
  const RtpFormat mp3 = ToRtpFormat(Frame(ReadSample(kMp3)).formats[0]);
  EXPECT_EQ(mp3.encoding, "MPA");
  EXPECT_EQ(mp3.payload_type, 14);
  EXPECT_EQ(mp3.clock_rate, 90000u);
  EXPECT_EQ(mp3.channels, 0u);
  EXPECT_EQ(mp3.fmtp, "");
  EXPECT_EQ(mp3.bits_per_second, 64000u);

  const RtpFormat aac = ToRtpFormat(Frame(ReadSample(kAac)).formats[0]);
  EXPECT_EQ(aac.encoding, "mpeg4-generic");
  EXPECT_EQ(aac.payload_type, 96);
  EXPECT_EQ(aac.clock_rate, 44100u);
  EXPECT_EQ(aac.channels, 2u);
  EXPECT_EQ(aac.fmtp,
            "streamtype=5; profile-level-id=41; mode=AAC-hbr; config=1210; SizeLength=13; "
            "IndexLength=3; IndexDeltaLength=3");
  const RtpFormat mono = ToRtpFormat(Frame(ReadSample(kAacMono)).formats[0]);
  EXPECT_FALSE(aac.SameAnnouncement(mono));
  EXPECT_TRUE(mp3.SameAnnouncement(ToRtpFormat(Frame(ReadSample(kMp3Mono)).formats[0])))
      << "MPA's SDP names neither rate nor channels";
}

}  // namespace
}  // namespace headwater
