#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater::bridge {

// A line of /proc/net/ip_mr_cache or ip6_mr_cache.
struct CacheEntry {
  IpAddress group;
  IpAddress source;
  // Index of the virtual interface; -1 while the kernel waits for the router's word.
  int from = -1;
  std::vector<int> to;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t wrong_interface = 0;
  bool operator==(const CacheEntry&) const = default;
};

// The kernel's multicast routing of one family. Lines that are not understood are left out. At
// most kRoutesMax entries are read; a kernel that has more is under attack.
inline constexpr size_t kRoutesMax = 4096;
std::vector<CacheEntry> ParseCache(std::string_view text, IpAddress::Family family);
// /proc/net/ip_mr_vif or ip6_mr_vif: interfaces by index.
std::map<int, std::string> ParseVirtualInterfaces(std::string_view text);

struct RouteKey {
  IpAddress group;
  IpAddress source;
  // Link; empty: none.
  std::string from;
  auto operator<=>(const RouteKey&) const = default;
};

struct RouteTotals {
  std::set<std::string> to;
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t wrong_interface = 0;
  bool present = false;
};

// Sums over what comes and goes in the kernel's cache: entries are dropped when idle and made anew
// by each reload, their counters with them.
class RouteTable {
 public:
  // `links` by interface. One family at a time.
  void Update(IpAddress::Family family, const std::vector<CacheEntry>& entries,
              const std::map<int, std::string>& virtual_interfaces,
              const std::map<std::string, std::string>& links);

  // At most kRoutesMax; when full, those that are gone make room, and if there is none of these,
  // new ones are left out and counted.
  const std::map<RouteKey, RouteTotals>& routes() const { return routes_; }
  uint64_t left_out() const { return left_out_; }

 private:
  struct Raw {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t wrong_interface = 0;
  };
  RouteTotals* Find(const RouteKey& key);

  std::map<RouteKey, RouteTotals> routes_;
  // As last read, of those present.
  std::map<RouteKey, Raw> raw_;
  uint64_t left_out_ = 0;
};

}  // namespace headwater::bridge
