#include "services/dvb-tuner/dvblast_config.h"

#include <fmt/format.h>

#include "services/common/base/check.h"

namespace headwater::tuner {

// Plain UDP, seven packets in a datagram (for IPv6 six are dvblast's default), with SDT and TDT for
// players that want them, and watched: with a CAM that has hung dvblast resets it.
std::string DvblastOutput::ToString() const {
  HW_CHECK(pids.size() <= kPidsMax);
  std::string line = to.ToString();
  if (!from.IsUnspecified()) {
    line += from.is_v6() ? fmt::format("@[{}]", from.ToString()) : "@" + from.ToString();
  }
  line += service_id != 0 ? "/udp/dvb/mtu=1316 1 " : "/udp/mtu=1316 1 ";
  if (whole) return line + "*";
  line += fmt::format("{}", service_id);
  for (size_t i = 0; i < pids.size(); ++i) line += fmt::format("{}{}", i == 0 ? " " : ",", pids[i]);
  return line;
}

std::string DvblastConfig(std::span<const DvblastOutput> outputs) {
  std::string text;
  for (const DvblastOutput& output : outputs) text += output.ToString() + "\n";
  return text;
}

}  // namespace headwater::tuner
