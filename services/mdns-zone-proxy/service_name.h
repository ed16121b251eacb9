#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater::zone {

// A DNS-SD instance in a zone (RFC 6763 section 4.1): the name as people see it and the type,
// "_ipp._tcp". The domain is always "local".
struct ServiceKey {
  std::string type;
  std::string name;
  auto operator<=>(const ServiceKey&) const = default;
};

// RFC 6763 section 4.1.1: 1 to 63 bytes of UTF-8 without control characters.
bool IsInstanceName(std::string_view name);
// RFC 6763 section 7 and RFC 6335: "_ipp._tcp", lower case.
bool IsServiceType(std::string_view type);

// "_universal._sub._ipp._tcp".
struct Subtype {
  std::string subtype;
  std::string type;
};
// Nothing for what is no subtype.
std::optional<Subtype> ParseSubtype(std::string_view text);

// ASCII letters in lower case: DNS compares names so (RFC 6762 section 16).
std::string Fold(std::string_view name);

// One label as text, with what could be mistaken escaped (RFC 1035 section 5.1).
std::string EscapeLabel(std::string_view label);
// "Office\032Printer._ipp._tcp.local".
std::string FullName(const ServiceKey& key);
// An uncompressed name from the wire as text; nothing for what is none or has a root label only.
std::optional<std::string> ParseWireName(Bytes wire);

// The name to try when those before it are taken: attempt 0 is the name itself, then "Name (iot)",
// "Name (iot) #2"... cut between characters to 63 bytes.
std::string AlternateName(std::string_view name, std::string_view zone, int attempt);
// The same for a host name: "printer.local", "printer-iot.local", "printer-iot-2.local".
std::string AlternateHost(std::string_view host, std::string_view zone, int attempt);

}  // namespace headwater::zone
