#include "services/dvb-tuner/frontend_stats_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dvb/frontend.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

namespace headwater::tuner {
namespace {

// Of the whole carrier: the first layer.
const dtv_stats* First(const dtv_property& property) {
  const dtv_fe_stats& stats = property.u.st;
  return stats.len > 0 ? &stats.stat[0] : nullptr;
}

void ReadLevel(const dtv_property& property, std::optional<double>& decibels,
               std::optional<double>& ratio) {
  const dtv_stats* stats = First(property);
  if (stats == nullptr) return;
  if (stats->scale == FE_SCALE_DECIBEL) decibels = static_cast<double>(stats->svalue) / 1000;
  if (stats->scale == FE_SCALE_RELATIVE) ratio = static_cast<double>(stats->uvalue) / 65535;
}

std::optional<uint64_t> Counter(const dtv_property& property) {
  const dtv_stats* stats = First(property);
  if (stats == nullptr || stats->scale != FE_SCALE_COUNTER) return std::nullopt;
  return stats->uvalue;
}

}  // namespace

void ReadFrontendStats(int adapter, int frontend, Signal& signal) {
  const std::string path = fmt::format("/dev/dvb/adapter{}/frontend{}", adapter, frontend);
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  std::array<dtv_property, 5> properties = {};
  constexpr std::array<uint32_t, 5> kCommands = {
      DTV_STAT_SIGNAL_STRENGTH, DTV_STAT_CNR, DTV_STAT_PRE_ERROR_BIT_COUNT,
      DTV_STAT_PRE_TOTAL_BIT_COUNT, DTV_STAT_ERROR_BLOCK_COUNT};
  for (size_t i = 0; i < properties.size(); ++i) properties[i].cmd = kCommands[i];
  dtv_properties request = {.num = properties.size(), .props = properties.data()};
  if (ioctl(fd, FE_GET_PROPERTY, &request) == 0) {
    ReadLevel(properties[0], signal.strength_dbm, signal.strength_ratio);
    ReadLevel(properties[1], signal.snr_db, signal.snr_ratio);
    const auto errors = Counter(properties[2]);
    const auto bits = Counter(properties[3]);
    if (errors && bits && *bits > 0) {
      signal.bit_error_rate = static_cast<double>(*errors) / static_cast<double>(*bits);
    }
    signal.uncorrected_blocks = Counter(properties[4]);
  }
  close(fd);
}

}  // namespace headwater::tuner
