#include "services/dvb-tuner/run_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/dvb-tuner/frontend_stats_shell.h"

namespace headwater::tuner {
namespace {

constexpr Duration kReloadRetry = 50ms;
// Between questions for the PAT while there is none, and when there may be another one.
constexpr Duration kProgramsAwait = 100ms;
constexpr Duration kProgramsRefresh = 1s;
constexpr int kReceiveBuffer = 1 << 20;

int64_t Milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

std::vector<std::string> ArgumentsOf(const Options& options, const TunerOptions& tuner,
                                     const Carrier& carrier, const std::string& input,
                                     const std::string& files) {
  // Only errors in words; what happens as XML, bitrate and errors each second.
  std::vector<std::string> words = {"-q3",
                                    "-x",
                                    "xml",
                                    "-6",
                                    "1000",
                                    "-c",
                                    files + ".conf",
                                    "-r",
                                    files + ".sock",
                                    "-L",
                                    fmt::format("{}", Milliseconds(options.latency)),
                                    "-M",
                                    "Headwater"};
  if (options.any_type) words.emplace_back("-z");
  if (!input.empty()) {
    words.insert(words.end(), {"-D", input});
    return words;
  }
  const std::vector<std::string> own = carrier.Arguments();
  words.insert(words.end(), own.begin(), own.end());
  if (tuner.kind != TunerKind::kCard) return words;
  if (std::ranges::find(own, "-O") == own.end()) {
    words.insert(words.end(),
                 {"-O", fmt::format("{}", Milliseconds(options.reception.lock_timeout))});
  }
  words.insert(words.end(),
               {"-a", fmt::format("{}", tuner.adapter), "-n", fmt::format("{}", tuner.frontend)});
  if (tuner.ca != 0) words.insert(words.end(), {"-y", fmt::format("{}", tuner.ca)});
  if (!tuner.pid_filter) words.emplace_back("-u");
  return words;
}

}  // namespace

RunShell::RunShell(EventLoop& loop, RunObserver& observer, const TunerOptions& tuner, uint64_t run,
                   std::string files)
    : loop_(loop), observer_(observer), tuner_(tuner), run_(run), files_(std::move(files)) {}

absl::StatusOr<std::unique_ptr<RunShell>> RunShell::Start(
    EventLoop& loop, RunObserver& observer, const Options& options, const TunerOptions& tuner,
    const Carrier& carrier, const std::string& input, uint64_t run, const std::string& files,
    const std::vector<DvblastOutput>& outputs, uint64_t generation) {
  std::unique_ptr<RunShell> shell(new RunShell(loop, observer, tuner, run, files));
  RETURN_IF_ERROR(shell->OpenTables());
  RETURN_IF_ERROR(shell->WriteConfig(outputs));
  shell->generation_ = generation;
  unlink((files + ".sock").c_str());
  shell->control_ = std::make_unique<ControlSocketShell>(loop, files + ".sock", files + ".ask");
  RunShell* raw = shell.get();
  ChildProcess::Callbacks callbacks = {
      .on_output =
          [raw](std::string_view line) {
            if (const auto event = ParseDvblastOutput(line)) {
              raw->observer_.OnRunEvent(raw->run_, *event);
            }
          },
      .on_error =
          [raw](std::string_view line) {
            // A card in trouble makes dvblast say the same thousands of times a second.
            if (line == raw->last_error_) return;
            raw->last_error_ = line;
            if (const auto event = ParseDvblastMessage(line)) {
              raw->observer_.OnRunEvent(raw->run_, *event);
            }
          },
      .on_exit = [raw](const std::string& how) { raw->observer_.OnRunExited(raw->run_, how); }};
  ASSIGN_OR_RETURN(
      shell->process_,
      ChildProcess::Start(loop, options.dvblast, ArgumentsOf(options, tuner, carrier, input, files),
                          std::move(callbacks)));
  raw->programs_timer_ = loop.At(loop.now() + kProgramsAwait, [raw] { raw->AskPrograms(); });
  return shell;
}

RunShell::~RunShell() {
  loop_.Cancel(reload_timer_);
  loop_.Cancel(programs_timer_);
  control_.reset();
  process_.reset();
  if (tables_fd_ >= 0) {
    loop_.RemoveFd(tables_fd_);
    close(tables_fd_);
  }
  for (const char* ending : {".conf", ".sock"}) unlink((files_ + ending).c_str());
}

absl::Status RunShell::OpenTables() {
  tables_fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage address;
  const Endpoint any_port = {IpAddress::V4(INADDR_LOOPBACK), 0};
  socklen_t size = ToSockaddr(any_port, 0, address);
  if (tables_fd_ < 0 || bind(tables_fd_, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    return absl::UnavailableError(fmt::format("no socket for tables: {}", std::strerror(errno)));
  }
  setsockopt(tables_fd_, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof(kReceiveBuffer));
  sockaddr_in bound = {};
  size = sizeof(bound);
  getsockname(tables_fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  tables_ = {any_port.address, ntohs(bound.sin_port)};
  loop_.AddFd(tables_fd_, EPOLLIN, [this](uint32_t) { ReadTables(); });
  return absl::OkStatus();
}

void RunShell::ReadTables() {
  constexpr int kAtOnce = 64;
  std::vector<SiTable> tables;
  std::array<uint8_t, 2048> buffer;
  for (int i = 0; i < kAtOnce; ++i) {
    const ssize_t size = recv(tables_fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    collector_.Push(Bytes(buffer).first(static_cast<size_t>(size)), tables);
  }
  if (!tables.empty()) observer_.OnRunTables(run_, tables);
}

void RunShell::AskPrograms() {
  control_->Ask(
      ControlRequest(ControlCommand::kPat), [this](const std::optional<ControlReply>& reply) {
        std::vector<SiTable> tables;
        if (reply && reply->answer == ControlAnswer::kPat) {
          for (const Bytes section : SplitSections(reply->body)) {
            collector_.PushSection(section, tables);
          }
        }
        const Duration wait = collector_.has_programs() ? kProgramsRefresh : kProgramsAwait;
        programs_timer_ = loop_.At(loop_.now() + wait, [this] { AskPrograms(); });
        if (!tables.empty()) observer_.OnRunTables(run_, tables);
      });
}

// Under another name first, so that dvblast never reads half of it.
absl::Status RunShell::WriteConfig(const std::vector<DvblastOutput>& outputs) {
  std::vector<DvblastOutput> all = outputs;
  all.push_back(
      {.to = tables_, .pids = {std::begin(SiCollector::kPids), std::end(SiCollector::kPids)}});
  const std::string text = DvblastConfig(all);
  const std::string path = files_ + ".conf", fresh = files_ + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (!written || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return absl::OkStatus();
}

void RunShell::Configure(const std::vector<DvblastOutput>& outputs, uint64_t generation) {
  if (!WriteConfig(outputs).ok()) {
    // No space: what runs goes on, and the next change tries again.
    observer_.OnRunEvent(run_, {DvblastEvent::Kind::kMessage, 0, files_ + ".conf: not written"});
    return;
  }
  generation_ = generation;
  if (!reloading_) Reload();
}

void RunShell::Reload() {
  reloading_ = true;
  const uint64_t generation = generation_;
  control_->Ask(ControlRequest(ControlCommand::kReload),
                [this, generation](const std::optional<ControlReply>& reply) {
                  if (!reply || reply->answer != ControlAnswer::kOk) {
                    reload_timer_ = loop_.At(loop_.now() + kReloadRetry, [this] { Reload(); });
                    return;
                  }
                  reloading_ = false;
                  if (generation_ != generation) Reload();
                  observer_.OnRunConfigured(run_, generation);
                });
}

void RunShell::AskMap(uint16_t service_id) {
  control_->Ask(ControlRequest(ControlCommand::kPmt, service_id),
                [this, service_id](const std::optional<ControlReply>& reply) {
                  if (!reply || reply->answer != ControlAnswer::kPmt) return;
                  const auto section = mpegts::ParseSection(reply->body);
                  if (!section.ok()) return;
                  const auto map = mpegts::ProgramMap::Parse(*section);
                  if (map.ok()) observer_.OnRunMap(run_, service_id, *map);
                });
}

void RunShell::AskPid(uint16_t pid) {
  control_->Ask(ControlRequest(ControlCommand::kPid, pid),
                [this, pid](const std::optional<ControlReply>& reply) {
                  if (!reply || reply->answer != ControlAnswer::kPid) return;
                  if (const auto status = ParsePidStatus(reply->body)) {
                    observer_.OnRunPid(run_, pid, *status);
                  }
                });
}

// Of a card alone: nothing else has a frontend.
void RunShell::AskStatus() {
  if (tuner_.kind != TunerKind::kCard) return;
  control_->Ask(ControlRequest(ControlCommand::kFrontendStatus),
                [this](const std::optional<ControlReply>& reply) {
                  if (!reply || reply->answer != ControlAnswer::kFrontendStatus) return;
                  const auto status = ParseFrontendStatus(reply->body);
                  if (!status) return;
                  Signal signal = {.locked = status->locked};
                  if (status->strength != 0) signal.strength_ratio = status->strength / 65535.0;
                  if (status->snr != 0) signal.snr_ratio = status->snr / 65535.0;
                  ReadFrontendStats(tuner_.adapter, tuner_.frontend, signal);
                  observer_.OnRunSignal(run_, signal);
                });
}

}  // namespace headwater::tuner
