#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "services/headwaterctl/client_shell.h"
#include "services/headwaterctl/completion.h"

namespace headwater {

// What the command line asked for.
struct Invocation {
  bool json = false;
  // Positional argument: a group, words to search, a shell.
  std::string argument;
  // Of a station to add.
  std::string title;
  std::vector<std::string> tags;
  // Which stations to list.
  bool favourites = false;
  bool disabled = false;
  bool failing = false;
  bool yes = false;
  bool local = false;
  bool remove = false;
  bool accept_shrinking = false;
  std::string link;
  std::string directory;
  std::string format = "m3u";
  std::string player = "vlc";
  std::string family = "ipv6";
  std::string number;
  std::string service_address;
  std::vector<std::string> words;
  // Of a scan and of services; no_follow also of a tail.
  std::string carrier;
  bool no_follow = false;
  bool dry_run = false;
  // Of a zone's services.
  std::string zone;
  std::string type;
  bool resolve = false;
  // Of the monitor's events.
  std::string monitor;
  std::string kind;
  std::string source;
  std::string severity;
  std::string facility;
  std::string since;
  std::string until;
  uint32_t count = 0;
  // Of certificates; 0 days: the usual number.
  std::string pki_dir = "/etc/headwater/pki";
  std::string site;
  std::string instance = "0";
  std::string owner;
  double days = 0;
  bool force = false;
  bool all = false;
};

// Each prints its answer on standard output and returns what went wrong.
absl::Status SessionList(HeadendClient& client, const Invocation& invocation);
absl::Status SessionWatch(HeadendClient& client, const Invocation& invocation);
absl::Status SessionExplain(HeadendClient& client, const Invocation& invocation);
absl::Status GroupList(HeadendClient& client, const Invocation& invocation);
absl::Status GroupResolve(HeadendClient& client, const Invocation& invocation);
absl::Status StationList(HeadendClient& client, const Invocation& invocation);
absl::Status StationSearch(HeadendClient& client, const Invocation& invocation);
absl::Status StationExport(HeadendClient& client, const Invocation& invocation);
absl::Status SenderList(HeadendClient& client, const Invocation& invocation);
// Both show what the sender is afterwards.
absl::Status SenderDrain(HeadendClient& client, const Invocation& invocation);
absl::Status SenderUndrain(HeadendClient& client, const Invocation& invocation);
absl::Status EndpointList(HeadendClient& client, const Invocation& invocation);
// UNAVAILABLE when a service does not answer or is not serving, after all have been shown.
absl::Status Health(HeadendClient& client, const Invocation& invocation);
absl::Status PrintCompletionScript(HeadendClient& client, const Invocation& invocation);
// Groups, stations and the like that begin with what has been typed, one a line.
absl::Status PrintLiveWords(HeadendClient& client, const Completion& completion);

}  // namespace headwater
