#include "services/directory-resolver/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const KnownFormat kMp3 = {
    {.encoding = "MPA", .payload_type = 14, .clock_rate = 90000, .channels = 0, .fmtp = ""},
    128000,
    "MP3"};

Options Radio() {
  Options options;
  options.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
  options.directories.push_back({{.name = "radio"}, {0x80000000, 4, "radio"}, ""});
  return options;
}

DirectoryLineup Lineup(const std::vector<std::string>& titles) {
  DirectoryLineup lineup = {"radio", {}};
  for (const std::string& title : titles) {
    LineupStation row;
    row.identity = "id:" + title;
    row.title = title;
    row.urls = {"http://radio.example/" + title};
    row.place = "radio.toml:" + title;
    lineup.stations.push_back(row);
  }
  return lineup;
}

// A directory whose saved numbers are kept here.
class DirectoryTest : public ::testing::Test {
 protected:
  absl::Status Load(const std::vector<std::string>& titles, const Options& options = Radio()) {
    return directory_.Load(options, {Lineup(titles)},
                           [this](const std::vector<NumberRecord>& records) {
                             if (store_fails_) return absl::UnavailableError("disk full");
                             saved_.insert(saved_.end(), records.begin(), records.end());
                             return absl::OkStatus();
                           });
  }

  bool store_fails_ = false;
  std::vector<NumberRecord> saved_;
  Directory directory_ = Directory({}, {});
};

TEST_F(DirectoryTest, ResolvesWhatItHasLoaded) {
  ASSERT_TRUE(Load({"A"}).ok());
  EXPECT_EQ((*directory_.Resolve(0x80000000))->title, "A");
  EXPECT_EQ((*directory_.Resolve(kTestToneNumber))->title, "Headwater test tone");
  const auto missing = directory_.Resolve(0x80000001);
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.status().message(), "directory radio has no station 0x80000001");
  EXPECT_EQ(directory_.Resolve(0xa0000000).status().message(),
            "number 0xa0000000 is in no directory");
}

TEST_F(DirectoryTest, SavesEachNumberOnce) {
  ASSERT_TRUE(Load({"A"}).ok());
  ASSERT_TRUE(Load({"A", "B"}).ok());
  EXPECT_THAT(saved_, ElementsAre(NumberRecord{0x80000000, "radio", "id:A"},
                                  NumberRecord{0x80000001, "radio", "id:B"}));
}

TEST_F(DirectoryTest, ARefusedLoadChangesNothing) {
  ASSERT_TRUE(Load({"A"}).ok());
  store_fails_ = true;
  EXPECT_FALSE(Load({"B"}).ok());
  store_fails_ = false;
  EXPECT_TRUE(directory_.Resolve(0x80000000).ok());
  EXPECT_FALSE(directory_.Resolve(0x80000001).ok());
  Options bad = Radio();
  bad.directories.push_back(bad.directories.front());
  EXPECT_FALSE(Load({"A"}, bad).ok());
  EXPECT_EQ(directory_.plan_revision(), 1u);
  // The number that could not be saved was not given either.
  ASSERT_TRUE(Load({"A", "C"}).ok());
  EXPECT_EQ((*directory_.Resolve(0x80000001))->title, "C");
}

TEST_F(DirectoryTest, ThePlansRevisionRisesWithThePlanAlone) {
  ASSERT_TRUE(Load({"A"}).ok());
  ASSERT_TRUE(Load({"A", "B"}).ok());
  EXPECT_EQ(directory_.plan_revision(), 1u);
  Options other = Radio();
  other.directories[0].plan.linger = std::chrono::seconds(7);
  ASSERT_TRUE(Load({"A"}, other).ok());
  EXPECT_EQ(directory_.plan_revision(), 2u);
}

TEST_F(DirectoryTest, WarnsOfAPrefixOverAnAssignedNumber) {
  ASSERT_TRUE(Load({"A"}).ok());
  EXPECT_THAT(directory_.warnings(), IsEmpty());
  Options other = Radio();
  other.directories.push_back({{.name = "one"}, {0x80000000, 32, "one"}, ""});
  ASSERT_TRUE(Load({"A"}, other).ok());
  EXPECT_THAT(directory_.warnings(),
              ElementsAre(HasSubstr("number 0x80000000 is assigned to a station of directory "
                                    "radio, but prefix 0x80000000/32")));
  EXPECT_EQ((*directory_.Resolve(0x80000001))->title, "A");
}

TEST_F(DirectoryTest, LearnsAFormatOnce) {
  ASSERT_TRUE(Load({"A"}).ok());
  const absl::Time now = absl::FromUnixSeconds(1000);
  EXPECT_EQ(directory_.FormatOf(0x80000000), nullptr);
  const auto learnt = directory_.LearnFormat(0x80000000, kMp3, now);
  ASSERT_TRUE(learnt.ok() && learnt->has_value());
  EXPECT_EQ((*learnt)->since, now);
  EXPECT_EQ(*directory_.LearnFormat(0x80000000, kMp3, now + absl::Hours(1)), std::nullopt);
  EXPECT_EQ(*directory_.FormatOf(0x80000000), kMp3);
  EXPECT_EQ(directory_.LearnFormat(0x80000009, kMp3, now).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(directory_.LearnFormat(0x80000000, {}, now).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DirectoryTest, ExportsOneStationOrAll) {
  ASSERT_TRUE(Load({"A", "B"}).ok());
  const auto all = directory_.Export({});
  EXPECT_THAT(*all, HasSubstr(",A\nrtp://@[ff3e:40:2001:db8:d0be:f00d:8000:0]:5004\n"));
  EXPECT_THAT(*all, HasSubstr(",Headwater test tone\n"));
  EXPECT_EQ(*directory_.Export({.number = 0x80000001, .directory = "", .choice = {}}),
            "#EXTM3U\n#EXTINF:-1 tvg-id=\"0x80000001\" tvg-name=\"B\" "
            "group-title=\"radio\",B\nrtp://@[ff3e:40:2001:db8:d0be:f00d:8000:1]:5004\n");
  EXPECT_THAT(*directory_.Export({.number = {}, .directory = "test", .choice = {}}),
              ::testing::Not(HasSubstr(",A\n")));
  EXPECT_EQ(directory_.Export({.number = {}, .directory = "none", .choice = {}}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(
      directory_.Export({.number = 0x80000009, .directory = "", .choice = {}}).status().code(),
      absl::StatusCode::kNotFound);
  // No IPv4 window: nothing to write for a single station.
  ExportChoice v4;
  v4.family = IpAddress::Family::kIpv4;
  EXPECT_EQ(
      directory_.Export({.number = 0x80000001, .directory = "", .choice = v4}).status().code(),
      absl::StatusCode::kFailedPrecondition);
}

TEST_F(DirectoryTest, ExportsAnSdpOnceTheFormatIsKnown) {
  ASSERT_TRUE(Load({"A"}).ok());
  ExportQuery query = {
      .format = ExportQuery::Format::kSdp, .number = 0x80000000, .directory = "", .choice = {}};
  query.choice.service_address = IpAddress::Parse("2001:db8::1");
  EXPECT_EQ(directory_.Export(query).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(directory_.LearnFormat(0x80000000, kMp3, absl::UnixEpoch()).ok());
  EXPECT_THAT(*directory_.Export(query),
              HasSubstr("o=- 2208988800 2208988800 IN IP6 2001:db8::1\r\n"));
  query.number = std::nullopt;
  EXPECT_EQ(directory_.Export(query).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace headwater::directory_resolver
