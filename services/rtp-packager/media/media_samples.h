#pragma once

// Linked by tests only: the samples of tests/data/media, and frames cut from them.

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "services/rtp-packager/media/framer.h"

namespace headwater {

inline constexpr const char* kMp3 =
    "mpeg1_layer3_44100_stereo.mp3";  // ID3v2, Info frame, 40 frames
inline constexpr const char* kMp3Mono = "mpeg2_layer3_22050_mono.mp3";  // 25 frames
inline constexpr const char* kMp2 = "layer2_48000_stereo.mp2";          // 13 frames of 576 bytes
inline constexpr const char* kAac = "aac_44100_stereo.aac";             // 45 frames
inline constexpr const char* kAacMono = "aac_24000_mono.aac";           // 13 frames
inline constexpr const char* kOpus = "opus_stereo.opus";  // 26 packets of 20 ms, with a title
inline constexpr const char* kOpusMono = "opus_mono_60ms.opus";   // 11 packets, SILK and hybrid
inline constexpr const char* kLoas = "aac_44100_stereo.loas";     // the same 45 as kAac
inline constexpr const char* kHeAac = "he_aac_44100_stereo.aac";  // 29 frames, SBR implicit
inline constexpr const char* kHeAacLoas = "he_aac_44100_stereo.loas";  // object type 5
inline constexpr const char* kHeAac2 = "he_aac_v2_44100_stereo.aac";
inline constexpr const char* kHeAac2Loas = "he_aac_v2_44100_stereo.loas";  // object type 29

inline std::vector<uint8_t> ReadSample(const std::string& name) {
  std::ifstream in(std::string("tests/data/media/") + name, std::ios::binary);
  EXPECT_TRUE(in.good()) << name;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// All that a framer says about some bytes.
struct Framed {
  std::vector<AudioFormat> formats;
  std::vector<AudioFrame> frames;
  std::vector<StreamTitle> titles;
  // How many frames had come before each of them.
  std::vector<size_t> title_frames;
  std::string error;
  uint64_t skipped = 0;
};

inline Framed Frame(Bytes bytes, size_t chunk = SIZE_MAX, bool finish = true,
                    const FramerOptions& options = {},
                    std::string_view content_type = "audio/mpeg") {
  Framed out;
  const std::unique_ptr<Framer> framer = MakeFramer(content_type, options);
  bool open = true;
  while (open) {
    if (!bytes.empty()) {
      const size_t step = std::min(chunk, bytes.size());
      framer->Push(bytes.first(step));
      bytes = bytes.subspan(step);
    } else {
      if (finish) framer->Finish();
      open = false;
    }
    for (FramerStep step = framer->Next(); step != FramerStep::kNeedBytes; step = framer->Next()) {
      if (step == FramerStep::kFormat) out.formats.push_back(framer->format());
      if (step == FramerStep::kFrame) {
        const AudioFrameView& view = framer->frame();
        out.frames.push_back(
            {{view.bytes.begin(), view.bytes.end()}, view.samples, view.sample_rate});
      }
      if (step == FramerStep::kTitle) {
        out.titles.push_back(framer->title());
        out.title_frames.push_back(out.frames.size());
      }
      if (step == FramerStep::kError) {
        out.error = framer->error();
        out.skipped = framer->skipped_total();
        return out;
      }
    }
  }
  out.skipped = framer->skipped_total();
  return out;
}

inline std::vector<uint8_t> Join(const std::vector<std::vector<uint8_t>>& parts) {
  std::vector<uint8_t> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline std::vector<std::vector<uint8_t>> BytesOf(const std::vector<AudioFrame>& frames) {
  std::vector<std::vector<uint8_t>> out;
  for (const AudioFrame& frame : frames) out.push_back(frame.bytes);
  return out;
}

}  // namespace headwater
