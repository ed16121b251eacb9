#include "services/common/mpegts/si_descriptor.h"

#include <algorithm>

#include "services/common/mpegts/si_text.h"
#include "services/common/wire/byte_reader.h"

namespace headwater::mpegts {
namespace {

bool Is(const Descriptor& descriptor, DescriptorTag tag) {
  return descriptor.tag == static_cast<uint8_t>(tag);
}

// `digits` BCD digits from the top of a field of four bytes; nothing when one is no digit.
std::optional<uint64_t> Bcd(uint32_t field, int digits) {
  uint64_t value = 0;
  for (int i = 0; i < digits; ++i) {
    const uint32_t digit = field >> (28 - 4 * i) & 0x0f;
    if (digit > 9) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

// A length, and so many bytes.
Bytes Counted(ByteReader& reader) { return reader.Take(reader.U8()); }

}  // namespace

const Descriptor* Find(const std::vector<Descriptor>& descriptors, DescriptorTag tag) {
  const auto found = std::ranges::find_if(
      descriptors, [&](const Descriptor& descriptor) { return Is(descriptor, tag); });
  return found == descriptors.end() ? nullptr : &*found;
}

std::optional<ServiceDescriptor> ServiceDescriptor::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kService)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  ServiceDescriptor service;
  service.type = reader.U8();
  const Bytes provider = Counted(reader);
  const Bytes name = Counted(reader);
  if (!reader.ok()) return std::nullopt;
  service.provider = SiText(provider);
  service.name = SiText(name);
  return service;
}

std::string NameOf(const Descriptor& descriptor) { return SiText(descriptor.bytes); }

std::optional<ShortEvent> ShortEvent::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kShortEvent)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  const Bytes language = reader.Take(3);
  const Bytes name = Counted(reader);
  const Bytes text = Counted(reader);
  if (!reader.ok()) return std::nullopt;
  return ShortEvent{LanguageCode(language), SiText(name), SiText(text)};
}

std::optional<ExtendedEvent> ExtendedEvent::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kExtendedEvent)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  ExtendedEvent event;
  const uint8_t numbers = reader.U8();
  event.number = numbers >> 4;
  event.last_number = numbers & 0x0f;
  event.language = LanguageCode(reader.Take(3));
  const Bytes items = Counted(reader);
  const Bytes text = Counted(reader);
  if (!reader.ok()) return std::nullopt;
  for (ByteReader item(items); item.remaining() > 0;) {
    const std::string what = SiText(Counted(item));
    const std::string which = SiText(Counted(item));
    if (!item.ok()) return std::nullopt;
    if (!event.items.empty()) event.items += ' ';
    event.items += what.empty() ? which : what + ": " + which;
  }
  event.text = SiText(text);
  return event;
}

std::optional<SatelliteDelivery> SatelliteDelivery::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kSatelliteDelivery)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  const auto frequency = Bcd(reader.U32(), 8);  // in 10 kHz
  const uint16_t position = reader.U16();
  const uint8_t flags = reader.U8();
  const uint32_t rate_and_fec = reader.U32();
  const auto degrees = Bcd(static_cast<uint32_t>(position) << 16, 4);
  const auto rate = Bcd(rate_and_fec, 7);  // in 100 symbols
  if (!reader.ok() || !frequency || !degrees || !rate) return std::nullopt;
  return SatelliteDelivery{.frequency_khz = static_cast<uint32_t>(*frequency * 10),
                           .position_tenths = static_cast<uint16_t>(*degrees),
                           .east = (flags & 0x80) != 0,
                           .polarisation = static_cast<uint8_t>(flags >> 5 & 3),
                           .second_generation = (flags & 0x04) != 0,
                           .modulation = static_cast<uint8_t>(flags & 3),
                           .rolloff = static_cast<uint8_t>(flags >> 3 & 3),
                           .symbol_rate = static_cast<uint32_t>(*rate * 100),
                           .fec = static_cast<uint8_t>(rate_and_fec & 0x0f)};
}

std::optional<S2Delivery> S2Delivery::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kS2Delivery)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  const uint8_t flags = reader.U8();
  S2Delivery delivery;
  if ((flags & 0x80) != 0) {
    const uint32_t high = reader.U8() & 3;
    delivery.scrambling_sequence = high << 16 | reader.U16();
  }
  if ((flags & 0x40) != 0) delivery.stream = reader.U8();
  if (!reader.ok()) return std::nullopt;
  return delivery;
}

std::optional<CableDelivery> CableDelivery::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kCableDelivery)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  const auto frequency = Bcd(reader.U32(), 8);  // in 100 Hz
  reader.Skip(2);
  const uint8_t modulation = reader.U8();
  const auto rate = Bcd(reader.U32(), 7);
  if (!reader.ok() || !frequency || !rate || *frequency > 42'949'672) return std::nullopt;
  return CableDelivery{static_cast<uint32_t>(*frequency * 100), modulation,
                       static_cast<uint32_t>(*rate * 100)};
}

std::optional<TerrestrialDelivery> TerrestrialDelivery::Parse(const Descriptor& descriptor) {
  if (!Is(descriptor, DescriptorTag::kTerrestrialDelivery)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  const uint32_t frequency = reader.U32();  // in 10 Hz
  const auto bandwidth = static_cast<uint8_t>(reader.U8() >> 5);
  reader.Skip(6);
  if (!reader.ok() || frequency > 429'496'729) return std::nullopt;
  return TerrestrialDelivery{frequency * 10, bandwidth};
}

std::optional<T2Delivery> T2Delivery::Parse(const Descriptor& descriptor) {
  constexpr uint8_t kT2 = 0x04;
  if (!Is(descriptor, DescriptorTag::kExtension)) return std::nullopt;
  ByteReader reader(descriptor.bytes);
  if (reader.U8() != kT2) return std::nullopt;
  T2Delivery delivery;
  delivery.plp = reader.U8();
  reader.Skip(2);  // T2 system
  if (!reader.ok()) return std::nullopt;
  if (reader.remaining() == 0) return delivery;
  delivery.bandwidth = static_cast<uint8_t>(reader.U8() >> 2 & 0x0f);
  const bool several = (reader.U8() & 1) != 0;  // tfs_flag
  while (reader.remaining() > 0) {
    reader.Skip(2);  // cell
    const size_t count = several ? reader.U8() / 4 : 1;
    for (size_t i = 0; i < count && reader.ok(); ++i) {
      const uint32_t frequency = reader.U32();
      if (frequency <= 429'496'729) delivery.frequencies_hz.push_back(frequency * 10);
    }
    reader.Skip(reader.U8());  // subcells
    if (!reader.ok()) return std::nullopt;
  }
  return delivery;
}

std::vector<std::pair<uint16_t, uint16_t>> LogicalChannels(const Descriptor& descriptor) {
  constexpr uint16_t kVisible = 0x8000;
  constexpr uint16_t kNumber = 0x03ff;
  constexpr uint16_t kNumber2 = 0x3fff;
  std::vector<std::pair<uint16_t, uint16_t>> channels;
  const bool second = Is(descriptor, DescriptorTag::kLogicalChannel2);
  if (!second && !Is(descriptor, DescriptorTag::kLogicalChannel) &&
      !Is(descriptor, DescriptorTag::kHdSimulcastChannel)) {
    return channels;
  }
  const auto add = [&](Bytes pairs, uint16_t mask) {
    for (ByteReader reader(pairs); reader.remaining() >= 4;) {
      const uint16_t service = reader.U16();
      const uint16_t number = reader.U16();
      if ((number & kVisible) != 0 && (number & mask) != 0) {
        channels.emplace_back(service, number & mask);
      }
    }
  };
  if (!second) {
    add(descriptor.bytes, kNumber);
    return channels;
  }
  // Version 2: lists of channels, each with id, name and country.
  ByteReader reader(descriptor.bytes);
  while (reader.ok() && reader.remaining() > 0) {
    reader.Skip(1);
    Counted(reader);
    reader.Skip(3);
    add(Counted(reader), kNumber2);
  }
  return channels;
}

}  // namespace headwater::mpegts
