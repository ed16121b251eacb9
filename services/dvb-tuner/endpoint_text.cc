#include "services/dvb-tuner/endpoint_text.h"

#include <absl/strings/numbers.h>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {

std::optional<Endpoint> ParseEndpoint(std::string_view text, uint16_t standard_port) {
  Endpoint endpoint = {{}, standard_port};
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  const auto address = IpAddress::Parse(host);
  if (!address) return std::nullopt;
  endpoint.address = *address;
  if (port.empty()) return endpoint;
  uint32_t number = 0;
  if (port[0] != ':' || !absl::SimpleAtoi(ToAbsl(port.substr(1)), &number) || number == 0 ||
      number > 65535) {
    return std::nullopt;
  }
  endpoint.port = static_cast<uint16_t>(number);
  return endpoint;
}

}  // namespace headwater::tuner
