#include "services/common/plan/number_plan.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <utility>

#include "services/common/base/status_macros.h"

namespace headwater {
namespace {

constexpr size_t kPrefixesMax = 4096;
constexpr size_t kWindowsMax = 1024;
constexpr size_t kBindingsMax = 65536;
constexpr size_t kIpv6PrefixesMax = 64;
constexpr size_t kWarningsMax = 64;
constexpr uint32_t kFirstNumber = 0x80000000;

uint32_t HostBits32(int length) {
  return length == 0 ? ~uint32_t{0} : static_cast<uint32_t>((uint64_t{1} << (32 - length)) - 1);
}

// True when the bits of `bytes` from `first` on are all 0.
bool BitsAreZeroFrom(Bytes bytes, int first) {
  for (int bit = first; bit < static_cast<int>(bytes.size()) * 8; ++bit) {
    if ((bytes[static_cast<size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

absl::Status Invalid(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::Status CheckNumber(uint32_t number, const std::string& where) {
  if (number >= kFirstNumber) return absl::OkStatus();
  return Invalid(
      fmt::format("{}: number {:#010x} is below 0x80000000; service numbers have the top bit set",
                  where, number));
}

absl::Status CheckScopes(const PlanConfig& config) {
  for (const uint8_t scope : config.ipv6_scopes) {
    if (scope < 2 || scope > 14) {
      return Invalid(fmt::format("IPv6 scope {} is not allowed: 2 (link) to 14 (global)", scope));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIpv6Prefixes(const std::vector<AddressBlock>& blocks) {
  if (blocks.size() > kIpv6PrefixesMax) {
    return Invalid(fmt::format("{} IPv6 prefixes, at most {}", blocks.size(), kIpv6PrefixesMax));
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const AddressBlock& block = blocks[i];
    if (!block.base.is_v6()) {
      return Invalid(fmt::format("IPv6 prefix {} is not IPv6", block.ToString()));
    }
    if (block.length < 1 || block.length > 64) {
      return Invalid(
          fmt::format("IPv6 prefix {}: length must be 1..64, for the 64 bits that "
                      "RFC 3306 leaves to it",
                      block.ToString()));
    }
    if (!BitsAreZeroFrom(block.base.bytes(), block.length)) {
      return Invalid(
          fmt::format("IPv6 prefix {}: bits after the length are not 0", block.ToString()));
    }
    if (std::find(blocks.begin(), blocks.begin() + static_cast<ptrdiff_t>(i), block) !=
        blocks.begin() + static_cast<ptrdiff_t>(i)) {
      return Invalid(fmt::format("IPv6 prefix {} is there twice", block.ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckWindow(const Ipv4Window& window) {
  const std::string where = "window " + window.groups.ToString();
  const AddressBlock& groups = window.groups;
  if (!groups.base.is_v4() || !groups.base.IsMulticast() || groups.length < 4 ||
      groups.length > 32) {
    return Invalid(where + ": a window is a block of IPv4 groups in 224.0.0.0/4, length 4..32");
  }
  const uint32_t host_bits = HostBits32(groups.length);
  if ((groups.base.low32() & host_bits) != 0) {
    return Invalid(where + ": bits after the length are not 0");
  }
  RETURN_IF_ERROR(CheckNumber(window.number, where));
  if ((window.number & host_bits) != 0) {
    return Invalid(fmt::format("{}: number {:#010x} must end in {} bits of 0, as the block does",
                               where, window.number, 32 - groups.length));
  }
  const AddressBlock local_control = {IpAddress::V4({224, 0, 0, 0}), 24};
  if (groups.Contains(local_control.base) || local_control.Contains(groups.base)) {
    return Invalid(where + ": 224.0.0.0/24 is the network's own and never served");
  }
  if (groups.length < 8 && groups.Contains(IpAddress::V4({232, 0, 0, 0}))) {
    return Invalid(where + ": mixes the SSM range 232.0.0.0/8 with others");
  }
  return absl::OkStatus();
}

absl::Status CheckWindows(const std::vector<Ipv4Window>& windows) {
  if (windows.size() > kWindowsMax) {
    return Invalid(fmt::format("{} windows, at most {}", windows.size(), kWindowsMax));
  }
  for (size_t i = 0; i < windows.size(); ++i) {
    RETURN_IF_ERROR(CheckWindow(windows[i]));
    for (size_t j = 0; j < i; ++j) {
      if (windows[i].groups.Contains(windows[j].groups.base) ||
          windows[j].groups.Contains(windows[i].groups.base)) {
        return Invalid(fmt::format("windows {} and {} overlap: a group must have one number",
                                   windows[j].groups.ToString(), windows[i].groups.ToString()));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool AddressBlock::Contains(const IpAddress& address) const {
  if (address.family() != base.family()) return false;
  const Bytes ours = base.bytes();
  const Bytes theirs = address.bytes();
  const auto whole = static_cast<size_t>(length / 8);
  if (!std::equal(ours.begin(), ours.begin() + static_cast<ptrdiff_t>(whole), theirs.begin())) {
    return false;
  }
  const int rest = length % 8;
  return rest == 0 || (ours[whole] ^ theirs[whole]) >> (8 - rest) == 0;
}

std::string AddressBlock::ToString() const { return fmt::format("{}/{}", base.ToString(), length); }

bool NumberPrefix::Contains(uint32_t other) const {
  return ((number ^ other) & ~HostBits32(length)) == 0;
}

std::string NumberPrefix::ToString() const { return fmt::format("{:#010x}/{}", number, length); }

absl::StatusOr<NumberPlan> NumberPlan::Build(PlanConfig config) {
  NumberPlan plan;
  RETURN_IF_ERROR(CheckScopes(config));
  RETURN_IF_ERROR(CheckIpv6Prefixes(config.ipv6_prefixes));
  RETURN_IF_ERROR(CheckWindows(config.windows));
  plan.config_ = std::move(config);
  RETURN_IF_ERROR(plan.IndexDirectories());
  RETURN_IF_ERROR(plan.IndexPrefixes());
  RETURN_IF_ERROR(plan.IndexBindings());
  plan.scopes_ = plan.config_.ipv6_scopes;
  if (plan.scopes_.empty()) plan.scopes_ = {5, 8, 14};
  std::sort(plan.scopes_.begin(), plan.scopes_.end());
  plan.scopes_.erase(std::unique(plan.scopes_.begin(), plan.scopes_.end()), plan.scopes_.end());
  plan.FindWarnings();
  return plan;
}

absl::Status NumberPlan::IndexDirectories() {
  if (config_.directories.size() > kPrefixesMax) {
    return Invalid(
        fmt::format("{} directories, at most {}", config_.directories.size(), kPrefixesMax));
  }
  for (size_t i = 0; i < config_.directories.size(); ++i) {
    const PlanDirectory& directory = config_.directories[i];
    if (directory.name.empty()) return Invalid("a directory has no name");
    if (directory.dscp > 63) {
      return Invalid(
          fmt::format("directory {}: dscp {} is not 0..63", directory.name, directory.dscp));
    }
    if (!directory_by_name_.emplace(directory.name, i).second) {
      return Invalid(fmt::format("directory {} is there twice", directory.name));
    }
  }
  return absl::OkStatus();
}

absl::Status NumberPlan::IndexPrefixes() {
  if (config_.prefixes.size() > kPrefixesMax) {
    return Invalid(
        fmt::format("{} number prefixes, at most {}", config_.prefixes.size(), kPrefixesMax));
  }
  std::set<int, std::greater<>> lengths;
  for (size_t i = 0; i < config_.prefixes.size(); ++i) {
    const NumberPrefix& row = config_.prefixes[i];
    if (row.length < 1 || row.length > 32) {
      return Invalid(fmt::format("number prefix {}: length must be 1..32", row.ToString()));
    }
    const std::string where = "number prefix " + row.ToString();
    RETURN_IF_ERROR(CheckNumber(row.number, where));
    if ((row.number & HostBits32(row.length)) != 0) {
      return Invalid(where + ": bits after the length are not 0");
    }
    if (directory_by_name_.find(row.directory) == directory_by_name_.end()) {
      return Invalid(fmt::format("{}: no directory is named \"{}\"", where, row.directory));
    }
    const auto [other, added] = prefix_by_number_.emplace(std::pair(row.length, row.number), i);
    if (!added) {
      return Invalid(fmt::format("{} is given to directory {} and to directory {}", where,
                                 config_.prefixes[other->second].directory, row.directory));
    }
    lengths.insert(row.length);
  }
  lengths_.assign(lengths.begin(), lengths.end());
  return absl::OkStatus();
}

absl::Status NumberPlan::IndexBindings() {
  if (config_.bindings.size() > kBindingsMax) {
    return Invalid(fmt::format("{} bindings, at most {}", config_.bindings.size(), kBindingsMax));
  }
  const AddressBlock local_control = {IpAddress::V4({224, 0, 0, 0}), 24};
  for (size_t i = 0; i < config_.bindings.size(); ++i) {
    const GroupBinding& binding = config_.bindings[i];
    const std::string where = "binding " + binding.group.ToString();
    if (!binding.group.IsMulticast() || local_control.Contains(binding.group)) {
      return Invalid(where + ": not a group that can be served");
    }
    RETURN_IF_ERROR(CheckNumber(binding.number, where));
    if (!number_by_group_.emplace(binding.group, binding.number).second) {
      return Invalid(where + " is there twice: a group must have one number");
    }
    binding_by_number_.emplace(binding.number, i);
  }
  return absl::OkStatus();
}

std::optional<uint32_t> NumberPlan::NumberOfV6(const IpAddress& group) const {
  const Bytes bytes = group.bytes();
  // ff3S:00LL: flags P and T, scope S; the byte before the prefix length is reserved (RFC 3306
  // section 4).
  if (bytes[0] != 0xff || bytes[1] >> 4 != 3 || bytes[2] != 0 || bytes[3] > 64) return std::nullopt;
  const auto scope = static_cast<uint8_t>(bytes[1] & 0xf);
  if (!std::binary_search(scopes_.begin(), scopes_.end(), scope)) return std::nullopt;
  const Bytes prefix = bytes.subspan(4, 8);
  if (bytes[3] == 0) {
    return config_.ipv6_ssm && BitsAreZeroFrom(prefix, 0) ? std::optional(group.low32())
                                                          : std::nullopt;
  }
  const bool ours = std::any_of(
      config_.ipv6_prefixes.begin(), config_.ipv6_prefixes.end(), [&](const AddressBlock& block) {
        // All 64 bits: those after the length are 0 in a valid group.
        return block.length == bytes[3] &&
               std::equal(prefix.begin(), prefix.end(), block.base.bytes().begin());
      });
  return ours ? std::optional(group.low32()) : std::nullopt;
}

std::optional<uint32_t> NumberPlan::NumberOf(const IpAddress& group) const {
  if (const auto bound = number_by_group_.find(group); bound != number_by_group_.end())
    return bound->second;
  if (group.is_v6()) return NumberOfV6(group);
  for (const Ipv4Window& window : config_.windows) {
    if (window.groups.Contains(group))
      return window.number | (group.low32() & HostBits32(window.groups.length));
  }
  return std::nullopt;
}

const NumberPrefix* NumberPlan::PrefixOf(uint32_t number) const {
  for (const int length : lengths_) {
    const auto row = prefix_by_number_.find(std::pair(length, number & ~HostBits32(length)));
    if (row != prefix_by_number_.end()) return &config_.prefixes[row->second];
  }
  return nullptr;
}

std::optional<NumberPlan::Match> NumberPlan::FindGroup(const IpAddress& group) const {
  const std::optional<uint32_t> number = NumberOf(group);
  if (!number) return std::nullopt;
  const NumberPrefix* row = PrefixOf(*number);
  if (row == nullptr) return std::nullopt;
  return Match{*number, row->directory};
}

std::optional<NumberPlan::Match> NumberPlan::Find(const Channel& channel,
                                                  const IsOurs& is_ours) const {
  if (!channel.source && channel.group.IsSsmGroup()) return std::nullopt;
  std::optional<Match> match = FindGroup(channel.group);
  // Asked last: whose address it is matters for our groups only.
  if (match && channel.source && !is_ours(*channel.source)) return std::nullopt;
  return match;
}

const PlanDirectory* NumberPlan::DirectoryOf(uint32_t number) const {
  const NumberPrefix* row = PrefixOf(number);
  return row == nullptr ? nullptr : FindDirectory(row->directory);
}

const PlanDirectory* NumberPlan::FindDirectory(std::string_view name) const {
  const auto directory = directory_by_name_.find(name);
  return directory == directory_by_name_.end() ? nullptr : &config_.directories[directory->second];
}

const GroupBinding* NumberPlan::BindingOf(uint32_t number, IpAddress::Family family) const {
  const auto [first, last] = binding_by_number_.equal_range(number);
  const auto found = std::find_if(first, last, [&](const auto& row) {
    return config_.bindings[row.second].group.family() == family;
  });
  return found == last ? nullptr : &config_.bindings[found->second];
}

std::optional<IpAddress> NumberPlan::GroupV6(uint32_t number, const GroupChoice& choice) const {
  // A choice that asks for something special means the computed group, never the one bound by hand.
  if (!choice.scope && choice.prefix == 0 && !choice.ssm) {
    if (const GroupBinding* binding = BindingOf(number, IpAddress::Family::kIpv6))
      return binding->group;
  }
  if (scopes_.empty() || number < kFirstNumber) return std::nullopt;
  const uint8_t scope = choice.scope.value_or(scopes_.back());
  if (!std::binary_search(scopes_.begin(), scopes_.end(), scope)) return std::nullopt;
  std::array<uint8_t, 16> bytes = {0xff, static_cast<uint8_t>(0x30 | scope)};
  if (choice.ssm) {
    if (!config_.ipv6_ssm) return std::nullopt;
  } else {
    if (choice.prefix >= config_.ipv6_prefixes.size()) return std::nullopt;
    const AddressBlock& block = config_.ipv6_prefixes[choice.prefix];
    bytes[3] = static_cast<uint8_t>(block.length);
    std::copy_n(block.base.bytes().begin(), 8, bytes.begin() + 4);
  }
  for (size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  const IpAddress group = IpAddress::V6(bytes);
  // A group bound to another number by hand does not stand for this one.
  const auto bound = number_by_group_.find(group);
  if (bound != number_by_group_.end() && bound->second != number) return std::nullopt;
  return group;
}

std::optional<IpAddress> NumberPlan::GroupV4(uint32_t number) const {
  if (const GroupBinding* binding = BindingOf(number, IpAddress::Family::kIpv4))
    return binding->group;
  for (const Ipv4Window& window : config_.windows) {
    const uint32_t host_bits = HostBits32(window.groups.length);
    if (((number ^ window.number) & ~host_bits) != 0) continue;
    const IpAddress group = IpAddress::V4(window.groups.base.low32() | (number & host_bits));
    // A group bound to another number by hand does not stand for this one.
    if (number_by_group_.contains(group)) continue;
    return group;
  }
  return std::nullopt;
}

std::vector<std::string> NumberPlan::Shadowed(std::span<const AssignedNumber> assigned) const {
  std::vector<std::string> lines;
  for (const AssignedNumber& station : assigned) {
    const NumberPrefix* row = PrefixOf(station.number);
    if (row != nullptr && row->directory == station.directory) continue;
    if (lines.size() == kWarningsMax) break;
    lines.push_back(row == nullptr
                        ? fmt::format("number {:#010x} of directory {} is in no prefix of the plan",
                                      station.number, station.directory)
                        : fmt::format("number {:#010x} is assigned to a station of directory {}, "
                                      "but prefix {} gives it to directory {}",
                                      station.number, station.directory, row->ToString(),
                                      row->directory));
  }
  return lines;
}

void NumberPlan::Warn(std::string line) {
  if (warnings_.size() < kWarningsMax) warnings_.push_back(std::move(line));
}

}  // namespace headwater
