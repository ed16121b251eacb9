#include "services/mcast-bridge/smcroute_words.h"

#include <fmt/format.h>

#include "services/common/text/clean_text.h"

namespace headwater::bridge {
namespace {

constexpr size_t kTextMax = 300;

struct Pattern {
  std::string_view part;
  std::string_view kind;
  // What it means and what helps; empty: smcrouted's words alone.
  std::string_view words;
};

// The first that occurs in the line counts.
constexpr Pattern kPatterns[] = {
    {"already in use", "in_use",
     "another program of this network namespace routes multicast: end it, or give the bridge a "
     "namespace of its own"},
    {"does not support", "kernel", "the kernel has no multicast routing for this family"},
    {"does not even support", "kernel", "the kernel has no multicast for this family"},
    {"multicast route (", "add_route",
     "the kernel refused a route (MRT_ADD_MFC); with \"Invalid argument\" this smcrouted was built "
     "for another kernel's struct mfcctl: install a fixed one"},
    {"Cannot add", "add_route", "the kernel refused a route (MRT_ADD_MFC)"},
    {"Not enough available VIFs", "interface",
     "the kernel routes multicast between at most 32 interfaces"},
    {"creating VIF", "interface", "the interface cannot take part in multicast routing"},
    {"creating MIF", "interface", "the interface cannot take part in multicast routing"},
    {"no matching interfaces", "interface", "the interface went away"},
    {"not a known phyint", "interface", "the interface went away, or its family is not ours"},
    {"matches no valid phyint", "interface", "the interface went away, or its family is not ours"},
    {"not multicast capable", "interface",
     "the interface has no multicast (ip link set multicast on)"},
    {"No buffer space", "join",
     "too many memberships: raise net.ipv4.igmp_max_memberships or net.ipv6.mld_max_msf"},
    {"Failed joining", "join", "the group could not be joined"},
    {"Failed adding mgroup", "join", "the group could not be joined"},
    {"Invalid ", "config", "the generated configuration is wrong for this smcrouted"},
    {"Unknown command", "config", "the generated configuration is wrong for this smcrouted"},
    {"Parse error", "config", "the generated configuration is wrong for this smcrouted"},
    {"Need root", "kernel", "smcrouted wants to be started by root (capabilities do not count)"},
    {"No IPv4 multicast socket", "kernel", ""},
    {"No IPv6 multicast socket", "kernel", ""},
    {"Failed", "other", ""},
    {"failed", "other", ""},
    {"Cannot", "other", ""},
};

}  // namespace

std::optional<Complaint> ParseSmcrouteLine(std::string_view line) {
  constexpr std::string_view kName = "smcroute[";
  if (const size_t end = line.find("]: "); line.starts_with(kName) && end != std::string_view::npos)
    line.remove_prefix(end + 3);
  for (const Pattern& pattern : kPatterns) {
    if (line.find(pattern.part) == std::string_view::npos) continue;
    const std::string said = CleanText(line, kTextMax);
    return Complaint{std::string(pattern.kind),
                     pattern.words.empty() ? said : fmt::format("{}: {}", said, pattern.words)};
  }
  return std::nullopt;
}

}  // namespace headwater::bridge
