#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "services/common/time/mono_time.h"

namespace headwater {

// How sap-announcer announces. Defaults live here and nowhere else.
struct AnnouncerOptions {
  // In the media group: one announcement each `interval` where the bandwidth allows, never further
  // apart than `interval_max`, which must not be less.
  Duration interval = 1s;
  Duration interval_max = 5s;
  // What announcements of one session may take in one link: the larger of the two.
  uint32_t bits_per_second_min = 16'000;
  uint32_t media_percent = 5;
  // Longest datagram's worth of SAP, whatever the MTU: FFmpeg's receiver reads 8192 bytes.
  size_t packet_bytes_max = 8192;
  // When deletions leave after the end: three times, because one is often missed.
  std::array<Duration, 3> deletion_times = {0ms, 700ms, 1500ms};
  // Announcements at once; one more is refused with RESOURCE_EXHAUSTED. Links of one announcement;
  // more are INVALID_ARGUMENT.
  size_t announcements_max = 4096;
  size_t links_max = 64;
  // Announcements end by themselves when no manager has been heard for this long.
  Duration orphan_timeout = 10min;
  // Also announce to the well-known SAP groups, at RFC 2974's pace.
  bool well_known_groups = false;
  // RFC 2974 section 3.1: bandwidth of all announcements to one group, and the least interval.
  uint32_t well_known_bits_per_second = 4000;
  Duration well_known_interval_min = 300s;
  // Class of the datagrams (6 bits); 0 is best effort.
  uint8_t dscp = 0;
  // TCP port for RTSP on every leg; 0: none.
  uint16_t rtsp_port = 0;
  // Seed of the RFC's random offset.
  uint32_t seed = 1;
};

}  // namespace headwater
