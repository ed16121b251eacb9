#include "services/headwaterctl/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/headwaterctl/completion.h"

namespace headwater {
namespace {

constexpr const char* kRunDirVariable = "HEADWATER_RUN_DIR";

constexpr const char* kFooter =
    "Exit status: 0 done, 1 error, 2 wrong usage, 3 not found, 4 the headend or a part of it does "
    "not answer.\n"
    "With --json every line is one object; the schemas are in services/headwaterctl/schema.\n"
    "Examples:\n"
    "  headwaterctl session list\n"
    "  headwaterctl session explain ff3e:40:2001:db8:d0be:f00d:8000:0\n"
    "  headwaterctl station export --format m3u > stations.m3u";

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return 2;
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 4;
    default:
      return 1;
  }
}

}  // namespace

CommandLine::CommandLine()
    : app_("Asks a running headend: what plays, who listens, and why something does not.",
           "headwaterctl") {
  app_.require_subcommand(1);
  app_.fallthrough();
  app_.footer(kFooter);
  app_.set_version_flag("--version", "headwaterctl " HEADWATER_VERSION);
  app_.add_option("--run-dir", run_dir_, "Folder of the headend's sockets")
      ->envname(kRunDirVariable)
      ->capture_default_str();
  app_.add_option("--manager", manager_,
                  "The session-manager's gRPC target, instead of its socket in the run folder");
  AddSession();
  AddGroup();
  AddStation();
  CLI::App* sender = Noun("sender", "What sends into the links");
  Verb(*sender, "list", "Every sender with its links and load", SenderList);
  CLI::App* endpoint = Noun("endpoint", "Where every service is");
  Verb(*endpoint, "list", "Every service that the manager knows", EndpointList);
  Verb(app_, "health", "Whether every service answers", Health);
  AddCompletion();
}

int CommandLine::Run(int argc, const char* const* argv) {
  // Before the parser: what is being typed is seldom a command line that it would take.
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto complete = std::find(words.begin(), words.end(), "__complete");
  absl::Status status;
  if (complete != words.end()) {
    status = PrintCompletions({words.begin(), complete}, {complete + 1, words.end()});
  } else {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? 0 : 2;
    }
    HeadendClient client(ManagerTarget(run_dir_, manager_));
    status = handler_(client, invocation_);
  }
  if (!status.ok()) fmt::print(stderr, "headwaterctl: {}\n", FromAbsl(status.message()));
  return ExitCode(status);
}

std::string CommandLine::ManagerTarget(const std::string& run_dir,
                                       const std::string& manager) const {
  return manager.empty() ? "unix:" + run_dir + "/session-manager.sock" : manager;
}

CLI::App* CommandLine::Noun(const char* name, const char* help) {
  CLI::App* noun = app_.add_subcommand(name, help);
  noun->require_subcommand(1);
  return noun;
}

CLI::App* CommandLine::Verb(CLI::App& parent, const char* name, const char* help, Handler handler) {
  CLI::App* verb = parent.add_subcommand(name, help);
  verb->add_flag("--json", invocation_.json, "One JSON object a line");
  verb->callback([this, handler] { handler_ = handler; });
  return verb;
}

void CommandLine::AddSession() {
  CLI::App* session = Noun("session", "What plays");
  Verb(*session, "list", "Every session now", SessionList);
  Verb(*session, "watch", "Every session, then each change, until interrupted", SessionWatch);
  Verb(*session, "explain",
       "The story of a group: from the report to the sound, or why there is none", SessionExplain)
      ->add_option("GROUP", invocation_.argument, "ff3e::8000:1, or SOURCE@GROUP with SSM")
      ->required();
}

void CommandLine::AddGroup() {
  CLI::App* group = Noun("group", "Who listens to what");
  Verb(*group, "list", "Every group with members, on every link, ours or not", GroupList)
      ->add_option("--link", invocation_.link, "Of this link only");
  Verb(*group, "resolve", "The number and the station that a group stands for", GroupResolve)
      ->add_option("GROUP", invocation_.argument, "A multicast address")
      ->required();
}

void CommandLine::AddStation() {
  CLI::App* station = Noun("station", "What could play");
  Verb(*station, "list", "Every station by number", StationList)
      ->add_option("--directory", invocation_.directory, "Of this directory only");
  Verb(*station, "search", "Stations whose title or tags hold all the words", StationSearch)
      ->add_option("WORDS", invocation_.words, "Words to look for")
      ->required();
  AddExport(*station);
}

void CommandLine::AddExport(CLI::App& station) {
  CLI::App* verb = Verb(station, "export", "A playlist or an SDP for players", StationExport);
  verb->add_option("--format", invocation_.format, "m3u, xspf or sdp")->capture_default_str();
  verb->add_option("--player", invocation_.player,
                   "vlc, ffmpeg or kodi: players differ in the URLs they take")
      ->capture_default_str();
  verb->add_option("--family", invocation_.family, "ipv6 or ipv4")->capture_default_str();
  verb->add_option("--directory", invocation_.directory, "Of this directory only");
  verb->add_option("--number", invocation_.number,
                   "Of this station only, as 0x80000001; needed for sdp");
  verb->add_option("--service-address", invocation_.service_address,
                   "What the headend sends from; needed for sdp");
}

void CommandLine::AddCompletion() {
  CLI::App* script = app_.add_subcommand(
      "completion", "A completion script: eval \"$(headwaterctl completion bash)\"");
  script->add_option("SHELL", invocation_.argument, "bash, zsh or fish")->required();
  script->callback([this] { handler_ = PrintCompletionScript; });
}

absl::Status CommandLine::PrintCompletions(std::vector<std::string> before,
                                           const std::vector<std::string>& words) const {
  before.emplace_back();
  const Completion ours = Complete(app_, before);
  const Completion completion = Complete(app_, words);
  for (const std::string& word : completion.words) fmt::print("{}\n", word);
  // The line that is being typed may name another headend; it counts most.
  const char* environment = std::getenv(kRunDirVariable);
  std::string run_dir = completion.run_dir.empty() ? ours.run_dir : completion.run_dir;
  if (run_dir.empty()) run_dir = environment == nullptr ? run_dir_ : environment;
  const std::string manager = completion.manager.empty() ? ours.manager : completion.manager;
  // A person waits for the answer: not long.
  HeadendClient client(ManagerTarget(run_dir, manager), std::chrono::seconds(1));
  return PrintLiveWords(client, completion);
}

}  // namespace headwater
