#include "services/common/log/logger.h"

#include <gtest/gtest.h>

#include <vector>

namespace headwater {
namespace {

TEST(LoggerTest, WritesLogfmtThatHostileTextCannotForge) {
  EXPECT_EQ(FormatLogfmt(LogLevel::kInfo, "session live", {{"group", "ff3e::1"}, {"links", 2}}),
            "level=info msg=\"session live\" group=ff3e::1 links=2");
  EXPECT_EQ(FormatLogfmt(LogLevel::kError, "x", {{"title", "a\nlevel=error \"b\"\x1b[2J"}}),
            "level=error msg=x title=\"a\\nlevel=error \\\"b\\\"\\x1b[2J\"");
  EXPECT_EQ(FormatLogfmt(LogLevel::kError, "x", {{"title", ""}}), "level=error msg=x title=\"\"");
}

TEST(LoggerTest, KeepsItsLevel) {
  std::vector<std::string> lines;
  Logger log(LogLevel::kWarning, [&](LogLevel, std::string_view message, const Logger::Fields&) {
    lines.emplace_back(message);
  });
  log.Info("hidden");
  log.Warning("shown");
  log.set_level(LogLevel::kDebug);
  log.Debug("shown too");
  EXPECT_EQ(lines, (std::vector<std::string>{"shown", "shown too"}));
}

TEST(LoggerTest, ParsesLevels) {
  LogLevel level = LogLevel::kInfo;
  EXPECT_TRUE(ParseLogLevel("error", level));
  EXPECT_EQ(level, LogLevel::kError);
  EXPECT_FALSE(ParseLogLevel("loud", level));
}

}  // namespace
}  // namespace headwater
