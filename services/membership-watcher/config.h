#pragma once

#include <map>
#include <string>
#include <vector>

#include "services/common/config/config_table.h"
#include "services/membership-watcher/options.h"

namespace headwater::membership {

// What [membership-watcher] says: for every link, and for those that have a table of their own.
struct WatcherOptions {
  Options common;
  std::map<std::string, Options> links;

  const Options& For(const std::string& link) const {
    auto found = links.find(link);
    return found == links.end() ? common : found->second;
  }
};

// Reads [membership-watcher]; absent keys keep the defaults of options.h, a link's keep the common
// ones, a family's keep the link's. Faults go into the table. `links` are those of [legs].
void ReadOptions(ConfigTable& table, const std::vector<std::string>& links,
                 WatcherOptions& options);

}  // namespace headwater::membership
