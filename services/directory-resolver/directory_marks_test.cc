#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"
#include "services/common/plan/plan_text.h"
#include "services/directory-resolver/directory.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kA = 0x80000000;
constexpr uint32_t kB = 0x80000001;
constexpr uint32_t kFirstFavourite = 0xa0000000;

Options TwoAndFavourites() {
  Options options;
  options.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
  options.directories.push_back({{.name = "radio"}, {0x80000000, 4, "radio"}, ""});
  options.directories.push_back({{.name = "mine"}, {0x90000000, 4, "mine"}, ""});
  options.directories.push_back({{.name = "best"}, {0xa0000000, 16, "best"}, ""});
  options.directories[1].source = DirectorySource::kCatalogue;
  options.directories[2].source = DirectorySource::kFavourites;
  return options;
}

DirectoryLineup Radio(const std::vector<std::string>& titles) {
  DirectoryLineup lineup = {"radio", {}};
  for (const std::string& title : titles) {
    LineupStation row;
    row.identity = "id:" + title;
    row.title = title;
    row.urls = {"http://radio.example/" + title};
    lineup.stations.push_back(row);
  }
  return lineup;
}

std::vector<uint32_t> Numbers(const std::vector<const Station*>& stations) {
  std::vector<uint32_t> numbers;
  for (const Station* station : stations) numbers.push_back(station->number);
  return numbers;
}

class DirectoryMarksTest : public ::testing::Test {
 protected:
  DirectoryMarksTest() { EXPECT_TRUE(Load({"Alpha Jazz", "Beta"}).ok()); }

  absl::Status Load(const std::vector<std::string>& titles,
                    const Options& options = TwoAndFavourites()) {
    return directory_.Load(options, {Radio(titles)}, [](const auto&) { return absl::OkStatus(); });
  }
  absl::StatusOr<uint32_t> Alias(const AliasQuery& query) {
    return directory_.SetAlias(
        query, [this](const std::vector<NumberRecord>& records, uint32_t, const auto&) {
          saved_.insert(saved_.end(), records.begin(), records.end());
          return absl::OkStatus();
        });
  }
  absl::StatusOr<uint32_t> Favour(uint32_t number, bool favourite = true) {
    return Alias({.number = number, .remove = !favourite, .favourite = true});
  }
  std::vector<uint32_t> List(StationQuery::Set set, const std::string& directory = "") {
    return Numbers(directory_.List({.directory = directory, .count = 100, .set = set}).stations);
  }

  std::vector<NumberRecord> saved_;
  Directory directory_ = Directory({}, {});
};

TEST_F(DirectoryMarksTest, AFavouriteHasALowNumberForEver) {
  EXPECT_EQ(*Favour(kB), kFirstFavourite);
  EXPECT_EQ(*Favour(kA), kFirstFavourite + 1);
  EXPECT_EQ(*Favour(kB), kFirstFavourite);
  const Station* station = *directory_.Resolve(kFirstFavourite);
  EXPECT_EQ(station->number, kFirstFavourite);
  EXPECT_EQ(station->title, "Beta");
  EXPECT_EQ(station->directory, "best");
  EXPECT_THAT(List(StationQuery::Set::kFavourite),
              ElementsAre(kFirstFavourite, kFirstFavourite + 1));
  EXPECT_EQ(*Favour(kB, false), kFirstFavourite);
  EXPECT_FALSE(directory_.Resolve(kFirstFavourite).ok());
  EXPECT_EQ(*Favour(kB), kFirstFavourite);
  EXPECT_EQ(*Favour(kB, false), kFirstFavourite);
  EXPECT_EQ(*Favour(kB, false), 0u);
  // And never another's.
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta", "Gamma"}).ok());
  EXPECT_EQ(*Favour(kB + 1), kFirstFavourite + 2);
  EXPECT_EQ(saved_.size(), 3u);
}

TEST_F(DirectoryMarksTest, AnAliasSharesWhatPlaysHaveShown) {
  EXPECT_EQ(*Alias({.number = kA, .alias = 0x80000777}), 0x80000777u);
  EXPECT_EQ(*Alias({.number = 0x80000777, .directory = "mine"}), 0x90000000u);
  const KnownFormat mp3 = {{.encoding = "MPA", .payload_type = 14, .clock_rate = 90000}, 0, "MP3"};
  ASSERT_TRUE(directory_.LearnFormat(0x90000000, mp3, absl::UnixEpoch()).ok());
  EXPECT_NE(directory_.FormatOf(kA), nullptr);
  EXPECT_NE(directory_.FormatOf(0x80000777), nullptr);
  ASSERT_TRUE(directory_.OnResult(0x80000777, {.ok = true}, absl::UnixEpoch()).ok());
  const StationRecord record = *directory_.Describe(kA);
  EXPECT_THAT(record.aliases, ElementsAre(0x80000777u, 0x90000000u));
  EXPECT_EQ(record.health->plays, 1u);
  EXPECT_EQ(directory_.Describe(0x90000000)->alias_of, kA);
  // The station comes back after it was away, and so does its alias.
  ASSERT_TRUE(Load({"Beta"}).ok());
  EXPECT_FALSE(directory_.Resolve(0x80000777).ok());
  ASSERT_TRUE(Load({"Beta", "Alpha Jazz"}).ok());
  EXPECT_TRUE(directory_.Resolve(0x80000777).ok());
}

TEST_F(DirectoryMarksTest, RefusesAliasesThatWouldBeStrangers) {
  const auto code = [](const absl::StatusOr<uint32_t>& result) { return result.status().code(); };
  EXPECT_EQ(code(Alias({.number = kA, .alias = kB})), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(Alias({.number = kA, .alias = 0x80000777}).ok());
  ASSERT_TRUE(Alias({.number = kA, .alias = 0x80000777, .remove = true}).ok());
  EXPECT_EQ(code(Alias({.number = kB, .alias = 0x80000777})), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(Alias({.number = kB, .alias = 0x80000777, .remove = true})),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(code(Alias({.number = kA, .alias = 0xb0000000})),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code(Alias({.number = 0x80000999, .alias = 0x80000998})), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(Alias({.number = kA, .alias = kTestToneNumber})), absl::StatusCode::kNotFound);
  Options none = TwoAndFavourites();
  none.directories.pop_back();
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta"}, none).ok());
  EXPECT_EQ(code(Favour(kA)), absl::StatusCode::kFailedPrecondition);
}

// Where a station's URLs may lead is told by the directory of the number that is played.
TEST_F(DirectoryMarksTest, AnAliasCannotChangeWhereUrlsMayLead) {
  ASSERT_TRUE(Favour(kA).ok());
  Options local = TwoAndFavourites();
  local.directories[2].plan.local = true;
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta"}, local).ok());
  EXPECT_FALSE(directory_.Resolve(kFirstFavourite).ok());
  EXPECT_EQ(Favour(kB).status().code(), absl::StatusCode::kFailedPrecondition);
  // Nor what is sent: both share what is known of the format.
  Options wrapped = TwoAndFavourites();
  wrapped.directories[2].plan.container = MediaContainer::kTransportStream;
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta"}, wrapped).ok());
  EXPECT_FALSE(directory_.Resolve(kFirstFavourite).ok());
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta"}).ok());
  EXPECT_TRUE(directory_.Resolve(kFirstFavourite).ok());
}

TEST_F(DirectoryMarksTest, ADisabledStationIsInNoListAndDoesNotPlay) {
  ASSERT_TRUE(Favour(kA).ok());
  EXPECT_EQ(*directory_.SetDisabled(kFirstFavourite, true), kA);
  for (const uint32_t number : {kA, kFirstFavourite}) {
    EXPECT_EQ(directory_.Resolve(number).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_THAT(List(StationQuery::Set::kPlayable), ElementsAre(kB, kTestToneNumber));
  EXPECT_THAT(List(StationQuery::Set::kDisabled), ElementsAre(kA));
  EXPECT_THAT(List(StationQuery::Set::kFavourite), IsEmpty());
  EXPECT_THAT(directory_.Search("jazz", 10), IsEmpty());
  EXPECT_THAT(*directory_.Export({}), ::testing::Not(HasSubstr("Alpha")));
  // It survives a refresh, and the station's absence.
  ASSERT_TRUE(Load({"Beta"}).ok());
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta"}).ok());
  EXPECT_FALSE(directory_.Resolve(kA).ok());
  ASSERT_TRUE(directory_.SetDisabled(kA, false).ok());
  EXPECT_THAT(Numbers(directory_.Search("jazz", 10)), ElementsAre(kFirstFavourite, kA));
  EXPECT_EQ(directory_.SetDisabled(0x80000999, true).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DirectoryMarksTest, ListsPageByPageWithAliasesInTheirPlace) {
  ASSERT_TRUE(Load({"Alpha Jazz", "Beta", "Gamma"}).ok());
  ASSERT_TRUE(Alias({.number = kA, .alias = 0x80000001 + 7}).ok());
  ASSERT_TRUE(Favour(kB).ok());
  std::vector<uint32_t> all;
  StationQuery query{.count = 2};
  for (size_t pages = 0; pages < 10; ++pages) {
    const StationPage page = directory_.List(query);
    EXPECT_LE(page.stations.size(), 2u);
    for (const uint32_t number : Numbers(page.stations)) all.push_back(number);
    if (!page.next) break;
    query.first = *page.next;
  }
  EXPECT_THAT(all, ElementsAre(kA, kB, kB + 1, kB + 7, kFirstFavourite, kTestToneNumber));
  EXPECT_THAT(List(StationQuery::Set::kPlayable, "best"), ElementsAre(kFirstFavourite));
  EXPECT_THAT(List(StationQuery::Set::kPlayable, "none"), IsEmpty());
}

TEST_F(DirectoryMarksTest, TellsTombstonesFromNumbersNeverGiven) {
  ASSERT_TRUE(Load({"Beta"}).ok());
  const StationRecord gone = *directory_.Describe(kA);
  EXPECT_EQ(gone.station, nullptr);
  EXPECT_EQ(gone.identity, "id:Alpha Jazz");
  EXPECT_EQ(directory_.Describe(0x80000999).status().code(), absl::StatusCode::kNotFound);
  const DirectoryCounts counts = directory_.Counts().at("radio");
  EXPECT_EQ(counts.stations, 1u);
  EXPECT_EQ(counts.tombstones, 1u);
}

TEST_F(DirectoryMarksTest, CountsHealthAndNamesWhatToCheckNext) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000);
  const absl::Duration week = absl::Hours(168);
  ASSERT_TRUE(directory_.OnResult(kA, {.ok = true}, start).ok());
  ASSERT_TRUE(directory_.OnResult(kB, {.error = "404\n"}, start).ok());
  ASSERT_TRUE(directory_.OnResult(kB, {.check = true, .error = "dns"}, start).ok());
  const StationHealth health = *directory_.Describe(kB)->health;
  EXPECT_EQ(health.plays_failed, 1u);
  EXPECT_EQ(health.checks_failed, 1u);
  EXPECT_EQ(health.failures_in_row, 2u);
  EXPECT_EQ(health.error, "dns");
  EXPECT_EQ(directory_.marks().failing(), 1u);
  EXPECT_THAT(List(StationQuery::Set::kFailing), ElementsAre(kB));
  EXPECT_EQ(directory_.NextCheck(start + absl::Hours(1), week), nullptr);
  ASSERT_TRUE(directory_.OnResult(kA, {.ok = true}, start + absl::Hours(1)).ok());
  const absl::Time later = start + absl::Hours(300);
  // kA has had its turn and waits for the next one, since it was played later.
  EXPECT_EQ(directory_.NextCheck(start + week, week)->number, kB);
  EXPECT_EQ(directory_.NextCheck(later, week)->number, kA);
  EXPECT_EQ(directory_.NextCheck(start + week + absl::Hours(1), week), nullptr);
  EXPECT_EQ(directory_.NextCheck(later + week, week)->number, kB);
  ASSERT_TRUE(directory_.OnResult(kB, {.ok = true, .check = true}, later).ok());
  EXPECT_THAT(List(StationQuery::Set::kFailing), IsEmpty());
  EXPECT_EQ(directory_.marks().failing(), 0u);
}

TEST_F(DirectoryMarksTest, LooksAtABoundedNumberOfStationsForACheck) {
  std::vector<Station> stations(StationMarks::kLookedAtMax + 1);
  for (uint32_t i = 0; i < stations.size(); ++i) stations[i].number = kA + i;
  const Catalogue catalogue(std::move(stations));
  StationMarks marks;
  const absl::Time now = absl::FromUnixSeconds(1'000'000);
  for (uint32_t i = 0; i < StationMarks::kLookedAtMax; ++i)
    marks.OnResult(kA + i, {.ok = true}, now);
  EXPECT_EQ(marks.NextCheck(catalogue, now, absl::Hours(1)), nullptr);
  EXPECT_EQ(marks.NextCheck(catalogue, now, absl::Hours(1))->number,
            kA + StationMarks::kLookedAtMax);
  EXPECT_EQ(marks.NextCheck(Catalogue(), now, absl::Hours(1)), nullptr);
}

TEST_F(DirectoryMarksTest, ACheckSaysNothingOfTheFormatInsideAContainer) {
  EXPECT_TRUE(directory_.ShowsFormat(kA, {.ok = true, .check = true}));
  EXPECT_FALSE(directory_.ShowsFormat(kA, {.ok = false}));
  Options wrapped = TwoAndFavourites();
  wrapped.directories[0].plan.container = MediaContainer::kTransportStream;
  ASSERT_TRUE(Load({"Alpha Jazz"}, wrapped).ok());
  EXPECT_FALSE(directory_.ShowsFormat(kA, {.ok = true, .check = true}));
  EXPECT_TRUE(directory_.ShowsFormat(kA, {.ok = true}));
}

TEST_F(DirectoryMarksTest, PlansWhatPeopleAdd) {
  Station wanted;
  wanted.title = " New\tStation ";
  wanted.urls = {"http://NEW.example:80/live"};
  const auto planned = directory_.PlanAdded(wanted);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->first, "mine");
  EXPECT_EQ(planned->second.title, "New Station");
  EXPECT_EQ(planned->second.identity, "url:http://new.example/live");
  EXPECT_EQ(*directory_.NumberForAdded("mine", planned->second), 0x90000000u);

  const auto message = [this](const Station& station) {
    return std::string(FromAbsl(directory_.PlanAdded(station).status().message()));
  };
  wanted.directory = "radio";
  wanted.number = 0x90000001;
  EXPECT_THAT(message(wanted), HasSubstr("leads to directory mine"));
  wanted.directory = "best";
  EXPECT_THAT(message(wanted), HasSubstr("takes no stations"));
  wanted.directory = "none";
  EXPECT_THAT(message(wanted), HasSubstr("no directory is named"));
  wanted.urls = {"rtsp://x/"};
  EXPECT_THAT(message(wanted), HasSubstr("rtsp://x/"));
  wanted.urls = {};
  EXPECT_THAT(message(wanted), HasSubstr("urls"));
  LineupStation taken = planned->second;
  taken.number = kA;
  EXPECT_EQ(directory_.NumberForAdded("radio", taken).status().code(),
            absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace headwater::directory_resolver
