#include "services/mdns-zone-proxy/nft_shell.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "services/common/base/absl_text.h"

namespace headwater::zone {

bool HasNetAdmin() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  return (sets[CAP_TO_INDEX(CAP_NET_ADMIN)].effective & CAP_TO_MASK(CAP_NET_ADMIN)) != 0;
}

absl::Status NftShell::Run(const std::string& script) {
  return nft_.ok() ? (*nft_)->Run(script).status() : nft_.status();
}

void NftShell::Apply(const FirewallSets& wanted) {
  const FirewallSets before = installed_;
  for (const auto& [set, elements] : before) {
    if (!wanted.contains(set)) ApplyOne(set, nullptr);
  }
  std::erase_if(errors_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const auto& [set, elements] : wanted) {
    if (!errors_.contains(set)) ApplyOne(set, &elements);
  }
  wanted_ = wanted;
}

void NftShell::Refill() {
  installed_.clear();
  for (const auto& [set, elements] : wanted_) ApplyOne(set, &elements);
}

void NftShell::ApplyOne(const NftSet& set, const std::set<FirewallElement>* wanted) {
  FirewallSets from, to;
  if (const auto found = installed_.find(set); found != installed_.end()) from.insert(*found);
  if (wanted != nullptr) to[set] = *wanted;
  const std::string script = FirewallScript(from, to);
  if (script.empty()) return;
  const absl::Status done = Run(script);
  if (done.ok()) {
    errors_.erase(set);
    if (wanted != nullptr) {
      installed_[set] = *wanted;
    } else {
      installed_.erase(set);
    }
    return;
  }
  ++failures_;
  // Nobody knows what is in it now: the next time it is emptied first.
  installed_.erase(set);
  const std::string error(FromAbsl(done.message()));
  if (std::exchange(errors_[set], error) == error) return;
  log_.Error("cannot fill nftables set",
             {{"set", fmt::format("{} {} {}", set.family, set.table, set.set)}, {"error", error}});
}

std::string NftShell::ErrorOf(const NftSet& set) const {
  const auto found = errors_.find(set);
  return found == errors_.end() ? "" : found->second;
}

size_t NftShell::ElementsOf(const NftSet& set) const {
  const auto found = installed_.find(set);
  return found == installed_.end() ? 0 : found->second.size();
}

}  // namespace headwater::zone
