// Tables and descriptors of service information in hostile bytes: parsed without a fault, text is
// clean, and what a table says of its lengths is so.
#include <algorithm>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/mpegts/si_descriptor.h"
#include "services/common/mpegts/si_table.h"
#include "services/common/mpegts/si_text.h"
#include "services/common/text/clean_text.h"

namespace headwater::mpegts {
namespace {

void CheckText(const std::string& text) {
  HW_CHECK(IsUtf8(text));
  HW_CHECK(std::ranges::none_of(text, [](char c) { return static_cast<uint8_t>(c) < 0x20; }));
}

void TryDescriptors(const std::vector<Descriptor>& descriptors) {
  for (const Descriptor& descriptor : descriptors) {
    if (const auto service = ServiceDescriptor::Parse(descriptor)) {
      CheckText(service->name);
      CheckText(service->provider);
    }
    if (const auto event = ShortEvent::Parse(descriptor)) CheckText(event->name + event->text);
    if (const auto event = ExtendedEvent::Parse(descriptor)) CheckText(event->items + event->text);
    CheckText(NameOf(descriptor));
    if (const auto delivery = SatelliteDelivery::Parse(descriptor)) {
      HW_CHECK(delivery->frequency_khz <= 999'999'990);
    }
    S2Delivery::Parse(descriptor);
    CableDelivery::Parse(descriptor);
    TerrestrialDelivery::Parse(descriptor);
    if (const auto t2 = T2Delivery::Parse(descriptor)) HW_CHECK(t2->frequencies_hz.size() < 64);
    for (const auto& [service, number] : LogicalChannels(descriptor)) HW_CHECK(number != 0);
  }
}

void TrySection(const Section& section) {
  if (const auto table = NetworkInformation::Parse(section); table.ok()) {
    TryDescriptors(table->descriptors);
    for (const auto& transport : table->transports) TryDescriptors(transport.descriptors);
  }
  if (const auto table = ServiceInformation::Parse(section); table.ok()) {
    for (const auto& service : table->services) TryDescriptors(service.descriptors);
  }
  if (const auto table = EventInformation::Parse(section); table.ok()) {
    for (const auto& event : table->events) {
      HW_CHECK(event.start >= 0);
      TryDescriptors(event.descriptors);
    }
  }
}

}  // namespace
}  // namespace headwater::mpegts

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const Bytes bytes(data, size);
  if (size > 0)
    mpegts::TryDescriptors(
        {{data[0],
          {bytes.begin() + 1,
           bytes.begin() + static_cast<ptrdiff_t>(std::min<size_t>(size, 256))}}});
  mpegts::SiTime(bytes.first(std::min<size_t>(size, 5)));
  // The first byte is the table, what follows the body: lengths are what an attacker has.
  if (size < 3 || size > mpegts::kSectionMax - 12) return 0;
  mpegts::TrySection({.table_id = data[0], .extension = data[1], .body = bytes.subspan(2)});
  return 0;
}
