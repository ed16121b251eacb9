#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/net/ip_address.h"

namespace headwater::zone {

// Where in a zone something was heard: Avahi's interface index and protocol (0 IPv4, 1 IPv6).
struct Place {
  int32_t interface = 0;
  int32_t protocol = 0;
  auto operator<=>(const Place&) const = default;
};

// RFC 2782; priority and weight do not cross: Avahi publishes its own.
struct Srv {
  std::string host;
  uint16_t port = 0;
  bool operator==(const Srv&) const = default;
};

// The strings of a TXT record as they are, which may be any bytes (RFC 6763 section 6).
using Txt = std::vector<std::string>;

// Rdata as Avahi hands it on: names are not compressed. Nothing for what is malformed, and for a
// host that is not in "local".
std::optional<Srv> ParseSrv(Bytes rdata);
// One empty string is no string (RFC 6763 section 6.1).
std::optional<Txt> ParseTxt(Bytes rdata);
size_t WireSize(const Txt& txt);
// For people: each string on one line, cut to 255 bytes.
std::vector<std::string> CleanTxt(const Txt& txt);

// The records of one name and type in a zone. At the limit more are refused. An outage of the
// zone's Avahi makes them stale, until they are heard again or dropped.
class RecordSet {
 public:
  // False: there are too many.
  bool Add(const Place& place, Bytes rdata, size_t records_max);
  void Remove(const Place& place, Bytes rdata);
  void MarkStale();
  // True when any were.
  bool DropStale();
  void Clear() { items_.clear(); }

  bool empty() const { return items_.empty(); }
  // What was heard last, a fresh one before a stale one: a record that replaces another is heard a
  // second before the other is gone (RFC 6762 section 10.2). Null: none.
  const std::string* Newest() const;
  std::vector<IpAddress> Addresses() const;

 private:
  struct Item {
    Place place;
    std::string rdata;
    bool stale = false;
  };
  std::vector<Item> items_;
};

}  // namespace headwater::zone
