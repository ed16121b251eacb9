#include "services/mcast-bridge/hygiene_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/mcast-bridge/netlink_shell.h"
#include "services/mcast-bridge/ruleset.h"

namespace headwater::bridge {
namespace {

absl::Status FileError(const std::string& path) {
  return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", path, std::strerror(errno))));
}

// One line, without its end; empty when it cannot be read.
std::string ReadLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string NetworkNamespace() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/ns/net", ignored).string();
}

absl::Status WriteSysctl(const std::string& key, const std::string& value) {
  const std::string path = "/proc/sys/" + key;
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  // The interface is gone, and its settings with it.
  if (fd < 0 && errno == ENOENT) return absl::OkStatus();
  const bool written =
      fd >= 0 && write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const absl::Status status = written ? absl::OkStatus() : FileError(path);
  if (fd >= 0) close(fd);
  return status;
}

void ReadForwarding(const Interfaces& present, std::map<std::string, std::string>& out) {
  for (const auto& [link, interface] : present) {
    const std::string key = fmt::format("net/ipv4/conf/{}/forwarding", interface);
    out[key] = ReadLine("/proc/sys/" + key);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/sys/net/ipv6/conf", error)) {
    const std::string key =
        fmt::format("net/ipv6/conf/{}/forwarding", entry.path().filename().string());
    out[key] = ReadLine("/proc/sys/" + key);
  }
  std::erase_if(out, [](const auto& row) { return row.second.empty(); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<HygieneShell>> HygieneShell::Open(Nft& nft, Logger& log,
                                                                 std::string journal_path,
                                                                 std::string table) {
  std::unique_ptr<HygieneShell> shell(
      new HygieneShell(nft, log, std::move(journal_path), std::move(table)));
  RETURN_IF_ERROR(shell->OpenJournal());
  return shell;
}

HygieneShell::~HygieneShell() {
  if (fd_ >= 0) close(fd_);
}

absl::Status HygieneShell::OpenJournal() {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return FileError(path_);
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(
        ToAbsl(fmt::format("{}: another mcast-bridge is at work with it", path_)));
  }
  std::ifstream file(path_);
  const Journal found = ParseJournal(std::string(std::istreambuf_iterator<char>(file), {}));
  journal_.boot = ReadLine("/proc/sys/kernel/random/boot_id");
  journal_.network = NetworkNamespace();
  if (found.boot == journal_.boot && found.network == journal_.network) {
    journal_.changes = found.changes;
  } else if (!found.changes.empty()) {
    log_.Info("the journal is of another boot or network namespace: nothing of it is left",
              {{"changes", found.changes.size()}});
  }
  return Rewrite();
}

// On disk when this returns.
absl::Status HygieneShell::Write(const std::string& text) {
  const bool written = write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fdatasync(fd_) == 0;
  return written ? absl::OkStatus() : FileError(path_);
}

// Under another name first: a journal that lost what is still to be undone would be worse than
// none.
absl::Status HygieneShell::Rewrite() {
  std::string text = JournalHead(journal_);
  for (const Change& change : journal_.changes) text += JournalLine(change);
  const std::string fresh = path_ + ".new";
  const int fd = open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(fresh);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 ||
      write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      fdatasync(fd) != 0 || std::rename(fresh.c_str(), path_.c_str()) != 0) {
    const absl::Status status = FileError(path_);
    close(fd);
    return status;
  }
  close(std::exchange(fd_, fd));
  return absl::OkStatus();
}

std::string HygieneShell::ListChain(const std::string& chain) {
  nft_.set_handles(true);
  absl::StatusOr<std::string> list = nft_.Run("list chain " + chain);
  nft_.set_handles(false);
  return list.ok() ? *std::move(list) : "";
}

absl::StatusOr<Facts> HygieneShell::Gather(const Interfaces& present, uint32_t mark) {
  Facts facts;
  ASSIGN_OR_RETURN(facts.snooping, ReadSnooping());
  ReadForwarding(present, facts.sysctls);
  ASSIGN_OR_RETURN(MulticastRoutes routes, ReadMulticastRoutes());
  facts.routes = std::move(routes.routes);
  facts.unreachable = std::move(routes.unreachable);
  // Chain by chain: somebody's sets may have a hundred thousand elements.
  ASSIGN_OR_RETURN(const std::string heads, nft_.Run("list chains"));
  std::string chains;
  for (const ForwardChain& chain : ParseForwardChains(heads, table_, mark)) {
    chains += ListChain(chain.name);
  }
  facts.chains = ParseForwardChains(chains, table_, mark);
  return facts;
}

absl::Status HygieneShell::Make(const Change& change, uint32_t mark) {
  if (!journal_.Has(change)) {
    RETURN_IF_ERROR(Write(JournalLine(change)));
    journal_.changes.push_back(change);
  }
  return Apply(change, mark);
}

absl::Status HygieneShell::Apply(const Change& change, uint32_t mark) {
  switch (change.kind) {
    case Change::Kind::kTable:
      return absl::OkStatus();
    case Change::Kind::kRule:
      return nft_
          .Run(fmt::format("insert rule {} {} comment \"{}\"", change.subject, AcceptRule(mark),
                           kRuleComment))
          .status();
    case Change::Kind::kSnooping:
      return SetSnooping(change.subject, false);
    case Change::Kind::kSysctl:
      return WriteSysctl(change.subject, "1");
    case Change::Kind::kRouteAdded:
      return SetUnreachable(change.subject == kUnreachableRoutes[0], true);
    case Change::Kind::kRouteRemoved:
      return SetRoute(change.before, false);
  }
  return absl::OkStatus();
}

absl::Status HygieneShell::Undo(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kTable:
      return nft_.Run(DeleteTable(change.subject)).status();
    case Change::Kind::kRule: {
      for (const std::string& handle : OwnRuleHandles(ListChain(change.subject), change.subject)) {
        RETURN_IF_ERROR(
            nft_.Run(fmt::format("delete rule {} handle {}", change.subject, handle)).status());
      }
      return absl::OkStatus();
    }
    case Change::Kind::kSnooping:
      return SetSnooping(change.subject, change.before != "0");
    case Change::Kind::kSysctl:
      return WriteSysctl(change.subject, change.before);
    case Change::Kind::kRouteAdded:
      return SetUnreachable(change.subject == kUnreachableRoutes[0], false);
    case Change::Kind::kRouteRemoved:
      return SetRoute(change.before, true);
  }
  return absl::OkStatus();
}

size_t HygieneShell::UndoAll(bool keep_table) {
  std::vector<Change> left;
  size_t undone = 0;
  for (auto change = journal_.changes.rbegin(); change != journal_.changes.rend(); ++change) {
    if (keep_table && change->kind == Change::Kind::kTable) {
      left.insert(left.begin(), *change);
      continue;
    }
    const absl::Status status = Undo(*change);
    if (status.ok()) {
      ++undone;
      continue;
    }
    log_.Error("a change could not be undone",
               {{"change", change->subject}, {"error", FromAbsl(status.message())}});
    left.insert(left.begin(), *change);
  }
  journal_.changes = std::move(left);
  if (const absl::Status status = Rewrite(); !status.ok()) {
    log_.Error("journal", {{"error", FromAbsl(status.message())}});
  }
  return undone;
}

}  // namespace headwater::bridge
