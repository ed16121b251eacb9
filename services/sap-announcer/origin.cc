#include "services/sap-announcer/origin.h"

#include <algorithm>

namespace headwater {

void Origin::Normalise() {
  std::vector<uint64_t> unique;
  for (uint64_t past : past_versions) {
    const bool known =
        past == version || std::find(unique.begin(), unique.end(), past) != unique.end();
    if (past != 0 && !known && unique.size() < kVersionsMax - 1) unique.push_back(past);
  }
  past_versions = std::move(unique);
}

void Origin::Raise(uint64_t ntp_seconds) {
  const std::vector<uint64_t> held = Versions();
  uint64_t next = std::max(version + 1, ntp_seconds);
  const auto collides = [&](uint64_t candidate) {
    return std::any_of(held.begin(), held.end(),
                       [&](uint64_t old) { return SapHash(id, old) == SapHash(id, candidate); });
  };
  // At most kVersionsMax steps: each held version stands in the way of one candidate.
  while (collides(next)) ++next;
  past_versions.insert(past_versions.begin(), version);
  if (past_versions.size() > kVersionsMax - 1) past_versions.resize(kVersionsMax - 1);
  version = next;
}

std::vector<uint64_t> Origin::Versions() const {
  std::vector<uint64_t> versions = {version};
  versions.insert(versions.end(), past_versions.begin(), past_versions.end());
  return versions;
}

uint16_t SapHash(uint64_t origin_id, uint64_t version) {
  // Sessions begin at unrelated places (multiplicative hashing), versions of one session follow
  // each other: neighbours never share a hash.
  const uint64_t start = (origin_id * 0x9E3779B97F4A7C15u) >> 48;
  return static_cast<uint16_t>(1 + (start + version % 65535) % 65535);
}

}  // namespace headwater
