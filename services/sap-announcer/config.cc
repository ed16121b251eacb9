#include "services/sap-announcer/config.h"

namespace headwater {

AnnouncerOptions ReadAnnouncerOptions(ConfigTable& table) {
  AnnouncerOptions options;
  table.Read("interval", options.interval, Range<Duration>{200ms, 5s});
  // A listener that lost its first announcement waits no longer than this.
  table.Read("interval_max", options.interval_max, Range<Duration>{1s, 5s});
  if (options.interval_max < options.interval)
    table.Fault("interval_max", "must not be less than interval");
  table.Read("bits_per_second_min", options.bits_per_second_min, {8'000, 10'000'000});
  table.Read("media_percent", options.media_percent, {0, 100});
  table.Read("announcements_max", options.announcements_max, {1, 1'000'000});
  table.Read("orphan_timeout", options.orphan_timeout, Range<Duration>{10s, 24h});
  table.Read("well_known_groups", options.well_known_groups);
  table.Read("dscp", options.dscp, {0, 63});
  table.Read("rtsp_port", options.rtsp_port, {0, 65535});
  return options;
}

}  // namespace headwater
