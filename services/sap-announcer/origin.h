#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headwater {

// Most versions of one announcement that are told apart and deleted at the end: the newest and
// seven before it.
inline constexpr size_t kVersionsMax = 8;

// The identity of an announcement as listeners know it: the o= line's id and versions, and the SAP
// hash of each. All of it follows from the numbers, so that an announcer that was restarted and is
// told them goes on as if nothing had happened.
struct Origin {
  // 0: none chosen yet.
  uint64_t id = 0;
  uint64_t version = 0;
  // Announced before, newest first, at most kVersionsMax - 1.
  std::vector<uint64_t> past_versions;

  // What came from elsewhere, made fit: no zeros, no doubles, bounded.
  void Normalise();
  // Content has changed: the version becomes max(version + 1, `ntp_seconds`), or the next one whose
  // hash is none of those that listeners may hold. The old one joins the past; the oldest is
  // forgotten.
  void Raise(uint64_t ntp_seconds);
  // The newest and the past versions, newest first.
  std::vector<uint64_t> Versions() const;

  bool operator==(const Origin&) const = default;
};

// SAP message id hash of that version; never 0. Two versions share one only when they differ by a
// multiple of 65535, which Raise prevents for those that listeners may hold.
uint16_t SapHash(uint64_t origin_id, uint64_t version);

}  // namespace headwater
