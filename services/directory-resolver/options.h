#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/common/time/mono_time.h"
#include "services/directory-resolver/dvb_options.h"
#include "services/directory-resolver/feed/feed_options.h"

namespace headwater::directory_resolver {

// One [[directory-resolver.directory]] of the configuration.
struct DirectoryOptions {
  // Name, linger and the rest of how its sessions are run.
  PlanDirectory plan;
  // Its numbers.
  NumberPrefix prefix;
  // Path of its lineup file, absolute or as the process sees it; empty without.
  std::string lineup;
  DirectorySource source = DirectorySource::kLineup;
  // Of a source that is fetched.
  FeedOptions feed = {};
  // Of kind kDvb.
  DvbOptions dvb = {};
};

// Configuration of the directory-resolver.
struct Options {
  std::vector<AddressBlock> ipv6_prefixes;
  // Empty: 5, 8 and 14.
  std::vector<uint8_t> ipv6_scopes;
  bool ipv6_ssm = false;
  std::vector<Ipv4Window> ipv4_windows;
  std::vector<GroupBinding> bindings;
  std::vector<DirectoryOptions> directories;
  // The built-in test tone 0xd0bef00d.
  bool test_tone = true;
  // How long after a lineup file has changed it is read: an editor may write in steps.
  Duration reload_delay = 200ms;
  // A station that was neither played nor checked for so long is due for a background check.
  Duration check_age = 168h;
  // Empty: "<state_dir>/directory-resolver.sqlite".
  std::string database;

  // The plan of all this, the test tone's row included.
  PlanConfig ToPlan() const;
};

}  // namespace headwater::directory_resolver
