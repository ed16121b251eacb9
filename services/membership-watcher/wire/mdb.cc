#include "services/membership-watcher/wire/mdb.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

namespace headwater::membership {
namespace {

// linux/netlink.h, if_bridge.h, in.h, if_ether.h and rtnetlink.h.
constexpr uint16_t kAttributeTypeMask = 0x3fff;
constexpr uint16_t kTableEntries = 1;  // MDBA_MDB
constexpr uint16_t kRowSourceList = 2;
constexpr uint16_t kRowMode = 3;
constexpr uint16_t kRowSource = 4;
constexpr uint16_t kRowProtocol = 5;
constexpr uint16_t kSourceAddress = 1;
constexpr uint16_t kSourceTimer = 2;
constexpr uint8_t kModeExclude = 0;
constexpr uint8_t kModeInclude = 1;
constexpr uint8_t kByKernel = 2;  // RTPROT_KERNEL
constexpr std::array<uint8_t, 2> kProtocolIpv4 = {0x08, 0x00};
constexpr std::array<uint8_t, 2> kProtocolIpv6 = {0x86, 0xdd};

struct AttributeHeader {
  uint16_t length;
  uint16_t type;
};

// struct br_port_msg.
struct Header {
  uint8_t family;
  uint32_t bridge;
};

// struct br_mdb_entry.
struct Entry {
  uint32_t port;
  uint8_t state;
  uint8_t flags;
  uint16_t vlan;
  std::array<uint8_t, 16> group;
  std::array<uint8_t, 2> protocol;
};
static_assert(sizeof(Header) == 8 && sizeof(Entry) == 28);

constexpr size_t Aligned(size_t length) { return (length + 3) & ~size_t{3}; }

// Netlink is in the machine's own byte order.
template <typename T>
bool Get(Bytes bytes, T& out) {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  return true;
}

// False when an attribute is longer than what is left.
template <typename Visit>
bool ForEachAttribute(Bytes bytes, Visit visit) {
  AttributeHeader header;
  while (Get(bytes, header)) {
    if (header.length < sizeof header || header.length > bytes.size()) return false;
    const Bytes payload = bytes.subspan(sizeof header, header.length - sizeof header);
    if (!visit(header.type & kAttributeTypeMask, payload)) return false;
    bytes = bytes.subspan(std::min(bytes.size(), Aligned(header.length)));
  }
  return true;
}

struct Source {
  std::optional<IpAddress> address;
  uint32_t timer = 0;
};

bool ReadSource(Bytes nest, Source& source) {
  return ForEachAttribute(nest, [&](int type, Bytes payload) {
    if (type == kSourceAddress) source.address = IpAddress::FromBytes(payload);
    return type != kSourceTimer || Get(payload, source.timer);
  });
}

std::optional<IpAddress> GroupOf(const Entry& entry) {
  if (entry.protocol == kProtocolIpv6) return IpAddress::V6(entry.group);
  if (entry.protocol == kProtocolIpv4) return IpAddress::FromBytes(Bytes(entry.group).first(4));
  return std::nullopt;
}

// An entry and attributes behind it.
bool ReadRow(Bytes payload, uint32_t bridge, std::vector<MdbRow>& out) {
  Entry entry;
  if (!Get(payload, entry)) return false;
  MdbRow row;
  row.bridge = bridge;
  row.port = entry.port;
  row.vlan = entry.vlan;
  std::vector<Source> sources;
  std::optional<IpAddress> source;
  uint8_t mode = kModeExclude;
  uint8_t protocol = kByKernel;
  const bool whole =
      ForEachAttribute(payload.subspan(sizeof entry), [&](int type, Bytes attribute) {
        if (type == kRowMode) return Get(attribute, mode);
        if (type == kRowProtocol) return Get(attribute, protocol);
        if (type == kRowSource) source = IpAddress::FromBytes(attribute);
        if (type != kRowSourceList) return true;
        return ForEachAttribute(
            attribute, [&](int, Bytes nest) { return ReadSource(nest, sources.emplace_back()); });
      });
  if (!whole) return false;
  const std::optional<IpAddress> group = GroupOf(entry);
  if (!group || !group->IsMulticast()) return true;
  if (source && source->family() != group->family()) return true;
  row.record.group = *group;
  row.of_source = source.has_value();
  row.derived = row.of_source && protocol == kByKernel;
  const bool include = mode == kModeInclude || row.of_source;
  row.record.type = include ? RecordType::kIsInclude : RecordType::kIsExclude;
  if (source) row.record.sources.push_back(*source);
  for (const Source& listed : sources) {
    // In EXCLUDE mode a source whose timer runs is wanted by somebody, and no other is refused.
    if (row.of_source || !listed.address || listed.address->family() != group->family()) continue;
    if (include || listed.timer == 0) row.record.sources.push_back(*listed.address);
  }
  out.push_back(std::move(row));
  return true;
}

}  // namespace

bool DecodeMdb(Bytes message, std::vector<MdbRow>& out) {
  Header header;
  if (!Get(message, header)) return false;
  return ForEachAttribute(message.subspan(sizeof header), [&](int table, Bytes entries) {
    if (table != kTableEntries) return true;
    return ForEachAttribute(entries, [&](int, Bytes infos) {
      return ForEachAttribute(infos,
                              [&](int, Bytes info) { return ReadRow(info, header.bridge, out); });
    });
  });
}

IpAddress PortAddress(uint32_t port, uint16_t vlan) {
  std::array<uint8_t, 16> bytes = {};
  bytes[10] = static_cast<uint8_t>(vlan >> 8);
  bytes[11] = static_cast<uint8_t>(vlan);
  for (size_t i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(port >> (8 * i));
  return IpAddress::V6(bytes);
}

std::vector<PortReport> Merge(const std::vector<MdbRow>& rows, uint32_t bridge) {
  std::map<std::pair<IpAddress, IpAddress>, Record> merged;
  for (const MdbRow& row : rows) {
    if (row.bridge != bridge || row.derived) continue;
    const auto key = std::pair(PortAddress(row.port, row.vlan), row.record.group);
    const auto [place, added] = merged.try_emplace(key, row.record);
    Record& record = place->second;
    if (added || record.type == RecordType::kIsExclude) continue;
    if (row.record.type == RecordType::kIsExclude) {
      record = row.record;
    } else {
      record.sources.insert(record.sources.end(), row.record.sources.begin(),
                            row.record.sources.end());
    }
  }
  std::vector<PortReport> reports;
  for (auto& [key, record] : merged) reports.push_back({key.first, std::move(record)});
  return reports;
}

}  // namespace headwater::membership
