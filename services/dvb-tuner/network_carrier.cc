#include "services/dvb-tuner/network_carrier.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "services/common/mpegts/si_descriptor.h"

namespace headwater::tuner {
namespace {

using mpegts::DescriptorTag;
using Transport = mpegts::NetworkInformation::Transport;

// EN 300 468 table 35, as -F takes it.
std::string_view Fec(uint8_t code) {
  constexpr std::array<std::string_view, 10> kFecs = {"999", "12", "23", "34", "56",
                                                      "78",  "89", "35", "45", "910"};
  return code < kFecs.size() ? kFecs[code] : "999";
}

// What of home's options leads to the dish.
std::string Dish(const Carrier& home) {
  std::string text;
  for (size_t i = 0; i + 1 < home.options.size(); ++i) {
    const std::string& option = home.options[i];
    if (option != "-S" && option != "-k" && option != "--lnb-type") continue;
    text += fmt::format(" {} {}", option, home.options[i + 1]);
  }
  return text;
}

std::string Satellite(const Transport& transport, const mpegts::SatelliteDelivery& delivery,
                      const Carrier& home) {
  const bool horizontal = (delivery.polarisation & 1) == 0;  // or left
  std::string line = fmt::format(
      "-f {} -v {} -5 {} -s {} -F {}", delivery.frequency_khz, horizontal ? 18 : 13,
      delivery.second_generation ? "DVBS2" : "DVBS", delivery.symbol_rate, Fec(delivery.fec));
  if (delivery.second_generation) {
    constexpr std::array<std::string_view, 4> kModulations = {"PSK_8", "QPSK", "PSK_8", "PSK_8"};
    constexpr std::array<std::string_view, 4> kRolloffs = {"35", "25", "20", "0"};
    line +=
        fmt::format(" -m {} -R {}", kModulations[delivery.modulation], kRolloffs[delivery.rolloff]);
    const mpegts::Descriptor* more = Find(transport.descriptors, DescriptorTag::kS2Delivery);
    const auto s2 = more != nullptr ? mpegts::S2Delivery::Parse(*more) : std::nullopt;
    if (s2 && s2->stream) {
      line += fmt::format(" --multistream-id-is-id {}", *s2->stream);
      if (s2->scrambling_sequence) {
        line += fmt::format(" --multistream-id-pls-mode GOLD --multistream-id-pls-code {}",
                            *s2->scrambling_sequence);
      }
    }
  }
  return line + Dish(home);
}

std::string Cable(const mpegts::CableDelivery& delivery) {
  constexpr std::array<std::string_view, 6> kModulations = {"QAM_AUTO", "QAM_16",  "QAM_32",
                                                            "QAM_64",   "QAM_128", "QAM_256"};
  const size_t modulation = delivery.modulation < kModulations.size() ? delivery.modulation : 0;
  return fmt::format("-f {} -5 DVBC_ANNEX_A -s {} -m {}", delivery.frequency_hz,
                     delivery.symbol_rate, kModulations[modulation]);
}

std::string_view Bandwidth(uint8_t code) {
  constexpr std::array<std::string_view, 5> kBandwidths = {"8", "7", "6", "5", "10"};
  return code < kBandwidths.size() ? kBandwidths[code] : "8";
}

std::string LineOf(const Transport& transport, const Carrier& home) {
  for (const mpegts::Descriptor& descriptor : transport.descriptors) {
    if (const auto satellite = mpegts::SatelliteDelivery::Parse(descriptor)) {
      return Satellite(transport, *satellite, home);
    }
    if (const auto cable = mpegts::CableDelivery::Parse(descriptor)) return Cable(*cable);
    if (const auto terrestrial = mpegts::TerrestrialDelivery::Parse(descriptor)) {
      return fmt::format("-f {} -5 DVBT -b {}", terrestrial->frequency_hz,
                         Bandwidth(terrestrial->bandwidth));
    }
    const auto t2 = mpegts::T2Delivery::Parse(descriptor);
    if (t2 && !t2->frequencies_hz.empty()) {
      std::string line = fmt::format("-f {} -5 DVBT2 -b {}", t2->frequencies_hz.front(),
                                     Bandwidth(t2->bandwidth.value_or(0)));
      if (t2->plp != 0) line += fmt::format(" -9 {}", t2->plp);
      return line;
    }
  }
  return {};
}

// First and second generation are one transmission that has been modernised.
int Family(const Carrier& carrier) {
  switch (carrier.system) {
    case DeliverySystem::kDvbs:
    case DeliverySystem::kDvbs2:
      return 0;
    case DeliverySystem::kDvbt:
      return 1;
    case DeliverySystem::kDvbt2:
      return 2;
    case DeliverySystem::kDvbc:
      return 3;
    default:
      return 4;
  }
}

}  // namespace

absl::StatusOr<Carrier> CarrierFromNetwork(const Transport& transport, const Carrier& home,
                                           const Positions& positions) {
  const std::string line = LineOf(transport, home);
  if (line.empty()) return absl::InvalidArgumentError("no delivery system that can be received");
  return ParseCarrier(line, positions);
}

bool SameTransmission(const Carrier& a, const Carrier& b) {
  if (a.id == b.id) return true;
  if (Family(a) == 4 || Family(a) != Family(b) || a.position != b.position ||
      a.voltage != b.voltage || a.stream != b.stream) {
    return false;
  }
  const uint32_t apart = a.frequency_khz > b.frequency_khz ? a.frequency_khz - b.frequency_khz
                                                           : b.frequency_khz - a.frequency_khz;
  return apart <= (a.satellite() ? 2000u : 500u);
}

}  // namespace headwater::tuner
