#include "services/rtp-packager/source/status_watch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headwater {
namespace {

constexpr std::string_view kNoTitle = R"({"songtitle":""})";

std::string Song(const std::string& title) { return R"({"songtitle":")" + title + "\"}"; }

class StatusWatchTest : public testing::Test {
 protected:
  // At the time it wants.
  StatusResult Answer(std::string_view body) {
    now_ = watch_.next();
    return watch_.OnAnswer(body, now_);
  }
  Duration wait() const { return watch_.next() - now_; }
  std::string News() {
    const auto title = watch_.TakeNews();
    return title ? title->title : "-";
  }

  MonoTime now_ = MonoTime{} + 1h;
  StatusWatch watch_{{}, *SourceUrl::Parse("http://st.example/live"), now_};
};

TEST_F(StatusWatchTest, WaitsForTheStreamToSpeakFirst) { EXPECT_EQ(wait(), 10s); }

TEST_F(StatusWatchTest, AsksBothPagesAndKeepsToTheOneThatAnswers) {
  EXPECT_EQ(watch_.page().target, "/status-json.xsl");
  EXPECT_EQ(Answer("<html>"), StatusResult::kFailed);
  EXPECT_EQ(wait(), 0s);
  EXPECT_EQ(watch_.page().target, "/stats?sid=1&json=1");
  EXPECT_EQ(Answer(Song("A")), StatusResult::kTitle);
  EXPECT_EQ(wait(), 15s);
  EXPECT_EQ(watch_.page().target, "/stats?sid=1&json=1");
  Answer("");
  EXPECT_EQ(watch_.page().target, "/stats?sid=1&json=1");
}

TEST_F(StatusWatchTest, TellsATitleOnceAndThatItHasEnded) {
  Answer(Song("A"));
  EXPECT_EQ(News(), "A");
  EXPECT_EQ(News(), "-");
  EXPECT_EQ(Answer(Song("A")), StatusResult::kTitle);
  EXPECT_EQ(News(), "-");
  Answer(Song("B"));
  EXPECT_EQ(News(), "B");
  EXPECT_EQ(Answer(kNoTitle), StatusResult::kNoTitle);
  EXPECT_EQ(News(), "");
}

TEST_F(StatusWatchTest, AsksEverMoreRarelyWhileNothingIsTold) {
  std::vector<Duration> waits;
  for (int i = 0; i < 5; ++i) {
    Answer(kNoTitle);
    waits.push_back(wait());
  }
  EXPECT_EQ(waits, (std::vector<Duration>{30s, 60s, 60s, 60s, 60s}));
  EXPECT_EQ(News(), "-");
  Answer(Song("A"));
  EXPECT_EQ(wait(), 15s);
}

TEST_F(StatusWatchTest, LeavesAServerInPeaceThatHasNoPage) {
  std::vector<Duration> waits;
  int requests = 0;
  for (; watch_.next() != kNever; ++requests) {
    now_ = watch_.next();
    EXPECT_EQ(watch_.OnFailure(now_), StatusResult::kFailed);
    if (watch_.next() != kNever) waits.push_back(wait());
  }
  EXPECT_EQ(requests, 6);
  EXPECT_EQ(waits, (std::vector<Duration>{0s, 30s, 0s, 60s, 0s}));
}

TEST_F(StatusWatchTest, AnAnswerForgivesFailures) {
  Answer(Song("A"));
  for (int i = 0; i < 10; ++i) {
    Answer("");
    Answer("");
    Answer(Song("A"));
  }
  EXPECT_EQ(wait(), 15s);
  for (int i = 0; i < 3; ++i) Answer("");
  EXPECT_EQ(watch_.next(), kNever);
}

}  // namespace
}  // namespace headwater
