#include "services/rtp-packager/config.h"

#include <algorithm>
#include <string>
#include <vector>

namespace headwater::packager {
namespace {

constexpr size_t kSessionsMax = 65536;
constexpr size_t kProbesMax = 1024;

void ReadOptions(ConfigTable& table, Options& options) {
  table.Read("sessions_max", options.sessions_max, {1, kSessionsMax});
  table.Read("probes_max", options.probes_max, {1, kProbesMax});
  table.Read("startup_delay", options.startup_delay, {0ms, 5s});
  table.Read("startup_burst", options.startup_burst, {0ms, 10s});
  table.Read("startup_speed", options.startup_speed, {1, 100});
  table.Read("preroll", options.preroll, {0ms, 10s});
  table.Read("queue_max", options.queue_max, {1s, 60s});
  table.Read("queue_bytes_max", options.queue_bytes_max, {64 * 1024, 64 * 1024 * 1024});
  // Players give up after 10 s without RTP.
  table.Read("silence_after", options.silence_after, {100ms, 8s});
  table.Read("silence_limit", options.silence_limit, {0s, 24h});
  table.Read("stall_limit", options.stall_limit, {1s, 10min});
  table.Read("opening_limit", options.opening_limit, {1s, 10min});
  table.Read("reopen_min", options.reopen_min, {10ms, 1min});
  table.Read("reopen_max", options.reopen_max, {10ms, 10min});
  table.Read("unwatched_limit", options.unwatched_limit, {1s, 24h});
  table.Read("payload_max", options.payload_max, {200, 8900});
  table.Read("group_max", options.group_max, {0ms, 1s});
  table.Read("rtp_port", options.rtp_port, {1024, 65535});
  table.Read("rtcp_port", options.rtcp_port, {1024, 65535});
  if (options.reopen_min > options.reopen_max) {
    table.Fault("reopen_min", "must not be longer than reopen_max");
  }
  if (options.preroll >= options.queue_max) {
    table.Fault("preroll", "must be shorter than queue_max");
  }
  if (options.rtp_port == options.rtcp_port) table.Fault("rtcp_port", "must differ from rtp_port");
}

void ReadHttp(ConfigTable& table, HttpSourceOptions& options) {
  table.Read("user_agent", options.user_agent);
  table.Read("name_servers", options.name_servers);
  table.Read("ca_file", options.ca_file);
  table.Read("station_json", options.station_json);
  table.Read("hls_audio_bits_max", options.hls.audio_bits_max, {8'000, 100'000'000});
  std::string proxy;
  std::vector<std::string> no_proxy;
  table.Read("http_proxy", proxy);
  table.Read("no_proxy", no_proxy);
  std::string fault;
  if (const auto rules = ProxyRules::Parse(proxy, no_proxy, fault)) {
    options.proxy = *rules;
  } else {
    const bool listed = std::find(no_proxy.begin(), no_proxy.end(), fault) != no_proxy.end();
    table.Fault(listed ? "no_proxy" : "http_proxy",
                listed ? fault + " is no name, address or prefix"
                       : fault + " is not http://[user:password@]host:port");
  }
  table.Read("lookup_timeout", options.lookup_timeout, {100ms, 1min});
  table.Read("lookup_cache", options.lookup_cache, {0s, 24h});
  table.Read("connect_timeout", options.connect_timeout, {100ms, 1min});
  table.Read("answer_timeout", options.answer_timeout, {100ms, 1min});
}

void ReadFeeds(ConfigTable& table, FeedOptions& options) {
  std::string address = options.address.ToString();
  table.Read("feed_address", address);
  const auto parsed = IpAddress::Parse(address);
  if (parsed && !parsed->IsMulticast() && !parsed->IsUnspecified()) {
    options.address = *parsed;
  } else {
    table.Fault("feed_address", "must be an address of this host, as 192.0.2.1 or 2001:db8::1");
  }
  table.Read("feed_port_first", options.port_first, {1024, 65535});
  options.port_last = options.port_first;
  table.Read("feed_port_last", options.port_last, {1024, 65535});
  if (options.port_first == 0 && options.port_last != 0) {
    table.Fault("feed_port_last", "needs feed_port_first");
  } else if (options.port_last < options.port_first) {
    table.Fault("feed_port_last", "must not be less than feed_port_first");
  }
}

}  // namespace

std::vector<std::string> RestartKeys(const PackagerConfig& running, const PackagerConfig& wanted) {
  std::vector<std::string> keys;
  const auto note = [&](const char* key, const auto& before, const auto& after) {
    if (before != after) keys.push_back(key);
  };
  note("rtp_port", running.core.rtp_port, wanted.core.rtp_port);
  note("rtcp_port", running.core.rtcp_port, wanted.core.rtcp_port);
  note("user_agent", running.http.user_agent, wanted.http.user_agent);
  note("name_servers", running.http.name_servers, wanted.http.name_servers);
  note("ca_file", running.http.ca_file, wanted.http.ca_file);
  note("lookup_timeout", running.http.lookup_timeout, wanted.http.lookup_timeout);
  note("lookup_cache", running.http.lookup_cache, wanted.http.lookup_cache);
  note("connect_timeout", running.http.connect_timeout, wanted.http.connect_timeout);
  note("answer_timeout", running.http.answer_timeout, wanted.http.answer_timeout);
  note("http_proxy, no_proxy", running.http.proxy, wanted.http.proxy);
  note("station_json", running.http.station_json, wanted.http.station_json);
  note("hls_audio_bits_max", running.http.hls.audio_bits_max, wanted.http.hls.audio_bits_max);
  note("transcoders_max", running.transcoders.transcoders_max, wanted.transcoders.transcoders_max);
  note("transcode_bitrate", running.transcoders.bits_per_second,
       wanted.transcoders.bits_per_second);
  note("feed_address", running.feeds.address, wanted.feeds.address);
  note("feed_port_first", running.feeds.port_first, wanted.feeds.port_first);
  note("feed_port_last", running.feeds.port_last, wanted.feeds.port_last);
  return keys;
}

PackagerConfig ReadConfig(ConfigTable& table) {
  PackagerConfig config;
  ReadOptions(table, config.core);
  ReadHttp(table, config.http);
  ReadFeeds(table, config.feeds);
  table.Read("transcoders_max", config.transcoders.transcoders_max, {0, 4096});
  table.Read("transcode_bitrate", config.transcoders.bits_per_second, {16000, 510000});
  // One limit for both: the stream looks after it, the opener only where no stream does.
  config.http.stall_timeout = config.core.stall_limit;
  // The packager's own limits are lower, and may change while it runs.
  config.http.sources_max = kSessionsMax + kProbesMax;
  return config;
}

}  // namespace headwater::packager
