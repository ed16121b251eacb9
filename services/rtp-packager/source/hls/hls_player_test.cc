#include "services/rtp-packager/source/hls/hls_player.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace headwater {
namespace {

using testing::HasSubstr;

constexpr MonoTime kStart{};

// A live encoder: every `duration` one more segment "s<number>;", of which the newest `window` are
// in the list.
struct LiveStation {
  Duration duration = 6s;
  size_t window = 5;
  uint64_t first_number = 100;
  MonoTime began = kStart - 1000s;
  std::optional<MonoTime> stopped;
  bool dates = false;
  bool mp4 = false;
  std::string prefix;

  uint64_t End(MonoTime now) const {
    if (stopped) now = std::min(now, *stopped);
    return first_number + static_cast<uint64_t>((now - began) / duration);
  }
  uint64_t First(MonoTime now) const {
    return std::max(first_number, End(now) > window ? End(now) - window : 0);
  }
  std::string List(MonoTime now) const {
    std::string text =
        fmt::format("#EXTM3U\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
                    std::chrono::duration_cast<std::chrono::seconds>(duration).count(), First(now));
    if (mp4) text += "#EXT-X-MAP:URI=\"init\"\n";
    for (uint64_t number = First(now); number < End(now); ++number) {
      if (dates) {
        const auto since = began - kStart + (number - first_number) * duration;
        text += "#EXT-X-PROGRAM-DATE-TIME:" +
                absl::FormatTime(absl::RFC3339_full,
                                 absl::FromUnixSeconds(1'800'000'000) + absl::FromChrono(since),
                                 absl::UTCTimeZone()) +
                "\n";
      }
      text += fmt::format("#EXTINF:{},\n{}s{}\n", absl::ToDoubleSeconds(absl::FromChrono(duration)),
                          prefix, number);
    }
    return text;
  }
};

// Runs a player against servers of the test's making, in virtual time.
class HlsPlayerTest : public testing::Test {
 protected:
  // The body for a path; nothing: 404.
  using Server = std::function<std::optional<std::string>(std::string_view path)>;

  void Begin(std::string_view text) {
    stats_ = {};
    player_.emplace(options_, stats_);
    const auto error =
        player_->Begin(*SourceUrl::Parse("http://st.example/live/list.m3u8"), text, now_);
    ASSERT_FALSE(error.has_value()) << error->text;
  }

  // Until then, or the end.
  void RunUntil(MonoTime until) {
    while (now_ < until && !end_) {
      const HlsAction action = player_->Next(now_);
      if (const auto* end = std::get_if<HlsEnd>(&action)) {
        end_ = end->error;
      } else if (const auto* wait = std::get_if<HlsWait>(&action)) {
        ASSERT_GT(wait->until, now_);
        now_ = std::min(wait->until, until);
      } else {
        const auto& fetch = std::get<HlsFetch>(action);
        now_ += time_of_ ? time_of_(fetch.url.target) : latency_;
        Serve(fetch);
      }
    }
  }
  void RunToEnd() {
    RunUntil(now_ + 1h);
    ASSERT_TRUE(end_.has_value());
  }

  void Serve(const HlsFetch& fetch) {
    requests_.push_back({now_, fetch});
    if (down_) return player_->OnFailure({SourceErrorReason::kConnect, "refused"}, now_);
    const auto body = server_(fetch.url.target);
    if (!body) return player_->OnFailure({SourceErrorReason::kHttpStatus, "404 Not Found"}, now_);
    if (!fetch.is_media()) return player_->OnDocument(fetch.url, *body, now_);
    player_->OnMediaHead(ranges_ && fetch.range);
    std::string_view bytes = *body;
    if (ranges_ && fetch.range) bytes = bytes.substr(fetch.range->offset, fetch.range->length);
    const size_t cut = std::exchange(break_after_, SIZE_MAX);
    for (const char byte : bytes.substr(0, cut)) {
      output_ += AsText(player_->OnBytes(AsBytes({&byte, 1}), now_));
    }
    if (bytes.size() <= cut) return player_->OnMediaEnd(now_);
    player_->OnFailure({SourceErrorReason::kClosed, "connection lost"}, now_);
  }

  // A station at /live/list.m3u8 whose segments can be had while listed, and a bit longer.
  Server ServerOf(const LiveStation& station) {
    return [this, &station](std::string_view path) -> std::optional<std::string> {
      if (path == "/live/list.m3u8") return station.List(now_);
      const std::string name(path.substr(path.rfind('/') + 1));
      if (name == "init") return "init;";
      const uint64_t number = std::stoull(name.substr(name.find_first_of("0123456789")));
      const bool there = number < station.End(now_) && number + 2 >= station.First(now_);
      return there ? std::optional(name + ";") : std::nullopt;
    };
  }

  static std::string Segments(uint64_t first, uint64_t end) {
    std::string text;
    for (uint64_t number = first; number < end; ++number) text += fmt::format("s{};", number);
    return text;
  }
  // All from `first` on, as far as a list can have told: it may be loaded just before it moves.
  void ExpectPlayed(uint64_t first, uint64_t end) const {
    const bool late = output_ == Segments(first, end - 1);
    EXPECT_TRUE(late || output_ == Segments(first, end)) << output_ << " to " << end;
  }
  std::vector<MonoTime> RequestsOf(std::string_view target) const {
    std::vector<MonoTime> times;
    for (const auto& [time, fetch] : requests_) {
      if (fetch.url.target == target) times.push_back(time);
    }
    return times;
  }

  HlsOptions options_;
  HlsStats stats_;
  std::optional<HlsPlayer> player_;
  Server server_;
  bool down_ = false;
  bool ranges_ = true;
  size_t break_after_ = SIZE_MAX;  // of the next media fetch
  Duration latency_ = 20ms;
  std::function<Duration(std::string_view path)> time_of_;  // in place of it
  MonoTime now_ = kStart;
  std::string output_;
  std::vector<std::pair<MonoTime, HlsFetch>> requests_;
  std::optional<SourceError> end_;
};

TEST_F(HlsPlayerTest, PlaysHoursOfALiveListWithoutGapAndAtItsPace) {
  LiveStation station;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  const uint64_t first = station.End(now_) - 3;  // three target durations behind
  RunUntil(kStart + 3h);
  EXPECT_FALSE(end_.has_value());
  ExpectPlayed(first, station.End(kStart + 3h));
  EXPECT_EQ(stats_.missed_segments, 0u);
  const std::vector<MonoTime> loads = RequestsOf("/live/list.m3u8");
  // One for each segment, a few more until the pace is found; never closer than half a target.
  EXPECT_LE(loads.size(), 3h / 6s * 12 / 10);
  for (size_t i = 1; i < loads.size(); ++i) EXPECT_GE(loads[i] - loads[i - 1], 3s);
}

TEST_F(HlsPlayerTest, BeginsAtOnceWithWhatIsThere) {
  LiveStation station;
  station.began = kStart - 13s;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  const HlsAction action = player_->Next(now_);
  ASSERT_TRUE(std::holds_alternative<HlsFetch>(action));
  EXPECT_EQ(std::get<HlsFetch>(action).url.ToString(), "http://st.example/live/s100");
}

TEST_F(HlsPlayerTest, PlaysAListWithAnEndFromItsBeginningToItsEnd) {
  server_ = [](std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); };
  Begin("#EXTM3U\n#EXTINF:100,\ns1\n#EXTINF:100,Song\ns2\n#EXTINF:1,\ns3\n#EXT-X-ENDLIST\n");
  RunToEnd();
  EXPECT_EQ(output_, "s1s2s3");
  EXPECT_EQ(end_->reason, SourceErrorReason::kClosed);
  EXPECT_EQ(end_->text, "the playlist has come to its end");
  EXPECT_EQ(requests_.size(), 3u);
  EXPECT_EQ(requests_[1].second.title, "Song");
}

TEST_F(HlsPlayerTest, ALiveListThatEndsIsPlayedToItsEnd) {
  LiveStation station;
  server_ = [&](std::string_view path) {
    auto body = ServerOf(station)(path);
    if (path.ends_with(".m3u8") && now_ > kStart + 60s) *body += "#EXT-X-ENDLIST\n";
    return body;
  };
  station.stopped = kStart + 60s;
  Begin(station.List(now_));
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kClosed);
  EXPECT_THAT(output_, testing::EndsWith(fmt::format("s{};", station.End(now_) - 1)));
}

TEST_F(HlsPlayerTest, AListThatDoesNotMoveEndsInSilence) {
  LiveStation station;
  station.stopped = kStart + 30s;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kSilence);
  EXPECT_EQ(end_->text, "the playlist has not moved for 24 s");
  EXPECT_EQ(player_->patience(), 24s);
}

TEST_F(HlsPlayerTest, AServerAwayForTenSecondsCostsNothing) {
  LiveStation station;
  station.duration = 4s;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  const uint64_t first = station.End(now_) - 3;
  RunUntil(kStart + 20s);
  down_ = true;
  RunUntil(kStart + 30s);
  const size_t tries = requests_.size();
  down_ = false;
  RunUntil(kStart + 60s);
  EXPECT_FALSE(end_.has_value());
  ExpectPlayed(first, station.End(kStart + 60s));
  EXPECT_LT(tries, 20u);
}

TEST_F(HlsPlayerTest, AServerAwayForGoodEndsWithItsError) {
  LiveStation station;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  RunUntil(kStart + 20s);
  down_ = true;
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kSilence);
  EXPECT_THAT(end_->text, HasSubstr("s: refused"));
  EXPECT_LT(now_, kStart + 60s);
}

TEST_F(HlsPlayerTest, JumpsToTheLiveEdgeWhereItsPlaceHasGone) {
  LiveStation station;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  RunUntil(kStart + 10s);
  // The listener held it back.
  now_ += 5min;
  player_->OnResumed(now_);
  const uint64_t edge = station.End(now_);
  RunUntil(now_ + 1s);
  EXPECT_THAT(output_, testing::EndsWith(Segments(edge - 3, edge)));
  EXPECT_GT(stats_.missed_segments, 0u);
}

TEST_F(HlsPlayerTest, GoesOnWhenNumberingBeginsAnew) {
  LiveStation station;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  RunUntil(kStart + 20s);
  station.first_number = 0;
  station.began = now_;
  station.prefix = "new-";
  RunUntil(kStart + 60s);
  EXPECT_FALSE(end_.has_value());
  EXPECT_EQ(stats_.resets, 1u);
  EXPECT_THAT(output_, HasSubstr(";new-s0;new-s1;new-s2;"));
}

TEST_F(HlsPlayerTest, WaitsForAnOldCopyOfTheListToMoveOn) {
  LiveStation station;
  bool old = false;
  server_ = [&](std::string_view path) {
    const Duration age = old && path.ends_with(".m3u8") ? 12s : 0s;
    return path.ends_with(".m3u8") ? station.List(now_ - age) : ServerOf(station)(path);
  };
  Begin(station.List(now_));
  const uint64_t first = station.End(now_) - 3;
  RunUntil(kStart + 30s);
  old = true;
  RunUntil(kStart + 80s);
  ExpectPlayed(first, station.End(now_ - 12s));
  EXPECT_EQ(stats_.resets, 0u);
}

TEST_F(HlsPlayerTest, LeavesOutASegmentThatIsNotThere) {
  LiveStation station;
  server_ = [&](std::string_view path) {
    return path.ends_with("s270") ? std::nullopt : ServerOf(station)(path);
  };
  Begin(station.List(now_));
  const uint64_t first = station.End(now_) - 3;
  RunUntil(kStart + 70s);
  EXPECT_FALSE(end_.has_value());
  EXPECT_THAT(output_, testing::StartsWith(Segments(first, 270) + Segments(271, 274)));
  EXPECT_EQ(RequestsOf("/live/s270").size(), 2u);
  EXPECT_EQ(stats_.missed_segments, 1u);
}

TEST_F(HlsPlayerTest, GoesOnInTheMiddleOfASegmentThatBrokeOff) {
  LiveStation station;
  server_ = ServerOf(station);
  Begin(station.List(now_));
  break_after_ = 3;
  RunUntil(kStart + 1s);
  EXPECT_EQ(output_, Segments(station.End(now_) - 3, station.End(now_)));
}

TEST_F(HlsPlayerTest, GivesTheInitialisationSectionOnceAndAgainWhenItChanges) {
  server_ = [](std::string_view path) { return std::string(path.substr(1)) + ";"; };
  Begin(
      "#EXTM3U\n#EXT-X-MAP:URI=\"/a\"\n#EXTINF:1,\n/1\n#EXTINF:1,\n/2\n#EXT-X-DISCONTINUITY\n"
      "#EXT-X-MAP:URI=\"/b\"\n#EXTINF:1,\n/3\n#EXT-X-MAP:URI=\"/b\"\n#EXTINF:1,\n/4\n"
      "#EXT-X-ENDLIST\n");
  RunToEnd();
  EXPECT_EQ(output_, "a;1;2;b;3;4;");
  EXPECT_EQ(stats_.discontinuities, 1u);
}

TEST_F(HlsPlayerTest, AFragmentThatBreaksOffForGoodEndsIt) {
  LiveStation station;
  station.mp4 = true;
  bool broken = false;
  server_ = [&](std::string_view path) {
    if (!path.ends_with(".m3u8") && !path.ends_with("init") && !std::exchange(broken, true)) {
      break_after_ = 2;
    }
    return broken && break_after_ == SIZE_MAX && path.find("/s") != path.npos
               ? std::nullopt
               : ServerOf(station)(path);
  };
  Begin(station.List(now_));
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kClosed);
  EXPECT_EQ(end_->text, "a segment broke off: 404 Not Found");
}

TEST_F(HlsPlayerTest, CutsARangeOutOfTheWholeWhereTheServerKnowsNoRanges) {
  const std::string body = "initone.two.";
  server_ = [&](std::string_view) { return body; };
  const std::string list =
      "#EXTM3U\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"4@0\"\n#EXTINF:1,\n#EXT-X-BYTERANGE:4@4\na\n"
      "#EXTINF:1,\n#EXT-X-BYTERANGE:4\na\n#EXT-X-ENDLIST\n";
  for (const bool ranges : {false, true}) {
    ranges_ = ranges;
    output_.clear();
    end_.reset();
    Begin(list);
    RunToEnd();
    EXPECT_EQ(output_, body) << ranges;
  }
}

TEST_F(HlsPlayerTest, NamesKeyAndVectorOfWhatIsEncrypted) {
  server_ = [](std::string_view path) { return std::string(path == "/k" ? 16 : 1, 'K'); };
  Begin(
      "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:258\n#EXT-X-KEY:METHOD=AES-128,URI=\"/k\"\n#EXTINF:1,\na\n"
      "#EXT-X-KEY:METHOD=AES-128,URI=\"/k\",IV=0x7\n#EXTINF:1,\nb\n"
      "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\nc\n#EXT-X-ENDLIST\n");
  RunToEnd();
  ASSERT_EQ(requests_.size(), 4u);
  EXPECT_EQ(requests_[0].second.what, HlsFetch::What::kKey);
  EXPECT_EQ(requests_[1].second.decryption->key[0], 'K');
  EXPECT_EQ(requests_[1].second.decryption->iv[14], 1);
  EXPECT_EQ(requests_[1].second.decryption->iv[15], 2);
  EXPECT_EQ(requests_[2].second.decryption->iv[15], 7);
  EXPECT_FALSE(requests_[3].second.decryption.has_value());
}

TEST_F(HlsPlayerTest, RefusesOtherEncryptionByName) {
  Begin("#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXTINF:1,\na\n");
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kCodec);
  EXPECT_EQ(end_->text, "segments encrypted by SAMPLE-AES, which is not supported");
  EXPECT_TRUE(requests_.empty());
}

constexpr std::string_view kMaster =
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000\nlow/list.m3u8\n"
    "#EXT-X-STREAM-INF:BANDWIDTH=128000\nhigh/list.m3u8\n";

TEST_F(HlsPlayerTest, TakesTheNextVariantWhereTheBestIsNotThere) {
  LiveStation station;
  server_ = [&](std::string_view path) {
    if (path == "/live/high/list.m3u8") return std::optional<std::string>();
    return path == "/live/low/list.m3u8" ? station.List(now_) : ServerOf(station)(path);
  };
  Begin(kMaster);
  RunUntil(kStart + 1s);
  EXPECT_EQ(output_, Segments(station.End(now_) - 3, station.End(now_)));
  EXPECT_EQ(player_->bits_per_second(), 64000u);
}

TEST_F(HlsPlayerTest, EndsAtOnceWhereNoVariantBegins) {
  server_ = [](std::string_view) { return std::nullopt; };
  Begin(kMaster);
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kHttpStatus);
  EXPECT_LT(now_, kStart + 1s);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(HlsPlayerTest, EndsAtOnceWhereNoSegmentIsThere) {
  server_ = [](std::string_view) { return std::nullopt; };
  Begin("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n");
  RunToEnd();
  EXPECT_EQ(end_->reason, SourceErrorReason::kHttpStatus);
  EXPECT_LT(now_, kStart + 1s);
}

// Both variants of one encoder, each counting its own way.
TEST_F(HlsPlayerTest, AnotherVariantGoesOnWhereTheFirstStopped) {
  for (const bool dates : {false, true}) {
    SCOPED_TRACE(dates);
    LiveStation high, low;
    high.dates = low.dates = dates;
    high.prefix = "high-";
    low.prefix = "low-";
    if (dates) low.first_number = 7000;
    output_.clear();
    now_ = kStart;
    bool gone = false;
    server_ = [&](std::string_view path) {
      if (gone && path.find("high") != path.npos) return std::optional<std::string>();
      if (path == "/live/high/list.m3u8") return std::optional(high.List(now_));
      if (path == "/live/low/list.m3u8") return std::optional(low.List(now_));
      return ServerOf(path.find("high-") != path.npos ? high : low)(path);
    };
    Begin(kMaster);
    RunUntil(kStart + 20s);
    gone = true;
    const size_t played = std::count(output_.begin(), output_.end(), ';');
    const uint64_t next = high.End(kStart) - 3 + played;
    RunUntil(kStart + 60s);
    EXPECT_FALSE(end_.has_value());
    const uint64_t low_next = next - high.first_number + low.first_number;
    EXPECT_THAT(output_, HasSubstr(fmt::format("high-s{};low-s{};low-s{};", next - 1, low_next,
                                               low_next + 1)));
    EXPECT_EQ(stats_.missed_segments, 0u);
  }
}

// An encoder of two variants that count alike, behind a way of so many kb/s.
class HlsPlayerPaceTest : public HlsPlayerTest {
 protected:
  void BeginMaster() {
    high_.prefix = "high-";
    low_.prefix = "low-";
    server_ = [&](std::string_view path) {
      if (path == "/live/high/list.m3u8") return std::optional(high_.List(now_));
      if (path == "/live/low/list.m3u8") return std::optional(low_.List(now_));
      return ServerOf(path.find("high-") != path.npos ? high_ : low_)(path);
    };
    time_of_ = [&](std::string_view path) -> Duration {
      if (path.ends_with(".m3u8")) return 20ms;
      const bool high = path.find("high-") != path.npos;
      return 6s * (high ? 128 : 64) / (high ? kbps_for_high_ : kbps_);
    };
    Begin(kMaster);
  }

  LiveStation high_, low_;
  int kbps_ = 96;
  int kbps_for_high_ = 96;
};

TEST_F(HlsPlayerPaceTest, TakesACheaperVariantWhereSegmentsTakeLongerThanTheyLast) {
  BeginMaster();
  const uint64_t first = high_.End(now_) - 3;
  RunUntil(kStart + 2h);
  EXPECT_THAT(output_, testing::StartsWith(fmt::format("high-s{};high-s{};low-s{};low-s{};", first,
                                                       first + 1, first + 2, first + 3)));
  EXPECT_EQ(player_->bits_per_second(), 64000u);
  EXPECT_EQ(stats_.changes_slow, 1u);
  EXPECT_EQ(stats_.changes_fast, 0u);
  EXPECT_EQ(stats_.missed_segments, 0u);
}

TEST_F(HlsPlayerPaceTest, GoesBackWhenTheWayHasBeenGoodForFiveMinutes) {
  BeginMaster();
  RunUntil(kStart + 1min);
  kbps_ = kbps_for_high_ = 1000;
  RunUntil(kStart + 5min);
  EXPECT_EQ(stats_.changes_fast, 0u);
  RunUntil(kStart + 2h);
  EXPECT_EQ(player_->bits_per_second(), 128000u);
  EXPECT_EQ(stats_.changes_slow, 1u);
  EXPECT_EQ(stats_.changes_fast, 1u);
  EXPECT_EQ(stats_.missed_segments, 0u);
}

TEST_F(HlsPlayerPaceTest, TriesEverMoreRarelyWhereOnlyTheDearerVariantIsSlow) {
  kbps_ = 1000;
  BeginMaster();
  RunUntil(kStart + 24h);
  EXPECT_FALSE(end_.has_value());
  EXPECT_GE(stats_.changes_slow, 5u);
  EXPECT_LE(stats_.changes_slow, 28u);
  EXPECT_EQ(stats_.missed_segments, 0u);
}

TEST_F(HlsPlayerPaceTest, StaysWithTheCheapestHoweverSlowItIs) {
  BeginMaster();
  RunUntil(kStart + 1min);
  kbps_ = 50;
  RunUntil(kStart + 2min);
  EXPECT_FALSE(end_.has_value());
  EXPECT_EQ(stats_.changes_slow, 1u);
  EXPECT_EQ(player_->bits_per_second(), 64000u);
}

TEST_F(HlsPlayerPaceTest, WhatTheListenerHeldBackIsNoSlowness) {
  BeginMaster();
  kbps_ = kbps_for_high_ = 1000;
  time_of_ = [&](std::string_view path) -> Duration {
    if (path.ends_with(".m3u8")) return 20ms;
    player_->OnResumed(now_);
    return 9s;
  };
  RunUntil(kStart + 3min);
  EXPECT_EQ(stats_.changes_slow, 0u);
}

TEST_F(HlsPlayerTest, LooksForAnotherVariantWhenOneStandsStill) {
  LiveStation high, low;
  server_ = [&](std::string_view path) {
    if (path == "/live/high/list.m3u8") return std::optional(high.List(now_));
    if (path == "/live/low/list.m3u8") return std::optional(low.List(now_));
    return ServerOf(low)(path);
  };
  high.stopped = kStart + 20s;
  Begin(kMaster);
  RunUntil(kStart + 5min);
  EXPECT_FALSE(end_.has_value());
  ExpectPlayed(low.End(kStart) - 3, low.End(now_));
}

TEST_F(HlsPlayerTest, ASegmentUrlOfAnotherSchemeIsNotFetched) {
  Begin("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXTINF:1,\nftp://x/y\n#EXT-X-ENDLIST\n");
  RunToEnd();
  EXPECT_TRUE(requests_.empty());
  EXPECT_TRUE(output_.empty());
}

TEST_F(HlsPlayerTest, AnAbsurdTargetDurationNeitherHurriesNorHoldsIt) {
  for (const char* target : {"0", "1000000"}) {
    const std::string list =
        fmt::format("#EXTM3U\n#EXT-X-TARGETDURATION:{}\n#EXTINF:0,\ns1\n", target);
    server_ = [&](std::string_view path) {
      return path.ends_with(".m3u8") ? list : std::string("x");
    };
    requests_.clear();
    end_.reset();
    const MonoTime began = now_;
    Begin(list);
    RunToEnd();
    EXPECT_LE(now_ - began, 61s);
    EXPECT_LE(requests_.size(), 31u);
  }
}

}  // namespace
}  // namespace headwater
