#pragma once

#include <cstddef>
#include <cstdint>

#include "services/common/time/mono_time.h"

namespace headwater::packager {

// All that the operator may set of the packager's cores. Defaults live here and nowhere else;
// config.cc gives the ranges.
struct Options {
  // Sessions at once. At the limit ApplySession of a new channel is refused with
  // RESOURCE_EXHAUSTED.
  size_t sessions_max = 256;

  // Probes at once.
  size_t probes_max = 16;

  // From `transmit` to the first RTP, so that a player that has just read the SDP has bound its
  // socket.
  Duration startup_delay = 10ms;
  // The first media of a start is sent at startup_speed times its pace, so that a player fills its
  // buffers soon. Never more than what is queued beyond `preroll`.
  // Measured with stock FFmpeg: from the SDP to the first sound 35 ms with delay 30 ms, 13 to 25 ms
  // so.
  Duration startup_burst = 500ms;
  unsigned startup_speed = 8;

  // Media held back before sending begins, and again before silence is left: the reserve against a
  // source that delivers in lumps. A source with burst-on-connect fills it at once; any other is
  // waited for, at most this long.
  Duration preroll = 200ms;
  // Media held at most. At the limit the source is read no further (TCP holds it back): nothing is
  // thrown away.
  Duration queue_max = 8s;
  size_t queue_bytes_max = 1 << 20;

  // A source that has given nothing for this long and whose queue is played out is replaced by
  // silence.
  Duration silence_after = 2s;
  // For sessions that name none. Then the session fails.
  Duration silence_limit = 60s;
  // A connection that has given nothing for this long is closed, and the next URL opened.
  Duration stall_limit = 5s;
  // Between attempts to reopen; doubled from min to max, back to min once media flows.
  Duration reopen_min = 250ms;
  Duration reopen_max = 4s;

  // From the opening of a source to its first whole frame, redirects and playlists included. Then
  // it has failed.
  Duration opening_limit = 20s;

  // Packets due within this time leave together with those that are due now.
  Duration send_slack = 2ms;

  // Sessions end by themselves when nobody has watched them for this long.
  Duration unwatched_limit = 10min;
  // A session that has ended by BYE sends it twice, this far apart.
  Duration bye_gap = 100ms;
  // Counters of a session are told to its watchers at most this often.
  Duration status_interval = 1s;

  // RTP payload of one datagram. 1400 + 12 + 8 + 40 fits an Ethernet of 1500.
  size_t payload_max = 1400;
  // Frames are put together into one packet up to this much media.
  Duration group_max = 100ms;
  uint16_t rtp_port = 5004;
  uint16_t rtcp_port = 5005;
};

}  // namespace headwater::packager
