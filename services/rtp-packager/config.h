#pragma once

#include <string>
#include <vector>

#include "services/common/config/config_table.h"
#include "services/rtp-packager/feed_options.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/source/http/http_source_options.h"
#include "services/rtp-packager/transcode/transcoder_pool_options.h"

namespace headwater::packager {

// All of the table [rtp-packager].
struct PackagerConfig {
  Options core;
  HttpSourceOptions http;
  TranscoderPoolOptions transcoders;
  FeedOptions feeds;
};

// Reads the table over the defaults; faults are kept in the table.
PackagerConfig ReadConfig(ConfigTable& table);

// Keys that differ and that a running packager cannot change.
std::vector<std::string> RestartKeys(const PackagerConfig& running, const PackagerConfig& wanted);

}  // namespace headwater::packager
