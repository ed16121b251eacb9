#include "services/rtp-packager/media/mp4_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/rtp-packager/media/libav_oracle.h"
#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/media/mp4_box.h"

namespace headwater {
namespace {

using testing::HasSubstr;

constexpr const char* kCmaf = "aac_44100_stereo.cmaf.mp4";      // init and 5 segments
constexpr const char* kM4a = "aac_44100_stereo.m4a";            // index first
constexpr const char* kOpus = "opus_48000_stereo.frag.mp4";     // 4 fragments
constexpr const char* kVideo = "h264_aac_48000_mono.frag.mp4";  // sound beside pictures

// Type and whole bytes of each box.
std::vector<std::pair<std::string, std::vector<uint8_t>>> BoxesOf(
    const std::vector<uint8_t>& file) {
  std::vector<std::pair<std::string, std::vector<uint8_t>>> boxes;
  for (size_t at = 0; at + 8 <= file.size();) {
    const size_t size = size_t{file[at]} << 24 | size_t{file[at + 1]} << 16 |
                        size_t{file[at + 2]} << 8 | file[at + 3];
    boxes.emplace_back(std::string(file.begin() + static_cast<long>(at) + 4,
                                   file.begin() + static_cast<long>(at) + 8),
                       std::vector<uint8_t>(file.begin() + static_cast<long>(at),
                                            file.begin() + static_cast<long>(at + size)));
    at += size;
  }
  return boxes;
}

// Those boxes alone, in the file's order.
std::vector<uint8_t> Only(const std::vector<uint8_t>& file, const std::string& types) {
  std::vector<uint8_t> out;
  for (const auto& [type, bytes] : BoxesOf(file)) {
    if (types.find(type) != std::string::npos) out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

std::vector<uint8_t> Box(const std::string& type, const std::string& body) {
  const size_t size = 8 + body.size();
  std::vector<uint8_t> out = {0, 0, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

std::vector<uint8_t> Replace(std::vector<uint8_t> bytes, const std::string& from,
                             const std::string& to) {
  const auto found = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
  EXPECT_NE(found, bytes.end());
  std::copy(to.begin(), to.end(), found);
  return bytes;
}

TEST(Mp4FramerTest, FindsTheFramesThatLibavFinds) {
  for (const char* sample : {kCmaf, kM4a, kOpus, kVideo}) {
    SCOPED_TRACE(sample);
    const std::vector<uint8_t> file = ReadSample(sample);
    const auto expected = AudioPacketsOfLibav(sample);
    EXPECT_GT(expected.size(), 20u);
    for (const size_t chunk : {size_t{1}, size_t{7}, size_t{1000}, SIZE_MAX}) {
      const Framed framed = Frame(file, chunk);
      EXPECT_EQ(framed.error, "");
      EXPECT_EQ(BytesOf(framed.frames), expected);
      ASSERT_EQ(framed.formats.size(), 1u);
    }
  }
}

TEST(Mp4FramerTest, ReadsFormatAndLengths) {
  const Framed aac = Frame(ReadSample(kCmaf));
  EXPECT_EQ(aac.formats[0].ToString(), "AAC-LC 44.1 kHz stereo");
  EXPECT_EQ(aac.frames[0].samples, 1024u);
  EXPECT_EQ(aac.frames[0].sample_rate, 44100u);
  // LC at 44.1 kHz, two channels, and the sync word of an extension that says no SBR.
  const std::string config("\x12\x10\x56", 3);
  EXPECT_EQ(Frame(Replace(ReadSample(kCmaf), config, "\x11\x88\x56")).formats[0].ToString(),
            "AAC-LC 48 kHz mono");
  const Framed opus = Frame(ReadSample(kOpus));
  EXPECT_EQ(opus.formats[0].codec, AudioCodec::kOpus);
  EXPECT_EQ(opus.frames[0].samples, 960u);
  EXPECT_EQ(Frame(ReadSample(kVideo)).formats[0].channels, 1);
}

TEST(Mp4FramerTest, ATruncatedStreamGivesItsWholeFrames) {
  for (const char* sample : {kCmaf, kOpus, kM4a}) {
    std::vector<uint8_t> file = ReadSample(sample);
    // The index, and a few frames.
    file.resize(4500);
    const auto whole = BytesOf(Frame(file).frames);
    size_t frames = 0;
    for (size_t length = 0; length < file.size(); ++length) {
      const Framed framed = Frame(Bytes(file).first(length));
      ASSERT_TRUE(length < 16 || framed.error.empty()) << length << framed.error;
      ASSERT_GE(framed.frames.size(), frames);
      ASSERT_LE(framed.frames.size(), whole.size());
      frames = framed.frames.size();
      if (frames > 0) {
        ASSERT_EQ(framed.frames.back().bytes, whole[frames - 1]);
      }
    }
  }
}

TEST(Mp4FramerTest, TheSameInitialisationAgainIsNoNewFormatAndAnotherIs) {
  const auto cmaf = ReadSample(kCmaf);
  const auto video = ReadSample(kVideo);
  const Framed same = Frame(Join({cmaf, cmaf}));
  EXPECT_EQ(same.formats.size(), 1u);
  EXPECT_EQ(same.frames.size(), 2 * Frame(cmaf).frames.size());
  const Framed other = Frame(Join({cmaf, video, cmaf}));
  EXPECT_EQ(other.error, "");
  ASSERT_EQ(other.formats.size(), 3u);
  EXPECT_EQ(other.formats[1].sample_rate, 48000u);
  EXPECT_EQ(other.frames.size(), 2 * Frame(cmaf).frames.size() + Frame(video).frames.size());
}

TEST(Mp4FramerTest, PassesOverWhatItDoesNotKnow) {
  std::vector<uint8_t> file;
  for (const auto& [type, bytes] : BoxesOf(ReadSample(kCmaf))) {
    if (type == "moof")
      file = Join({file, Box("free", "nothing"), Box("uuid", std::string(99, 'u'))});
    file = Join({file, bytes});
  }
  EXPECT_EQ(BytesOf(Frame(file, 100).frames), AudioPacketsOfLibav(kCmaf));
}

TEST(Mp4FramerTest, NamesWhatATranscoderMayTake) {
  for (const auto& [sample, what] : std::vector<std::pair<std::string, std::string>>{
           {"flac_48000_stereo.frag.mp4", "fLaC in MP4 cannot be sent"},
           {"ac3_48000_stereo.frag.mp4", "ac-3 in MP4 cannot be sent"},
           {"mp3_48000_stereo.frag.mp4", "MP3 in MP4 cannot be sent"}}) {
    const auto framer = MakeFramer("audio/mp4");
    framer->Push(ReadSample(sample));
    EXPECT_EQ(framer->Next(), FramerStep::kError);
    EXPECT_THAT(framer->error(), HasSubstr(what));
    EXPECT_TRUE(framer->unsupported());
  }
}

TEST(Mp4FramerTest, SaysWhyNothingCanBePlayed) {
  const auto file = ReadSample(kCmaf);
  const auto m4a = ReadSample(kM4a);
  EXPECT_THAT(Frame(Only(file, "styp moof mdat")).error, HasSubstr("without what comes before"));
  EXPECT_THAT(Frame(Join({Only(m4a, "ftyp"), Only(m4a, "mdat"), Only(m4a, "moov")})).error,
              HasSubstr("MP4 whose index comes after its media"));
  EXPECT_THAT(Frame(Replace(file, "soun", "vide")).error, HasSubstr("MP4 without audio"));
  EXPECT_THAT(Frame(Replace(file, "mp4a", "enca")).error, HasSubstr("encrypted MP4"));
  const std::vector<uint8_t> large = {0x7f, 0, 0, 0, 'm', 'o', 'o', 'v'};
  EXPECT_THAT(Frame(Join({Only(file, "ftyp"), large})).error, HasSubstr("4194304 at most"));
}

TEST(Mp4FramerTest, TellsTitlesOfEventMessages) {
  const std::string tag("ID3\x04\0\0\0\0\0\x10TIT2\0\0\0\x06\0\0\x03Radio", 26);
  const std::string scheme("https://aomedia.org/emsg/ID3\0\0", 30);
  const std::string fields(20, '\0');
  const auto message = Box("emsg", std::string("\x01\0\0\0", 4) + fields + scheme + tag);
  const auto other = Box("emsg", std::string("\0\0\0\0urn:scte\0\0", 14) + fields);
  const auto framer = MakeFramer("audio/mp4");
  const auto file = ReadSample(kCmaf);
  framer->Push(Join({Only(file, "ftyp moov"), other, message, message, Only(file, "moof mdat")}));
  EXPECT_EQ(framer->Next(), FramerStep::kFormat);
  EXPECT_EQ(framer->Next(), FramerStep::kTitle);
  EXPECT_EQ(framer->title().title, "Radio");
  EXPECT_EQ(framer->Next(), FramerStep::kFrame);
}

// One byte wrong anywhere in the index: no crash, and no frame from beyond the data.
TEST(Mp4FramerTest, HoldsWithEachByteOfTheIndexChanged) {
  const auto file = ReadSample(kCmaf);
  const size_t index = Only(file, "ftyp moov").size() + 600;
  for (size_t at = 0; at < index; ++at) {
    for (const int value : {0x00, 0x01, 0x7f, 0xff}) {
      auto broken = file;
      broken[at] = static_cast<uint8_t>(value);
      size_t bytes = 0;
      for (const AudioFrame& frame : Frame(broken).frames) bytes += frame.bytes.size();
      ASSERT_LE(bytes, file.size());
    }
  }
}

}  // namespace
}  // namespace headwater
