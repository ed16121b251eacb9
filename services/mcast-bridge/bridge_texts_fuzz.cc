// What a person, the kernel, nft and smcrouted write, in any bytes; the first one says whose.
#include <cstdint>
#include <string_view>

#include "services/common/base/check.h"
#include "services/mcast-bridge/bridge_rules.h"
#include "services/mcast-bridge/hygiene.h"
#include "services/mcast-bridge/journal.h"
#include "services/mcast-bridge/kernel_state.h"
#include "services/mcast-bridge/ruleset.h"
#include "services/mcast-bridge/smcroute_words.h"

namespace headwater::bridge {
namespace {

void CheckGroups(std::string_view text) {
  const auto groups = ParseGroups(text);
  if (!groups.ok()) return;
  for (const GroupSpec& group : *groups) {
    const auto again = ParseGroups(group.ToString());
    HW_CHECK(again.ok() && again->size() == 1 && again->front() == group);
  }
}

void CheckJournal(std::string_view text) {
  const Journal journal = ParseJournal(text);
  std::string written = JournalHead(journal);
  for (const Change& change : journal.changes) written += JournalLine(change);
  HW_CHECK(ParseJournal(written).changes == journal.changes);
}

void CheckCache(std::string_view text, IpAddress::Family family) {
  const auto entries = ParseCache(text, family);
  HW_CHECK(entries.size() <= kRoutesMax);
  RouteTable table;
  table.Update(family, entries, {{0, "a"}, {1, "b"}}, {{"a", "lan"}, {"b", "wlan"}});
  HW_CHECK(table.routes().size() <= entries.size());
}

}  // namespace
}  // namespace headwater::bridge

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  using namespace headwater::bridge;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      CheckGroups(text);
      break;
    case 1:
      if (const auto ports = ParsePorts(text); ports.ok()) HW_CHECK(ports->first <= ports->last);
      break;
    case 2:
      CheckCache(text, IpAddress::Family::kIpv4);
      break;
    case 3:
      CheckCache(text, IpAddress::Family::kIpv6);
      break;
    case 4:
      ParseVirtualInterfaces(text);
      ParseCounters(text);
      break;
    case 5:
      for (const ForwardChain& chain : ParseForwardChains(text, "hw", 0x40000000)) {
        OwnRuleHandles(text, chain.name);
      }
      break;
    case 6:
      CheckJournal(text);
      break;
    default:
      ParseSmcrouteLine(text);
      break;
  }
  return 0;
}
