#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace headwater {

// A script for "bash", "zsh" or "fish" that asks `headwaterctl __complete WORDS...` for what may
// follow. INVALID_ARGUMENT names another shell.
absl::StatusOr<std::string> CompletionScript(std::string_view shell);

// What only a running headend can say.
enum class LiveWords {
  kNone,
  kGroups,
  kStationNumbers,
  kDirectories,
  kLinks,
  kSenders,
  kCarriers,
  kTuners,
  kZones
};

// What may stand in place of the word under the cursor.
struct Completion {
  // Commands, options and fixed values that begin with it.
  std::vector<std::string> words;
  // To be asked for, and filtered by `prefix`.
  LiveWords live = LiveWords::kNone;
  std::string prefix;
  // Given in the words so far; empty when not.
  std::string run_dir;
  std::string manager;
};

// `words` are those after the program's name, the last one under the cursor. The app is the command
// line itself, so the two cannot differ. Pure.
Completion Complete(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace headwater
