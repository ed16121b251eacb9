#include "services/headwaterctl/completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

// Bash breaks words at ':', which IPv6 groups are full of: the words are taken from the line
// instead, and what stands before the last ':' is cut from the answers, since bash keeps it.
constexpr std::string_view kBash = R"(_headwaterctl() {
  local line=${COMP_LINE:0:COMP_POINT} word
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=${words[-1]}
  local IFS=$'\n'
  COMPREPLY=($(headwaterctl __complete "${words[@]:1}" 2>/dev/null))
  if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
  fi
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

// Values of options and arguments, by name.
struct Values {
  std::string_view name;
  // Separated by spaces.
  std::string_view fixed;
  LiveWords live = LiveWords::kNone;
};
constexpr Values kValues[] = {
    {"GROUP", "", LiveWords::kGroups},
    {"SHELL", "bash zsh fish"},
    {"ROLE",
     "membership-watcher directory-resolver session-manager rtp-packager sap-announcer dvb-tuner "
     "mcast-bridge mdns-zone-proxy mcast-monitor console headwaterctl"},
    {"NUMBER", "", LiveWords::kStationNumbers},
    {"DIRECTORY", "", LiveWords::kDirectories},
    {"--format", "m3u xspf sdp xmltv"},
    {"--player", "vlc ffmpeg kodi"},
    {"--family", "ipv6 ipv4"},
    {"--number", "", LiveWords::kStationNumbers},
    {"--directory", "", LiveWords::kDirectories},
    {"--link", "", LiveWords::kLinks},
    {"SENDER", "", LiveWords::kSenders},
    {"CARRIER", "", LiveWords::kCarriers},
    {"--carrier", "", LiveWords::kCarriers},
    {"TUNER", "", LiveWords::kTuners},
    {"--zone", "", LiveWords::kZones},
    {"--kind", "syslog trap inform"},
    {"--severity", "emerg alert crit err warning notice info debug"},
    {"--facility",
     "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock "
     "local0 "
     "local1 local2 local3 local4 local5 local6 local7"},
};

void Add(std::string_view word, Completion& out) {
  if (word.starts_with(out.prefix)) out.words.emplace_back(word);
}

void AddValues(std::string_view name, Completion& out) {
  const Values* found = std::find_if(std::begin(kValues), std::end(kValues),
                                     [&](const Values& values) { return values.name == name; });
  if (found == std::end(kValues)) return;
  out.live = found->live;
  for (std::string_view rest = found->fixed; !rest.empty();) {
    const size_t end = std::min(rest.find(' '), rest.size());
    Add(rest.substr(0, end), out);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

// The option of that name in the command or in one above it.
const CLI::Option* FindOption(const CLI::App* app, const std::string& name) {
  for (; app != nullptr; app = app->get_parent()) {
    if (const CLI::Option* option = app->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

void AddCommands(const CLI::App& app, Completion& out) {
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
    Add(command->get_name(), out);
  }
}

void AddOptions(const CLI::App* app, Completion& out) {
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string word = "--" + name;
        if (std::find(out.words.begin(), out.words.end(), word) == out.words.end()) Add(word, out);
      }
    }
  }
}

// The command's arguments are completed alike, however many have been given.
void AddArguments(const CLI::App& app, Completion& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) AddValues(option->get_name(true, false), out);
  }
}

void Remember(const std::string& option, const std::string& value, Completion& out) {
  if (option == "--run-dir") out.run_dir = value;
  if (option == "--manager") out.manager = value;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("completion {}: must be bash, zsh or fish", shell)));
}

Completion Complete(const CLI::App& app, const std::vector<std::string>& words) {
  Completion out;
  const CLI::App* command = &app;
  std::string waiting;  // an option whose value comes next
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (!waiting.empty()) {
      Remember(waiting, word, out);
      waiting.clear();
    } else if (word.starts_with("--")) {
      const size_t equals = word.find('=');
      const std::string name = word.substr(0, equals);
      const CLI::Option* option = FindOption(command, name);
      if (equals != std::string::npos) {
        Remember(name, word.substr(equals + 1), out);
      } else if (option != nullptr && option->get_items_expected_max() > 0) {
        waiting = name;
      }
    } else if (const CLI::App* next = FindCommand(*command, word)) {
      command = next;
    } else if (!command->get_subcommands([](const CLI::App*) { return true; }).empty()) {
      return out;  // no such command: nothing may follow
    }
  }
  out.prefix = words.empty() ? "" : words.back();
  if (!waiting.empty()) {
    AddValues(waiting, out);
  } else if (out.prefix.starts_with("-")) {
    AddOptions(command, out);
  } else {
    AddCommands(*command, out);
    AddArguments(*command, out);
  }
  return out;
}

}  // namespace headwater
