#include "services/dvb-tuner/carriers_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Error = CarriersFile::Error;

constexpr std::string_view kFile =
    "# my dish\n"
    "\n"
    "# DAB transmissions\n"
    "dvblast -f 11426500 -v 18 -5 DVBS -s 27500000 -F 23\n"
    "dvblast -f 12441000 -v 13 -5 DVBS2 -s 29500000 -F 89 -m QPSK   # astra UHD test\r\n"
    "\t -f 506000000 -5 DVBT\n";

TEST(CarriersFileTest, ReadsCarriersAndTheirNames) {
  const CarriersFile file = CarriersFile::Parse(kFile, {});
  EXPECT_THAT(file.errors(), IsEmpty());
  ASSERT_EQ(file.carriers().size(), 3u);
  EXPECT_EQ(file.carriers()[0].id, "11426.5H");
  EXPECT_EQ(file.carriers()[0].name, "DAB transmissions");
  EXPECT_EQ(file.carriers()[1].name, "astra UHD test");
  EXPECT_EQ(file.carriers()[2].name, "");
}

TEST(CarriersFileTest, RoundTripsWithComments) {
  CarriersFile file = CarriersFile::Parse(kFile, {});
  std::string unix_lines(kFile);
  unix_lines.erase(unix_lines.find('\r'), 1);
  EXPECT_EQ(file.ToString(), unix_lines);
  Carrier carrier = ParseCarrier("-f 474000000 -5 DVBT2 -9 1", {}).value();
  carrier.name = "found";
  file.Add(carrier);
  EXPECT_EQ(file.ToString(), unix_lines + "# found\ndvblast -f 474000000 -5 DVBT2 -9 1\n");
  const CarriersFile again = CarriersFile::Parse(file.ToString(), {});
  EXPECT_EQ(again.carriers(), file.carriers());
}

TEST(CarriersFileTest, TellsOneErrorForEachBadLineAndLoadsNothing) {
  const CarriersFile file = CarriersFile::Parse(
      "dvblast -f 11426500 -v 18\n"
      "dvblast -f 11426500 -v 19 -F 1\n"
      "# fine\n"
      "rubbish \x01\xff\n"
      "dvblast -f\n",
      {});
  EXPECT_THAT(file.carriers(), IsEmpty());
  ASSERT_EQ(file.errors().size(), 3u);
  EXPECT_EQ(file.errors()[0], (Error{2, "-v 19: allowed are 0, 13 or 18"}));
  EXPECT_EQ(file.errors()[1].line, 4u);
  EXPECT_EQ(file.errors()[2].line, 5u);
  EXPECT_THAT(file.ErrorText("carriers"), HasSubstr("carriers:2: -v 19: allowed are"));
}

TEST(CarriersFileTest, BlanksOfAnyKindSeparateAndControlCharactersAreRefused) {
  const CarriersFile blanks = CarriersFile::Parse("-f\v11426500\r-v 18\f\r\r\n", {});
  ASSERT_EQ(blanks.carriers().size(), 1u);
  EXPECT_EQ(blanks.carriers()[0].Command(), "-f 11426500 -v 18");
  EXPECT_EQ(CarriersFile::Parse(blanks.ToString(), {}).carriers(), blanks.carriers());
  const CarriersFile control = CarriersFile::Parse("-D @239.1.1.1:5000/udp\x1b\n", {});
  EXPECT_THAT(control.errors(), ElementsAre(Error{1, "a control character in an option"}));
}

TEST(CarriersFileTest, NamesBothLinesOfADuplicate) {
  const CarriersFile file = CarriersFile::Parse(
      "-f 11426500 -v 18 -F 23\n# other code rate\n-f 11426500 -v 18 -F 34\n", {});
  EXPECT_THAT(file.carriers(), IsEmpty());
  EXPECT_THAT(file.errors(), ElementsAre(Error{3, "the same carrier as in line 1: 11426.5H"}));
}

TEST(CarriersFileTest, ReadsTheExample) {
  std::ifstream example("deploy/example/carriers");
  std::stringstream text;
  text << example.rdbuf();
  const CarriersFile file =
      CarriersFile::Parse(text.str(), {.standard = "28.2E", .by_switch = {"28.2E", "19.2E"}});
  EXPECT_EQ(file.ErrorText("carriers"), "");
  ASSERT_GE(file.carriers().size(), 2u);
  EXPECT_EQ(file.carriers()[0].id, "28.2E 11426.5H");
  EXPECT_EQ(file.carriers()[1].id, "28.2E 12441V");
}

TEST(CarriersFileTest, Loads120CarriersInFarLessThan50Milliseconds) {
  std::string text;
  for (int i = 0; i < 120; ++i) {
    text += fmt::format("dvblast -f {} -v {} -5 DVBS2 -s 29500000 -F 34 -m PSK_8 -R 35 # no {}\n",
                        10'714'000 + i * 19'000, i % 2 == 0 ? 13 : 18, i);
  }
  const auto before = std::chrono::steady_clock::now();
  const CarriersFile file = CarriersFile::Parse(text, {});
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_EQ(file.carriers().size(), 120u);
  EXPECT_LT(took, std::chrono::milliseconds(50));
}

TEST(CarriersFileTest, IsBounded) {
  const CarriersFile large =
      CarriersFile::Parse(std::string(CarriersFile::kBytesMax + 1, '\n'), {});
  EXPECT_EQ(large.errors().size(), 1u);
  std::string bad;
  for (int i = 0; i < 5000; ++i) bad += "x\n";
  EXPECT_EQ(CarriersFile::Parse(bad, {}).errors().size(), CarriersFile::kErrorsMax);
  const CarriersFile wide = CarriersFile::Parse("-f 11426500" + std::string(2000, ' ') + "#\n", {});
  EXPECT_THAT(wide.ErrorText("f"), HasSubstr("longer than"));
}

}  // namespace
}  // namespace headwater::tuner
