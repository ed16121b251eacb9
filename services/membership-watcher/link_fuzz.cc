#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/membership-watcher/link_membership.h"

namespace {

using namespace headwater;              // NOLINT: a fuzzer of one file
using namespace headwater::membership;  // NOLINT

const IpAddress kOwn4 = IpAddress::V4(0xc0000205);
const IpAddress kOwn6 = IpAddress::V6({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5});

// What must hold after every input, whatever came from the wire.
void Check(const LinkMembership& link, const TableOptions& limits, const Actions& actions) {
  size_t groups = 0;
  size_t entries = 0;
  link.table().ForEach([&](const GroupState& group) {
    ++groups;
    entries += group.entries();
    HW_CHECK(group.present());
    HW_CHECK(group.members().size() <= limits.members_per_group_max);
    HW_CHECK(std::is_sorted(group.members().begin(), group.members().end(),
                            [](const Member& a, const Member& b) { return a.host < b.host; }));
    HW_CHECK(IsTracked(group.group()));
    if (IsSsmRange(group.group())) HW_CHECK(group.mode() == FilterMode::kInclude);
  });
  HW_CHECK(groups == link.table().group_count() && groups <= limits.groups_max);
  HW_CHECK(entries <= link.table().entry_count());
  for (const Action& action : actions) {
    if (const auto* removed = std::get_if<GroupRemoved>(&action))
      HW_CHECK(IsTracked(removed->group));
  }
}

}  // namespace

// The bytes are a script: each step lets time pass, runs the timers that are due, then gives the
// core a packet, or takes the link away and brings it back.
//   step: U8 time (x 100 ms), U8 length / kind (255: link flap), then that many bytes of packet
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Options options;
  options.table = {
      .groups_max = 8, .members_per_group_max = 4, .sources_per_group_max = 4, .entries_max = 64};
  LinkMembership link(options);
  const LinkInterface up{.up = true, .ipv4 = kOwn4, .link_local = kOwn6, .mtu = 1500};
  MonoTime now{};
  Actions actions;
  link.OnInterface(up, now, actions);
  ByteReader script(Bytes(data, size));
  while (script.remaining() >= 2) {
    const MonoTime until = now + std::chrono::milliseconds(100 * script.U8());
    for (int steps = 0; link.NextDeadline() <= until; ++steps) {
      HW_CHECK(steps < 10000);
      now = std::max(now, link.NextDeadline());
      link.OnTime(now, actions);
      Check(link, options.table, actions);
      actions.clear();
    }
    now = until;
    const uint8_t length = script.U8();
    if (length == 255) {
      link.OnInterface({}, now, actions);
      HW_CHECK(link.table().group_count() == 0 && link.table().entry_count() == 0);
      link.OnInterface(up, now, actions);
    } else {
      link.OnPacket(script.Take(std::min<size_t>(length, script.remaining())), now, absl::Time(),
                    actions);
    }
    Check(link, options.table, actions);
    actions.clear();
  }
  return 0;
}
