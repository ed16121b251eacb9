#include "services/directory-resolver/lineup_shell.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "services/common/base/check.h"
#include "services/common/time/clock.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::HasSubstr;

class LineupShellTest : public ::testing::Test {
 protected:
  LineupShellTest() {
    folder_ = std::filesystem::temp_directory_path() / "headwater-lineup-XXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    file_ = folder_ + "/radio.m3u";
  }
  ~LineupShellTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& file, const std::string& text) { std::ofstream(file) << text; }
  // Runs the loop until a change is told. The test's own time limit is the failure.
  void ExpectChange(const std::function<void()>& change) {
    int changes = 0;
    FileWatcher watcher(loop_, 0ms, [&] {
      ++changes;
      loop_.Stop();
    });
    ASSERT_TRUE(watcher.Watch({file_}).ok());
    change();
    loop_.Run();
    EXPECT_EQ(changes, 1);
  }

  EventLoop loop_;
  std::string folder_;
  std::string file_;
};

TEST_F(LineupShellTest, ReadsTheLineupsOfDirectories) {
  Write(file_, "http://a/\nhttp://b/\n");
  Options options;
  options.directories.push_back({{.name = "radio"}, {0x80000000, 4, "radio"}, file_});
  options.directories.push_back({{.name = "empty"}, {0x90000000, 4, "empty"}, ""});
  const auto lineups = ReadLineups(options);
  ASSERT_TRUE(lineups.ok()) << lineups.status();
  ASSERT_EQ(lineups->size(), 1u);
  EXPECT_EQ(lineups->front().directory, "radio");
  EXPECT_EQ(lineups->front().stations.size(), 2u);
}

TEST_F(LineupShellTest, NamesTheFileThatIsMissing) {
  Options options;
  options.directories.push_back({{.name = "radio"}, {0x80000000, 4, "radio"}, file_});
  EXPECT_THAT(std::string(ReadLineups(options).status().message()),
              HasSubstr(file_ + ": cannot be read"));
}

TEST_F(LineupShellTest, TellsAWrittenFile) {
  Write(file_, "http://a/\n");
  ExpectChange([&] { Write(file_, "http://a/\nhttp://b/\n"); });
}

TEST_F(LineupShellTest, TellsAReplacedFile) {
  Write(file_, "http://a/\n");
  ExpectChange([&] {
    Write(folder_ + "/new", "http://b/\n");
    std::filesystem::rename(folder_ + "/new", file_);
  });
}

TEST_F(LineupShellTest, TellsALinkThatPointsElsewhere) {
  Write(folder_ + "/one", "http://a/\n");
  Write(folder_ + "/two", "http://b/\n");
  std::filesystem::create_symlink("one", file_);
  ExpectChange([&] {
    std::filesystem::create_symlink("two", folder_ + "/link");
    std::filesystem::rename(folder_ + "/link", file_);
  });
}

TEST_F(LineupShellTest, TellsAFileThatAppears) {
  ExpectChange([&] { Write(file_, "http://a/\n"); });
}

TEST_F(LineupShellTest, KeepsQuietAboutOtherFiles) {
  Write(file_, "http://a/\n");
  int changes = 0;
  FileWatcher watcher(loop_, 0ms, [&] { ++changes; });
  ASSERT_TRUE(watcher.Watch({file_}).ok());
  Write(folder_ + "/other", "x");
  loop_.At(MonoNow() + 20ms, [&] { loop_.Stop(); });
  loop_.Run();
  EXPECT_EQ(changes, 0);
}

TEST_F(LineupShellTest, NamesAFolderThatCannotBeWatched) {
  FileWatcher watcher(loop_, 0ms, [] {});
  EXPECT_THAT(std::string(watcher.Watch({folder_ + "/none/radio.m3u"}).message()),
              HasSubstr(folder_ + "/none: cannot be watched"));
}

}  // namespace
}  // namespace headwater::directory_resolver
