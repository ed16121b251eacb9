#include "services/mcast-bridge/undo_shell.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <string_view>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/config/config_table.h"

namespace headwater::bridge {
namespace {

absl::Status UndoFor(const std::string& config) {
  ASSIGN_OR_RETURN(ConfigTable file, ConfigTable::Load(config));
  const CommonOptions common = LoadCommonOptions(file);
  Logger log("mcast-bridge", common.log_level);
  const BridgeShell::Paths paths = PathsOf(common);
  ASSIGN_OR_RETURN(const auto nft, Nft::Open());
  ASSIGN_OR_RETURN(const auto hygiene, HygieneShell::Open(*nft, log, paths.journal, paths.table));
  const size_t undone = hygiene->UndoAll(false);
  fmt::print("undone: {}, left: {}\n", undone, hygiene->journal().changes.size());
  return hygiene->journal().changes.empty()
             ? absl::OkStatus()
             : absl::InternalError("something could not be undone; the log says what");
}

}  // namespace

// "<run_dir>/mcast-bridge", with the instance's number as the socket has it; the journal likewise.
BridgeShell::Paths PathsOf(const CommonOptions& options) {
  std::string run = options.SocketPath("mcast-bridge");
  run.erase(run.rfind(".sock"));
  const std::string name = run.substr(run.rfind('/'));
  return {.run = run + ".smcroute",
          .journal = options.state_dir + name + ".journal",
          .table = fmt::format("headwater_bridge{}",
                               options.instance == 0 ? "" : std::to_string(options.instance))};
}

int Undo(int argc, char** argv) {
  if (argc != 4 || std::string_view(argv[2]) != "--config") {
    fmt::print(stderr, "usage: mcast-bridge --undo --config FILE\n");
    return EX_USAGE;
  }
  const absl::Status status = UndoFor(argv[3]);
  if (status.ok()) return EX_OK;
  fmt::print(stderr, "mcast-bridge: {}\n", FromAbsl(status.message()));
  return EX_UNAVAILABLE;
}

}  // namespace headwater::bridge
