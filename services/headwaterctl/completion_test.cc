#include "services/headwaterctl/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CompleteTest, FollowsTheCommandLine) {
  EXPECT_THAT(Complete({"se"}), ElementsAre("session", "sender"));
  EXPECT_THAT(Complete({"session", ""}), ElementsAre("list", "watch", "explain"));
  EXPECT_THAT(Complete({"session", "explain", "ff"}), ElementsAre(std::string(kLiveGroups)));
  EXPECT_THAT(Complete({"session", "list", "--"}), ElementsAre("--json"));
  EXPECT_THAT(Complete({"--run-dir", "session", "w"}), ElementsAre("watch"));
  EXPECT_THAT(Complete({"completion", "z"}), ElementsAre("zsh"));
  EXPECT_THAT(Complete({"nonsense", ""}), IsEmpty());
}

TEST(CompletionScriptTest, KnowsThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_TRUE(CompletionScript(shell).ok()) << shell;
  EXPECT_FALSE(CompletionScript("csh").ok());
}

}  // namespace
}  // namespace headwater
