#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/common/mpegts/psi.h"
#include "services/common/mpegts/si_table.h"
#include "services/dvb-tuner/carrier.h"
#include "services/dvb-tuner/service.h"

namespace headwater::tuner {

// A carrier and what is known of it.
struct LineupCarrier {
  Carrier carrier;
  bool in_file = false;
  bool in_network = false;  // a NIT lists it
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  std::string network_name;
  std::map<uint16_t, Service> services;
  std::optional<int64_t> read;  // Unix seconds of the newest SDT or PAT
  // Carriers that the NITs list which have come by this one; not kept over a restart.
  std::set<std::string> listed;

  // The file's comment, or else the NIT's name.
  const std::string& name() const { return carrier.name.empty() ? network_name : carrier.name; }
  bool operator==(const LineupCarrier&) const = default;
};

struct LineupChange {
  enum class Kind : uint8_t { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kAdded;
  std::string carrier;
  uint16_t service_id = 0;  // 0: the carrier
  std::string name;
  std::vector<std::string> fields;
  bool operator==(const LineupChange&) const = default;
};

// All carriers and services that are known, by the file and by tables. A carrier that a table no
// longer has is kept; a service that a whole SDT no longer has goes (its number is the resolver's
// to keep).
class Lineup {
 public:
  static constexpr size_t kCarriersMax = 4096;
  static constexpr size_t kServicesMax = 1024;  // of a carrier

  // All that the file has now. Those that it had and that no NIT has go.
  void SetFile(const std::vector<Carrier>& carriers);
  // What a former process knew.
  void Restore(LineupCarrier carrier);

  // Tables that came by the carrier `id`; nothing happens for one that is unknown.
  void OnPrograms(const std::string& id, const mpegts::ProgramAssociation& table, int64_t now);
  void OnServices(const std::string& id, const mpegts::ServiceInformation& table, int64_t now);
  // NIT or BAT: channel numbers, and of a NIT the carriers that it lists.
  void OnNetwork(const std::string& id, const mpegts::NetworkInformation& table,
                 const Positions& positions);

  const LineupCarrier* Find(const std::string& id) const;
  const std::map<std::string, LineupCarrier>& carriers() const { return carriers_; }
  size_t service_count() const;
  // Ids of carriers that are new, changed or gone since it was last asked.
  std::set<std::string> TakeChanged();

  static std::vector<LineupChange> Difference(const Lineup& before, const Lineup& after);

 private:
  using ChannelNumbers = std::map<ServiceKey, uint16_t>;

  LineupCarrier* Known(const std::string& id);
  void Changed(const std::string& id) { changed_.insert(id); }
  void ReadChannelNumbers(const mpegts::NetworkInformation& table);
  void GiveNumbers(LineupCarrier& entry);
  std::string AddFromNetwork(const Carrier& carrier, const std::string& name,
                             const mpegts::NetworkInformation::Transport& transport);

  std::map<std::string, LineupCarrier> carriers_;
  std::set<std::string> changed_;
  ChannelNumbers channel_numbers_;
};

}  // namespace headwater::tuner
