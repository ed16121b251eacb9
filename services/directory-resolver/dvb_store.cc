#include "services/directory-resolver/dvb_store.h"

#include <utility>

#include "services/directory-resolver/station_store.h"

namespace headwater::directory_resolver {

absl::StatusOr<DvbLineups> DvbStore::Load() {
  DvbLineups lineups;
  sqlite::Statement carriers(
      database_.handle(),
      "SELECT tuner, id, system, frequency_khz, position, voltage, original_network_id, "
      "transport_stream_id, name FROM dvb_carrier ORDER BY tuner, id");
  // The carriers' places, for their services.
  std::map<std::pair<std::string, std::string>, size_t> places;
  while (carriers.Step()) {
    const std::string tuner = carriers.Text(0);
    std::vector<DvbCarrier>& lineup = lineups[tuner];
    DvbCarrier& carrier = lineup.emplace_back();
    carrier.id = carriers.Text(1);
    carrier.system = carriers.Text(2);
    carrier.frequency_khz = carriers.Unsigned(3);
    carrier.position = carriers.Text(4);
    carrier.voltage = static_cast<uint8_t>(carriers.Unsigned(5));
    carrier.original_network_id = static_cast<uint16_t>(carriers.Unsigned(6));
    carrier.transport_stream_id = static_cast<uint16_t>(carriers.Unsigned(7));
    carrier.name = carriers.Text(8);
    places[{tuner, carrier.id}] = lineup.size() - 1;
  }
  sqlite::Statement services(
      database_.handle(),
      "SELECT tuner, carrier, id, type, name, provider, scrambled, channel_number "
      "FROM dvb_service ORDER BY tuner, carrier, id");
  while (services.Step()) {
    const auto place = places.find({services.Text(0), services.Text(1)});
    if (place == places.end()) continue;
    DvbService& service = lineups[place->first.first][place->second].services.emplace_back();
    service.id = static_cast<uint16_t>(services.Unsigned(2));
    service.type = static_cast<DvbType>(services.Unsigned(3));
    service.name = services.Text(4);
    service.provider = services.Text(5);
    service.scrambled = services.Integer(6) != 0;
    service.channel_number = static_cast<uint16_t>(services.Unsigned(7));
  }
  if (carriers.failed() || services.failed()) return database_.Error("cannot be read");
  return lineups;
}

absl::StatusOr<std::map<std::string, absl::Time>> DvbStore::LoadTimes() {
  std::map<std::string, absl::Time> times;
  sqlite::Statement row(database_.handle(), "SELECT tuner, told FROM dvb_tuner");
  while (row.Step()) times[row.Text(0)] = FromStoredTime(row.Integer(1));
  if (row.failed()) return database_.Error("cannot be read");
  return times;
}

absl::Status DvbStore::Save(const std::string& tuner, const std::vector<DvbCarrier>& carriers,
                            absl::Time now) {
  bool failed = false;
  for (const char* sql :
       {"DELETE FROM dvb_tuner WHERE tuner = ?", "DELETE FROM dvb_carrier WHERE tuner = ?",
        "DELETE FROM dvb_service WHERE tuner = ?"}) {
    sqlite::Statement statement(database_.handle(), sql);
    statement.Bind(tuner).Step();
    failed = failed || statement.failed();
  }
  sqlite::Statement told(database_.handle(), "INSERT INTO dvb_tuner VALUES (?, ?)");
  if (!carriers.empty()) told.Bind(tuner).Bind(ToStoredTime(now)).Step();
  sqlite::Statement carrier_row(database_.handle(),
                                "INSERT INTO dvb_carrier VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  sqlite::Statement service_row(database_.handle(),
                                "INSERT INTO dvb_service VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  for (const DvbCarrier& carrier : carriers) {
    carrier_row.Bind(tuner).Bind(carrier.id).Bind(carrier.system).Bind(carrier.frequency_khz);
    carrier_row.Bind(carrier.position).Bind(carrier.voltage).Bind(carrier.original_network_id);
    carrier_row.Bind(carrier.transport_stream_id).Bind(carrier.name).Step();
    carrier_row.Reset();
    for (const DvbService& service : carrier.services) {
      service_row.Bind(tuner).Bind(carrier.id).Bind(service.id);
      service_row.Bind(static_cast<int>(service.type)).Bind(service.name).Bind(service.provider);
      service_row.Bind(service.scrambled ? 1 : 0).Bind(service.channel_number).Step();
      service_row.Reset();
    }
  }
  failed = failed || told.failed() || carrier_row.failed() || service_row.failed();
  return failed ? database_.Error("a tuner's lineup cannot be saved") : absl::OkStatus();
}

}  // namespace headwater::directory_resolver
