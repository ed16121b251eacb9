// A carrier of hostile packets, and of sections with a right CRC around any body: collector, lineup
// and guide stay within their bounds.
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/guide.h"
#include "services/dvb-tuner/lineup.h"
#include "services/dvb-tuner/si_collector.h"

namespace headwater::tuner {
namespace {

void Take(const std::string& id, const std::vector<SiTable>& tables, Lineup& lineup, Guide& guide) {
  for (const SiTable& table : tables) {
    if (const auto* pat = std::get_if<mpegts::ProgramAssociation>(&table)) {
      lineup.OnPrograms(id, *pat, 1);
    } else if (const auto* sdt = std::get_if<mpegts::ServiceInformation>(&table)) {
      lineup.OnServices(id, *sdt, 1);
    } else if (const auto* nit = std::get_if<mpegts::NetworkInformation>(&table)) {
      lineup.OnNetwork(id, *nit, {.by_switch = {"a"}});
    } else if (const auto* eit = std::get_if<mpegts::EventInformation>(&table)) {
      guide.OnEvents(*eit, 1);
    }
  }
}

}  // namespace
}  // namespace headwater::tuner

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  using namespace headwater::tuner;
  const Bytes bytes(data, size);
  const Carrier home = ParseCarrier("-f 11426500 -v 18", {}).value();
  Lineup lineup;
  lineup.SetFile({home});
  Guide guide;
  SiCollector collector;
  std::vector<SiTable> tables;
  collector.Push(bytes, tables);
  collector.PushSection(bytes, tables);
  // Table, version and number, then a length and so much body, again and again.
  for (Bytes rest = bytes; rest.size() > 3;) {
    const size_t length = std::min<size_t>(rest[2], rest.size() - 3);
    std::vector<uint8_t> section;
    mpegts::Section{.table_id = rest[0],
                    .extension = 1,
                    .version = static_cast<uint8_t>(rest[1] & 3),
                    .number = static_cast<uint8_t>(rest[1] >> 2 & 1),
                    .last_number = static_cast<uint8_t>(rest[1] >> 3 & 1),
                    .body = rest.subspan(3, length)}
        .SerializeTo(section);
    collector.PushSection(section, tables);
    rest = rest.subspan(3 + length);
  }
  Take(home.id, tables, lineup, guide);
  for (const auto& [id, entry] : lineup.carriers()) {
    HW_CHECK(entry.carrier.id == id && entry.services.size() <= Lineup::kServicesMax);
    HW_CHECK(ParseCarrier(entry.carrier.Command(), {.by_switch = {"a"}}).ok());
    for (const auto& [number, service] : entry.services) {
      HW_CHECK(number != 0 && service.id == number && IsUtf8(service.name));
    }
  }
  for (const auto& [key, programme] : guide.programmes()) {
    HW_CHECK(programme.events.size() <= Guide::kEventsMax);
    for (const auto& [id, event] : programme.events) HW_CHECK(IsUtf8(event.description));
  }
  return 0;
}
