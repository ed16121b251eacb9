#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "services/session-manager/session_state.h"

namespace headwater::session_manager {
namespace {

TEST(ReadmeTest, ShowsTheStateTable) {
  std::string table = "| from | event | to |\n|---|---|---|\n";
  for (const Transition& row : kTransitions) {
    table += fmt::format("| {} | {} | {} |\n", ToString(row.from), ToString(row.event),
                         ToString(row.to));
  }
  std::ifstream file("services/session-manager/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  EXPECT_NE(readme.str().find(table + "\n"), std::string::npos) << table;
}

TEST(SessionStateTest, NoPairOfStateAndEventIsListedTwice) {
  for (size_t i = 0; i < kTransitions.size(); ++i) {
    for (size_t j = i + 1; j < kTransitions.size(); ++j) {
      EXPECT_FALSE(kTransitions[i].from == kTransitions[j].from &&
                   kTransitions[i].event == kTransitions[j].event);
    }
  }
}

}  // namespace
}  // namespace headwater::session_manager
