#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/mpegts/psi.h"
#include "services/common/net/ip_address.h"
#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/dvblast_control.h"

namespace headwater::tuner {

enum class LeaseState : uint8_t { kTuning, kLocked, kSending, kLost, kFailed };
std::string_view ToString(LeaseState state);

// What is received for somebody.
struct WantedService {
  std::string carrier;
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  uint16_t service_id = 0;     // 0: the whole carrier, or `pids`
  std::vector<uint16_t> pids;  // with service_id 0: these alone

  bool whole_carrier() const { return service_id == 0 && pids.empty(); }
  auto operator<=>(const WantedService&) const = default;
};

struct LeaseRequest {
  uint32_t number = 0;
  WantedService service;
  Endpoint feed;
  // Our address, from which the datagrams are to come.
  IpAddress feed_source;
  uint32_t priority = 0;
  std::string holder;
  Duration ttl{};  // 0: as long as somebody watches
};

// A service that has been given to somebody.
struct Lease {
  LeaseRequest request;
  LeaseState state = LeaseState::kTuning;
  std::string error;
  std::string error_reason;
  std::optional<size_t> tuner;  // none: failed
  bool scrambled = false;
  uint64_t continuity_errors_total = 0;
  std::optional<MonoTime> locked;
  std::optional<MonoTime> sent;  // first time
  std::optional<mpegts::ProgramMap> map;

  // Of its tuner's configuration, the one that has its line.
  uint64_t generation = 0;
  bool configured = false;
  // The newest PAT has the service, or there has been none.
  bool listed = true;
  MonoTime begun{};
  MonoTime since{};  // of the state
  MonoTime renewed{};
  MonoTime next_question = kNever;
  MonoTime next_map = kNever;
  size_t next_pid = 0;
  std::map<uint16_t, PidStatus> pids_seen;
  std::optional<MonoTime> scrambled_since;

  // Those whose packets are looked at: of a service its streams, video and audio first.
  std::vector<uint16_t> Pids() const;
};

}  // namespace headwater::tuner
