#include "services/dvb-tuner/lease.h"

#include <algorithm>
#include <array>

#include "services/dvb-tuner/service.h"

namespace headwater::tuner {

std::string_view ToString(LeaseState state) {
  constexpr std::array<std::string_view, 5> kNames = {"tuning", "locked", "sending", "lost",
                                                      "failed"};
  return kNames[static_cast<size_t>(state)];
}

std::vector<uint16_t> Lease::Pids() const {
  constexpr size_t kPidsMax = 32;
  std::vector<uint16_t> pids = request.service.pids;
  if (map) {
    const auto add = [&](auto wanted) {
      for (const mpegts::ElementaryStream& stream : map->streams) {
        if (wanted(stream)) pids.push_back(static_cast<uint16_t>(stream.pid));
      }
    };
    add([](const auto& stream) { return IsVideo(stream); });
    add([](const auto& stream) { return IsAudio(stream); });
    add([](const auto& stream) { return !IsVideo(stream) && !IsAudio(stream); });
  }
  if (pids.size() > kPidsMax) pids.resize(kPidsMax);
  return pids;
}

}  // namespace headwater::tuner
