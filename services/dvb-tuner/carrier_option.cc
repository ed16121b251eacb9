#include "services/dvb-tuner/carrier_option.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

using Words = std::vector<std::string_view>;

const std::vector<OptionRule>& Rules() {
  using enum CarrierOption;
  // GetFEC of dvblast 3.4's dvb.c; its help leaves out some.
  static const Words kFecs = {"-1", "0",  "12", "23", "34",  "35", "45",
                              "56", "67", "78", "89", "910", "999"};
  static const std::vector<OptionRule> rules = {
      {kFrequency, "-f", "--frequency", true, {}, 1, 2'000'000'000},
      {kVoltage, "-v", "--voltage", true, {"0", "13", "18"}},
      {kSymbolRate, "-s", "--symbol-rate", true, {}, 100'000, 100'000'000},
      {kDelivery,
       "-5",
       "--delsys",
       true,
       {"DVBS", "DVBS2", "DVBC_ANNEX_A", "DVBC_ANNEX_B", "DVBT", "DVBT2", "ATSC", "ISDBT"}},
      {kFec, "-F", "--fec-inner", true, kFecs},
      {kModulation,
       "-m",
       "--modulation",
       true,
       {"QPSK", "PSK_8", "APSK_16", "APSK_32", "QAM_16", "QAM_32", "QAM_64", "QAM_128", "QAM_256",
        "QAM_AUTO", "VSB_8", "VSB_16", "DQPSK"}},
      {kRolloff, "-R", "--rolloff", true, {"-1", "0", "20", "25", "35"}},
      {kInversion, "-I", "--inversion", true, {"-1", "0", "1"}},
      {kPilot, "-P", "--pilot", true, {"-1", "0", "1"}},
      {kSatellite, "-S", "--diseqc", true, {"0", "1", "2", "3", "4", "A", "B"}},
      {kUncommitted, "-k", "--uncommitted", true, {}, 0, 16},
      {kForcePulse, "-p", "--force-pulse", false},
      // -8 is in the help, and missing where 3.4 reads its short options.
      {kLnbType, "", "--lnb-type", true, {"universal", "old-sky"}},
      {kBandwidth, "-b", "--bandwidth", true, {"5", "6", "7", "8", "10"}},
      {kFecLowPriority, "-K", "--fec-lp", true, kFecs},
      {kGuard, "-G", "--guard", true, {"-1", "0", "4", "8", "16", "32"}},
      {kHierarchy, "-H", "--hierarchy", true, {"-1", "0", "1", "2", "4"}},
      {kTransmission, "-X", "--transmission", true, {"-1", "0", "2", "4", "8"}},
      {kPlp, "-9", "--dvb-plp-id", true, {}, 0, 255},
      {kMultistream, "-1", "--multistream-id", true, {}, 0, 2'147'483'647},
      {kPlsMode, "", "--multistream-id-pls-mode", true, {"ROOT", "GOLD", "COMBO"}},
      {kPlsCode, "", "--multistream-id-pls-code", true, {}, 0, 262'143},
      {kStreamId, "", "--multistream-id-is-id", true, {}, 0, 255},
      {kLockTimeout, "-O", "--lock-timeout", true, {}, 100, 600'000},
      {.option = kInput, .brief = "-D", .full = "--rtp-input", .free_text = true},
      {kAdapter, "-a", "--adapter", true, {}, 0, 255},
      {kFrontend, "-n", "--frontend-number", true, {}, 0, 255},
  };
  return rules;
}

absl::Status Wrong(std::string text) { return absl::InvalidArgumentError(std::move(text)); }

std::vector<std::string_view> SplitWords(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t start = line.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool IsAllowed(const OptionRule& rule, std::string_view value) {
  if (rule.free_text) return !value.empty();
  for (const std::string_view word : rule.words) {
    if (absl::EqualsIgnoreCase(ToAbsl(word), ToAbsl(value))) return true;
  }
  int64_t number = 0;
  return absl::SimpleAtoi(ToAbsl(value), &number) && number >= rule.min && number <= rule.max;
}

// "-f", "-f11426500", "--frequency", "--frequency=11426500": the rule, and the value where it is
// part of the word.
const OptionRule* FindRule(std::string_view word, std::string_view& value, bool& has_value) {
  has_value = false;
  if (word.starts_with("--")) {
    const size_t equals = word.find('=');
    const std::string_view full = word.substr(0, equals);
    for (const OptionRule& rule : Rules()) {
      if (rule.full != full) continue;
      if (equals != std::string_view::npos) {
        has_value = true;
        value = word.substr(equals + 1);
      }
      return &rule;
    }
    return nullptr;
  }
  for (const OptionRule& rule : Rules()) {
    if (rule.brief.empty() || !word.starts_with(rule.brief)) continue;
    if (word.size() > 2) {
      has_value = true;
      value = word.substr(2);
    }
    return &rule;
  }
  return nullptr;
}

}  // namespace

std::string OptionRule::Allowed() const {
  if (free_text) return "[source[:port]@]address[:port][/option]..., or a file:// URL";
  if (words.empty()) return fmt::format("{} to {}", min, max);
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::span<const OptionRule> OptionRules() { return Rules(); }

std::string AllowedOptions() {
  std::string text;
  for (const OptionRule& rule : Rules()) {
    if (!text.empty()) text += ", ";
    text += rule.name();
  }
  return text;
}

absl::Status ParseOptions(std::string_view line, std::vector<GivenOption>& out) {
  const std::vector<std::string_view> words = SplitWords(line);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  for (const std::string_view word : words) {
    if (std::ranges::any_of(word, is_control)) return Wrong("a control character in an option");
  }
  size_t next = 0;
  if (!words.empty() && (words[0] == "dvblast" || words[0].ends_with("/dvblast"))) next = 1;
  for (; next < words.size(); ++next) {
    const std::string_view word = words[next];
    if (!word.starts_with('-')) {
      return Wrong(fmt::format("\"{}\" belongs to no option", word));
    }
    std::string_view value;
    bool has_value = false;
    const OptionRule* rule = FindRule(word, value, has_value);
    if (rule == nullptr || (has_value && !rule->has_value)) {
      return Wrong(
          fmt::format("{} does not describe a carrier: allowed are {}", word, AllowedOptions()));
    }
    if (std::ranges::any_of(out, [&](const GivenOption& given) { return given.rule == rule; })) {
      return Wrong(fmt::format("{} is there twice", rule->name()));
    }
    if (rule->has_value && !has_value) {
      if (next + 1 == words.size()) {
        return Wrong(fmt::format("{} has no value: allowed are {}", word, rule->Allowed()));
      }
      value = words[++next];
    }
    if (rule->has_value && !IsAllowed(*rule, value)) {
      return Wrong(fmt::format("{} {}: allowed are {}", rule->name(), value, rule->Allowed()));
    }
    out.push_back({rule, std::string(value)});
  }
  return absl::OkStatus();
}

}  // namespace headwater::tuner
