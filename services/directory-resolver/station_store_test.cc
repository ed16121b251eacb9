#include "services/directory-resolver/station_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A folder of its own, gone with the test.
class StationStoreTest : public ::testing::Test {
 protected:
  StationStoreTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "headwater-store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/state/directory-resolver.sqlite";
  }
  ~StationStoreTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

TEST_F(StationStoreTest, KeepsNumbersInTheirOrder) {
  const std::vector<NumberRecord> records = {
      {0xffffffff, "radio", "b"}, {0x80000000, "radio", "a'; DROP TABLE station_number;--"}};
  {
    auto store = StationStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_THAT(*(*store)->LoadNumbers(), IsEmpty());
    EXPECT_TRUE((*store)->SaveNumbers(records, absl::FromUnixSeconds(1)).ok());
  }
  auto store = StationStore::Open(path_);
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(*(*store)->LoadNumbers(), records);
  EXPECT_TRUE(
      (*store)->SaveNumbers({{0xffffffff, "radio", "id:b"}}, absl::FromUnixSeconds(2)).ok());
  EXPECT_THAT(*(*store)->LoadNumbers(),
              ElementsAre(NumberRecord{0xffffffff, "radio", "id:b"}, records[1]));
}

TEST_F(StationStoreTest, KeepsFormats) {
  StoredFormat stored;
  stored.known = {{.encoding = "opus",
                   .payload_type = 97,
                   .clock_rate = 48000,
                   .channels = 2,
                   .fmtp = "sprop-stereo=1"},
                  96000,
                  "Opus"};
  stored.since = absl::FromUnixSeconds(1234567);
  {
    auto store = StationStore::Open(path_);
    ASSERT_TRUE((*store)->SaveFormat(0x80000001, {}).ok());
    ASSERT_TRUE((*store)->SaveFormat(0x80000001, stored).ok());
  }
  auto store = StationStore::Open(path_);
  const auto formats = (*store)->LoadFormats();
  ASSERT_TRUE(formats.ok());
  ASSERT_EQ(formats->size(), 1u);
  EXPECT_EQ(formats->at(0x80000001).known, stored.known);
  EXPECT_EQ(formats->at(0x80000001).since, stored.since);
}

TEST_F(StationStoreTest, NamesTheFileThatItCannotUse) {
  std::filesystem::create_directories(folder_ + "/state");
  std::ofstream(path_) << "this is no database, whatever its name says, and long enough to be seen";
  const auto store = StationStore::Open(path_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path_));
  EXPECT_THAT(std::string(StationStore::Open("/proc/nowhere/x.sqlite").status().message()),
              HasSubstr("/proc/nowhere/x.sqlite"));
}

}  // namespace
}  // namespace headwater::directory_resolver
