#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/common/net/ip_address.h"

namespace headwater {

// The built-in test tone and the directory that holds it.
inline constexpr uint32_t kTestToneNumber = 0xd0bef00d;
inline constexpr std::string_view kTestDirectory = "test";

// IPv4 or IPv6 block: the bits of `base` after `length` are 0.
struct AddressBlock {
  IpAddress base;
  int length = 0;

  bool Contains(const IpAddress& address) const;
  // "239.192.0.0/16".
  std::string ToString() const;
  bool operator==(const AddressBlock&) const = default;
};

// One row of the number table.
struct NumberPrefix {
  // Top bit set; the bits after `length` are 0.
  uint32_t number = 0;
  // 1..32.
  int length = 0;
  std::string directory;

  bool Contains(uint32_t other) const;
  // "0x80000000/4".
  std::string ToString() const;
  bool operator==(const NumberPrefix&) const = default;
};

// A block of IPv4 groups for the block of numbers of the same size that begins at `number`. In
// 232/8 it is an SSM window.
struct Ipv4Window {
  AddressBlock groups;
  uint32_t number = 0;
  bool operator==(const Ipv4Window&) const = default;
};

// One group, of either family, for one number. It goes before windows and prefixes.
struct GroupBinding {
  IpAddress group;
  uint32_t number = 0;
  bool operator==(const GroupBinding&) const = default;
};

// What kind of source the stations of a directory have.
enum class StationKind : uint8_t { kHttp, kDvb, kTest };

// What the stations of a directory are wrapped in.
enum class MediaContainer : uint8_t { kNone, kTransportStream };

// How the sessions of a directory are run.
struct PlanDirectory {
  std::string name;
  StationKind kind = StationKind::kHttp;
  // How long a session outlives its last member; 0 is allowed.
  std::chrono::nanoseconds linger = std::chrono::seconds(3);
  // How long silence replaces a source that is gone.
  std::chrono::nanoseconds silence_limit = std::chrono::seconds(60);
  // From start to first RTP.
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(10);
  // URLs may lead to private addresses.
  bool local = false;
  // 0..63.
  uint8_t dscp = 46;
  // 0: by scope.
  uint8_t hop_limit = 0;
  MediaContainer container = MediaContainer::kNone;
  // Of kind DVB: who takes a tuner from whom, 0..100. The middle leaves room on both sides.
  uint8_t priority = 50;
  bool operator==(const PlanDirectory&) const = default;
};

// The plan as it is written down. Build() checks it.
struct PlanConfig {
  // Site prefixes of length 1..64; groups are ff3S:00LL:prefix:number (RFC 3306). The first one
  // makes the groups that we hand out.
  std::vector<AddressBlock> ipv6_prefixes;
  // 2..14; empty means 5, 8 and 14. The widest makes the groups that we hand out.
  std::vector<uint8_t> ipv6_scopes;
  // Also accept ff3S::number, with a source of ours.
  bool ipv6_ssm = false;
  std::vector<NumberPrefix> prefixes;
  std::vector<Ipv4Window> windows;
  std::vector<GroupBinding> bindings;
  std::vector<PlanDirectory> directories;
  bool operator==(const PlanConfig&) const = default;
};

// A number that a station holds.
struct AssignedNumber {
  uint32_t number = 0;
  std::string directory;
};

// Which IPv6 group of a number is meant.
struct GroupChoice {
  // Nothing: the widest of the plan.
  std::optional<uint8_t> scope = std::nullopt;
  // Index into ipv6_prefixes.
  size_t prefix = 0;
  // The SSM form ff3S::number.
  bool ssm = false;
};

// How groups and numbers belong together. Immutable; any thread may read it.
// Matching allocates nothing for groups that are not ours.
class NumberPlan {
 public:
  struct Match {
    uint32_t number = 0;
    std::string directory;
    bool operator==(const Match&) const = default;
  };
  // Says whether an address is one that we send from.
  using IsOurs = std::function<bool(const IpAddress&)>;

  // An empty plan: nothing matches.
  NumberPlan() = default;
  // INVALID_ARGUMENT names the row and the rule. At most 4096 prefixes, 1024 windows, 65536
  // bindings, 4096 directories, 64 IPv6 prefixes.
  static absl::StatusOr<NumberPlan> Build(PlanConfig config);

  // The number and directory of a channel that somebody has joined. A source must be one of ours
  // wherever it is given, and must be given in the SSM range (ff3S::number, 232/8). Nothing: not
  // ours.
  std::optional<Match> Find(const Channel& channel, const IsOurs& is_ours) const;
  // The same for a group alone, whatever the source.
  std::optional<Match> FindGroup(const IpAddress& group) const;
  // The row of a number, by longest prefix; null when none has it. Valid as long as the plan.
  // The row of a number, by longest prefix; null when none has it. Valid as long as the plan.
  const NumberPrefix* PrefixOf(uint32_t number) const;
  // The directory of a number, by longest prefix; null when none has it. Valid as long as the plan.
  const PlanDirectory* DirectoryOf(uint32_t number) const;
  // Null when unknown. Valid as long as the plan.
  const PlanDirectory* FindDirectory(std::string_view name) const;

  // The IPv6 group of a number: a binding's, else by prefix. Nothing without such a prefix, scope
  // or SSM form in the plan.
  std::optional<IpAddress> GroupV6(uint32_t number, const GroupChoice& choice = {}) const;
  // The IPv4 group: a binding's, else the first window's.
  std::optional<IpAddress> GroupV4(uint32_t number) const;

  // What works but will surprise: groups that share an Ethernet address, numbers with several
  // windows, bindings inside windows. At most 64 lines.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Stations whose number the plan now gives to another directory, as by a /32 over an assigned
  // number. At most 64 lines.
  std::vector<std::string> Shadowed(std::span<const AssignedNumber> assigned) const;

  const PlanConfig& config() const { return config_; }
  // Scopes in force, ascending.
  std::span<const uint8_t> scopes() const { return scopes_; }

 private:
  std::optional<uint32_t> NumberOf(const IpAddress& group) const;
  std::optional<uint32_t> NumberOfV6(const IpAddress& group) const;
  const GroupBinding* BindingOf(uint32_t number, IpAddress::Family family) const;
  absl::Status IndexDirectories();
  absl::Status IndexPrefixes();
  absl::Status IndexBindings();
  void Warn(std::string line);
  void FindWarnings();

  PlanConfig config_;
  std::vector<uint8_t> scopes_;
  // By length and number; values are indices into config_.prefixes.
  absl::flat_hash_map<std::pair<int, uint32_t>, size_t> prefix_by_number_;
  // Lengths in use, longest first.
  std::vector<int> lengths_;
  std::map<std::string, size_t, std::less<>> directory_by_name_;
  absl::flat_hash_map<IpAddress, uint32_t> number_by_group_;
  // Values are indices into config_.bindings, in their order.
  std::multimap<uint32_t, size_t> binding_by_number_;
  std::vector<std::string> warnings_;
};

}  // namespace headwater
