#include "services/directory-resolver/station_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "services/common/base/check.h"
#include "services/directory-resolver/entry_store.h"

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

  std::unique_ptr<Database> Open() const {
    auto database = Database::Open(path_);
    HW_CHECK(database.ok());
    return *std::move(database);
  }

  std::string folder_;
  std::string path_;
};

TEST_F(StationStoreTest, KeepsNumbersInTheirOrder) {
  const std::vector<NumberRecord> records = {
      {0xffffffff, "radio", "b"}, {0x80000000, "radio", "a'; DROP TABLE station_number;--"}};
  {
    const auto database = Open();
    StationStore store(*database);
    EXPECT_THAT(*store.LoadNumbers(), IsEmpty());
    EXPECT_TRUE(store.SaveNumbers(records, absl::FromUnixSeconds(1)).ok());
  }
  const auto database = Open();
  StationStore store(*database);
  EXPECT_EQ(*store.LoadNumbers(), records);
  EXPECT_TRUE(store.SaveNumbers({{0xffffffff, "radio", "id:b"}}, absl::FromUnixSeconds(2)).ok());
  EXPECT_THAT(*store.LoadNumbers(),
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
    const auto database = Open();
    StationStore store(*database);
    ASSERT_TRUE(store.SaveFormat(0x80000001, {}).ok());
    ASSERT_TRUE(store.SaveFormat(0x80000001, stored).ok());
  }
  const auto database = Open();
  const auto formats = StationStore(*database).LoadFormats();
  ASSERT_TRUE(formats.ok());
  ASSERT_EQ(formats->size(), 1u);
  EXPECT_EQ(formats->at(0x80000001).known, stored.known);
  EXPECT_EQ(formats->at(0x80000001).since, stored.since);
}

TEST_F(StationStoreTest, KeepsMarks) {
  StationHealth health{.plays = 3, .plays_failed = 1, .checks = 2, .checks_failed = 1};
  health.last_failed = absl::FromUnixSeconds(99);
  health.error = "404";
  health.failures_in_row = 1;
  {
    const auto database = Open();
    StationStore store(*database);
    ASSERT_TRUE(store.SaveDisabled(1, true).ok());
    ASSERT_TRUE(store.SaveDisabled(2, true).ok());
    ASSERT_TRUE(store.SaveDisabled(1, false).ok());
    ASSERT_TRUE(store.SaveAlias(7, StationMarks::Alias{1, true}).ok());
    ASSERT_TRUE(store.SaveAlias(8, StationMarks::Alias{1, false}).ok());
    ASSERT_TRUE(store.SaveAlias(8, std::nullopt).ok());
    ASSERT_TRUE(store.SaveHealth(1, health).ok());
  }
  const auto database = Open();
  const auto marks = StationStore(*database).LoadMarks();
  ASSERT_TRUE(marks.ok());
  EXPECT_FALSE(marks->IsDisabled(1));
  EXPECT_TRUE(marks->IsDisabled(2));
  EXPECT_EQ(marks->aliases(), (std::map<uint32_t, StationMarks::Alias>{{7, {1, true}}}));
  EXPECT_EQ(*marks->HealthOf(1), health);
}

TEST_F(StationStoreTest, KeepsStationsThatNoFileHolds) {
  LineupStation one;
  one.identity = "uuid:1";
  one.title = "One";
  one.urls = {"http://a/", "http://b/"};
  one.tags = {"x", "y"};
  one.homepage = "http://home/";
  one.logo_url = "http://logo/";
  one.details = {
      .codec = "MP3", .bits_per_second = 128000, .votes = 9, .country = "DE", .language = "german"};
  LineupStation two = one;
  two.identity = "uuid:2";
  two.tags.clear();
  LineupStation mine = one;
  mine.number = 0x80000007;
  FeedState state;
  state.fingerprint = "f";
  state.etag = "\"e\"";
  state.last_modified = "m";
  state.last_attempt = absl::FromUnixSeconds(5);
  state.counts.entries = 4;
  using Kind = EntryStore::Kind;
  {
    const auto database = Open();
    EntryStore store(*database);
    ASSERT_TRUE(store.Apply("radio", {}, {one, two}, DiffStations({}, {one, two})).ok());
    ASSERT_TRUE(store.Save("radio", Kind::kAdded, mine).ok());
    ASSERT_TRUE(store.SaveState("radio", state).ok());
    LineupStation changed = two;
    changed.title = "Two";
    ASSERT_TRUE(
        store.Apply("radio", {one, two}, {changed}, DiffStations({one, two}, {changed})).ok());
    two = changed;
  }
  const auto database = Open();
  EntryStore store(*database);
  EXPECT_THAT(*store.Load("radio", Kind::kFetched), ElementsAre(two));
  EXPECT_THAT(*store.Load("radio", Kind::kAdded), ElementsAre(mine));
  EXPECT_THAT(*store.Load("other", Kind::kFetched), IsEmpty());
  EXPECT_EQ(store.LoadStates()->at("radio"), state);
  ASSERT_TRUE(store.Remove("radio", Kind::kAdded, mine.identity).ok());
  EXPECT_THAT(*store.Load("radio", Kind::kAdded), IsEmpty());
}

TEST_F(StationStoreTest, ATransactionWritesAllOrNothing) {
  const auto database = Open();
  StationStore store(*database);
  EXPECT_FALSE(database
                   ->Transaction([&]() -> absl::Status {
                     EXPECT_TRUE(store.SaveDisabled(1, true).ok());
                     return absl::AbortedError("no");
                   })
                   .ok());
  EXPECT_FALSE(store.LoadMarks()->IsDisabled(1));
}

// The first version's file: its numbers stay, and URLs become comparable.
TEST_F(StationStoreTest, BringsAnOldFileUp) {
  std::filesystem::create_directories(folder_ + "/state");
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, R"sql(
    CREATE TABLE station_number (id INTEGER PRIMARY KEY AUTOINCREMENT,
      number INTEGER NOT NULL UNIQUE, directory TEXT NOT NULL, identity TEXT NOT NULL,
      assigned INTEGER NOT NULL);
    CREATE TABLE known_format (number INTEGER PRIMARY KEY, encoding TEXT NOT NULL,
      payload_type INTEGER NOT NULL, clock_rate INTEGER NOT NULL, channels INTEGER NOT NULL,
      fmtp TEXT NOT NULL, bits_per_second INTEGER NOT NULL, description TEXT NOT NULL,
      since INTEGER NOT NULL);
    INSERT INTO station_number (number, directory, identity, assigned) VALUES
      (1, 'radio', 'id:x', 1), (2, 'radio', 'url:HTTP://A.example:80/x#top', 1),
      (3, 'radio', 'url:http://b.example/', 1), (4, 'radio', 'url:http://B.example', 1);
    PRAGMA user_version = 1;)sql",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  for (int opened = 0; opened < 2; ++opened) {
    const auto database = Open();
    EXPECT_THAT(*StationStore(*database).LoadNumbers(),
                ElementsAre(NumberRecord{1, "radio", "id:x"},
                            NumberRecord{2, "radio", "url:http://a.example/x"},
                            NumberRecord{3, "radio", "url:http://b.example/"},
                            NumberRecord{4, "radio", "url:http://B.example"}));
    EXPECT_TRUE(StationStore(*database).SaveDisabled(1, true).ok());
  }
}

TEST_F(StationStoreTest, RefusesAFileFromTheFuture) {
  ASSERT_TRUE(Open()->Run("PRAGMA user_version = 99").ok());
  EXPECT_EQ(Database::Open(path_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StationStoreTest, NamesTheFileThatItCannotUse) {
  std::filesystem::create_directories(folder_ + "/state");
  std::ofstream(path_) << "this is no database, whatever its name says, and long enough to be seen";
  const auto database = Database::Open(path_);
  EXPECT_EQ(database.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(database.status().message()), HasSubstr(path_));
  EXPECT_THAT(std::string(Database::Open("/proc/nowhere/x.sqlite").status().message()),
              HasSubstr("/proc/nowhere/x.sqlite"));
}

}  // namespace
}  // namespace headwater::directory_resolver
