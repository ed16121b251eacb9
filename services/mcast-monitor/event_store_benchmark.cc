// Fills a store's folder with events such as switches and DECT bases send:
// monitor-fill FOLDER EVENTS SIZE_MAX_MIB. Prints one JSON object.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <random>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"
#include "services/mcast-monitor/event_log.h"
#include "services/mcast-monitor/event_store_shell.h"

namespace headwater::monitor {
namespace {

constexpr size_t kBatch = 2000;
// So many devices, each on one of these links.
constexpr unsigned kDevices = 1000;
constexpr std::array<const char*, 4> kLinks = {"mgmt", "voice", "iot", "lab"};
// Priority and text; {} is a number of up to 10^6, {1} of up to 48.
struct Template {
  unsigned severity;
  const char* app;
  const char* text;
};
constexpr Template kTemplates[] = {
    {6, "TRAPMGR", "traputil.c(636) {0} %% Link Up: Unit: 1 Slot: 0 Port: {1}"},
    {4, "TRAPMGR", "traputil.c(636) {0} %% Link Down: Unit: 1 Slot: 0 Port: {1}"},
    {6, "UNKN", "main_login.c(179) {0} %% HTTP Session {1} initiated for user admin connected"},
    {5, "DOT1S", "dot1s_txrx.c(212) {0} %% dot1sMstiTransmit: port {1} topology change"},
    {3, "POE", "poe.c(90) {0} %% port {1} overload, power removed"},
    {6, "dect", "handset {1} registered with base, session {0}"},
    {7, "dect", "sync slot {1} quality {0} of 1000000"},
    {2, "fan", "fan {1} stopped after {0} hours"},
    {6, "dhcp", "lease {0} renewed on port {1}"},
    {6, "sshd", "connection {0} closed by port {1}"},
};

Event Make(std::mt19937_64& random, absl::Time time) {
  const auto& chosen = kTemplates[random() % std::size(kTemplates)];
  const auto device = static_cast<uint32_t>(random() % kDevices);
  const IpAddress source = IpAddress::V4(0xc0a80a00u + device);
  const std::string datagram =
      fmt::format("<{}> Nov 28 19:41:00 {}-1 {}[{}]: {}", 16 * 8 + chosen.severity,
                  source.ToString(), chosen.app, 1000 + device,
                  fmt::format(fmt::runtime(chosen.text), random() % 1'000'000, random() % 48));
  const Arrival arrival = {.link = kLinks[device % kLinks.size()],
                           .source = {source, 514},
                           .destination = IpAddress::V4(0xeac0a80au),
                           .time = time};
  return SyslogEvent(arrival, AsBytes(datagram));
}

int Fill(const std::string& folder, uint64_t count, uint64_t bytes_max) {
  auto store = EventStore::Open(folder, {.bytes_max = bytes_max});
  if (!store.ok()) {
    fmt::print(stderr, "{}\n", FromAbsl(store.status().message()));
    return 1;
  }
  std::mt19937_64 random(1);
  EventLog log;
  const MonoTime began = MonoNow();
  // Over the last day.
  const absl::Time first = WallNow() - absl::Hours(24);
  const absl::Duration step = absl::Hours(24) / static_cast<double>(count);
  uint64_t most = 0;
  std::vector<Event> batch;
  for (uint64_t i = 0; i < count; ++i) {
    batch.push_back(log.Add(Make(random, first + step * static_cast<double>(i))));
    if (batch.size() < kBatch && i + 1 < count) continue;
    if (const absl::Status status = (*store)->Write(batch, WallNow()); !status.ok()) {
      fmt::print(stderr, "{}\n", FromAbsl(status.message()));
      return 1;
    }
    batch.clear();
    most = std::max(most, (*store)->stats().bytes);
  }
  const EventStore::Stats& stats = (*store)->stats();
  fmt::print("{{\"events\": {}, \"bytes\": {}, \"bytes_most\": {}, \"seconds\": {:.1f}}}\n",
             stats.events, stats.bytes, most,
             std::chrono::duration<double>(MonoNow() - began).count());
  return 0;
}

}  // namespace
}  // namespace headwater::monitor

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: monitor-fill FOLDER EVENTS SIZE_MAX_MIB\n");
    return 64;
  }
  const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
  return headwater::monitor::Fill(argv[1], number(argv[2]), number(argv[3]) << 20);
}
