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

TEST(CatalogueTest, FindsByNumber) {
  const Catalogue catalogue({Make(0x80000002, "B"), Make(0x80000001, "A")});
  EXPECT_EQ(catalogue.Find(0x80000001)->title, "A");
  EXPECT_EQ(catalogue.Find(0x80000003), nullptr);
  EXPECT_EQ(Catalogue().Find(1), nullptr);
}

TEST(CatalogueTest, ListsPageByPage) {
  const Catalogue catalogue(
      {Make(1, "A"), Make(2, "X", {}, "other"), Make(3, "B"), Make(4, "C"), Make(5, "D")});
  const auto first = catalogue.List("radio", 0, 2);
  EXPECT_THAT(Titles(first.stations), ElementsAre("A", "B"));
  ASSERT_EQ(first.next, 4u);
  const auto second = catalogue.List("radio", *first.next, 2);
  EXPECT_THAT(Titles(second.stations), ElementsAre("C", "D"));
  EXPECT_EQ(second.next, std::nullopt);
  EXPECT_EQ(catalogue.List("", 0, 100).stations.size(), 5u);
  EXPECT_THAT(catalogue.List("none", 0, 100).stations, IsEmpty());
}

TEST(CatalogueTest, SearchesWordsInTitleAndTags) {
  const Catalogue catalogue({Make(1, "Smooth Jazz Radio"), Make(2, "Jazz FM", {"blues"}),
                             Make(3, "Radio Blau", {"Jazz"}), Make(4, "Rock"),
                             Make(5, "BigJazzBand"), Make(6, "Český rozhlas Džez")});
  EXPECT_THAT(Titles(catalogue.Search("JAZZ", 10)),
              ElementsAre("Jazz FM", "Smooth Jazz Radio", "BigJazzBand", "Radio Blau"));
  EXPECT_THAT(Titles(catalogue.Search("  jazz   radio ", 10)),
              ElementsAre("Smooth Jazz Radio", "Radio Blau"));
  EXPECT_THAT(Titles(catalogue.Search("blues fm", 10)), ElementsAre("Jazz FM"));
  EXPECT_THAT(Titles(catalogue.Search("ČESKÝ", 10)), ElementsAre("Český rozhlas Džez"));
  EXPECT_THAT(Titles(catalogue.Search("jazz", 1)), ElementsAre("Jazz FM"));
  EXPECT_THAT(catalogue.Search("", 10), IsEmpty());
  EXPECT_THAT(catalogue.Search("polka", 10), IsEmpty());
  // A query of any size is cut, not refused.
  EXPECT_THAT(catalogue.Search(std::string(100000, 'x'), 10), IsEmpty());
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
};

Built Build(const std::vector<DirectoryLineup>& lineups, const Options& options = TwoDirectories(),
            NumberBook book = {}) {
  absl::StatusOr<Catalogue> catalogue =
      BuildCatalogue(options, *NumberPlan::Build(options.ToPlan()), lineups, book);
  return {std::move(catalogue), std::move(book)};
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

}  // namespace
}  // namespace headwater::directory_resolver
