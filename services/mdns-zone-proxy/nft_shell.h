#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/mdns-zone-proxy/firewall.h"

struct nft_ctx;

namespace headwater::zone {

// Whether this process may change the firewall.
bool HasNetAdmin();

// Keeps the elements of named nftables sets, each set in one transaction. Tables and sets are the
// administrator's and must be there. Loop thread: the kernel answers at once.
class NftShell {
 public:
  explicit NftShell(Logger& log);
  ~NftShell();

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
  struct ContextDeleter {
    void operator()(nft_ctx* context) const;
  };
  void ApplyOne(const NftSet& set, const std::set<FirewallElement>* wanted);

  Logger& log_;
  std::unique_ptr<nft_ctx, ContextDeleter> context_;
  FirewallSets installed_;
  FirewallSets wanted_;
  std::map<NftSet, std::string> errors_;
  uint64_t failures_ = 0;
};

}  // namespace headwater::zone
