#include "services/dvb-tuner/si_collector.h"

#include <algorithm>
#include <utility>

#include "services/common/mpegts/ts_packet.h"

namespace headwater::tuner {
namespace {

using mpegts::EventInformation;
using mpegts::NetworkInformation;
using mpegts::ParseSection;
using mpegts::ProgramAssociation;
using mpegts::Section;
using mpegts::SectionError;
using mpegts::ServiceInformation;

void Append(ProgramAssociation& whole, ProgramAssociation part) {
  std::ranges::move(part.programs, std::back_inserter(whole.programs));
}
void Append(NetworkInformation& whole, NetworkInformation part) {
  std::ranges::move(part.descriptors, std::back_inserter(whole.descriptors));
  std::ranges::move(part.transports, std::back_inserter(whole.transports));
}
void Append(ServiceInformation& whole, ServiceInformation part) {
  std::ranges::move(part.services, std::back_inserter(whole.services));
}

// Nothing when one of them is not what it should be.
template <typename Table>
std::optional<Table> Join(const std::vector<std::vector<uint8_t>>& sections) {
  std::optional<Table> whole;
  for (const auto& bytes : sections) {
    const auto section = ParseSection(bytes);
    if (!section.ok()) return std::nullopt;
    Result<Table, SectionError> part = Table::Parse(*section);
    if (!part.ok()) return std::nullopt;
    if (whole) {
      Append(*whole, std::move(part).value());
    } else {
      whole = std::move(part).value();
    }
  }
  return whole;
}

bool IsEvents(uint8_t table_id) {
  return table_id >= EventInformation::kPresentActual &&
         table_id <= EventInformation::kScheduleOtherLast;
}

bool IsCollected(uint8_t table_id) {
  return table_id == ProgramAssociation::kTableId || table_id == NetworkInformation::kActual ||
         table_id == NetworkInformation::kOther || table_id == NetworkInformation::kBouquet ||
         table_id == ServiceInformation::kActual;
}

}  // namespace

void SiCollector::Push(Bytes datagram, std::vector<SiTable>& tables) {
  std::vector<std::vector<uint8_t>> sections;
  for (; datagram.size() >= mpegts::kPacketSize; datagram = datagram.subspan(mpegts::kPacketSize)) {
    const auto packet = mpegts::ParsePacket(datagram);
    if (!packet.ok() || packet->error) continue;
    const auto pid = static_cast<uint16_t>(packet->pid);
    if (std::ranges::find(kPids, pid) == std::end(kPids)) continue;
    assemblers_[pid].Push(*packet, sections);
  }
  for (const auto& section : sections) PushSection(section, tables);
}

void SiCollector::PushSection(Bytes bytes, std::vector<SiTable>& tables) {
  if (bytes.empty()) return;
  if (!IsEvents(bytes[0]) && !IsCollected(bytes[0])) return;
  const auto section = ParseSection(bytes);
  if (!section.ok() || section->number > section->last_number) {
    ++bad_sections_;
    return;
  }
  if (!section->current) return;
  if (IsEvents(section->table_id)) {
    OnEvents(*section, tables);
  } else {
    Collect(bytes, *section, tables);
  }
}

void SiCollector::OnEvents(const Section& section, std::vector<SiTable>& tables) {
  if (section.body.size() < 4) {
    ++bad_sections_;
    return;
  }
  uint64_t key = section.table_id;
  key = key << 16 | section.extension;
  for (int i = 0; i < 4; ++i) key = key << 8 | section.body[static_cast<size_t>(i)];
  if (seen_.size() >= kSeenMax && !seen_.contains(key)) seen_.clear();
  Seen& seen = seen_[key];
  if (seen.version != section.version) seen = {section.version, {}};
  if (seen.numbers.test(section.number)) return;
  seen.numbers.set(section.number);
  auto events = EventInformation::Parse(section);
  if (!events.ok()) {
    ++bad_sections_;
    return;
  }
  tables.emplace_back(std::move(events).value());
}

void SiCollector::Collect(Bytes bytes, const Section& section, std::vector<SiTable>& tables) {
  Partial& partial = partials_[static_cast<uint32_t>(section.table_id) << 16 | section.extension];
  const size_t count = section.last_number + size_t{1};
  const bool same = partial.version == section.version;
  if (same && partial.done) return;
  if (!same || partial.sections.size() != count) {
    for (const auto& held : partial.sections) bytes_held_ -= held.size();
    partial = {section.version, false, 0, std::vector<std::vector<uint8_t>>(count)};
  }
  std::vector<uint8_t>& place = partial.sections[section.number];
  if (!place.empty()) return;
  if (bytes_held_ + bytes.size() > kBytesMax) {
    partials_.clear();
    bytes_held_ = 0;
    return;
  }
  place.assign(bytes.begin(), bytes.end());
  bytes_held_ += place.size();
  if (++partial.held < count) return;
  Finish(partial, tables);
  for (const auto& held : partial.sections) bytes_held_ -= held.size();
  partial.sections.clear();
  partial.done = true;
}

void SiCollector::Finish(const Partial& partial, std::vector<SiTable>& tables) {
  const uint8_t table_id = partial.sections[0][0];
  if (table_id == ProgramAssociation::kTableId) {
    if (auto table = Join<ProgramAssociation>(partial.sections)) {
      programs_.clear();
      for (const auto& program : table->programs) programs_.insert(program.number);
      has_programs_ = true;
      tables.emplace_back(*std::move(table));
      return;
    }
  } else if (table_id == ServiceInformation::kActual) {
    if (auto table = Join<ServiceInformation>(partial.sections)) {
      has_services_ = true;
      tables.emplace_back(*std::move(table));
      return;
    }
  } else if (auto table = Join<NetworkInformation>(partial.sections)) {
    has_network_ = has_network_ || table_id == NetworkInformation::kActual;
    tables.emplace_back(*std::move(table));
    return;
  }
  ++bad_sections_;
}

}  // namespace headwater::tuner
