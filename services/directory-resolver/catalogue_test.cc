#include "services/directory-resolver/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Station Make(uint32_t number, const std::string& title, std::vector<std::string> tags = {},
             const std::string& directory = "radio") {
  Station station;
  station.number = number;
  station.title = title;
  station.tags = std::move(tags);
  station.directory = directory;
  return station;
}

std::vector<std::string> Titles(const std::vector<const Station*>& stations) {
  std::vector<std::string> titles;
  for (const Station* station : stations) titles.push_back(station->title);
  return titles;
}

std::vector<const Station*> Search(const Catalogue& catalogue, std::string_view query,
                                   size_t count) {
  return SearchCatalogues({&catalogue}, query, count, [](const Station&) { return true; });
}

TEST(CatalogueTest, FindsByNumber) {
  const Catalogue catalogue({Make(0x80000002, "B"), Make(0x80000001, "A")});
  EXPECT_EQ(catalogue.Find(0x80000001)->title, "A");
  EXPECT_EQ(catalogue.Find(0x80000003), nullptr);
  EXPECT_EQ(Catalogue().Find(1), nullptr);
}

TEST(CatalogueTest, KeepsTheTextOfStationsApart) {
  const Catalogue catalogue({Make(2, "Beta"), Make(1, "Alpha", {"al"}), Make(3, "", {"be", "ta"})});
  EXPECT_THAT(Search(catalogue, "alphabeta", 10), IsEmpty());
  EXPECT_THAT(Search(catalogue, "albeta", 10), IsEmpty());
  EXPECT_THAT(Titles(Search(catalogue, "beta", 10)), ElementsAre("Beta"));
  EXPECT_THAT(Titles(Search(catalogue, "ta", 10)), ElementsAre("Beta", ""));
}

TEST(CatalogueTest, SearchesWordsInTitleAndTags) {
  const Catalogue catalogue({Make(1, "Smooth Jazz Radio"), Make(2, "Jazz FM", {"blues"}),
                             Make(3, "Radio Blau", {"Jazz"}), Make(4, "Rock"),
                             Make(5, "BigJazzBand"), Make(6, "Český rozhlas Džez")});
  EXPECT_THAT(Titles(Search(catalogue, "JAZZ", 10)),
              ElementsAre("Jazz FM", "Smooth Jazz Radio", "BigJazzBand", "Radio Blau"));
  EXPECT_THAT(Titles(Search(catalogue, "  jazz   radio ", 10)),
              ElementsAre("Smooth Jazz Radio", "Radio Blau"));
  EXPECT_THAT(Titles(Search(catalogue, "blues fm", 10)), ElementsAre("Jazz FM"));
  EXPECT_THAT(Titles(Search(catalogue, "ČESKÝ", 10)), ElementsAre("Český rozhlas Džez"));
  EXPECT_THAT(Titles(Search(catalogue, "jazz", 1)), ElementsAre("Jazz FM"));
  EXPECT_THAT(Search(catalogue, "", 10), IsEmpty());
  EXPECT_THAT(Search(catalogue, "polka", 10), IsEmpty());
  // A query of any size is cut, not refused.
  EXPECT_THAT(Search(catalogue, std::string(100000, 'x'), 10), IsEmpty());
}

// Two directories and the test tone.
Options TwoDirectories() {
  Options options;
  options.directories.push_back({{.name = "radio"}, {0x80000000, 4, "radio"}, ""});
  options.directories.push_back({{.name = "house"}, {0x90000000, 4, "house"}, ""});
  return options;
}

LineupStation Row(const std::string& title, std::optional<uint32_t> number = {}) {
  LineupStation row;
  row.identity = "id:" + title;
  row.title = title;
  row.number = number;
  row.urls = {"http://radio.example/" + title};
  row.place = "radio.toml:" + title;
  return row;
}

struct Built {
  absl::StatusOr<Catalogue> catalogue;
  NumberBook book;
  std::vector<std::string> warnings;
};

Built Build(const std::vector<DirectoryLineup>& lineups, const Options& options = TwoDirectories(),
            NumberBook book = {}) {
  std::vector<std::string> warnings;
  const NumberPlan plan = *NumberPlan::Build(options.ToPlan());
  absl::StatusOr<Catalogue> catalogue = BuildCatalogue(lineups, {options, plan, book, warnings});
  return {std::move(catalogue), std::move(book), std::move(warnings)};
}

TEST(CatalogueTest, GivesNumbersAndTheTestTone) {
  const Built built = Build({{"radio", {Row("A"), Row("B", 0x80000000)}}, {"house", {Row("C")}}});
  ASSERT_TRUE(built.catalogue.ok()) << built.catalogue.status();
  EXPECT_EQ(built.catalogue->Find(0x80000000)->title, "B");
  EXPECT_EQ(built.catalogue->Find(0x80000001)->title, "A");
  EXPECT_EQ(built.catalogue->Find(0x90000000)->directory, "house");
  const Station* tone = built.catalogue->Find(0xd0bef00d);
  ASSERT_NE(tone, nullptr);
  EXPECT_EQ(tone->title, "Headwater test tone");
  EXPECT_EQ(tone->kind, StationKind::kTest);
  Options silent = TwoDirectories();
  silent.test_tone = false;
  EXPECT_EQ(Build({}, silent).catalogue->Find(0xd0bef00d), nullptr);
}

TEST(CatalogueTest, KeepsNumbersWhenAStationBeforeGoes) {
  const Built before = Build({{"radio", {Row("A"), Row("B")}}});
  const Built after = Build({{"radio", {Row("C"), Row("B")}}}, TwoDirectories(), before.book);
  EXPECT_EQ(after.catalogue->Find(0x80000001)->title, "B");
  EXPECT_EQ(after.catalogue->Find(0x80000002)->title, "C");
  EXPECT_EQ(after.catalogue->Find(0x80000000), nullptr);
}

TEST(CatalogueTest, RefusesNumbersOfAnotherDirectory) {
  EXPECT_THAT(std::string(Build({{"radio", {Row("A", 0x90000001)}}}).catalogue.status().message()),
              HasSubstr("radio.toml:A: number 0x90000001 leads to directory house; directory radio "
                        "has 0x80000000/4"));
  EXPECT_THAT(std::string(Build({{"radio", {Row("A", 0xa0000001)}}}).catalogue.status().message()),
              HasSubstr("leads to no directory"));
}

TEST(CatalogueTest, RefusesANumberTwice) {
  EXPECT_THAT(std::string(Build({{"radio", {Row("A", 0x80000001), Row("B", 0x80000001)}}})
                              .catalogue.status()
                              .message()),
              HasSubstr("radio.toml:B: number 0x80000001 is already at radio.toml:A"));
}

TEST(CatalogueTest, RefusesANumberThatWasAStrangers) {
  const Built before = Build({{"radio", {Row("A")}}});
  EXPECT_THAT(std::string(Build({{"radio", {Row("B", 0x80000000)}}}, TwoDirectories(), before.book)
                              .catalogue.status()
                              .message()),
              HasSubstr("radio.toml:B: number 0x80000000 was assigned to another station"));
}

TEST(CatalogueTest, PutsTheMostVotesFirstAmongEquals) {
  std::vector<Station> stations = {Make(1, "Jazz One"), Make(2, "Jazz Two"), Make(3, "Jazz Three")};
  stations[1].details.votes = 7;
  const Catalogue catalogue(stations);
  EXPECT_THAT(Titles(Search(catalogue, "jazz", 10)),
              ElementsAre("Jazz Two", "Jazz One", "Jazz Three"));
  // A catalogue that is named first goes before.
  const Catalogue favourites({Make(9, "Jazz Two")});
  const auto all = SearchCatalogues({&favourites, &catalogue}, "jazz t", 10,
                                    [](const Station& station) { return station.number != 3; });
  EXPECT_THAT(Titles(all), ElementsAre("Jazz Two", "Jazz Two"));
  EXPECT_EQ(all[0]->number, 9u);
}

// What no person can correct leaves out a station, and says so.
TEST(CatalogueTest, LeavesOutWhatWasFetchedAndHasNoNumber) {
  Options options = TwoDirectories();
  options.directories[0].prefix = {0x80000000, 31, "radio"};
  const Built built = Build(
      {{"radio", {Row("A"), Row("B"), Row("C")}, false}, {"house", {Row("D", 0x80000000)}, false}},
      options);
  ASSERT_TRUE(built.catalogue.ok()) << built.catalogue.status();
  EXPECT_EQ(built.catalogue->stations().size(), 3u);
  EXPECT_THAT(built.warnings,
              ElementsAre(HasSubstr("\"D\" of directory house"), HasSubstr("no number left")));
}

TEST(CatalogueTest, KeepsTheFirstOfTwoWithOneIdentity) {
  const Built built =
      Build({{"radio", {Row("A")}, false}, {"radio", {Row("A"), Row("B")}, false, true}});
  ASSERT_TRUE(built.catalogue.ok()) << built.catalogue.status();
  EXPECT_FALSE(built.catalogue->Find(0x80000000)->added);
  EXPECT_TRUE(built.catalogue->Find(0x80000001)->added);
}

}  // namespace
}  // namespace headwater::directory_resolver
