#include "services/dvb-tuner/carrier.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <array>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/dvb-tuner/carrier_option.h"
#include "services/dvb-tuner/endpoint_text.h"

namespace headwater::tuner {
namespace {

// dvblast's DEFAULT_PORT.
constexpr uint16_t kInputPort = 3001;
// Seven packets, and the same with an RTP header: without it dvblast takes six of an IPv6 datagram
// and loses the seventh.
constexpr std::string_view kUdpMtu = "/mtu=1316";
constexpr std::string_view kRtpMtu = "/mtu=1328";
// What dvblast takes for kHz below, and for Hz above.
constexpr uint32_t kHertzFrom = 50'000'000;

struct Range {
  uint32_t min;
  uint32_t max;
};
// The bands that FrontendDoDiseqc of dvblast 3.4 knows, in kHz.
constexpr std::array<Range, 5> kSatelliteBands = {{{950'000, 2'150'000},
                                                   {2'500'000, 2'700'000},
                                                   {3'400'000, 4'200'000},
                                                   {4'500'000, 4'800'000},
                                                   {10'700'000, 13'250'000}}};
// Hz.
constexpr Range kTerrestrialBand = {kHertzFrom, 1'100'000'000};

absl::Status Wrong(std::string text) { return absl::InvalidArgumentError(std::move(text)); }

class Given {
 public:
  explicit Given(const std::vector<GivenOption>& options) : options_(options) {}
  const std::string* Find(CarrierOption option) const {
    for (const GivenOption& given : options_) {
      if (given.rule->option == option) return &given.value;
    }
    return nullptr;
  }
  bool Has(CarrierOption option) const { return Find(option) != nullptr; }
  // For options with a rule that allows numbers alone.
  uint32_t Number(CarrierOption option, uint32_t standard) const {
    uint32_t number = standard;
    const std::string* value = Find(option);
    if (value != nullptr && !absl::SimpleAtoi(*value, &number)) return standard;
    return number;
  }

 private:
  const std::vector<GivenOption>& options_;
};

// What dvblast would guess from the card, made from the line alone: a carrier means the same on
// every tuner.
std::string GuessDelivery(const Given& given, uint32_t frequency) {
  using enum CarrierOption;
  if (frequency < kHertzFrom) {
    const bool second = given.Has(kModulation) || given.Has(kRolloff) || given.Has(kPilot) ||
                        given.Has(kMultistream) || given.Has(kStreamId);
    return second ? "DVBS2" : "DVBS";
  }
  if (given.Has(kPlp)) return "DVBT2";
  if (given.Has(kSymbolRate)) return "DVBC_ANNEX_A";
  return "DVBT";
}

DeliverySystem SystemOf(std::string_view delivery) {
  if (delivery == "DVBS") return DeliverySystem::kDvbs;
  if (delivery == "DVBS2") return DeliverySystem::kDvbs2;
  if (delivery == "DVBT") return DeliverySystem::kDvbt;
  if (delivery == "DVBT2") return DeliverySystem::kDvbt2;
  if (delivery == "DVBC_ANNEX_A") return DeliverySystem::kDvbc;
  if (delivery == "ISDBT") return DeliverySystem::kIsdbt;
  return DeliverySystem::kAtsc;
}

// "11426.5", "12441", "11426.25".
std::string Megahertz(uint32_t khz) {
  std::string text = fmt::format("{}.{:03}", khz / 1000, khz % 1000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

absl::Status CheckFrequency(const Carrier& carrier, uint32_t frequency) {
  if (!carrier.satellite()) {
    if (frequency >= kTerrestrialBand.min && frequency <= kTerrestrialBand.max) {
      return absl::OkStatus();
    }
    return Wrong(fmt::format("-f {}: allowed with {} are {} to {} (Hz)", frequency,
                             carrier.delivery, kTerrestrialBand.min, kTerrestrialBand.max));
  }
  std::string bands;
  for (const Range& band : kSatelliteBands) {
    if (frequency >= band.min && frequency <= band.max) return absl::OkStatus();
    bands += fmt::format("{}{} to {}", bands.empty() ? "" : ", ", band.min, band.max);
  }
  return Wrong(
      fmt::format("-f {}: allowed with {} are {} (kHz)", frequency, carrier.delivery, bands));
}

// What tells it apart from others on the same frequency.
void SetStream(const Given& given, Carrier& carrier) {
  using enum CarrierOption;
  if (carrier.satellite()) {
    const uint32_t whole = given.Number(kMultistream, 0);
    const uint32_t own = given.Number(kStreamId, 0);
    const bool any =
        whole != 0 || own != 0 || given.Number(kPlsCode, 0) != 0 || given.Has(kPlsMode);
    carrier.stream = own != 0 ? own : whole & 0xff;
    if (any) carrier.id += fmt::format(" isi {}", carrier.stream);
  } else {
    carrier.stream = given.Number(kPlp, 0);
    if (carrier.stream != 0) carrier.id += fmt::format(" plp {}", carrier.stream);
  }
}

absl::Status ReadSatellite(const Given& given, const Positions& positions, Carrier& carrier) {
  using enum CarrierOption;
  carrier.voltage = static_cast<uint8_t>(given.Number(kVoltage, 13));
  carrier.position = positions.standard;
  const std::string* number = given.Find(kSatellite);
  if (number != nullptr && *number != "0") {
    const char first = absl::ascii_toupper(static_cast<unsigned char>((*number)[0]));
    const size_t index =
        first >= 'A' ? static_cast<size_t>(first - 'A') : static_cast<size_t>(first - '1');
    if (index >= positions.by_switch.size()) {
      return Wrong(fmt::format("-S {}: the configuration names {} positions", *number,
                               positions.by_switch.size()));
    }
    carrier.position = positions.by_switch[index];
  }
  constexpr std::string_view kNone = "", kVertical = "V", kHorizontal = "H";
  const std::string_view letter = carrier.voltage == 18   ? kHorizontal
                                  : carrier.voltage == 13 ? kVertical
                                                          : kNone;
  carrier.id = fmt::format("{}{}{}{}", carrier.position, carrier.position.empty() ? "" : " ",
                           Megahertz(carrier.frequency_khz), letter);
  return absl::OkStatus();
}

absl::Status ReadInput(std::string_view text, Carrier& carrier) {
  if (text.starts_with("file:///")) {
    carrier.input = carrier.id = std::string(text);
    return absl::OkStatus();
  }
  const size_t slash = std::min(text.find('/'), text.size());
  std::string_view host = text.substr(0, slash);
  const std::string options = absl::AsciiStrToLower(ToAbsl(text.substr(slash)));
  std::string source;
  if (const size_t at = host.find('@'); at != std::string_view::npos) {
    if (at > 0) {
      const auto peer = ParseEndpoint(host.substr(0, at), 0);
      if (!peer) return Wrong(fmt::format("-D {}: no such source address", text));
      source = peer->address.is_v6() ? fmt::format("[{}]@", peer->address.ToString())
                                     : peer->address.ToString() + "@";
    }
    host.remove_prefix(at + 1);
  }
  const auto endpoint = ParseEndpoint(host, kInputPort);
  if (!endpoint) {
    return Wrong(
        fmt::format("-D {}: allowed are [source@]address[:port][/option]..., addresses in "
                    "figures",
                    text));
  }
  const bool udp = absl::StrContains(options, "/udp");
  carrier.input = fmt::format("{}://{}{}", udp ? "udp" : "rtp", source, endpoint->ToString());
  carrier.id = carrier.input;
  return absl::OkStatus();
}

absl::Status ReadTuning(const Given& given, const Positions& positions, Carrier& carrier) {
  using enum CarrierOption;
  if (!given.Has(kFrequency)) return Wrong("neither -f nor -D: what is to be received?");
  const uint32_t frequency = given.Number(kFrequency, 0);
  const std::string* delivery = given.Find(kDelivery);
  carrier.delivery =
      delivery != nullptr ? absl::AsciiStrToUpper(*delivery) : GuessDelivery(given, frequency);
  carrier.system = SystemOf(carrier.delivery);
  carrier.frequency_khz = carrier.satellite() ? frequency : frequency / 1000;
  if (absl::Status status = CheckFrequency(carrier, frequency); !status.ok()) return status;
  if (carrier.satellite()) {
    if (absl::Status status = ReadSatellite(given, positions, carrier); !status.ok()) return status;
  } else {
    constexpr std::string_view kCable = "DVBC_ANNEX_A";
    carrier.id = fmt::format("{} {}", carrier.delivery == kCable ? "DVBC" : carrier.delivery,
                             Megahertz(carrier.frequency_khz));
  }
  SetStream(given, carrier);
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(DeliverySystem system) {
  constexpr std::array<std::string_view, kDeliverySystemCount> kNames = {
      "DVBS", "DVBS2", "DVBT", "DVBT2", "DVBC", "ATSC", "ISDBT", "network"};
  return kNames[static_cast<size_t>(system)];
}

std::string Carrier::Command() const {
  std::string text;
  for (const std::string& word : options) {
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

std::vector<std::string> Carrier::Arguments() const {
  std::vector<std::string> arguments = options;
  if (system != DeliverySystem::kNetwork) {
    for (const std::string& word : options) {
      if (word == "-5") return arguments;
    }
    arguments.insert(arguments.end(), {"-5", delivery});
    return arguments;
  }
  for (size_t i = 1; i < arguments.size(); ++i) {
    std::string& value = arguments[i];
    if (arguments[i - 1] != "-D" || absl::StrContains(value, "/mtu=")) continue;
    value += input.starts_with("udp:") ? kUdpMtu : kRtpMtu;
  }
  return arguments;
}

absl::StatusOr<Carrier> ParseCarrier(std::string_view line, const Positions& positions) {
  std::vector<GivenOption> options;
  RETURN_IF_ERROR(ParseOptions(line, options));
  const Given given(options);
  Carrier carrier;
  for (const GivenOption& each : options) {
    const CarrierOption option = each.rule->option;
    if (option == CarrierOption::kAdapter || option == CarrierOption::kFrontend) continue;
    carrier.options.emplace_back(each.rule->name());
    if (each.rule->has_value) carrier.options.push_back(each.value);
  }
  if (const std::string* input = given.Find(CarrierOption::kInput)) {
    if (given.Has(CarrierOption::kFrequency)) return Wrong("-D and -f exclude each other");
    carrier.system = DeliverySystem::kNetwork;
    RETURN_IF_ERROR(ReadInput(*input, carrier));
  } else {
    RETURN_IF_ERROR(ReadTuning(given, positions, carrier));
  }
  return carrier;
}

}  // namespace headwater::tuner
