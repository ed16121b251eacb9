#pragma once

#include <absl/status/status.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "services/common/net/legs.h"
#include "services/sap-announcer/announcement.h"

namespace headwater {

// The sockets that announcements leave by: one for each leg and family, bound to the service
// address and port 9875, so that source and interface are never the routing table's choice. They
// receive nothing and join nothing. On the loop's thread.
class SapSender {
 public:
  // `dscp` is 0..63.
  explicit SapSender(uint8_t dscp) : dscp_(dscp) {}
  ~SapSender();
  SapSender(const SapSender&) = delete;
  SapSender& operator=(const SapSender&) = delete;

  // Of what is sent from now on.
  void SetDscp(uint8_t dscp);
  // All legs as they are now. A socket whose leg has changed is closed and opened again when it is
  // needed.
  void SetLegs(const std::vector<Leg>& legs);

  // Hands one datagram to the kernel. UNAVAILABLE names link, addresses and the kernel's reason.
  absl::Status Send(const SendDatagram& datagram);

 private:
  struct Outgoing {
    int fd = -1;
    uint32_t ifindex = 0;
    IpAddress source;
  };
  using Key = std::pair<std::string, IpAddress::Family>;

  absl::Status Open(const Key& key, uint32_t ifindex, const IpAddress& source);
  void Close(const Key& key);

  uint8_t dscp_;
  std::map<std::string, Leg> legs_;
  std::map<Key, Outgoing> sockets_;
};

}  // namespace headwater
