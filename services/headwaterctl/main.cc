#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>

#include "services/common/base/absl_text.h"
#include "services/headwaterctl/commands.h"

namespace {

using headwater::HeadendClient;
using headwater::Invocation;
using Handler = absl::Status (*)(HeadendClient&, const Invocation&);

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

class CommandLine {
 public:
  CommandLine()
      : app_("Asks a running headend: what plays, who listens, and why something does not.",
             "headwaterctl") {
    app_.require_subcommand(1);
    app_.footer(kFooter);
    app_.set_version_flag("--version", "headwaterctl " HEADWATER_VERSION);
    app_.add_option("--run-dir", run_dir_, "Folder of the headend's sockets")
        ->envname("HEADWATER_RUN_DIR")
        ->capture_default_str();
    app_.add_option("--manager", manager_,
                    "The session-manager's gRPC target, instead of its socket in the run folder");
    AddSession();
    AddGroup();
    AddStation();
    CLI::App* sender = Noun("sender", "What sends into the links");
    Verb(*sender, "list", "Every sender with its links and load", headwater::SenderList);
    CLI::App* endpoint = Noun("endpoint", "Where every service is");
    Verb(*endpoint, "list", "Every service that the manager knows", headwater::EndpointList);
    Verb(app_, "health", "Whether every service answers", headwater::Health);
    AddCompletion();
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? 0 : 2;
    }
    HeadendClient client(manager_.empty() ? "unix:" + run_dir_ + "/session-manager.sock"
                                          : manager_);
    const absl::Status status = handler_(client, invocation_);
    if (!status.ok())
      fmt::print(stderr, "headwaterctl: {}\n", headwater::FromAbsl(status.message()));
    return ExitCode(status);
  }

 private:
  CLI::App* Noun(const char* name, const char* help) {
    CLI::App* noun = app_.add_subcommand(name, help);
    noun->require_subcommand(1);
    return noun;
  }

  CLI::App* Verb(CLI::App& parent, const char* name, const char* help, Handler handler) {
    CLI::App* verb = parent.add_subcommand(name, help);
    verb->add_flag("--json", invocation_.json, "One JSON object a line");
    verb->callback([this, handler] { handler_ = handler; });
    return verb;
  }

  void AddSession() {
    CLI::App* session = Noun("session", "What plays");
    Verb(*session, "list", "Every session now", headwater::SessionList);
    Verb(*session, "watch", "Every session, then each change, until interrupted",
         headwater::SessionWatch);
    Verb(*session, "explain",
         "The story of a group: from the report to the sound, or why there is none",
         headwater::SessionExplain)
        ->add_option("GROUP", invocation_.argument, "ff3e::8000:1, or SOURCE@GROUP with SSM")
        ->required();
  }

  void AddGroup() {
    CLI::App* group = Noun("group", "Who listens to what");
    Verb(*group, "list", "Every group with members, on every link, ours or not",
         headwater::GroupList)
        ->add_option("--link", invocation_.link, "Of this link only");
    Verb(*group, "resolve", "The number and the station that a group stands for",
         headwater::GroupResolve)
        ->add_option("GROUP", invocation_.argument, "A multicast address")
        ->required();
  }

  void AddStation() {
    CLI::App* station = Noun("station", "What could play");
    Verb(*station, "list", "Every station by number", headwater::StationList)
        ->add_option("--directory", invocation_.directory, "Of this directory only");
    Verb(*station, "search", "Stations whose title or tags hold all the words",
         headwater::StationSearch)
        ->add_option("WORDS", invocation_.words, "Words to look for")
        ->required();
    CLI::App* exported =
        Verb(*station, "export", "A playlist or an SDP for players", headwater::StationExport);
    exported->add_option("--format", invocation_.format, "m3u, xspf or sdp")->capture_default_str();
    exported
        ->add_option("--player", invocation_.player,
                     "vlc, ffmpeg or kodi: players differ in the URLs they take")
        ->capture_default_str();
    exported->add_option("--family", invocation_.family, "ipv6 or ipv4")->capture_default_str();
    exported->add_option("--directory", invocation_.directory, "Of this directory only");
    exported->add_option("--number", invocation_.number,
                         "Of this station only, as 0x80000001; needed for sdp");
    exported->add_option("--service-address", invocation_.service_address,
                         "What the headend sends from; needed for sdp");
  }

  void AddCompletion() {
    Verb(app_, "completion", "A completion script: eval \"$(headwaterctl completion bash)\"",
         headwater::PrintCompletionScript)
        ->add_option("SHELL", invocation_.argument, "bash, zsh or fish")
        ->required();
    CLI::App* complete = app_.add_subcommand("__complete", "");
    complete->group("");
    complete->prefix_command();
    complete->callback([this, complete] {
      invocation_.words = complete->remaining();
      handler_ = headwater::PrintCompletions;
    });
  }

  CLI::App app_;
  std::string run_dir_ = "/run/headwater";
  std::string manager_;
  Invocation invocation_;
  Handler handler_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) { return CommandLine().Run(argc, argv); }
