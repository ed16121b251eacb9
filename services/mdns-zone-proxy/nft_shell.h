#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/common/nft/nft_shell.h"
#include "services/mdns-zone-proxy/firewall.h"

namespace headwater::zone {

// Whether this process may change the firewall.
bool HasNetAdmin();

// Keeps the elements of named nftables sets, each set in one transaction. Tables and sets are the
// administrator's and must be there. Loop thread: the kernel answers at once.
class NftShell {
 public:
  explicit NftShell(Logger& log) : log_(log), nft_(Nft::Open()) {}

  // Sets that are not in `wanted` any more are emptied and left alone; those that could not be
  // filled wait for Refill.
  void Apply(const FirewallSets& wanted);
  // Fills every set again, as a whole: somebody may have loaded the ruleset anew.
  void Refill();
  // Empties every set.
  void Clear() { Apply({}); }

  // What keeps a set from being filled; empty: nothing.
  std::string ErrorOf(const NftSet& set) const;
  size_t ElementsOf(const NftSet& set) const;
  uint64_t failures() const { return failures_; }

 private:
  absl::Status Run(const std::string& script);
  void ApplyOne(const NftSet& set, const std::set<FirewallElement>* wanted);

  Logger& log_;
  absl::StatusOr<std::unique_ptr<Nft>> nft_;
  FirewallSets installed_;
  FirewallSets wanted_;
  std::map<NftSet, std::string> errors_;
  uint64_t failures_ = 0;
};

}  // namespace headwater::zone
