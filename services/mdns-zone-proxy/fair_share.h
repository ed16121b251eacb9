#pragma once

#include <cstddef>
#include <vector>

namespace headwater::zone {

// Room in one zone that the zones mirrored into it compete for. Half of it is dealt out in equal
// parts, one for each source; the other half is whoever's who comes first. So a source that takes
// all it can get leaves each of the others its part. A value; pure.
class FairShare {
 public:
  // `sources` of the `zones` may take part.
  FairShare(size_t capacity, size_t zones, size_t sources);

  bool HasRoom(size_t source) const { return taken_[source] < part_ || common_ > 0; }
  // More may be taken than there is room for; it never costs the others their parts.
  void Take(size_t source);

 private:
  size_t part_;
  size_t common_;
  std::vector<size_t> taken_;
};

}  // namespace headwater::zone
