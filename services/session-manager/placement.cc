#include "services/session-manager/placement.h"

#include <cmath>

namespace headwater::session_manager {
namespace {

// FNV-1a, with a finalizer that spreads what differs in the last bits only.
uint64_t Hash(std::string_view text, uint32_t number) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char c : text) add(static_cast<uint8_t>(c));
  for (int shift = 0; shift < 32; shift += 8) add(static_cast<uint8_t>(number >> shift));
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return hash ^ (hash >> 32);
}

}  // namespace

double PlacementScore(std::string_view sender, double weight, uint32_t number) {
  // Uniform in (0, 1); of exponentially distributed draws with rates `weight` the least wins with
  // a probability in proportion to its rate.
  const double uniform = (static_cast<double>(Hash(sender, number) >> 11) + 0.5) * 0x1p-53;
  return weight / -std::log(uniform);
}

}  // namespace headwater::session_manager
