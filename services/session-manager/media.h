#pragma once

#include <absl/time/time.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/plan/number_plan.h"

// The words of proto/headwater/types as plain values, so that the core needs no generated code.
namespace headwater::session_manager {

// How a session's media is described in SDP.
struct MediaFormat {
  std::string encoding;
  uint32_t payload_type = 0;
  uint32_t clock_rate = 0;
  uint32_t channels = 0;
  std::string fmtp;
  uint32_t bits_per_second = 0;
  std::string description;
  bool operator==(const MediaFormat&) const = default;
};

// What the source says about itself, and since when; the infinite past means unknown.
struct StreamInfo {
  std::string name;
  std::string title;
  std::string url;
  absl::Time began = absl::InfinitePast();
  bool SameTexts(const StreamInfo& other) const {
    return name == other.name && title == other.title && url == other.url;
  }
  bool operator==(const StreamInfo&) const = default;
};

// What a DVB station is received from.
struct DvbService {
  std::string carrier;
  uint32_t original_network_id = 0;
  uint32_t transport_stream_id = 0;
  // 0: the whole carrier.
  uint32_t service_id = 0;
  // Not empty: these PIDs alone.
  std::vector<uint32_t> pids;
  bool operator==(const DvbService&) const = default;
};

// What a number stands for.
struct Station {
  uint32_t number = 0;
  std::string title;
  StationKind kind = StationKind::kHttp;
  std::vector<std::string> urls;
  std::string directory;
  std::optional<MediaFormat> known_format;
  std::vector<std::string> tags;
  std::string homepage;
  std::string logo_url;
  // Of a DVB station.
  std::optional<DvbService> dvb;
  bool operator==(const Station&) const = default;
};

// An interface of a service instance in a link.
struct Leg {
  std::string link;
  std::string interface;
  bool up = false;
  std::vector<std::string> addresses;
  uint32_t mtu = 0;
  std::optional<IpAddress> service_address_ipv4;
  std::optional<IpAddress> service_address_ipv6;
  bool operator==(const Leg&) const = default;
};

}  // namespace headwater::session_manager
