#pragma once

#include <cstdint>
#include <string_view>

namespace headwater::session_manager {

// How much a sender is the one for a stream: rendezvous hashing, where the sender with the highest
// score gets the stream. Each sender gets a share of all streams in proportion to its weight. A
// sender that comes takes its share from all others alike, one that goes leaves its own to them,
// and no other stream changes its place. The same for every process, and the sessions of one number
// agree without knowing of each other.
double PlacementScore(std::string_view sender, double weight, uint32_t number);

}  // namespace headwater::session_manager
