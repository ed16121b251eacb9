#include "services/headwaterctl/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/headwaterctl/bridge_commands.h"
#include "services/headwaterctl/catalogue_commands.h"
#include "services/headwaterctl/completion.h"
#include "services/headwaterctl/dvb_commands.h"
#include "services/headwaterctl/monitor_commands.h"
#include "services/headwaterctl/pki_commands.h"
#include "services/headwaterctl/zone_commands.h"

namespace headwater {
namespace {

constexpr const char* kRunDirVariable = "HEADWATER_RUN_DIR";
constexpr const char* kPkiDirVariable = "HEADWATER_PKI_DIR";

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
                  "The session-manager's endpoint (unix:PATH, tls://ADDRESS:PORT), instead of its "
                  "socket in the run folder");
  app_.add_option("--pki-dir", invocation_.pki_dir,
                  "Folder of certificates; headwaterctl.pem is our own")
      ->envname(kPkiDirVariable)
      ->capture_default_str();
  AddSession();
  AddGroup();
  AddStation();
  AddDirectory();
  AddDvb();
  AddZone();
  AddMonitor();
  AddBridge();
  AddPki();
  AddSender();
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
    HeadendClient client(ManagerTarget(run_dir_, manager_), invocation_.pki_dir);
    status = handler_(client, invocation_);
  }
  if (!status.ok()) fmt::print(stderr, "headwaterctl: {}\n", FromAbsl(status.message()));
  return ExitCode(status);
}

std::string CommandLine::ManagerTarget(const std::string& run_dir,
                                       const std::string& manager) const {
  return manager.empty() ? "unix:" + run_dir + "/session-manager.sock" : manager;
}

void CommandLine::AddSender() {
  CLI::App* sender = Noun("sender", "What sends into the links");
  Verb(*sender, "list", "Every sender with its links and load", SenderList);
  const auto of_sender = [&](const char* name, const char* help, Handler handler) {
    Verb(*sender, name, help, handler)
        ->add_option("SENDER", invocation_.argument, "Its name, as in the list")
        ->required();
  };
  of_sender("drain", "Let its sessions move to others, and give it no new ones", SenderDrain);
  of_sender("undrain", "Give it new sessions again", SenderUndrain);
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
  CLI::App* list = Verb(*station, "list", "Every station by number", StationList);
  list->add_option("--directory", invocation_.directory, "Of this directory only");
  CLI::Option* favourites =
      list->add_flag("--favourites", invocation_.favourites, "Favourites only");
  CLI::Option* disabled =
      list->add_flag("--disabled", invocation_.disabled, "Disabled ones, which nothing else lists");
  list->add_flag("--failing", invocation_.failing, "Those whose newest play or check failed")
      ->excludes(favourites)
      ->excludes(disabled);
  favourites->excludes(disabled);
  Verb(*station, "search", "Stations whose title or tags hold all the words", StationSearch)
      ->add_option("WORDS", invocation_.words, "Words to look for")
      ->required();
  AddExport(*station);
  AddCatalogue(*station);
}

void CommandLine::AddCatalogue(CLI::App& station) {
  const auto of_number = [&](const char* name, const char* help, Handler handler) {
    CLI::App* verb = Verb(station, name, help, handler);
    verb->add_option("NUMBER", invocation_.argument, "As 0x80000001")->required();
    return verb;
  };
  of_number("show", "All that the catalogue knows of a number", StationShow);
  CLI::App* add = Verb(station, "add",
                       "Test a URL live and add it to the catalogue, never to a file", StationAdd);
  add->add_option("URL", invocation_.argument, "http, https or icy")->required();
  add->add_option("--title", invocation_.title, "Instead of what the station says of itself");
  add->add_option("--directory", invocation_.directory,
                  "Instead of the first one of kind catalogue");
  add->add_option("--number", invocation_.number, "Instead of the lowest free one");
  add->add_option("--tag", invocation_.tags, "Once for each")->allow_extra_args(false);
  add->add_flag("--yes", invocation_.yes, "Add without asking");
  of_number("remove", "Remove a station that was added; its number stays given", StationRemove);
  CLI::App* check =
      Verb(station, "check", "Test a station or a URL live, and keep the result", StationCheck);
  check->add_option("NUMBER", invocation_.argument, "As 0x80000001, or a URL")->required();
  check->add_flag("--local", invocation_.local, "With a URL: it may lead to private addresses");
  of_number("disable", "Take a station out of lists, exports and play", StationDisable);
  of_number("enable", "Put it back", StationEnable);
  of_number("favourite", "Give a station a low number among the favourites", StationFavourite)
      ->add_flag("--remove", invocation_.remove, "No longer; the number stays the station's");
  CLI::App* alias = of_number("alias", "Let a second number lead to a station", StationAlias);
  CLI::Option* second = alias->add_option("ALIAS", invocation_.number, "The second number");
  alias
      ->add_option("--directory", invocation_.directory, "Or the lowest free one of this directory")
      ->excludes(second);
  alias->add_flag("--remove", invocation_.remove, "No longer; the number stays the station's");
}

void CommandLine::AddDirectory() {
  CLI::App* directory = Noun("directory", "Where stations come from");
  Verb(*directory, "list", "Every directory and where it stands", DirectoryList);
  CLI::App* refresh =
      Verb(*directory, "refresh", "Fetch a directory's document now and take it", DirectoryRefresh);
  refresh->add_option("DIRECTORY", invocation_.argument, "Its name")->required();
  refresh->add_flag("--accept-shrinking", invocation_.accept_shrinking,
                    "Also when it has absurdly fewer stations than before");
  Verb(*directory, "diff", "Fetch it now and say what taking it would change", DirectoryDiff)
      ->add_option("DIRECTORY", invocation_.argument, "Its name")
      ->required();
}

void CommandLine::AddDvb() {
  CLI::App* dvb = Noun("dvb", "What is received by satellite, antenna and cable");
  Verb(*dvb, "tuners", "Every tuner: what it is tuned to, how well, and for whom", DvbTuners);
  Verb(*dvb, "carriers", "Every transponder and multiplex that is known", DvbCarriers);
  Verb(*dvb, "services", "Every service with its number and group", DvbServices)
      ->add_option("--carrier", invocation_.carrier, "Of this carrier only");
  CLI::App* scan =
      Verb(*dvb, "scan", "Tune to carriers one after the other and read their tables", DvbScan);
  scan->add_option("CARRIER", invocation_.words,
                   "Where to begin, as in `dvb carriers`; none: all of the carriers file");
  scan->add_flag("--no-follow", invocation_.no_follow, "Only these, not what their NIT lists");
  scan->add_flag("--dry-run", invocation_.dry_run, "Only say what would change");
  Verb(*dvb, "signal", "A signal meter to be read from a roof, until interrupted", DvbSignal)
      ->add_option("TUNER", invocation_.argument, "None: the first that is tuned to a carrier");
}

void CommandLine::AddZone() {
  CLI::App* zone = Noun("zone", "mDNS zones: what each announces and what crosses between them");
  Verb(*zone, "list", "Every zone: where its Avahi stands, and what it holds", ZoneList);
  const auto of_services = [&](const char* name, const char* help, Handler handler) {
    CLI::App* verb = Verb(*zone, name, help, handler);
    verb->add_option("--zone", invocation_.zone, "Of this zone only");
    verb->add_option("--type", invocation_.type, "Of this type only, as \"_ipp._tcp\" or \"_ip*\"");
    return verb;
  };
  of_services("services", "Every service seen in a zone", ZoneServices)
      ->add_flag("--resolve", invocation_.resolve,
                 "Ask for hosts, ports and addresses of those too that no rule is about");
  of_services("watch", "Every service with its port, then each change, until interrupted",
              ZoneWatch);
  Verb(*zone, "mirrored", "What crosses, from where to where, by which rule and since when",
       ZoneMirrored);
  CLI::App* policy = zone->add_subcommand("policy", "What may cross");
  policy->require_subcommand(1);
  Verb(*policy, "list", "The rules in force, each with what it decides now", ZonePolicyList);
  Verb(*policy, "check", "What a policy would let cross of what is seen now; nothing is changed",
       ZonePolicyCheck)
      ->add_option("FILE", invocation_.argument, "A configuration file; none: the policy in force");
}

void CommandLine::AddMonitor() {
  CLI::App* monitor = Noun("monitor", "Time, SNMP traps and syslog that come by multicast");
  monitor->add_option("--monitor", invocation_.monitor,
                      "The mcast-monitor's gRPC target, instead of its socket in the run folder");
  CLI::App* tail = Verb(*monitor, "tail",
                        "The newest events, then each as it comes, until interrupted", MonitorTail);
  AddEventFilter(*tail, "--last", 10);
  tail->add_flag("--no-follow", invocation_.no_follow, "End after the newest");
  CLI::App* search =
      Verb(*monitor, "search", "Events that are kept, the newest first", MonitorSearch);
  AddEventFilter(*search, "--limit", 100);
  search->add_option("--since", invocation_.since, "How long ago, as 90m, or a time (RFC 3339)");
  search->add_option("--until", invocation_.until, "Likewise");
  Verb(*monitor, "ntp", "What clients are told of the time", MonitorNtp);
  Verb(*monitor, "status", "Which groups are heard, who is given what, and the store",
       MonitorStatus);
  Verb(*monitor, "nft", "Rules for nft that have the daemons hear the groups themselves",
       MonitorNft);
}

void CommandLine::AddEventFilter(CLI::App& verb, const char* count, uint32_t initial) {
  // One of the verbs is run: its number counts.
  verb.add_option(count, invocation_.count, fmt::format("So many events ({})", initial))
      ->check(CLI::Range(0u, 100000u));
  verb.preparse_callback([this, initial](size_t) { invocation_.count = initial; });
  verb.add_option("WORDS", invocation_.words,
                  "All of these stand in host, program or text; a * ends the begin of a word");
  verb.add_option("--kind", invocation_.kind, "syslog, trap or inform");
  verb.add_option("--link", invocation_.link, "Of this link only");
  verb.add_option("--source", invocation_.source, "From this address only");
  verb.add_option("--severity", invocation_.severity,
                  "At least as severe: emerg, alert, crit, err, warning, notice, info, debug");
  verb.add_option("--facility", invocation_.facility, "As local0, or its number");
}

void CommandLine::AddBridge() {
  CLI::App* bridge = Noun("bridge", "Multicast that crosses from one link to another");
  Verb(*bridge, "rules", "Every rule: what crosses where, how much of it, and what is missing",
       BridgeRules);
  Verb(*bridge, "routes", "What the kernel forwards, by group and source", BridgeRoutes);
  Verb(*bridge, "checks", "What this machine needs for it, and what was changed for it",
       BridgeChecks);
  Verb(*bridge, "smcroute", "How smcrouted stands, and what it complained about", BridgeSmcroute);
}

void CommandLine::AddPki() {
  CLI::App* pki = Noun("pki", "Certificates of the control leg between hosts");
  const auto days = [&](CLI::App& verb, const char* help) {
    verb.add_option("--days", invocation_.days, help)->check(CLI::Range(1e-5, 36500.0));
  };
  CLI::App* init = Verb(*pki, "init", "Make the site's authority: ca.key and ca.pem", PkiInit);
  init->add_option("--site", invocation_.site, "The site's name, as home or headend.example")
      ->required();
  days(*init, "So long it is good (3650)");
  init->add_flag("--force", invocation_.force, "In place of the one that is there");
  CLI::App* issue =
      Verb(*pki, "issue", "Make a key and a certificate, in one file, for a service or for people",
           PkiIssue);
  issue->add_option("ROLE", invocation_.argument, "A service's name, headwaterctl or console")
      ->required();
  issue->add_option("INSTANCE", invocation_.instance, "Where there are several")
      ->capture_default_str();
  days(*issue, "So long it is good (90)");
  issue->add_option("--owner", invocation_.owner, "The user that the service runs as");
  issue->add_flag("--force", invocation_.force, "In place of the one that is there");
  CLI::App* renew = Verb(*pki, "renew",
                         "Certificates of which less than a third of their time is left", PkiRenew);
  renew->add_option("FILE", invocation_.words, "These instead, due or not");
  renew->add_flag("--all", invocation_.all, "All, due or not");
  days(*renew, "So long they are good (90)");
  Verb(*pki, "list", "Every certificate in the folder, and until when it is good", PkiList);
}

void CommandLine::AddExport(CLI::App& station) {
  CLI::App* verb = Verb(station, "export", "A playlist, an SDP or the programme guide for players",
                        StationExport);
  verb->add_option("--format", invocation_.format, "m3u, xspf, sdp, or xmltv: the programme guide")
      ->capture_default_str();
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
  HeadendClient client(ManagerTarget(run_dir, manager), invocation_.pki_dir,
                       std::chrono::seconds(1));
  return PrintLiveWords(client, completion);
}

}  // namespace headwater
