#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>

#include "services/membership-watcher/link_membership.h"

namespace headwater::membership {

// Sends MLD and IGMP messages as a router does: hop limit 1, Router Alert, from a given address out
// of a given interface. It receives nothing, and joins nothing but what a router is a member of by
// its role. This host's own players hear what it sends, as multicast loops back. Two raw sockets,
// opened once with CAP_NET_RAW and used without. One thread.
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
  // Membership of the groups of all MLDv2 and all IGMPv3 routers on an interface, which its kernel
  // then reports (RFC 9777 section 7, RFC 9776 section 6). Idempotent; ends with the interface.
  absl::Status JoinAsRouter(uint32_t ifindex);

 private:
  QuerySender() = default;
  absl::Status OpenIpv4();
  absl::Status OpenIpv6();

  int ipv4_fd_ = -1;
  int ipv6_fd_ = -1;
};

}  // namespace headwater::membership
