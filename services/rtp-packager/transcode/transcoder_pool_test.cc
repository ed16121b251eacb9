// The transcoder by FFmpeg's libraries, on its threads, with real media; judged by decoding what
// comes out.
#include "services/rtp-packager/transcode/transcoder_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <random>
#include <thread>

#include "services/common/time/clock.h"
#include "services/rtp-packager/media/announcement.h"
#include "services/rtp-packager/media/libav_oracle.h"
#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/transcode/transcode_channel.h"

namespace headwater::packager {
namespace {

constexpr Duration kPatience = 30s;

struct Made {
  AudioFormat format;
  std::vector<std::string> sources;
  std::vector<std::string> titles;
  std::vector<AudioFrame> frames;
  bool ended = false;
  std::string error;

  double seconds() const {
    double sum = 0;
    for (const AudioFrame& frame : frames) sum += 1.0 * frame.samples / frame.sample_rate;
    return sum;
  }
};

// The loop runs on a thread of its own, as pool and transcoders want it; the test waits beside it.
class TranscoderPoolTest : public ::testing::Test {
 protected:
  TranscoderPoolTest() : thread_([this] { loop_.Run(); }) {}
  ~TranscoderPoolTest() override {
    loop_.Stop();
    thread_.join();
  }

  void OnLoop(const std::function<void()>& call) {
    std::promise<void> done;
    loop_.Post([&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Until `done` is true, asked at once, whenever a transcoder is ready, and each millisecond.
  void Until(const std::function<bool()>& done) {
    std::promise<void> over;
    const MonoTime end = MonoNow() + kPatience;
    turn_ = [&] {
      loop_.Cancel(again_);
      again_ = 0;
      if (!done() && MonoNow() < end) {
        again_ = loop_.At(MonoNow() + 1ms, [this] { turn_(); });
        return;
      }
      std::promise<void>& told = over;  // the captures end with turn_
      turn_ = nullptr;
      told.set_value();
    };
    loop_.Post([this] { turn_(); });
    over.get_future().wait();
    EXPECT_LT(MonoNow(), end) << "nothing more came";
  }

  // Gives all that `feed` says, as long as the transcoder takes it, and takes out what comes.
  Made Run(Transcoder& transcoder, const std::function<bool()>& feed) {
    Made made;
    bool more = true;
    Until([&] {
      while (more && !transcoder.full()) {
        more = feed();
        if (!more) transcoder.Finish();
      }
      Take(transcoder, made);
      return made.ended || !made.error.empty();
    });
    return made;
  }
  Made Transcode(Bytes bytes, const AudioFormat& target = OpusFormat(0), size_t chunk = 1000) {
    auto transcoder = Make(target);
    Made made = Run(*transcoder, [&, at = size_t{0}]() mutable {
      const size_t size = std::min(chunk, bytes.size() - at);
      if (size > 0) transcoder->Push(bytes.subspan(at, size));
      at += size;
      return size > 0;
    });
    End(transcoder);
    return made;
  }
  Made TranscodeFrames(const std::vector<Framed>& parts, const AudioFormat& target) {
    auto transcoder = Make(target, TranscodeReason::kFormatChanged);
    Made made = Run(*transcoder, [&, part = size_t{0}, at = size_t{0}]() mutable {
      if (part == parts.size()) return false;
      transcoder->PushFrame(parts[part].formats[0], parts[part].frames[at].view());
      if (++at == parts[part].frames.size()) {
        at = 0;
        ++part;
      }
      return true;
    });
    End(transcoder);
    return made;
  }

  std::unique_ptr<Transcoder> Make(const AudioFormat& target,
                                   TranscodeReason reason = TranscodeReason::kNoPayload) {
    std::unique_ptr<Transcoder> made;
    OnLoop([&] {
      made = pool_.Make({target, reason}, [this] {
        if (turn_) turn_();
      });
    });
    return made;
  }
  // And waits until its thread is no more.
  void End(std::unique_ptr<Transcoder>& transcoder) {
    OnLoop([&] { transcoder.reset(); });
    Until([&] { return Running() == 0; });
  }
  static void Take(Transcoder& transcoder, Made& made) {
    for (MediaStep step = transcoder.Next(); step != MediaStep::kNothing;
         step = transcoder.Next()) {
      if (step == MediaStep::kFormat) {
        made.format = transcoder.format();
        made.sources.push_back(transcoder.source());
      }
      if (step == MediaStep::kTitle) made.titles.push_back(transcoder.title().title);
      if (step == MediaStep::kFrame) {
        const AudioFrameView& view = transcoder.frame();
        made.frames.push_back(
            {{view.bytes.begin(), view.bytes.end()}, view.samples, view.sample_rate});
      }
      if (step == MediaStep::kError) made.error = transcoder.error();
      if (step == MediaStep::kEnd) made.ended = true;
      if (step == MediaStep::kError || step == MediaStep::kEnd) return;
    }
  }
  TranscoderPoolStats Stats() {
    TranscoderPoolStats stats;
    OnLoop([&] { stats = pool_.Stats(); });
    return stats;
  }
  // On the loop's thread.
  uint64_t Running() const {
    uint64_t sum = 0;
    for (const auto& reasons : pool_.Stats().running) {
      for (const uint64_t each : reasons) sum += each;
    }
    return sum;
  }

  EventLoop loop_;
  TranscoderPool pool_{loop_, {.transcoders_max = 4}};
  std::function<void()> turn_;
  EventLoop::TimerId again_ = 0;
  std::thread thread_;
};

// By its zero crossings, in the middle: encoders need a moment at both ends.
double Pitch(const std::vector<float>& samples, int rate, double from, double to) {
  int crossings = 0;
  const auto first = static_cast<size_t>(from * rate);
  const auto last = std::min(samples.size(), static_cast<size_t>(to * rate));
  for (size_t i = first + 1; i < last; ++i) crossings += samples[i - 1] < 0 && samples[i] >= 0;
  return crossings / (static_cast<double>(last - first) / rate);
}

// The quietest 20 ms against the whole: a gap or a lost frame shows.
double Quietest(const std::vector<float>& samples, int rate, double from, double to) {
  const auto window = static_cast<size_t>(rate / 50);
  double quietest = 1e9;
  double loudest = 0;
  for (auto at = static_cast<size_t>(from * rate);
       at + window < std::min(samples.size(), static_cast<size_t>(to * rate)); at += window) {
    double sum = 0;
    for (size_t i = at; i < at + window; ++i) sum += samples[i] * samples[i];
    quietest = std::min(quietest, sum);
    loudest = std::max(loudest, sum);
  }
  return loudest > 0 ? quietest / loudest : 0;
}

void ExpectTone(const Made& made, double hz, double from, double to) {
  const Decoded decoded = DecodeWithLibav(made.format, made.frames);
  ASSERT_FALSE(decoded.channels.empty());
  for (const std::vector<float>& samples : decoded.channels) {
    ASSERT_GE(samples.size(), static_cast<size_t>((to - 0.05) * decoded.sample_rate));
    EXPECT_NEAR(Pitch(samples, decoded.sample_rate, from, to), hz, hz * 0.01);
    EXPECT_GT(Quietest(samples, decoded.sample_rate, from, to), 0.3) << "a gap";
  }
}

struct Sample {
  const char* file;
  const char* source;
  SourceCodec codec;
};

class SampleTest : public TranscoderPoolTest, public ::testing::WithParamInterface<Sample> {};

TEST_P(SampleTest, BecomesOpusOfTheSameToneAndLength) {
  const Made made = Transcode(ReadSample(GetParam().file));
  EXPECT_EQ(made.error, "");
  ASSERT_FALSE(made.sources.empty());
  EXPECT_EQ(made.sources[0], GetParam().source);
  EXPECT_EQ(made.format.codec, AudioCodec::kOpus);
  EXPECT_NEAR(made.seconds(), 2.03, 0.08);
  ExpectTone(made, 440, 0.1, 1.9);
  const auto ended = Stats().ended_total[static_cast<size_t>(GetParam().codec)];
  EXPECT_EQ(ended[static_cast<size_t>(TranscodeReason::kNoPayload)], 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, SampleTest,
    ::testing::Values(
        Sample{"flac_44100_stereo.flac", "FLAC 44.1 kHz stereo", SourceCodec::kFlac},
        Sample{"flac_44100_stereo.oga", "FLAC 44.1 kHz stereo", SourceCodec::kFlac},
        Sample{"vorbis_44100_stereo.ogg", "Vorbis 44.1 kHz stereo", SourceCodec::kVorbis},
        Sample{"wma_44100_stereo.wma", "Windows Media Audio 2 44.1 kHz stereo", SourceCodec::kWma},
        Sample{"ac3_48000_stereo.ts", "AC-3 48 kHz stereo", SourceCodec::kAc3},
        Sample{"eac3_48000_stereo.mp4", "E-AC-3 48 kHz stereo", SourceCodec::kAc3},
        Sample{"alac_44100_stereo.m4a", "ALAC 44.1 kHz stereo", SourceCodec::kAlac},
        Sample{"pcm_8000_mono.wav", "PCM 16 bit 8 kHz mono", SourceCodec::kPcm},
        Sample{"speex_16000_mono.ogg", "Speex 16 kHz mono", SourceCodec::kSpeex},
        Sample{"opus_48000_5.1.opus", "Opus 48 kHz 5.1", SourceCodec::kOpus},
        Sample{"aac_pce.aac", "AAC 44.1 kHz quad(side)", SourceCodec::kAac},
        Sample{"aac_44100_stereo.mka", "AAC 44.1 kHz stereo", SourceCodec::kAac},
        Sample{"wavpack_32000_mono.wv", "WavPack 32 kHz mono", SourceCodec::kWavPack}),
    [](const auto& each) {
      std::string name = each.param.file;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
      return name;
    });

TEST_F(TranscoderPoolTest, TagsAreTitles) {
  const Made made = Transcode(ReadSample("vorbis_44100_stereo.ogg"));
  EXPECT_EQ(made.titles, (std::vector<std::string>{"Artist - First"}));
}

TEST_F(TranscoderPoolTest, ChainedStreamOfAnotherRateGoesOn) {
  const Made made = Transcode(ReadSample("vorbis_chained.ogg"));
  EXPECT_EQ(made.error, "");
  EXPECT_EQ(made.titles, (std::vector<std::string>{"Artist - First", "Second"}));
  EXPECT_EQ(made.sources,
            (std::vector<std::string>{"Vorbis 44.1 kHz stereo", "Vorbis 22.05 kHz mono"}));
  EXPECT_NEAR(made.seconds(), 3.03, 0.1);
  ExpectTone(made, 440, 0.1, 1.9);
  ExpectTone(made, 880, 2.2, 2.9);
}

TEST_F(TranscoderPoolTest, FramesBecomeWhatWasAnnounced) {
  const std::vector<Framed> aac = {Frame(ReadSample(kAac))};
  const RtpFormat mpa = {.encoding = "MPA", .payload_type = 14, .clock_rate = 90000};
  const Made mp3 = TranscodeFrames(aac, *EncodableAs(mpa));
  EXPECT_EQ(mp3.error, "");
  EXPECT_EQ(mp3.format.ToString(), "MP3 44.1 kHz stereo 128 kb/s");
  ASSERT_EQ(mp3.sources.size(), 1u);
  EXPECT_EQ(mp3.sources[0], "AAC 44.1 kHz stereo");
  EXPECT_NEAR(mp3.seconds(), 45 * 1024 / 44100.0, 0.1);
  ExpectTone(mp3, 440, 0.2, 0.9);
}

TEST_F(TranscoderPoolTest, EachTargetIsMadeAsAnnounced) {
  const std::vector<Framed> mp3 = {Frame(ReadSample(kMp3))};
  for (const auto& [rate, channels] : {std::pair{48000u, 2}, {44100u, 2}, {24000u, 1}}) {
    const AudioFormat wanted = {.codec = AudioCodec::kAac,
                                .object_type = 2,
                                .channel_config = static_cast<uint8_t>(channels),
                                .sample_rate = rate,
                                .channels = static_cast<uint8_t>(channels),
                                .frame_samples = 1024,
                                .bits_per_second = 64000};
    const RtpFormat announced = ToRtpFormat(wanted);
    const auto target = EncodableAs(announced);
    ASSERT_TRUE(target.has_value());
    const Made made = TranscodeFrames(mp3, *target);
    EXPECT_EQ(made.error, "");
    EXPECT_TRUE(ToRtpFormat(made.format).SameAnnouncement(announced)) << rate;
    ExpectTone(made, 440, 0.2, 0.9);
  }
  const Made mp2 = TranscodeFrames(
      mp3, {.codec = AudioCodec::kMpegAudio, .layer = 2, .sample_rate = 48000, .channels = 2});
  EXPECT_EQ(mp2.format.ToString(), "MP2 48 kHz stereo 128 kb/s");
  ExpectTone(mp2, 440, 0.2, 0.9);
}

TEST_F(TranscoderPoolTest, FramesThatChangeUnderWayAreFollowed) {
  const Made made = TranscodeFrames(
      {Frame(ReadSample(kMp3)), Frame(ReadSample(kAacMono)), Frame(ReadSample(kMp2))},
      OpusFormat(0));
  EXPECT_EQ(made.error, "");
  EXPECT_EQ(made.sources, (std::vector<std::string>{"MP3 44.1 kHz stereo", "AAC 24 kHz mono",
                                                    "MP2 48 kHz stereo"}));
  EXPECT_NEAR(made.seconds(), 40 * 1152 / 44100.0 + 13 * 1024 / 24000.0 + 13 * 1152 / 48000.0,
              0.15);
}

TEST_F(TranscoderPoolTest, WhatIsNoMediaIsSaid) {
  const std::vector<uint8_t> zeros(5000);
  EXPECT_EQ(Transcode(zeros).error, "no container that can be transcoded");
  EXPECT_EQ(Stats().failed_total, 1u);
  std::vector<uint8_t> broken = ReadSample("wma_44100_stereo.wma");
  std::fill(broken.begin() + 16, broken.end(), uint8_t{0xee});
  EXPECT_NE(Transcode(broken).error, "");
}

TEST_F(TranscoderPoolTest, PlaylistsAndReferencesAreNotFollowed) {
  const std::string hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n";
  const std::string concat = "ffconcat version 1.0\nfile /etc/hostname\n";
  for (const std::string& text : {hls, concat}) {
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    EXPECT_EQ(Transcode({data, text.size()}).error, "no container that can be transcoded");
  }
}

TEST_F(TranscoderPoolTest, BeyondTheLimitThereIsNone) {
  std::vector<std::unique_ptr<Transcoder>> some;
  for (int i = 0; i < 4; ++i) some.push_back(Make(OpusFormat(2)));
  EXPECT_EQ(Make(OpusFormat(2)), nullptr);
  EXPECT_EQ(Stats().refused_total, 1u);
  OnLoop([&] {
    EXPECT_EQ(Running(), 4u);
    some.clear();
  });
  Until([&] { return Running() == 0; });
  auto another = Make(OpusFormat(2));
  EXPECT_NE(another, nullptr);
  End(another);
}

TEST_F(TranscoderPoolTest, StopsInTheMiddle) {
  const std::vector<uint8_t> flac = ReadSample("flac_44100_stereo.flac");
  const auto stop = [&](size_t octets, bool wait_for_frame) {
    auto transcoder = Make(OpusFormat(2));
    transcoder->Push(Bytes(flac).first(octets));
    if (wait_for_frame) Until([&] { return transcoder->Next() == MediaStep::kFrame; });
    End(transcoder);
  };
  stop(100, false);         // waits for bytes
  stop(flac.size(), true);  // waits for room
  stop(flac.size(), false);
  const MonoTime start = MonoNow();
  auto never_fed = Make(OpusFormat(2));
  End(never_fed);
  EXPECT_LT(MonoNow() - start, 5s);
}

TEST_F(TranscoderPoolTest, PoolThatEndsTakesItsThreadsWithIt) {
  EventLoop loop;
  auto pool = std::make_unique<TranscoderPool>(loop, TranscoderPoolOptions{.transcoders_max = 3});
  const std::vector<uint8_t> flac = ReadSample("flac_44100_stereo.flac");
  for (int i = 0; i < 3; ++i) pool->Make({OpusFormat(2)}, [] {})->Push(flac);
  pool.reset();
}

TEST_F(TranscoderPoolTest, SlowTakerHoldsItBack) {
  auto transcoder = Make(OpusFormat(2));
  transcoder->Push(ReadSample("flac_44100_stereo.flac"));
  const MonoTime until = MonoNow() + 300ms;
  Until([&] { return MonoNow() >= until; });
  // Nobody took anything: no more than the limit was made, and then it goes on.
  Made made;
  double first = 0;
  Until([&] {
    if (made.frames.empty()) {
      Take(*transcoder, made);
      first = made.seconds();
    }
    return !made.frames.empty();
  });
  EXPECT_LE(first, TranscodeChannel::kOutputMax / 100.0 + 0.2);
  const Made rest = Run(*transcoder, [] { return false; });
  EXPECT_NEAR(first + rest.seconds(), 2.03, 0.08);
  End(transcoder);
}

TEST_F(TranscoderPoolTest, FullIsToldAndOver) {
  std::vector<uint8_t> wav = ReadSample("pcm_8000_mono.wav");
  // A length that is not known, and a minute of silence.
  std::fill(wav.begin() + 4, wav.begin() + 8, uint8_t{0xff});
  std::fill(wav.begin() + 40, wav.begin() + 44, uint8_t{0xff});
  wav.resize(16000 * 60);
  auto transcoder = Make(OpusFormat(2));
  // In pieces: one that is taken whole leaves an empty queue behind it.
  for (size_t at = 0; at < wav.size(); at += 16000) transcoder->Push(Bytes(wav).subspan(at, 16000));
  EXPECT_TRUE(transcoder->full());
  const Made made = Run(*transcoder, [] { return false; });
  EXPECT_FALSE(transcoder->full());
  EXPECT_NEAR(made.seconds(), 60, 1);
  End(transcoder);
}

TEST_F(TranscoderPoolTest, CutOffAnywhereItEnds) {
  for (const char* name : {"flac_44100_stereo.oga", "vorbis_44100_stereo.ogg",
                           "wma_44100_stereo.wma", "ac3_48000_stereo.ts", "eac3_48000_stereo.mp4",
                           "alac_44100_stereo.m4a", "opus_48000_5.1.opus"}) {
    const std::vector<uint8_t> whole = ReadSample(name);
    for (size_t size = 1; size < whole.size(); size = size * 5 / 3 + 7) {
      const Made made = Transcode(Bytes(whole).first(size));
      EXPECT_TRUE(made.ended || !made.error.empty()) << name << " " << size;
    }
  }
}

TEST_F(TranscoderPoolTest, BytesThatWereChangedDoNoHarm) {
  std::minstd_rand random(7);
  for (const char* name :
       {"flac_44100_stereo.flac", "flac_44100_stereo.oga", "vorbis_chained.ogg",
        "wma_44100_stereo.wma", "ac3_48000_stereo.ts", "eac3_48000_stereo.mp4",
        "alac_44100_stereo.m4a", "speex_16000_mono.ogg", "opus_48000_5.1.opus", "aac_pce.aac",
        "aac_44100_stereo.mka", "pcm_8000_mono.wav", "wavpack_32000_mono.wv"}) {
    const std::vector<uint8_t> whole = ReadSample(name);
    for (int round = 0; round < 6; ++round) {
      std::vector<uint8_t> bytes = whole;
      // Each round more, and the first kilobyte, which has the headers, as often as the rest.
      for (int i = 0; i < 1 << round; ++i) {
        const size_t range = i % 2 == 0 ? std::min<size_t>(1024, bytes.size()) : bytes.size();
        bytes[16 + random() % (range - 16)] = static_cast<uint8_t>(random());
      }
      const Made made = Transcode(bytes);
      EXPECT_TRUE(made.ended || !made.error.empty()) << name;
    }
  }
}

}  // namespace
}  // namespace headwater::packager
