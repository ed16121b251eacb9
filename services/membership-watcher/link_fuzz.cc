#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/membership-watcher/link_membership.h"
#include "services/membership-watcher/testing/packet_builder.h"

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
    if (link.table().IsSsmRange(group.group())) HW_CHECK(group.mode() == FilterMode::kInclude);
  });
  HW_CHECK(groups == link.table().group_count() && groups <= limits.groups_max);
  HW_CHECK(entries <= link.table().entry_count());
  for (const Action& action : actions) {
    if (const auto* removed = std::get_if<GroupRemoved>(&action))
      HW_CHECK(IsTracked(removed->group));
  }
}

// A report or query made well from five bytes: random packets seldom have a right checksum, so they
// alone would leave the state machine at rest.
std::vector<uint8_t> MakePacket(ByteReader& script) {
  const uint8_t what = script.U8();
  const uint8_t who = script.U8();
  const uint8_t group = script.U8();
  const uint8_t sources = script.U8();
  const uint8_t more = script.U8();
  const bool ipv4 = (group & 1) != 0;
  const bool ssm = (group & 2) != 0;
  const std::string number = std::to_string(1 + (group >> 2) % 6);
  Record record;
  record.group = ipv4 ? Address((ssm ? "232.1.1." : "239.1.1.") + number)
                      : Address((ssm ? "ff3e::8000:" : "ff3e:40::") + number);
  record.type = static_cast<RecordType>(1 + what % 6);
  for (int i = 0; i < 6; ++i) {
    const std::string last = std::to_string(i + 1);
    if ((sources >> i & 1) != 0) {
      record.sources.push_back(Address((ipv4 ? "192.0.2.10" : "2001:db8::") + last));
    }
  }
  const std::string host = (ipv4 ? "192.0.2." : "fe80::") + std::to_string(1 + who % 9);
  const auto version = static_cast<Version>(ipv4 ? what / 8 % 3 : 3 + what / 8 % 2);
  if (what >= 200) {
    Query query;
    query.version = version;
    query.group = (more & 1) != 0 ? record.group : ipv4 ? IpAddress::V4(0) : IpAddress();
    if ((more & 2) != 0 && !query.general() && !IsOlder(version)) query.sources = record.sources;
    query.max_response = std::chrono::milliseconds(100 * (more >> 3));
    query.suppress = (more & 4) != 0;
    query.robustness = what & 7;
    query.query_interval = std::chrono::seconds(sources);
    return QueryPacket(host, query);
  }
  if (IsOlder(version)) {
    record.type = (what & 1) != 0 ? RecordType::kIsExclude : RecordType::kToInclude;
    record.sources.clear();
  }
  return ReportPacket(host, {version, {record}});
}

// What a port of a bridge says, from five bytes.
PortReport MakePortReport(ByteReader& script) {
  const uint8_t port = script.U8();
  const uint8_t group = script.U8();
  const uint8_t sources = script.U8();
  script.Skip(2);
  const bool ipv4 = (group & 1) != 0;
  PortReport report{PortAddress(port % 6u, port / 128), {}};
  report.record.type = (group & 0x80) != 0 ? RecordType::kIsExclude : RecordType::kIsInclude;
  const std::string number = std::to_string(1 + (group >> 2) % 6);
  report.record.group = Address(
      ((group & 2) != 0 ? (ipv4 ? "232.1.1." : "ff3e::8000:") : (ipv4 ? "239.1.1." : "ff3e:40::")) +
      number);
  for (int i = 0; i < 6; ++i) {
    if ((sources >> i & 1) == 0) continue;
    report.record.sources.push_back(
        Address((ipv4 ? "192.0.2.10" : "2001:db8::") + std::to_string(i + 1)));
  }
  return report;
}

}  // namespace

// The first byte chooses the options; the others are a script: each step lets time pass, runs the
// timers that are due, then gives the core a packet, or takes the link away and brings it back. Of
// a bridge's database the five bytes are a port's word, and 200 is that word as all that there is.
//   step: U8 time (x 100 ms), U8 kind: 255 the link flaps, 200 to 254 a packet made from five
//   bytes, else that many bytes of packet
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Options options;
  options.table = {
      .groups_max = 8, .members_per_group_max = 4, .sources_per_group_max = 4, .entries_max = 64};
  ByteReader script(Bytes(data, size));
  const uint8_t choice = script.U8();
  options.ipv4.role = options.ipv6.role = static_cast<QuerierRole>((choice & 3) % 3);
  if ((choice & 3) == 3) options.observe = Observe::kMdb;
  options.ipv4.version = (choice >> 2) % 4;
  options.ipv6.version = (choice >> 4) % 2;
  options.ipv4.compatibility = options.ipv6.compatibility = (choice & 0x20) == 0;
  if ((choice & 0x40) != 0) options.table.records_per_second_max = 3;
  if ((choice & 0x80) != 0) {
    options.table.ssm_mapping = {{*GroupRange::Parse("232.1.1.0/30"), Address("192.0.2.101")}};
  }
  LinkMembership link(options);
  const LinkInterface up{.up = true, .ipv4 = kOwn4, .link_local = kOwn6, .mtu = 1500};
  MonoTime now{};
  Actions actions;
  link.OnInterface(up, now, actions);
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
    } else if (length >= 200 && link.observes_mdb()) {
      const PortReport report = MakePortReport(script);
      if (length == 200) {
        link.OnMdb({report}, now, absl::Time(), actions);
      } else {
        link.OnMdbChange(report, now, absl::Time(), actions);
      }
    } else if (length >= 200) {
      const std::vector<uint8_t> packet = MakePacket(script);
      link.OnPacket(packet, now, absl::Time(), actions);
    } else {
      link.OnPacket(script.Take(std::min<size_t>(length, script.remaining())), now, absl::Time(),
                    actions);
    }
    Check(link, options.table, actions);
    actions.clear();
  }
  return 0;
}
