#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "services/membership-watcher/link_membership.h"

namespace headwater::membership {

// Sends MLD and IGMP messages as a router does: hop limit 1, Router Alert, from a given address out
// of a given interface. It joins nothing and receives nothing. This host's own players hear what it
// sends, as multicast loops back. Two raw sockets, opened once with CAP_NET_RAW and used without.
// One thread.
class QuerySender {
 public:
  // PERMISSION_DENIED without CAP_NET_RAW. A kernel without IPv6 is no error until something is to
  // be sent by it.
  static absl::StatusOr<std::unique_ptr<QuerySender>> Open();
  ~QuerySender();
  QuerySender(const QuerySender&) = delete;
  QuerySender& operator=(const QuerySender&) = delete;

  // UNAVAILABLE when the kernel refuses, as while an interface is just going away.
  absl::Status Send(const SendQuery& query, uint32_t ifindex);

 private:
  QuerySender() = default;
  absl::Status OpenIpv4();
  absl::Status OpenIpv6();

  int ipv4_fd_ = -1;
  int ipv6_fd_ = -1;
};

}  // namespace headwater::membership
