#include "services/headwaterctl/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/headwaterctl/command_line.h"

namespace headwater {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

Completion After(const std::vector<std::string>& words) {
  return Complete(CommandLine().app(), words);
}

TEST(CompletionTest, FollowsTheCommands) {
  EXPECT_THAT(After({"se"}).words, ElementsAre("session", "sender"));
  EXPECT_THAT(After({"session", ""}).words, ElementsAre("list", "watch", "explain"));
  EXPECT_THAT(After({"session", "e"}).words, ElementsAre("explain"));
  EXPECT_THAT(After({""}).words, Not(Contains("__complete")));
  EXPECT_THAT(After({"nonsense", ""}).words, IsEmpty());
  EXPECT_THAT(After({}).words, Contains("health"));
}

TEST(CompletionTest, KnowsOptionsOfTheCommandAndOfAll) {
  EXPECT_THAT(After({"session", "list", "--j"}).words, ElementsAre("--json"));
  EXPECT_THAT(After({"station", "export", "--f"}).words, ElementsAre("--format", "--family"));
  EXPECT_THAT(After({"station", "export", "--r"}).words, ElementsAre("--run-dir"));
}

TEST(CompletionTest, KnowsValues) {
  EXPECT_THAT(After({"completion", "z"}).words, ElementsAre("zsh"));
  EXPECT_THAT(After({"station", "export", "--player", ""}).words,
              ElementsAre("vlc", "ffmpeg", "kodi"));
  EXPECT_EQ(After({"session", "explain", "ff"}).live, LiveWords::kGroups);
  EXPECT_EQ(After({"session", "explain", "ff"}).prefix, "ff");
  EXPECT_EQ(After({"station", "export", "--number", "0x8"}).live, LiveWords::kStationNumbers);
  EXPECT_EQ(After({"station", "list", "--directory", ""}).live, LiveWords::kDirectories);
  EXPECT_EQ(After({"group", "list", "--link", ""}).live, LiveWords::kLinks);
  EXPECT_EQ(After({"station", "disable", ""}).live, LiveWords::kStationNumbers);
  EXPECT_EQ(After({"directory", "refresh", ""}).live, LiveWords::kDirectories);
  EXPECT_EQ(After({"session", "list", ""}).live, LiveWords::kNone);
}

TEST(CompletionTest, StepsOverOptionsAndTheirValues) {
  const Completion completion = After({"--run-dir", "session", "session", "--json", "w"});
  EXPECT_THAT(completion.words, ElementsAre("watch"));
  EXPECT_EQ(completion.run_dir, "session");
  EXPECT_EQ(After({"--manager=unix:x", "session", "explain", ""}).manager, "unix:x");
  EXPECT_EQ(After({"station", "export", "--format", "sdp", "--number", ""}).live,
            LiveWords::kStationNumbers);
}

TEST(CompletionScriptTest, KnowsThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_TRUE(CompletionScript(shell).ok()) << shell;
  EXPECT_FALSE(CompletionScript("csh").ok());
}

}  // namespace
}  // namespace headwater
