#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"

namespace headwater::session_manager {

// How sessions are run. Linger, start timeout and silence are the directory's (number plan).
struct ReconcilerOptions {
  // Sessions that may run at once; one more is refused and tried again when there is room.
  size_t sessions_max = 500;
  // Sessions sent into one link at once.
  size_t sessions_per_link_max = 200;
  // Starts per second, and how many may come at once: a token bucket. A start that finds it empty
  // waits for the next token.
  double starts_per_second = 50;
  double starts_burst = 100;
  // For the number to be resolved and a sender to be there.
  Duration resolve_timeout = 5s;
  // How long RTP waits for the announcement to leave first.
  Duration announce_wait = 500ms;
  // Wait before the first retry of a failed session; doubled up to the second, +- 20 %.
  Duration retry_min = 1s;
  Duration retry_max = 60s;
  // A session that has been live for as long begins again with the shortest wait.
  Duration stable_after = 10s;
  // RFC 9777 section 9.4: robustness 2 * 125 s + 10 s. What is not known for longer is absent.
  Duration listener_interval = 270s;
  // After our own start: wait as long for every sender's list before a session is placed.
  Duration startup_wait = 2s;
  // A sender whose packager is away for as long is taken for dead: others get its sessions.
  Duration sender_grace = 1s;
  // Station answers older than this are asked again.
  Duration station_ttl = 60s;
  // Higher wins when several managers would act; 0 alone.
  uint64_t epoch = 0;

  bool operator==(const ReconcilerOptions&) const = default;
};

// A packager and an announcer in one network namespace.
struct SenderOptions {
  std::string name;
  // gRPC targets.
  std::string packager;
  std::string announcer;
  bool operator==(const SenderOptions&) const = default;
};

// Table [session-manager] of the configuration; endpoints default to the sockets under run_dir.
struct Options {
  std::vector<std::string> membership_watchers;
  std::string directory_resolver;
  std::vector<SenderOptions> senders;
  std::string dvb_tuner;
  // Otherwise it is connected to once its socket is there: most hosts have none.
  bool dvb_tuner_expected = false;
  // Deadline of every call to another service.
  Duration call_timeout = 2s;
  // From one background check of a station to the next; 0: none are made.
  Duration check_period = 30s;
  // Where it is remembered which senders are drained; empty: nowhere.
  std::string drained_file;
  ReconcilerOptions reconciler;
  bool operator==(const Options&) const = default;
};

}  // namespace headwater::session_manager
