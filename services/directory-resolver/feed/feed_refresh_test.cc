#include "services/directory-resolver/feed/feed_refresh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr DirectorySource kKind = DirectorySource::kXiph;

class FeedRefreshTest : public ::testing::Test {
 protected:
  absl::Time Next(absl::Time now) const { return NextRefresh(state_, kKind, options_, now); }
  absl::Time At(int seconds) const { return absl::FromUnixSeconds(1'000'000 + seconds); }
  void Fetched(int seconds, std::string error = "") {
    state_.last_attempt = At(seconds);
    state_.error = std::move(error);
    if (state_.error.empty()) {
      state_.last_success = At(seconds);
      state_.fingerprint = Fingerprint(kKind, options_);
    }
  }

  FeedOptions options_ = {.url = "http://a/", .refresh = 1000s, .retry = 100s, .shrink_min = 0.5};
  FeedState state_;
};

TEST_F(FeedRefreshTest, FetchesAtOnceThenByPeriodAndSoonerAfterAFailure) {
  EXPECT_EQ(Next(At(5)), At(5));
  Fetched(5);
  EXPECT_EQ(Next(At(6)), At(1005));
  EXPECT_EQ(Next(At(2000)), At(2000));
  Fetched(1005, "down");
  EXPECT_EQ(Next(At(1006)), At(1105));
  options_.retry = 5000s;
  EXPECT_EQ(Next(At(1006)), At(2005));
}

TEST_F(FeedRefreshTest, FetchesAtOnceWhatIsAskedForDifferently) {
  Fetched(0);
  options_.filter.tags = {"jazz"};
  EXPECT_EQ(Next(At(1)), At(1));
  // But not again and again while it fails.
  Fetched(1, "down");
  EXPECT_EQ(Next(At(2)), At(101));
}

TEST_F(FeedRefreshTest, AClockSetBackDelaysByOnePeriodAtMost) {
  Fetched(900'000);
  EXPECT_EQ(Next(At(0)), At(1000));
}

TEST_F(FeedRefreshTest, RefusesADocumentThatShrinksAbsurdly) {
  const auto taken = [this](size_t before, size_t after) {
    return CheckShrinking(state_, kKind, options_, before, after).ok();
  };
  EXPECT_FALSE(taken(0, 0));
  EXPECT_TRUE(taken(0, 1));
  Fetched(0);
  EXPECT_TRUE(taken(100, 50));
  EXPECT_FALSE(taken(100, 49));
  options_.shrink_min = 0;
  EXPECT_TRUE(taken(100, 1));
  EXPECT_FALSE(taken(100, 0));
  options_.shrink_min = 0.5;
  options_.filter.tags = {"jazz"};
  EXPECT_TRUE(taken(100, 1));
}

LineupStation Row(std::string identity, std::string title) {
  LineupStation row;
  row.identity = std::move(identity);
  row.title = std::move(title);
  return row;
}

TEST(DiffStationsTest, ComparesByIdentityWhateverTheOrder) {
  const std::vector<LineupStation> before = {Row("a", "A"), Row("b", "B"), Row("c", "C")};
  std::vector<LineupStation> after = {Row("d", "D"), Row("c", "C"), Row("a", "A2")};
  after[1].details.votes = 7;
  const std::vector<FeedChange> changes = DiffStations(before, after);
  ASSERT_THAT(changes, SizeIs(3));
  EXPECT_EQ(changes[0].kind, FeedChange::Kind::kAdded);
  EXPECT_EQ(changes[0].index, 0u);
  EXPECT_EQ(changes[1].kind, FeedChange::Kind::kChanged);
  EXPECT_EQ(changes[1].index, 2u);
  EXPECT_THAT(changes[1].fields, ElementsAre("title"));
  EXPECT_EQ(changes[2].kind, FeedChange::Kind::kRemoved);
  EXPECT_EQ(changes[2].index, 1u);
  EXPECT_EQ(CountChanges(changes).total(), 3u);
  EXPECT_THAT(DiffStations(before, before), IsEmpty());
  after = before;
  after[0].details.codec = "MP3";
  after[0].urls = {"http://a/"};
  EXPECT_THAT(DiffStations(before, after)[0].fields, ElementsAre("urls", "details"));
}

}  // namespace
}  // namespace headwater::directory_resolver
