#include "services/directory-resolver/number_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const NumberPrefix kRadio = {0x80000000, 4, "radio"};

NumberPlan Plan(std::vector<NumberPrefix> more = {}) {
  PlanConfig config;
  config.directories = {{.name = "radio"}, {.name = "other"}};
  config.prefixes = {kRadio};
  config.prefixes.insert(config.prefixes.end(), more.begin(), more.end());
  return *NumberPlan::Build(config);
}

TEST(NumberBookTest, AssignsTheLowestFreeNumbers) {
  NumberBook book;
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan()), 0x80000000u);
  EXPECT_EQ(*book.Assign("radio", "b", kRadio, Plan()), 0x80000001u);
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan()), 0x80000000u);
  EXPECT_THAT(book.unsaved(), ElementsAre(NumberRecord{0x80000000, "radio", "a"},
                                          NumberRecord{0x80000001, "radio", "b"}));
}

TEST(NumberBookTest, NeverGivesANumberToAnotherStation) {
  NumberBook first;
  EXPECT_EQ(*first.Assign("radio", "gone", kRadio, Plan()), 0x80000000u);
  // A restart, and "gone" is in no lineup any more.
  NumberBook book(first.unsaved());
  EXPECT_THAT(book.unsaved(), IsEmpty());
  EXPECT_EQ(*book.Assign("radio", "new", kRadio, Plan()), 0x80000001u);
  EXPECT_EQ(*book.Assign("radio", "gone", kRadio, Plan()), 0x80000000u);
  const absl::Status claim = book.Claim(0x80000000, "radio", "id:stranger");
  EXPECT_EQ(claim.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(claim.message()),
      HasSubstr("number 0x80000000 was assigned to another station (gone of directory radio)"));
}

TEST(NumberBookTest, AssignsAroundNumbersGivenByHand) {
  NumberBook book;
  EXPECT_TRUE(book.Claim(0x80000000, "radio", "number:0x80000000").ok());
  EXPECT_TRUE(book.Claim(0x80000000, "radio", "number:0x80000000").ok());
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan()), 0x80000001u);
}

TEST(NumberBookTest, ANumberByHandMayGetAnIdLater) {
  NumberBook book;
  EXPECT_TRUE(book.Claim(0x80000005, "radio", "number:0x80000005").ok());
  EXPECT_TRUE(book.Claim(0x80000005, "radio", "id:five").ok());
  EXPECT_FALSE(book.Claim(0x80000005, "radio", "number:0x80000005").ok());
  // The number leaves the file, the id stays.
  EXPECT_EQ(*book.Assign("radio", "id:five", kRadio, Plan()), 0x80000005u);
}

TEST(NumberBookTest, ASheetChangesTheBookOnlyWhenItIsTaken) {
  NumberBook book;
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan()), 0x80000000u);
  book.Saved();
  {
    NumberBook sheet = NumberBook::Over(book);
    EXPECT_EQ(*sheet.Assign("radio", "a", kRadio, Plan()), 0x80000000u);
    EXPECT_EQ(*sheet.Assign("radio", "b", kRadio, Plan()), 0x80000001u);
    EXPECT_FALSE(sheet.Claim(0x80000000, "radio", "id:stranger").ok());
  }
  EXPECT_EQ(book.size(), 1u);
  EXPECT_EQ(book.NumberOf("radio", "b"), std::nullopt);
  NumberBook sheet = NumberBook::Over(book);
  EXPECT_EQ(*sheet.Assign("radio", "c", kRadio, Plan()), 0x80000001u);
  EXPECT_TRUE(sheet.Claim(0x80000005, "radio", "number:0x80000005").ok());
  EXPECT_THAT(sheet.unsaved(), ElementsAre(NumberRecord{0x80000001, "radio", "c"},
                                           NumberRecord{0x80000005, "radio", "number:0x80000005"}));
  sheet.Saved();
  book.Take(std::move(sheet));
  EXPECT_THAT(book.unsaved(), IsEmpty());
  EXPECT_EQ(book.size(), 3u);
  EXPECT_EQ(book.NumberOf("radio", "c"), 0x80000001u);
  EXPECT_EQ(book.Find(0x80000005)->identity, "number:0x80000005");
  EXPECT_EQ(*book.Assign("radio", "d", kRadio, Plan()), 0x80000002u);
}

TEST(NumberBookTest, TellsNumbersThatLeadElsewhere) {
  const NumberBook book(
      {{0x80000003, "radio", "c"}, {0x80000001, "radio", "a"}, {0x90000001, "gone", "b"}});
  EXPECT_THAT(book.LedElsewhere(Plan()), SizeIs(1));
  const auto led = book.LedElsewhere(Plan({{0x80000003, 32, "other"}}));
  ASSERT_THAT(led, SizeIs(2));
  EXPECT_EQ(led[0].number, 0x80000003u);
  EXPECT_EQ(led[1].directory, "gone");
}

TEST(NumberBookTest, StepsOverLongerPrefixes) {
  NumberBook book;
  const NumberPlan plan = Plan({{0x80000000, 8, "other"}, {0x81000001, 32, "other"}});
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, plan), 0x81000000u);
  EXPECT_EQ(*book.Assign("radio", "b", kRadio, plan), 0x81000002u);
}

TEST(NumberBookTest, AStationWhoseNumberWasTakenAwayGetsANewOne) {
  NumberBook book;
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan()), 0x80000000u);
  EXPECT_EQ(*book.Assign("radio", "a", kRadio, Plan({{0x80000000, 32, "other"}})), 0x80000001u);
  // The old one stays retired.
  EXPECT_EQ(*book.Assign("radio", "b", kRadio, Plan()), 0x80000002u);
}

TEST(NumberBookTest, SaysWhenADirectoryIsFull) {
  const NumberPrefix narrow = {0xfffffffe, 31, "radio"};
  PlanConfig config;
  config.directories = {{.name = "radio"}};
  config.prefixes = {narrow};
  const NumberPlan plan = *NumberPlan::Build(config);
  NumberBook book;
  EXPECT_EQ(*book.Assign("radio", "a", narrow, plan), 0xfffffffeu);
  EXPECT_EQ(*book.Assign("radio", "b", narrow, plan), 0xffffffffu);
  const auto none = book.Assign("radio", "c", narrow, plan);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("no number left in 0xfffffffe/31"));
}

}  // namespace
}  // namespace headwater::directory_resolver
