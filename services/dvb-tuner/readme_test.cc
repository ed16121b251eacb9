#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "services/dvb-tuner/carrier_option.h"
#include "services/dvb-tuner/tuner_state.h"

namespace headwater::tuner {
namespace {

std::string Readme() {
  std::ifstream file("services/dvb-tuner/README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  return readme.str();
}

TEST(ReadmeTest, ShowsTheStateTable) {
  std::string table = "| from | event | to |\n|---|---|---|\n";
  for (const TunerTransition& row : kTunerTransitions) {
    table += fmt::format("| {} | {} | {} |\n", ToString(row.from), ToString(row.event),
                         ToString(row.to));
  }
  EXPECT_NE(Readme().find(table + "\n"), std::string::npos) << table;
}

TEST(ReadmeTest, ShowsTheOptionsOfACarrier) {
  std::string table = "| option | allowed |\n|---|---|\n";
  for (const OptionRule& rule : OptionRules()) {
    table += fmt::format("| {} | {} |\n",
                         rule.brief.empty() ? fmt::format("`{}`", rule.full)
                                            : fmt::format("`{}` `{}`", rule.brief, rule.full),
                         rule.has_value ? rule.Allowed() : "");
  }
  EXPECT_NE(Readme().find(table + "\n"), std::string::npos) << table;
}

TEST(TunerStateTest, NoPairOfStateAndEventIsListedTwice) {
  for (size_t i = 0; i < kTunerTransitions.size(); ++i) {
    for (size_t j = i + 1; j < kTunerTransitions.size(); ++j) {
      EXPECT_FALSE(kTunerTransitions[i].from == kTunerTransitions[j].from &&
                   kTunerTransitions[i].event == kTunerTransitions[j].event);
    }
  }
}

}  // namespace
}  // namespace headwater::tuner
