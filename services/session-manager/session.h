#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/session-manager/media.h"
#include "services/session-manager/outlet.h"
#include "services/session-manager/session_state.h"
#include "services/session-manager/timeline.h"

namespace headwater::session_manager {

// What others are shown of a session.
struct SessionView {
  Channel channel;
  uint32_t number = 0;
  State state = State::kIdle;
  std::optional<Station> station;
  // With members.
  std::vector<std::string> links;
  uint32_t members = 0;
  // Empty when none.
  std::string sender;
  std::optional<MediaFormat> format;
  StreamInfo info;
  std::string source_url;
  std::string error;
  absl::Time since;
  uint32_t receivers = 0;
  double fraction_lost_max = 0;
  bool operator==(const SessionView&) const = default;
};

// A session's use of one link: from its first member until the linger after its last.
struct LinkUse {
  bool present = false;
  // Found running by a manager that does not know yet who listens.
  bool held = false;
  MonoTime absent_since{};
  uint32_t members = 0;
  // As the watcher counts, and as we tell the announcer: ours goes on when the watcher restarts.
  uint64_t watcher_joins = 0;
  uint64_t joins = 0;
  absl::Time last_join = absl::InfinitePast();
  // Kernel time of a join that no announcement has answered yet.
  std::optional<absl::Time> late_join;
  // Counted by Admission: it may be sent into.
  bool admitted = false;
  // The announcement has left there, or has been waited for long enough.
  bool cleared = false;
  MonoTime announce_by = kNever;
};

// A session's way to another sender, which opens its source while the first one goes on.
struct Move {
  size_t to = 0;
  MonoTime since{};
  // The first one has been told to stop, and has not answered yet.
  bool is_handing_over = false;
};

// One channel that is, was or may be served. Plain state; the Reconciler decides. Only Fire
// changes `state`.
struct Session {
  Channel channel;
  uint32_t number = 0;
  State state = State::kIdle;
  // Of the present state.
  MonoTime since{};
  absl::Time since_wall;
  std::map<std::string, LinkUse> links;
  std::optional<Station> station;
  // Index of the sender; nothing until placed.
  std::optional<size_t> sender;
  std::optional<MediaFormat> format;
  // Of the source, while it is not what was announced and is transcoded.
  std::optional<MediaFormat> source_format;
  StreamInfo info;
  uint32_t ssrc = 0;
  // Of the next packet, as of the packager's last word.
  uint16_t sequence = 0;
  // It was the last one: nothing has been sent since.
  bool handed_over = false;
  SentTimestamp last_sent;
  Origin origin;
  std::string source_url;
  std::string error;
  // Of the closed set of failure metrics.
  std::string failure;
  uint32_t receivers = 0;
  double fraction_lost_max = 0;
  bool transmit = false;
  // Format and SSRC have to be kept: it ran already.
  bool pinned = false;
  // Announced before its source has answered: as the last play of the station was, or because a
  // tuner has locked.
  bool expected = false;
  // Seen in the packager's list.
  bool listed = false;
  bool silent = false;
  bool announced = false;
  // What listeners were told last.
  std::optional<StreamInfo> announced_info;
  bool play_reported = false;
  // Of a DVB station: where its packager awaits it, whence it comes, and the lease as it was told
  // last in the timeline.
  std::string feed;
  std::string feed_source;
  std::optional<LeaseState> lease;
  StartTimes times;
  // Kernel time of the report that called for it; nothing when it was adopted or retried, which
  // would spoil the measurement.
  std::optional<absl::Time> reported;
  // When the last member went.
  std::optional<absl::Time> left;
  // To another sender; the next try not before, and why there is none, as it was told last.
  std::optional<Move> move;
  MonoTime move_at{};
  int move_attempts = 0;
  std::string move_obstacle;
  int attempts = 0;
  MonoTime retry_at = kNever;
  // Place in the queue for room, or in that for a tuner; 0: in neither.
  uint64_t waiting = 0;
  // When the reconciler has to look at it again.
  MonoTime wake = kNever;
  Timeline timeline;
  SessionView shown;

  bool HasPresent() const;
  uint32_t members() const;
  std::vector<std::string> PresentLinks() const;
  bool is_dvb() const { return station && station->kind == StationKind::kDvb; }
  // The format is fixed although the packager has not told one yet.
  bool has_fixed_format() const { return format && (pinned || expected); }
  // What a start leaves behind; links, timeline and attempts stay.
  void ClearRun();
};

}  // namespace headwater::session_manager
