// Streams whose frames come from a transcoder, in virtual time.
#include "services/rtp-packager/media/fake_transcoder.h"
#include "services/rtp-packager/packager_fixture.h"
#include "services/rtp-packager/stream.h"

namespace headwater::packager {
namespace {

AudioFormat Opus() {
  AudioFormat format = OpusFormat(2);
  format.bits_per_second = 128000;
  return format;
}

class StreamTranscodeTest : public PackagerFixture {
 protected:
  StreamTranscodeTest() { StartWithTranscoders(); }

  static std::vector<uint8_t> Flac(size_t size) {
    std::vector<uint8_t> bytes(size, 0x55);
    const uint8_t magic[] = {'f', 'L', 'a', 'C', 0, 0, 0, 34};
    std::copy(std::begin(magic), std::end(magic), bytes.begin());
    return bytes;
  }
  void AnswerFlac(size_t size = 4096) {
    opener_.latest().Requested(now());
    opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/flac"});
    opener_.latest().Media(Flac(size));
    Settle();
  }
  FakeTranscoderMaker::Job& job() { return transcoders_.latest(); }
  // So much comes out of the transcoder.
  void Make(Duration media, const AudioFormat& format) {
    job().Frames(static_cast<size_t>(media * format.sample_rate / format.frame_samples / 1s),
                 format);
    Settle();
  }
  // At media pace, while the source delivers `feed`.
  void MakeFor(Duration time, const AudioFormat& format, const std::function<void()>& feed = {}) {
    const MonoTime end = now() + time;
    while (now() < end) {
      Advance(100ms);
      if (feed) feed();
      Settle();
      Make(100ms, format);
    }
  }
  void Close() {
    opener_.latest().Close({SourceErrorReason::kClosed, "the server closed"});
    Settle();
  }
};

TEST_F(StreamTranscodeTest, WhatHasNoPayloadIsSentAsOpus) {
  Apply(Request(V6(), false));
  AnswerFlac(4096);
  ASSERT_EQ(transcoders_.made(), 1u);
  EXPECT_EQ(job().bytes(), Flac(4096)) << "from the first byte on";
  EXPECT_EQ(job().request().target.codec, AudioCodec::kOpus);
  EXPECT_EQ(job().request().reason, TranscodeReason::kNoPayload);
  opener_.latest().Media(std::vector<uint8_t>(100));
  EXPECT_EQ(job().bytes().size(), 4196u);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening);

  job().Title("Artist - First");
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  Make(4s, Opus());
  const SessionStatus ready = StatusOf(V6());
  EXPECT_EQ(ready.state, StreamState::kReady);
  EXPECT_EQ(ready.format->encoding, "opus");
  EXPECT_EQ(ready.format->payload_type, 97);
  EXPECT_EQ(ready.format->description, "FLAC 44.1 kHz stereo, sent as Opus 48 kHz stereo 128 kb/s");
  EXPECT_FALSE(ready.source_format.has_value()) << "nothing else could be announced";
  EXPECT_EQ(ready.texts.title, "Artist - First");

  Apply(Request(V6(), true));
  MakeFor(10s, Opus());
  const auto packets = RtpOf(V6());
  ASSERT_GT(packets.size(), 50u);
  EXPECT_EQ(packets[0].header.payload_type, 97);
  ExpectContinuous(packets, 150ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(StreamTranscodeTest, FullTranscoderPausesTheSource) {
  Apply(Request(V6(), false));
  AnswerFlac();
  job().SetFull(true);
  Settle();
  EXPECT_TRUE(opener_.latest().paused());
  job().SetFull(false);
  Settle();
  EXPECT_FALSE(opener_.latest().paused());
}

TEST_F(StreamTranscodeTest, PausedSourceThatGoesOnIsBounded) {
  Apply(Request(V6(), false));
  AnswerFlac();
  job().SetFull(true);
  for (int i = 0; i < 100; ++i) opener_.latest().Media(std::vector<uint8_t>(100'000));
  EXPECT_LE(job().bytes().size(), 4096 + Intake::kBacklogMax + 100'000);
}

TEST_F(StreamTranscodeTest, FullQueueLeavesFramesInTheTranscoder) {
  Apply(Request(V6(), false));
  AnswerFlac();
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  Make(60s, Opus());
  EXPECT_TRUE(opener_.latest().paused());
  EXPECT_LE(core_->queue_max(), options_.queue_max + 20ms);
  // All of it is sent in its time.
  Apply(Request(V6(), true));
  Advance(50s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  ExpectContinuous(RtpOf(V6()), 150ms);
  EXPECT_EQ(opener_.opened(), 1u) << "a paused source is not stalled";
}

TEST_F(StreamTranscodeTest, WhatIsStillBeingTranscodedIsPlayedAfterTheEnd) {
  Apply(Request(V6(), true));
  AnswerFlac();
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  Make(3s, Opus());
  Advance(500ms);
  Close();
  EXPECT_TRUE(job().finished());
  Advance(options_.reopen_min + 100ms);
  EXPECT_EQ(opener_.opened(), 1u);
  Make(1s, Opus());
  job().End();
  Settle();
  EXPECT_FALSE(job().alive());
  Advance(options_.reopen_min + 100ms);
  EXPECT_EQ(opener_.opened(), 2u);
  AnswerFlac();
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  MakeFor(5s, Opus());
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  ExpectContinuous(RtpOf(V6()), 150ms);
}

TEST_F(StreamTranscodeTest, FileThatIsShorterThanItsOpeningPlays) {
  Apply(Request(V6(), true));
  AnswerFlac();
  Close();
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening);
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  Make(1s, Opus());
  job().End();
  Settle();
  Advance(300ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(StreamTranscodeTest, TranscoderThatHangsIsLeft) {
  Apply(Request(V6(), true));
  AnswerFlac();
  job().Format(Opus(), "FLAC 44.1 kHz stereo");
  Make(1s, Opus());
  Close();
  Advance(options_.stall_limit + options_.reopen_min + 200ms);
  EXPECT_EQ(opener_.opened(), 2u);
  EXPECT_EQ(transcoders_.alive(), 0u);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
}

TEST_F(StreamTranscodeTest, UnreadableStreamTriesTheNextUrlThenFails) {
  Apply(Request(V6(), false));
  AnswerFlac();
  job().Error("flac: Invalid data found");
  Settle();
  Advance(1ms);
  ASSERT_EQ(opener_.opened(), 2u);
  EXPECT_EQ(transcoders_.alive(), 0u);
  opener_.latest().Answer({.url = "http://b.example/", .url_index = 1});
  opener_.latest().Media(Flac(4096));
  job().Error("flac: Invalid data found");
  Settle();
  Advance(1ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
  EXPECT_EQ(StatusOf(V6()).error, "flac: Invalid data found");
}

TEST_F(StreamTranscodeTest, OneTooManyFailsByLimit) {
  transcoders_.jobs_max = 0;
  SessionRequest request = Request(V6(), false);
  request.urls.resize(1);
  Apply(request);
  AnswerFlac();
  Advance(1ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "limit");
}

TEST_F(StreamTranscodeTest, StopEndsTheTranscoder) {
  Apply(Request(V6(), false));
  AnswerFlac();
  EXPECT_EQ(transcoders_.alive(), 1u);
  Stop(V6());
  EXPECT_EQ(transcoders_.alive(), 0u);
}

TEST_F(StreamTranscodeTest, ChangeInMidStreamIsTranscodedAndTheReturnPassesThrough) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(2s);
  // The same connection goes on in AAC.
  opener_.latest().Media(Adts(10));
  Settle();
  ASSERT_EQ(transcoders_.made(), 1u);
  const TranscodeRequest& request = job().request();
  EXPECT_EQ(request.reason, TranscodeReason::kFormatChanged);
  EXPECT_EQ(request.target.codec, AudioCodec::kMpegAudio);
  EXPECT_EQ(request.target.sample_rate, 44100u);
  EXPECT_EQ(request.target.channels, 2);
  EXPECT_GE(job().frame_formats().size(), 8u);
  EXPECT_EQ(job().frame_formats()[0].codec, AudioCodec::kAac);
  const AudioFormat target = request.target;
  job().Format(target, "AAC 44.1 kHz stereo");
  MakeFor(3s, target, [&] { opener_.latest().Media(Adts(4)); });
  EXPECT_EQ(StatusOf(V6()).source_format->encoding, "mpeg4-generic");
  EXPECT_EQ(StatusOf(V6()).format->encoding, "MPA");

  // And back: what the transcoder still has comes first.
  FakeTranscoderMaker::Job& first = job();
  opener_.latest().Media(Mp3(20));
  Settle();
  EXPECT_TRUE(first.finished());
  EXPECT_TRUE(opener_.latest().paused()) << "what comes meanwhile waits in the framer";
  Make(200ms, target);
  first.End();
  Settle();
  EXPECT_FALSE(first.alive());
  EXPECT_FALSE(opener_.latest().paused());
  EXPECT_FALSE(StatusOf(V6()).source_format.has_value());
  Play(3s);
  ExpectContinuous(RtpOf(V6()), 150ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(core_->Stats().underruns_total, 0u);
}

TEST_F(StreamTranscodeTest, SourceThatComesBackInAnotherFormatGoesOn) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  Close();
  Advance(1s);
  ASSERT_EQ(opener_.opened(), 2u);
  opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/aac"});
  opener_.latest().Media(Adts(20));
  Settle();
  ASSERT_EQ(transcoders_.made(), 1u);
  const AudioFormat target = job().request().target;
  job().Format(target, "AAC 44.1 kHz stereo");
  MakeFor(10s, target, [&] { opener_.latest().Media(Adts(4)); });
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  ExpectContinuous(RtpOf(V6()), 150ms);
  EXPECT_EQ(Byes(V6()), 0u);
}

TEST_F(StreamTranscodeTest, FlacInPlaceOfMp3BecomesMp3AndSaysWhatItIs) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  Close();
  Advance(1s);
  AnswerFlac();
  EXPECT_EQ(job().request().target.codec, AudioCodec::kMpegAudio);
  const AudioFormat target = job().request().target;
  job().Format(target, "FLAC 44.1 kHz stereo");
  MakeFor(5s, target);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(StatusOf(V6()).source_format->encoding, "opus") << "what its next session will be";
  EXPECT_EQ(StatusOf(V6()).format->encoding, "MPA");
}

TEST_F(StreamTranscodeTest, AnnouncedBeforeItIsHeardItIsMadeSo) {
  SessionRequest request = Request(V6(), true);
  request.format = RtpFormat{.encoding = "mpeg4-generic",
                             .payload_type = 96,
                             .clock_rate = 24000,
                             .channels = 1,
                             .fmtp = "streamtype=5; mode=AAC-hbr; config=1308; SizeLength=13",
                             .bits_per_second = 48000,
                             .description = "AAC-LC 24 kHz mono"};
  Apply(request);
  Answer(4s);
  ASSERT_EQ(transcoders_.made(), 1u);
  const AudioFormat target = job().request().target;
  EXPECT_EQ(target.codec, AudioCodec::kAac);
  EXPECT_EQ(target.sample_rate, 24000u);
  EXPECT_EQ(target.channels, 1);
  EXPECT_EQ(target.bits_per_second, 48000u);
}

TEST_F(StreamTranscodeTest, WhatCannotBeMadeFails) {
  for (const char* fmtp : {"", "config=2B098800", "config=11F0", "config=zz"}) {
    StartWithTranscoders();
    SessionRequest request = Request(V6(), true);
    request.format = RtpFormat{.encoding = "mpeg4-generic",
                               .payload_type = 96,
                               .clock_rate = 48000,
                               .fmtp = fmtp,
                               .description = "HE-AAC"};
    Apply(request);
    Answer(4s);
    Advance(1ms);
    EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed) << fmtp;
    EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
    EXPECT_EQ(StatusOf(V6()).error,
              "the source is now MP3 44.1 kHz stereo 128 kb/s, announced was HE-AAC");
    EXPECT_EQ(transcoders_.made(), 0u);
  }
}

TEST_F(StreamTranscodeTest, WrappedInMpegTsItIsWhatSetTopBoxesDecode) {
  SessionRequest request = Request(V6(), true);
  request.transport_stream = true;
  Apply(request);
  AnswerFlac();
  const AudioFormat target = job().request().target;
  EXPECT_EQ(target.ToString(), "MP2 48 kHz stereo");
  job().Format(target, "FLAC 44.1 kHz stereo");
  Make(2s, target);
  EXPECT_EQ(StatusOf(V6()).format->encoding, "MP2T");
  // Another codec is made the same: players would not follow a change within.
  Close();
  job().End();
  Settle();
  Advance(1s);
  opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/aac"});
  opener_.latest().Media(Adts(20));
  EXPECT_EQ(job().request().target.codec, AudioCodec::kMpegAudio);
  EXPECT_EQ(job().frame_formats().size(), 20u - 1);
}

}  // namespace
}  // namespace headwater::packager
