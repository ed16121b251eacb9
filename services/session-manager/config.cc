#include "services/session-manager/config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/control/control_endpoint.h"

namespace headwater::session_manager {
namespace {

void CheckEndpoint(ConfigTable& table, std::string_view key, const std::string& target) {
  const absl::StatusOr<ControlEndpoint> endpoint = ControlEndpoint::Parse(target);
  if (!endpoint.ok()) table.Fault(key, FromAbsl(endpoint.status().message()));
}

std::vector<SenderOptions> ReadSenders(ConfigTable& table, const SenderOptions& local) {
  std::vector<SenderOptions> senders;
  std::set<std::string> names;
  for (ConfigTable each : table.Tables("senders")) {
    SenderOptions sender = local;
    each.Read("name", sender.name);
    each.Read("packager", sender.packager);
    each.Read("announcer", sender.announcer);
    each.RejectUnknown();
    CheckEndpoint(each, "packager", sender.packager);
    CheckEndpoint(each, "announcer", sender.announcer);
    if (sender.name.empty() || !names.insert(sender.name).second) {
      each.Fault("name", "must be given, and differ from the other senders'");
    }
    senders.push_back(std::move(sender));
  }
  if (senders.empty()) senders.push_back(local);
  return senders;
}

}  // namespace

Options ReadOptions(ConfigTable& table, const CommonOptions& common) {
  // Instances are chosen by endpoint here, never by this process's own number.
  CommonOptions first = common;
  first.instance = 0;
  const auto target = [&](std::string_view service) { return "unix:" + first.SocketPath(service); };

  Options options;
  options.membership_watchers = {target("membership-watcher")};
  options.directory_resolver = target("directory-resolver");
  table.Read("membership_watchers", options.membership_watchers);
  if (options.membership_watchers.empty()) {
    table.Fault("membership_watchers", "must name at least one endpoint");
  }
  for (const std::string& watcher : options.membership_watchers)
    CheckEndpoint(table, "membership_watchers", watcher);
  table.Read("directory_resolver", options.directory_resolver);
  CheckEndpoint(table, "directory_resolver", options.directory_resolver);
  options.senders = ReadSenders(
      table,
      {.name = "local", .packager = target("rtp-packager"), .announcer = target("sap-announcer")});
  options.dvb_tuner = target("dvb-tuner");
  options.dvb_tuner_expected = table.Read("dvb_tuner", options.dvb_tuner);
  CheckEndpoint(table, "dvb_tuner", options.dvb_tuner);
  options.drained_file =
      (std::filesystem::path(common.state_dir) / "session-manager.drained").string();
  table.Read("call_timeout", options.call_timeout, Range<Duration>{100ms, 60s});
  table.Read("check_period", options.check_period, Range<Duration>{0s, 24h});
  if (options.check_period > 0s && options.check_period < 1s) {
    table.Fault("check_period", "must be 0s, for no checks, or at least 1s");
  }
  ReconcilerOptions& core = options.reconciler;
  table.Read("sessions_max", core.sessions_max, {1, 65536});
  table.Read("sessions_per_link_max", core.sessions_per_link_max, {1, 65536});
  table.Read("starts_per_second", core.starts_per_second, Range<double>{0.1, 10000});
  table.Read("starts_burst", core.starts_burst, Range<double>{1, 10000});
  table.Read("resolve_timeout", core.resolve_timeout, Range<Duration>{100ms, 60s});
  table.Read("announce_wait", core.announce_wait, Range<Duration>{0ms, 5s});
  table.Read("retry_min", core.retry_min, Range<Duration>{100ms, 60s});
  table.Read("retry_max", core.retry_max, Range<Duration>{1s, 1h});
  if (core.retry_max < core.retry_min) table.Fault("retry_max", "must not be less than retry_min");
  table.Read("sender_grace", core.sender_grace, Range<Duration>{100ms, 1h});
  table.Read("listener_interval", core.listener_interval, Range<Duration>{10s, 1h});
  return options;
}

bool UsesTls(const Options& options) {
  const auto uses = [](const std::string& target) { return target.starts_with("tls://"); };
  return std::any_of(options.membership_watchers.begin(), options.membership_watchers.end(),
                     uses) ||
         uses(options.directory_resolver) || uses(options.dvb_tuner) ||
         std::any_of(options.senders.begin(), options.senders.end(), [&](const auto& sender) {
           return uses(sender.packager) || uses(sender.announcer);
         });
}

}  // namespace headwater::session_manager
