#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/dvb-tuner/carrier.h"

namespace headwater::tuner {

enum class TunerKind : uint8_t { kCard, kSatip, kNetwork };

// A receiver as configured.
struct TunerOptions {
  std::string name;
  TunerKind kind = TunerKind::kCard;
  std::vector<DeliverySystem> systems;
  // Empty: whatever there is.
  std::vector<std::string> positions;
  // Of a card: /dev/dvb/adapterA/frontendF, and the CA device of its CAM.
  int adapter = 0;
  int frontend = 0;
  int ca = 0;
  // The card picks the PIDs out, for those that cannot deliver all of a carrier; then no whole
  // carrier can be had from it.
  bool pid_filter = false;
  // Of a SAT>IP server: address (empty: searched for by SSDP, from this address of ours) and RTSP
  // port, and its tuner (0: the server's choice).
  std::string server;
  std::string search_from;
  uint16_t server_port = 554;
  int server_frontend = 0;
  bool operator==(const TunerOptions&) const = default;
};

// How long what is waited for. Patience is what a lease has before it fails.
struct ReceptionOptions {
  // A tuner that nobody needs any more stays tuned for so long.
  Duration retune_hold = 10s;
  // dvblast's -O: it tunes again when there is no lock.
  Duration lock_timeout = 5s;
  Duration lock_patience = 20s;
  Duration lost_patience = 60s;
  // From lock to the first packets of a service.
  Duration service_patience = 10s;
  // A scrambled service that no CAM clears.
  Duration descramble_patience = 10s;
  // Before dvblast is started again, doubling.
  Duration backoff_first = 500ms;
  Duration backoff_max = 30s;
  // A card that is not there is looked for again.
  Duration absent_retry = 10s;
  // dvblast tells its bitrate each second; one that is silent for so long hangs and is ended.
  Duration silence_max = 15s;
  // Of leases without a ttl when nobody watches.
  Duration orphan_timeout = 10min;
  size_t leases_max = 1024;
};

struct Options {
  ReceptionOptions reception;
  std::vector<TunerOptions> tuners;
  Positions positions;
  // The carriers file; empty: none.
  std::string carriers_path;
  // Program to run; without a slash found by PATH.
  std::string dvblast = "dvblast";
  // Also what is neither audio, video nor subtitles (dvblast's -z).
  bool any_type = false;
  // dvblast's -L: longer smooths more, and every join waits for it.
  Duration latency = 100ms;
};

}  // namespace headwater::tuner
