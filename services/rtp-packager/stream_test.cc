// Streams as sessions see them: a source, a timeline, silence, another source.
#include "services/rtp-packager/stream.h"

#include <fstream>
#include <sstream>

#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/packager_fixture.h"

namespace headwater::packager {
namespace {

using StreamTest = PackagerFixture;

int Milliseconds(Duration duration) { return static_cast<int>(duration / 1ms); }

TEST_F(StreamTest, HoldsUntilToldToTransmit) {
  Apply(Request(V6(), false));
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kOpening);
  Answer(4s, "Radio One");
  const SessionStatus status = StatusOf(V6());
  EXPECT_EQ(status.state, StreamState::kReady);
  EXPECT_EQ(status.format->encoding, "MPA");
  EXPECT_EQ(status.texts.name, "Radio One");
  EXPECT_EQ(status.source_url, "http://a.example/");
  Advance(3s);
  EXPECT_TRUE(rtp_.empty());
}

TEST_F(StreamTest, BurstThenSteadyIsSentAtMediaPace) {
  Apply(Request(V6(), false));
  Answer(4s);
  const MonoTime start = now();
  Apply(Request(V6(), true));
  Play(20s);
  const auto packets = RtpOf(V6());
  ASSERT_FALSE(packets.empty());
  EXPECT_LE(packets[0].time - start, options_.startup_delay);
  EXPECT_TRUE(packets[0].header.marker);
  ExpectContinuous(packets, 100ms);
  const int64_t ticks = packets.back().header.timestamp.DistanceFrom(packets[0].header.timestamp);
  const Duration media = Duration(ticks * 1'000'000'000 / 90000);
  const Duration ahead = media - (packets.back().time - packets[0].time);
  EXPECT_NEAR(Milliseconds(ahead), Milliseconds(options_.startup_burst) * 7 / 8, 90)
      << "the burst runs ahead";
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
}

TEST_F(StreamTest, StartupBurstIsFasterThanMedia) {
  Apply(Request(V6(), true));
  Answer(4s);
  Advance(options_.startup_delay + 80ms);
  const auto packets = RtpOf(V6());
  EXPECT_GE(packets.size(), 6u) << "80 ms at eight times the pace are over 600 ms of media";
}

TEST_F(StreamTest, SourceWithoutBurstBeginsAfterThePreroll) {
  Apply(Request(V6(), true));
  Answer(kFrame);
  const MonoTime start = now();
  Play(5s);
  const auto packets = RtpOf(V6());
  ASSERT_FALSE(packets.empty());
  EXPECT_GE(packets[0].time - start, 150ms);
  EXPECT_LE(packets[0].time - start, options_.preroll + 100ms);
  ExpectContinuous(packets, 200ms);
}

TEST_F(StreamTest, LumpsLargerThanTheReserveShiftTheTimelineOnce) {
  Apply(Request(V6(), true));
  Answer(kFrame);
  Play(20s, 1s);
  const uint64_t underruns = core_->Stats().underruns_total;
  EXPECT_GE(underruns, 1u);
  rtp_.clear();
  Play(60s, 1s);
  EXPECT_LE(core_->Stats().underruns_total, underruns + 1) << "the reserve did not grow";
  ExpectContinuous(RtpOf(V6()), 200ms);
}

TEST_F(StreamTest, StallIsFilledBySilenceOnTheSameTimelineAndEnds) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(3s);
  Advance(4500ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  EXPECT_EQ(StatusOf(V6()).error_reason, "silence");
  Play(5s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  EXPECT_EQ(StatusOf(V6()).error, "");
  ExpectContinuous(RtpOf(V6()), 150ms);
  EXPECT_EQ(opener_.opened(), 1u) << "a short stall needs no new connection";
}

TEST_F(StreamTest, SourceGoneForTwentySecondsIsReopenedAndGoesOn) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(3s);
  opener_.latest().Close({SourceErrorReason::kClosed, "the server closed"});
  const MonoTime gone = now();
  while (now() < gone + 20s) {
    Advance(100ms);
    if (opener_.latest().alive()) {
      opener_.latest().Close({SourceErrorReason::kConnect, "connection refused"});
    }
  }
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  EXPECT_EQ(StatusOf(V6()).error, "connection refused");
  const size_t tries = opener_.opened();
  EXPECT_GE(tries, 5u);
  EXPECT_LE(tries, 12u) << "backoff";
  Advance(5s);
  ASSERT_TRUE(opener_.latest().alive());
  Answer(4s);
  Play(3s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  ExpectContinuous(RtpOf(V6()), 150ms);
  EXPECT_EQ(Byes(V6()), 0u);
}

TEST_F(StreamTest, ASourceThatComesInPiecesMayPauseAsLongAsItSays) {
  Apply(Request(V6(), true));
  opener_.latest().Requested(now());
  opener_.latest().Answer({.content_type = "audio/mpeg", .pause_max = 15s});
  Deliver(4s);
  Advance(14s);
  EXPECT_TRUE(opener_.latest().alive());
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSilent);
  EXPECT_EQ(opener_.opened(), 1u);
  Advance(4s);
  EXPECT_EQ(opener_.opened(), 2u) << "it did not end by itself";
}

TEST_F(StreamTest, StalledConnectionIsLeftForTheNextUrl) {
  Apply(Request(V6(), true));
  Answer(4s);
  Play(1s);
  Advance(options_.stall_limit + options_.reopen_min + 100ms);
  ASSERT_EQ(opener_.opened(), 2u);
  EXPECT_FALSE(opener_.opening(0).alive());
  EXPECT_EQ(opener_.latest().request().first, 1u);
}

TEST_F(StreamTest, SilenceLimitFailsWithBye) {
  SessionRequest request = Request(V6(), true);
  request.silence_limit = 30s;
  Apply(request);
  Answer(4s);
  Play(1s);
  opener_.latest().Close({SourceErrorReason::kClosed, "the server closed"});
  const MonoTime gone = now();
  while (StatusOf(V6()).state != StreamState::kFailed && now() < gone + 60s) {
    Advance(100ms);
    if (opener_.latest().alive()) {
      opener_.latest().Close({SourceErrorReason::kHttpStatus, "404 Not Found"});
    }
  }
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "silence");
  EXPECT_NE(StatusOf(V6()).error.find("404"), std::string::npos);
  EXPECT_NEAR(Milliseconds(now() - gone), 30000 + 4000, 1500);
  Advance(1s);
  EXPECT_EQ(Byes(V6()), 2u);
  const size_t sent = rtp_.size();
  Advance(10s);
  EXPECT_EQ(rtp_.size(), sent);
  EXPECT_TRUE(core_->Status(V6()).has_value()) << "kept until stopped";
}

TEST_F(StreamTest, FailedOpeningTellsItsReason) {
  Apply(Request(V6(), false));
  opener_.latest().Close({SourceErrorReason::kHtml, "an HTML page: Welcome"});
  Advance(0s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "html");
  EXPECT_EQ(StatusOf(V6()).error, "an HTML page: Welcome");
  EXPECT_EQ(opener_.opened(), 1u) << "the opener has tried every URL";
}

TEST_F(StreamTest, OpeningThatNeverGivesAudioFails) {
  Apply(Request(V6(), false));
  Answer(0s);
  Advance(options_.opening_limit + 1s);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "silence");
  EXPECT_FALSE(opener_.latest().alive());
}

TEST_F(StreamTest, UnsendableCodecTriesTheNextUrlThenFails) {
  Apply(Request(V6(), false));
  const std::vector<uint8_t> flac = {'f', 'L', 'a', 'C', 0, 0, 0, 34};
  std::vector<uint8_t> bytes(flac);
  bytes.resize(4096);
  opener_.latest().Answer({.url = "http://a.example/"});
  opener_.latest().Media(bytes);
  Advance(1ms);
  ASSERT_EQ(opener_.opened(), 2u);
  EXPECT_EQ(opener_.latest().request().first, 1u);
  opener_.latest().Answer({.url = "http://b.example/", .url_index = 1});
  opener_.latest().Media(bytes);
  Advance(1ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
}

TEST_F(StreamTest, AnotherFormatAfterReopeningEndsTheSessionWithoutTranscoder) {
  Apply(Request(V6(), true));
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
  EXPECT_EQ(StatusOf(V6()).format->encoding, "MPA") << "the announced format never changes";
  EXPECT_EQ(Byes(V6()), 2u);
}

TEST_F(StreamTest, AnnouncedFormatOfAMovedSessionIsKeptWithoutTranscoder) {
  SessionRequest request = Request(V6(), true);
  request.ssrc = 0x12345678;
  request.format = RtpFormat{.encoding = "mpeg4-generic", .payload_type = 96, .clock_rate = 44100};
  Apply(request);
  EXPECT_EQ(StatusOf(V6()).ssrc, 0x12345678u);
  Answer(4s);
  Advance(1ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
}

TEST_F(StreamTest, FloodingSourceIsPausedAndBounded) {
  Apply(Request(V6(), true));
  Answer(4s);
  uint64_t poured = 0;
  for (int i = 0; i < 200; ++i) {
    const auto bytes = Mp3(100);
    poured += bytes.size();
    opener_.latest().Media(bytes);
  }
  EXPECT_TRUE(opener_.latest().paused());
  EXPECT_LE(core_->queue_max(), 2 * options_.queue_max + 3s);
  // Paused, it delivers nothing; when there is room, it is asked again (and not yet given up as
  // stalled).
  Advance(12500ms);
  EXPECT_FALSE(opener_.latest().paused());
  EXPECT_EQ(opener_.opened(), 1u);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kSending);
  ExpectContinuous(RtpOf(V6()), 100ms);
}

TEST_F(StreamTest, GarbageForeverFails) {
  Apply(Request(V6(), false));
  opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/mpeg"});
  const std::vector<uint8_t> garbage(1000, 0x55);
  for (int i = 0; i < 1000; ++i) {
    opener_.latest().Media(garbage);
    Advance(1ms);
    if (opener_.opened() == 2 && opener_.opening(0).alive() == false &&
        !opener_.latest().paused()) {
      opener_.latest().Answer(
          {.url = "http://b.example/", .content_type = "audio/mpeg", .url_index = 1});
      break;
    }
  }
  for (int i = 0; i < 1000; ++i) opener_.latest().Media(garbage);
  Advance(1ms);
  EXPECT_EQ(StatusOf(V6()).state, StreamState::kFailed);
  EXPECT_EQ(StatusOf(V6()).error_reason, "codec");
}

TEST_F(StreamTest, TitleIsShownWithItsAudio) {
  Apply(Request(V6(), false));
  Answer(4s);
  opener_.latest().Title({.title = "First", .url = ""});
  Advance(0s);
  EXPECT_EQ(StatusOf(V6()).texts.title, "First");
  Apply(Request(V6(), true));
  Play(1s);
  opener_.latest().Title({.title = "Second", .url = "http://s.example/"});
  Play(1s);
  EXPECT_EQ(StatusOf(V6()).texts.title, "First") << "some three seconds are still queued";
  Play(4s);
  EXPECT_EQ(StatusOf(V6()).texts.title, "Second");
  EXPECT_EQ(StatusOf(V6()).texts.url, "http://s.example/");
}

TEST_F(StreamTest, TitlesInTheMediaAreToldToTheSource) {
  Apply(Request(V6(), true));
  opener_.latest().Answer({.url = "http://a.example/", .content_type = "audio/ogg"});
  opener_.latest().Title({.title = "From elsewhere", .url = ""});
  EXPECT_FALSE(opener_.latest().titled());
  opener_.latest().Media(ReadSample(kOpus));
  EXPECT_TRUE(opener_.latest().titled());
}

// Rows of README's table "| state | event | next |" against the code's.
TEST(StreamTableTest, ReadmeHasTheTransitions) {
  std::ifstream readme("services/rtp-packager/README.md");
  std::vector<std::string> described;
  for (std::string line; std::getline(readme, line);) {
    for (const char* state : {"Opening", "Ready", "Sending", "Silent", "Failed"}) {
      if (!line.starts_with(std::string("| ") + state + " | ")) continue;
      const size_t third = line.find('|', line.find('|', line.find('|', 1) + 1) + 1);
      described.push_back(line.substr(0, third + 1));
    }
  }
  std::vector<std::string> actual;
  for (const StreamTransition& each : kStreamTransitions) {
    std::ostringstream row;
    row << "| " << StreamStateName(each.from) << " | " << StreamEventName(each.event) << " | "
        << StreamStateName(each.to) << " |";
    actual.push_back(row.str());
  }
  EXPECT_EQ(described, actual);
}

}  // namespace
}  // namespace headwater::packager
