#include "services/mdns-zone-proxy/fair_share.h"

#include <algorithm>

namespace headwater::zone {

FairShare::FairShare(size_t capacity, size_t zones, size_t sources)
    : part_(capacity / (2 * std::max<size_t>(sources, 1))),
      common_(capacity - part_ * std::max<size_t>(sources, 1)),
      taken_(zones) {}

void FairShare::Take(size_t source) {
  if (++taken_[source] > part_ && common_ > 0) --common_;
}

}  // namespace headwater::zone
