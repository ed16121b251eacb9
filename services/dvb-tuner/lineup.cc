#include "services/dvb-tuner/lineup.h"

#include <algorithm>
#include <utility>

#include "services/common/mpegts/si_descriptor.h"
#include "services/dvb-tuner/network_carrier.h"

namespace headwater::tuner {
namespace {

using mpegts::DescriptorTag;
using mpegts::NetworkInformation;

// Of all carriers together.
constexpr size_t kChannelNumbersMax = 1 << 16;

Service ServiceOf(const mpegts::ServiceInformation::Service& row) {
  Service service = {.id = row.service_id, .scrambled = row.scrambled};
  const mpegts::Descriptor* descriptor = Find(row.descriptors, DescriptorTag::kService);
  if (descriptor == nullptr) return service;
  if (auto told = mpegts::ServiceDescriptor::Parse(*descriptor)) {
    service.type = ServiceTypeOf(told->type);
    service.name = std::move(told->name);
    service.provider = std::move(told->provider);
  }
  return service;
}

std::string NetworkName(const NetworkInformation& table) {
  const mpegts::Descriptor* name = Find(table.descriptors, DescriptorTag::kNetworkName);
  return name == nullptr ? std::string() : mpegts::NameOf(*name);
}

std::vector<std::string> ChangedFields(const Service& before, const Service& after) {
  std::vector<std::string> fields;
  if (before.name != after.name) fields.emplace_back("name");
  if (before.type != after.type) fields.emplace_back("type");
  if (before.scrambled != after.scrambled) fields.emplace_back("scrambled");
  if (before.channel_number != after.channel_number) fields.emplace_back("channel_number");
  return fields;
}

void CompareServices(const LineupCarrier& before, const LineupCarrier& after,
                     std::vector<LineupChange>& changes) {
  using enum LineupChange::Kind;
  const std::string& id = after.carrier.id;
  for (const auto& [number, service] : before.services) {
    if (after.services.contains(number)) continue;
    changes.push_back({kRemoved, id, number, service.name, {}});
  }
  for (const auto& [number, service] : after.services) {
    const auto old = before.services.find(number);
    if (old == before.services.end()) {
      changes.push_back({kAdded, id, number, service.name, {}});
      continue;
    }
    std::vector<std::string> fields = ChangedFields(old->second, service);
    if (!fields.empty()) changes.push_back({kChanged, id, number, service.name, std::move(fields)});
  }
}

}  // namespace

void Lineup::SetFile(const std::vector<Carrier>& carriers) {
  std::set<std::string> ids;
  for (const Carrier& carrier : carriers) {
    ids.insert(carrier.id);
    LineupCarrier& entry = carriers_[carrier.id];
    if (entry.in_file && entry.carrier == carrier) continue;
    entry.carrier = carrier;
    entry.in_file = true;
    Changed(carrier.id);
  }
  for (auto at = carriers_.begin(); at != carriers_.end();) {
    LineupCarrier& entry = at->second;
    if (!entry.in_file || ids.contains(at->first)) {
      ++at;
      continue;
    }
    Changed(at->first);
    entry.in_file = false;
    at = entry.in_network ? std::next(at) : carriers_.erase(at);
  }
}

void Lineup::Restore(LineupCarrier carrier) {
  const std::string id = carrier.carrier.id;
  if (carriers_.size() < kCarriersMax) carriers_.insert_or_assign(id, std::move(carrier));
}

LineupCarrier* Lineup::Known(const std::string& id) {
  const auto found = carriers_.find(id);
  return found == carriers_.end() ? nullptr : &found->second;
}

const LineupCarrier* Lineup::Find(const std::string& id) const {
  const auto found = carriers_.find(id);
  return found == carriers_.end() ? nullptr : &found->second;
}

void Lineup::OnPrograms(const std::string& id, const mpegts::ProgramAssociation& table,
                        int64_t now) {
  LineupCarrier* entry = Known(id);
  if (entry == nullptr) return;
  LineupCarrier after = *entry;
  after.transport_stream_id = table.transport_stream_id;
  for (const auto& program : table.programs) {
    if (after.services.size() >= kServicesMax) break;
    after.services.try_emplace(program.number, Service{.id = program.number});
  }
  after.read = entry->read;
  if (after == *entry && entry->read) return;
  after.read = now;
  *entry = std::move(after);
  Changed(id);
}

void Lineup::OnServices(const std::string& id, const mpegts::ServiceInformation& table,
                        int64_t now) {
  LineupCarrier* entry = Known(id);
  if (entry == nullptr) return;
  LineupCarrier after = *entry;
  after.transport_stream_id = table.transport_stream_id;
  after.original_network_id = table.original_network_id;
  after.services.clear();
  for (const auto& row : table.services) {
    if (row.service_id == 0 || after.services.size() >= kServicesMax) continue;
    after.services.insert_or_assign(row.service_id, ServiceOf(row));
  }
  // Numbers are other tables' to say.
  for (auto& [number, service] : after.services) {
    const auto old = entry->services.find(number);
    if (old != entry->services.end()) service.channel_number = old->second.channel_number;
  }
  GiveNumbers(after);
  if (after == *entry && entry->read) return;
  after.read = now;
  *entry = std::move(after);
  Changed(id);
}

void Lineup::GiveNumbers(LineupCarrier& entry) {
  for (auto& [id, service] : entry.services) {
    const auto found =
        channel_numbers_.find({entry.original_network_id, entry.transport_stream_id, id});
    if (found != channel_numbers_.end()) service.channel_number = found->second;
  }
}

void Lineup::ReadChannelNumbers(const NetworkInformation& table) {
  bool any = false;
  for (const auto& transport : table.transports) {
    for (const mpegts::Descriptor& descriptor : transport.descriptors) {
      for (const auto& [service, number] : mpegts::LogicalChannels(descriptor)) {
        if (channel_numbers_.size() >= kChannelNumbersMax) return;
        const ServiceKey key = {transport.original_network_id, transport.transport_stream_id,
                                service};
        // A bouquet's number stands behind the network's own.
        if (table.table_id == NetworkInformation::kActual) {
          channel_numbers_.insert_or_assign(key, number);
        } else {
          channel_numbers_.try_emplace(key, number);
        }
        any = true;
      }
    }
  }
  if (!any) return;
  for (auto& [id, entry] : carriers_) {
    const std::map<uint16_t, Service> before = entry.services;
    GiveNumbers(entry);
    if (entry.services != before) Changed(id);
  }
}

void Lineup::OnNetwork(const std::string& id, const NetworkInformation& table,
                       const Positions& positions) {
  ReadChannelNumbers(table);
  LineupCarrier* home = Known(id);
  if (home == nullptr || table.table_id == NetworkInformation::kBouquet) return;
  const Carrier from = home->carrier;
  const std::string name = NetworkName(table);
  for (const auto& transport : table.transports) {
    const absl::StatusOr<Carrier> carrier = CarrierFromNetwork(transport, from, positions);
    if (!carrier.ok()) continue;
    const std::string known = AddFromNetwork(*carrier, name, transport);
    if (!known.empty()) home->listed.insert(known);
  }
}

std::string Lineup::AddFromNetwork(const Carrier& carrier, const std::string& name,
                                   const NetworkInformation::Transport& transport) {
  auto found = carriers_.find(carrier.id);
  if (found == carriers_.end()) {
    found = std::ranges::find_if(carriers_, [&](const auto& each) {
      return SameTransmission(each.second.carrier, carrier);
    });
  }
  if (found == carriers_.end()) {
    if (carriers_.size() >= kCarriersMax) return {};
    found = carriers_.emplace(carrier.id, LineupCarrier{.carrier = carrier}).first;
  }
  LineupCarrier& entry = found->second;
  const LineupCarrier before = entry;
  entry.in_network = true;
  entry.network_name = name;
  // How to tune to it is the file's to say where the file has it. Its ids are its own tables' to
  // say once these have been read.
  if (!entry.in_file) entry.carrier = carrier;
  if (!entry.in_file) entry.carrier.id = found->first;
  if (!entry.read) {
    entry.transport_stream_id = transport.transport_stream_id;
    entry.original_network_id = transport.original_network_id;
  }
  if (entry != before) Changed(found->first);
  return found->first;
}

size_t Lineup::service_count() const {
  size_t count = 0;
  for (const auto& [id, entry] : carriers_) count += entry.services.size();
  return count;
}

std::set<std::string> Lineup::TakeChanged() { return std::exchange(changed_, {}); }

std::vector<LineupChange> Lineup::Difference(const Lineup& before, const Lineup& after) {
  using enum LineupChange::Kind;
  std::vector<LineupChange> changes;
  for (const auto& [id, entry] : before.carriers_) {
    if (!after.carriers_.contains(id)) changes.push_back({kRemoved, id, 0, entry.name(), {}});
  }
  for (const auto& [id, entry] : after.carriers_) {
    const LineupCarrier* old = before.Find(id);
    const LineupCarrier nothing = {.carrier = {.id = id}};
    if (old == nullptr) {
      changes.push_back({kAdded, id, 0, entry.name(), {}});
    } else if (old->carrier.options != entry.carrier.options) {
      changes.push_back({kChanged, id, 0, entry.name(), {"tuning"}});
    }
    CompareServices(old != nullptr ? *old : nothing, entry, changes);
  }
  return changes;
}

}  // namespace headwater::tuner
