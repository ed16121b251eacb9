#pragma once

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/session-manager/outlet.h"
#include "services/session-manager/session.h"

namespace headwater::session_manager {

// Ask the directory-resolver; answer with OnResolved.
struct Resolve {
  uint32_t number = 0;
};
// Each of the six is answered with the On...ed of its name, once.
struct ApplySession {
  size_t sender = 0;
  SessionSpec spec;
};
struct StopSession {
  size_t sender = 0;
  Channel channel;
  // Another sender has it or will have it: listeners are not to hear of an end.
  bool handover = false;
};
struct ApplyAnnouncement {
  size_t sender = 0;
  Announcement announcement;
};
struct StopAnnouncement {
  size_t sender = 0;
  Channel channel;
  // As with StopSession.
  bool handover = false;
};
struct AcquireLease {
  LeaseSpec spec;
};
struct ReleaseLease {
  uint32_t number = 0;
};
// Tell the directory-resolver what a play has shown; no answer is needed.
struct ReportPlay {
  uint32_t number = 0;
  std::optional<MediaFormat> format;
  std::string error;
};
// What others are shown of a session has changed; an idle one is gone.
struct SessionChanged {
  SessionView view;
};
// For the log.
struct Transitioned {
  Channel channel;
  uint32_t number = 0;
  State from = State::kIdle;
  State to = State::kIdle;
  std::string reason;
};
// Something that a person has to mend.
struct Alarm {
  std::string text;
};

// The headline latencies.
enum class Latency { kReportToRequest, kReportToSap, kReportToRtp, kLeaveToStop, kLateJoinToSap };
struct Measured {
  Latency latency = Latency::kReportToRequest;
  absl::Duration duration;
};

using Action = std::variant<Resolve, ApplySession, StopSession, ApplyAnnouncement, StopAnnouncement,
                            AcquireLease, ReleaseLease, ReportPlay, SessionChanged, Transitioned,
                            Alarm, Measured>;
using Actions = std::vector<Action>;

// What an announcer answers.
struct AnnouncementSent {
  Origin origin;
  absl::Time sent;
};

}  // namespace headwater::session_manager
