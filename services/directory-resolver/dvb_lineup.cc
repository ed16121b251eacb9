#include "services/directory-resolver/dvb_lineup.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/plan/dvb_number.h"
#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {
namespace {

// Lines of a directory; the rest is counted.
constexpr size_t kWarningsMax = 8;

// What is on offer: a service, or with none the carrier.
struct Offer {
  const DvbCarrier* carrier;
  const DvbService* service;

  uint16_t service_id() const { return service == nullptr ? uint16_t{0} : service->id; }
  DvbType type() const { return service == nullptr ? DvbType::kCarrier : service->type; }
};

template <typename T>
bool Passes(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

bool PassesFilter(const DvbOptions& options, const Offer& offer) {
  return Passes(options.systems, offer.carrier->system) && Passes(options.types, offer.type()) &&
         !(options.free_only && offer.service != nullptr && offer.service->scrambled);
}

// A multistream shares its frequency with others, which numbers do not tell apart.
bool IsMultistream(const DvbCarrier& carrier) {
  return carrier.id.find(" isi ") != std::string::npos;
}

// INVALID_ARGUMENT says why it has none.
absl::StatusOr<uint32_t> EncodedNumber(const Offer& offer) {
  const DvbCarrier& carrier = *offer.carrier;
  if (carrier.voltage != 13 && carrier.voltage != 18)
    return absl::InvalidArgumentError("a number needs a polarisation (-v 13 or -v 18)");
  if (IsMultistream(carrier))
    return absl::InvalidArgumentError("the streams of a multistream share one frequency");
  return DvbNumber{carrier.voltage == 13 ? Polarisation::kVertical : Polarisation::kHorizontal,
                   carrier.frequency_khz, offer.service_id()}
      .Encode();
}

// What is told by its number, as in lineup files.
std::string NumberIdentity(uint32_t number) { return "number:" + NumberText(number); }

std::string TitleOf(const Offer& offer) {
  const DvbCarrier& carrier = *offer.carrier;
  if (offer.service == nullptr) {
    return carrier.name.empty() ? "Carrier " + carrier.id
                                : fmt::format("{} (carrier {})", carrier.name, carrier.id);
  }
  if (!offer.service->name.empty()) return offer.service->name;
  return fmt::format("Service {} ({})", offer.service->id, carrier.id);
}

DvbSource SourceOf(const Offer& offer) {
  const DvbCarrier& carrier = *offer.carrier;
  DvbSource source;
  source.carrier = carrier.id;
  source.original_network_id = carrier.original_network_id;
  source.transport_stream_id = carrier.transport_stream_id;
  source.service_id = offer.service_id();
  source.type = offer.type();
  if (offer.service != nullptr) source.channel_number = offer.service->channel_number;
  return source;
}

std::vector<std::string> TagsOf(const Offer& offer) {
  std::vector<std::string> tags;
  if (const std::string_view type = DvbTypeName(offer.type()); !type.empty())
    tags.emplace_back(type);
  if (offer.service == nullptr) return tags;
  tags.emplace_back(offer.service->scrambled ? "scrambled" : "free");
  if (!offer.service->provider.empty()) tags.push_back(offer.service->provider);
  return tags;
}

// What makes it the same service in a directory that assigns numbers. Ids that the network gives go
// with it to another frequency; but tables come one after the other, and a number that was given
// before the ids were known stays.
std::string AssignedIdentity(const Offer& offer, const std::string& directory,
                             IsNumbered is_numbered) {
  const DvbCarrier& carrier = *offer.carrier;
  if (offer.service == nullptr) return "carrier:" + carrier.id;
  std::string by_carrier = fmt::format("service:{} {}", offer.service->id, carrier.id);
  if (carrier.original_network_id == 0 || carrier.transport_stream_id == 0) return by_carrier;
  std::string by_ids = fmt::format("dvb:{}.{}.{}", carrier.original_network_id,
                                   carrier.transport_stream_id, offer.service->id);
  const bool early = !is_numbered(directory, by_ids) && is_numbered(directory, by_carrier);
  return early ? by_carrier : by_ids;
}

class Placing {
 public:
  Placing(const std::vector<DirectoryOptions>& directories, IsNumbered is_numbered)
      : all_(directories), is_numbered_(is_numbered) {
    for (const DirectoryOptions& directory : directories) {
      if (directory.source != DirectorySource::kDvb) continue;
      rows_.push_back({&directory, {directory.plan.name, {}, false, false, {}}, {}, 0});
    }
  }

  // First, since they are by hand.
  void AddPidSets(const DvbLineups& lineups) {
    for (Row& row : rows_) {
      for (const DvbPidSet& set : row.directory->dvb.pid_sets) {
        LineupStation station;
        // With a number it may be renamed, as any station by hand.
        station.identity = set.number ? NumberIdentity(*set.number) : "pids:" + set.name;
        station.number = set.number;
        station.title = set.name;
        station.tags = {std::string(DvbTypeName(DvbType::kPids))};
        station.dvb = DvbSource{.carrier = set.carrier, .pids = set.pids, .type = DvbType::kPids};
        SetIds(lineups, *station.dvb);
        Add(row, std::move(station));
      }
    }
  }

  void AddCarrier(const DvbCarrier& carrier) {
    // The reason is the carrier's, so one line is enough for all of its services.
    std::string unnumbered;
    Row* warned = nullptr;
    size_t left_out = 0;
    const auto place = [&](const Offer& offer) {
      std::string reason;
      Row* refused = Place(offer, reason);
      if (refused == nullptr) return;
      warned = refused;
      unnumbered = std::move(reason);
      ++left_out;
    };
    place({&carrier, nullptr});
    for (const DvbService& service : carrier.services) place({&carrier, &service});
    if (warned != nullptr) {
      Warn(*warned, fmt::format("carrier {}: {} stations are left out: {}; a directory of kind dvb "
                                "with another prefix can have them",
                                carrier.id, left_out, unnumbered));
    }
  }

  std::vector<DirectoryLineup> Take() {
    std::vector<DirectoryLineup> lineups;
    for (Row& row : rows_) {
      if (row.warnings > kWarningsMax) {
        row.lineup.warnings.push_back(fmt::format("and {} more carriers of directory {}",
                                                  row.warnings - kWarningsMax,
                                                  row.lineup.directory));
      }
      lineups.push_back(std::move(row.lineup));
    }
    return lineups;
  }

 private:
  struct Row {
    const DirectoryOptions* directory;
    DirectoryLineup lineup;
    std::set<std::string> identities;
    size_t warnings;
  };

  static void SetIds(const DvbLineups& lineups, DvbSource& source) {
    for (const auto& [tuner, carriers] : lineups) {
      for (const DvbCarrier& carrier : carriers) {
        if (carrier.id != source.carrier) continue;
        source.original_network_id = carrier.original_network_id;
        source.transport_stream_id = carrier.transport_stream_id;
        return;
      }
    }
  }

  static void Warn(Row& row, std::string line) {
    if (++row.warnings <= kWarningsMax)
      row.lineup.warnings.push_back(
          fmt::format("directory {}: {}", row.lineup.directory, std::move(line)));
  }

  // The same service by two tuners or carriers is one station: the first.
  static void Add(Row& row, LineupStation station) {
    if (!row.identities.insert(station.identity).second) return;
    station.place = row.lineup.directory + ": " + station.dvb->carrier;
    row.lineup.stations.push_back(std::move(station));
  }

  static LineupStation Station(const Offer& offer) {
    LineupStation station;
    station.title = TitleOf(offer);
    station.tags = TagsOf(offer);
    station.dvb = SourceOf(offer);
    return station;
  }

  // Whether a number leads to the directory, by longest prefix.
  bool LeadsTo(uint32_t number, const DirectoryOptions& directory) const {
    const DirectoryOptions* best = nullptr;
    for (const DirectoryOptions& row : all_) {
      if (row.prefix.Contains(number) &&
          (best == nullptr || row.prefix.length > best->prefix.length))
        best = &row;
    }
    return best == &directory;
  }

  // Null: it is a station, or nobody wants it. Otherwise the directory that would have had it, but
  // for the reason.
  Row* Place(const Offer& offer, std::string& reason) {
    Row* refused = nullptr;
    for (Row& row : rows_) {
      const DvbOptions& options = row.directory->dvb;
      if (!PassesFilter(options, offer)) continue;
      LineupStation station = Station(offer);
      if (HasEncodedNumbers(row.directory->prefix)) {
        const DvbCarrier& carrier = *offer.carrier;
        const bool here = carrier.position.empty() || carrier.position == options.position;
        if (!carrier.satellite() || !here) continue;
        const absl::StatusOr<uint32_t> number = EncodedNumber(offer);
        if (!number.ok()) {
          if (refused == nullptr) reason = std::string(FromAbsl(number.status().message()));
          if (refused == nullptr) refused = &row;
          continue;
        }
        if (!LeadsTo(*number, *row.directory)) continue;
        station.number = *number;
        station.identity = NumberIdentity(*number);
      } else if (Passes(options.positions, offer.carrier->position)) {
        station.identity = AssignedIdentity(offer, row.directory->plan.name, is_numbered_);
      } else {
        continue;
      }
      Add(row, std::move(station));
      return nullptr;
    }
    return refused;
  }

  const std::vector<DirectoryOptions>& all_;
  IsNumbered is_numbered_;
  std::vector<Row> rows_;
};

}  // namespace

std::string_view DvbTypeName(DvbType type) {
  switch (type) {
    case DvbType::kUnknown:
      return "";
    case DvbType::kTv:
      return "tv";
    case DvbType::kRadio:
      return "radio";
    case DvbType::kData:
      return "data";
    case DvbType::kCarrier:
      return "carrier";
    case DvbType::kPids:
      return "pids";
  }
  return "";
}

absl::Status CheckLineup(const std::vector<DvbCarrier>& carriers) {
  const auto invalid = [](std::string text) { return absl::InvalidArgumentError(text); };
  if (carriers.size() > kDvbCarriersMax)
    return invalid(fmt::format("carriers: {} are more than {}", carriers.size(), kDvbCarriersMax));
  std::set<std::string_view> ids;
  size_t services = 0;
  for (const DvbCarrier& carrier : carriers) {
    if (carrier.id.empty()) return invalid("carriers: one has no id");
    if (!ids.insert(carrier.id).second)
      return invalid(fmt::format("carriers: {} is there twice", carrier.id));
    if (carrier.services.size() > kDvbCarrierServicesMax)
      return invalid(fmt::format("carrier {}: {} services are more than {}", carrier.id,
                                 carrier.services.size(), kDvbCarrierServicesMax));
    services += carrier.services.size();
    std::set<uint16_t> service_ids;
    for (const DvbService& service : carrier.services) {
      if (service.id == 0 || !service_ids.insert(service.id).second)
        return invalid(
            fmt::format("carrier {}: service {} is there twice or 0", carrier.id, service.id));
    }
  }
  if (services + carriers.size() > kLineupStationsMax)
    return invalid(fmt::format("{} services are more than {}", services, kLineupStationsMax));
  return absl::OkStatus();
}

std::vector<DvbCarrier> MergeLineup(const std::vector<DvbCarrier>& before,
                                    std::vector<DvbCarrier> told,
                                    absl::FunctionRef<bool(const std::string& id)> is_read) {
  std::map<std::string_view, const DvbCarrier*> known;
  for (const DvbCarrier& carrier : before) known[carrier.id] = &carrier;
  for (DvbCarrier& carrier : told) {
    std::sort(carrier.services.begin(), carrier.services.end(),
              [](const DvbService& a, const DvbService& b) { return a.id < b.id; });
    const auto found = known.find(carrier.id);
    if (found == known.end()) continue;
    if (carrier.original_network_id == 0)
      carrier.original_network_id = found->second->original_network_id;
    if (carrier.transport_stream_id == 0)
      carrier.transport_stream_id = found->second->transport_stream_id;
    if (carrier.services.empty() && !is_read(carrier.id))
      carrier.services = found->second->services;
  }
  std::sort(told.begin(), told.end(),
            [](const DvbCarrier& a, const DvbCarrier& b) { return a.id < b.id; });
  return told;
}

bool HasEncodedNumbers(const NumberPrefix& prefix) {
  return prefix.length >= 2 && prefix.number >= 0xC0000000;
}

std::vector<DirectoryLineup> PlaceServices(const std::vector<DirectoryOptions>& directories,
                                           const DvbLineups& lineups, IsNumbered is_numbered) {
  Placing placing(directories, is_numbered);
  placing.AddPidSets(lineups);
  for (const auto& [tuner, carriers] : lineups) {
    for (const DvbCarrier& carrier : carriers) placing.AddCarrier(carrier);
  }
  return placing.Take();
}

}  // namespace headwater::directory_resolver
