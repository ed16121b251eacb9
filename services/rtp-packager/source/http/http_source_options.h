#pragma once

#include <cstddef>
#include <string>

#include "services/common/time/mono_time.h"
#include "services/rtp-packager/source/hls/hls_player.h"
#include "services/rtp-packager/source/proxy_rules.h"
#include "services/rtp-packager/source/source_walk.h"
#include "services/rtp-packager/source/status_watch.h"

namespace headwater {

struct HttpSourceOptions {
  std::string user_agent = "Headwater";
  // Names: one lookup, and how long its result serves further starts (its own TTL if that is
  // shorter).
  Duration lookup_timeout = 5s;
  Duration lookup_cache = 60s;
  // "192.0.2.53:53,[2001:db8::53]:53"; empty means /etc/resolv.conf.
  std::string name_servers;
  // TCP and TLS together.
  Duration connect_timeout = 5s;
  // From the connection to the end of the response's header, and from there to the first bytes.
  Duration answer_timeout = 5s;
  // Reading a list or a page to its end.
  Duration document_timeout = 5s;
  size_t document_bytes_max = 256 * 1024;
  // Media has stopped coming.
  Duration stall_timeout = 2s;
  // A stream that tells no title is looked up on its server's status page.
  bool station_json = true;
  StatusWatchOptions status;
  // PEM file of authorities to trust besides the system's; empty means only those.
  std::string ca_file;
  ProxyRules proxy;
  // Sources open at a time; one more is closed at once (kInternal).
  size_t sources_max = 1000;
  SourceWalkOptions walk;
  HlsOptions hls;
};

}  // namespace headwater
