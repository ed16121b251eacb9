#include "services/dvb-tuner/satip_search.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>

#include <algorithm>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

constexpr std::string_view kDevice = "urn:ses-com:device:SatIPServer:1";

}  // namespace

std::string SatipSearch() {
  return "M-SEARCH * HTTP/1.1\r\n"
         "HOST: 239.255.255.250:1900\r\n"
         "MAN: \"ssdp:discover\"\r\n"
         "MX: 2\r\n"
         "ST: " +
         std::string(kDevice) + "\r\nUSER-AGENT: Linux/1.0 UPnP/1.1 Headwater/1.0\r\n\r\n";
}

bool IsSatipServer(Bytes answer) {
  std::string_view text = AsText(answer);
  if (!text.starts_with("HTTP/1.1 200")) return false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = FromAbsl(absl::StripAsciiWhitespace(ToAbsl(text.substr(0, end))));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.size() < 3 || !absl::EqualsIgnoreCase(ToAbsl(line.substr(0, 3)), "ST:")) continue;
    line.remove_prefix(3);
    return FromAbsl(absl::StripAsciiWhitespace(ToAbsl(line))) == kDevice;
  }
  return false;
}

}  // namespace headwater::tuner
