#include "services/headwaterctl/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

struct Command {
  std::string_view noun;
  std::string_view verb;      // empty: the noun stands alone
  std::string_view argument;  // what its first argument is completed with
  std::string_view options;   // separated by spaces
};

// main.cc defines the commands; a test compares the two.
constexpr std::array kCommands = {
    Command{"session", "list", "", "--json"},
    Command{"session", "watch", "", "--json"},
    Command{"session", "explain", kLiveGroups, "--json"},
    Command{"group", "list", "", "--json --link"},
    Command{"group", "resolve", kLiveGroups, "--json"},
    Command{"station", "list", "", "--json --directory"},
    Command{"station", "search", "", "--json"},
    Command{"station", "export", "",
            "--format --player --family --directory --number --service-address"},
    Command{"sender", "list", "", "--json"},
    Command{"endpoint", "list", "", "--json"},
    Command{"health", "", "", "--json"},
    Command{"completion", "", "bash zsh fish", ""},
};

constexpr std::string_view kBash = R"(_headwaterctl() {
  local IFS=$'\n'
  COMPREPLY=($(headwaterctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _headwaterctl headwaterctl
)";

constexpr std::string_view kZsh = R"(#compdef headwaterctl
_headwaterctl() {
  local -a candidates
  candidates=("${(@f)$(headwaterctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _headwaterctl headwaterctl
)";

constexpr std::string_view kFish = R"(function __headwaterctl_complete
  set -l words (commandline -opc) (commandline -ct)
  headwaterctl __complete $words[2..-1] 2>/dev/null
end
complete -c headwaterctl -f -a '(__headwaterctl_complete)'
)";

void AddWords(std::string_view text, std::string_view prefix, std::vector<std::string>& out) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const bool live = word == kLiveGroups;
    if ((live || word.starts_with(prefix)) && std::find(out.begin(), out.end(), word) == out.end())
      out.emplace_back(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("completion {}: must be bash, zsh or fish", shell)));
}

std::vector<std::string> Complete(const std::vector<std::string>& words) {
  std::vector<std::string> plain;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (!words[i].starts_with("-")) plain.push_back(words[i]);
  }
  const std::string prefix = words.empty() ? "" : words.back();
  std::vector<std::string> out;
  for (const Command& command : kCommands) {
    if (plain.empty()) {
      AddWords(command.noun, prefix, out);
      continue;
    }
    if (plain[0] != command.noun) continue;
    const size_t own_words = command.verb.empty() ? 1 : 2;
    if (plain.size() < own_words) {
      AddWords(command.verb, prefix, out);
    } else if (own_words == 1 || plain[1] == command.verb) {
      AddWords(prefix.starts_with("-") ? command.options : command.argument, prefix, out);
    }
  }
  return out;
}

}  // namespace headwater
