#include "services/mcast-bridge/smcroute_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"

namespace headwater::bridge {
namespace {

constexpr Duration kBackoffFirst = 500ms;
constexpr Duration kBackoffMax = 10s;
// One that ran for so long begins with the first again.
constexpr Duration kStableAfter = 30s;
constexpr Duration kProbePeriod = 2s;

// MRT_INIT and MRT6_INIT: linux/mroute.h and netinet/in.h declare the same things.
constexpr int kRoutingInit = 200;

enum class Ownership { kFree, kTaken, kUnsupported };

// The kernel alone knows: it is asked for the routing, and given it back at once.
Ownership ProbeFamily(bool v4) {
  const int fd = v4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP)
                    : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  if (fd < 0) return Ownership::kUnsupported;
  const int one = 1;
  const int failed = v4 ? setsockopt(fd, IPPROTO_IP, kRoutingInit, &one, sizeof one)
                        : setsockopt(fd, IPPROTO_IPV6, kRoutingInit, &one, sizeof one);
  const int error = errno;
  close(fd);
  if (failed == 0) return Ownership::kFree;
  return error == EADDRINUSE ? Ownership::kTaken : Ownership::kUnsupported;
}

// Which process has the routing is hidden from us once it has capabilities that we have not, so
// those that are known to route multicast are named.
std::string LikelyOwners() {
  constexpr std::string_view kRouters[] = {"smcrouted", "pimd",      "pim6sd",     "mrouted",
                                           "dvmrpd",    "igmpproxy", "mcproxy",    "mrd6",
                                           "bird",      "xorp_fea",  "igmp3proxy", "omcproxy"};
  std::error_code error;
  const std::string own_network =
      std::filesystem::read_symlink("/proc/self/ns/net", error).string();
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "comm");
    std::string name;
    std::getline(file, name);
    if (std::ranges::find(kRouters, name) == std::end(kRouters)) continue;
    const auto network = std::filesystem::read_symlink(entry.path() / "ns/net", error).string();
    if (!network.empty() && network != own_network) continue;
    found.push_back(fmt::format("{} (pid {})", name, pid));
    if (found.size() >= 4) break;
  }
  return found.empty() ? "a program that is not known by its name"
                       : fmt::format("{}", fmt::join(found, " or "));
}

}  // namespace

SmcrouteShell::SmcrouteShell(EventLoop& loop, Logger& log, Files files, OnChange on_change)
    : loop_(loop), log_(log), files_(std::move(files)), on_change_(std::move(on_change)) {}

SmcrouteShell::~SmcrouteShell() {
  loop_.Cancel(restart_);
  loop_.Cancel(probe_);
  process_.reset();
  for (const char* ending : {".conf", ".ctl", ".pid"}) unlink((files_.prefix + ending).c_str());
}

void SmcrouteShell::Configure(Config config, Duration cache_timeout) {
  cache_timeout_ = cache_timeout;
  if (config == config_) return;
  config_ = std::move(config);
  if (process_ != nullptr) {
    if (WriteConfig()) kill(process_->pid(), SIGHUP);
  } else if (restart_ == 0) {
    Start();
  }
}

// Under another name first, so that smcrouted never reads half of it.
bool SmcrouteShell::WriteConfig() {
  const std::string& text = state_.ipv6 ? config_.both : config_.ipv4;
  const std::string path = files_.prefix + ".conf", fresh = files_.prefix + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (written && std::rename(fresh.c_str(), path.c_str()) == 0) return true;
  Complain({"config", fmt::format("{}: {}", path, std::strerror(errno))});
  RestartAfter(kBackoffMax);
  return false;
}

void SmcrouteShell::Probe() {
  const Ownership v4 = ProbeFamily(true), v6 = ProbeFamily(false);
  state_.ipv4 = v4 == Ownership::kFree;
  // smcrouted 2.5 takes no interface into IPv6 that IPv4 refuses.
  state_.ipv6 = v6 == Ownership::kFree && v4 == Ownership::kFree;
  const bool taken_before = taken_v4_ || taken_v6_;
  taken_v4_ = v4 == Ownership::kTaken;
  taken_v6_ = v6 == Ownership::kTaken;
  if (!taken_v4_ && !taken_v6_) {
    owners_.clear();
  } else if (!taken_before) {
    owners_ = LikelyOwners();
    Complain({"in_use", fmt::format("{} multicast routing belongs to another program, probably {}",
                                    taken_v4_ && taken_v6_ ? "IPv4 and IPv6"
                                    : taken_v4_            ? "IPv4"
                                                           : "IPv6",
                                    owners_)});
  }
}

void SmcrouteShell::Start() {
  loop_.Cancel(restart_);
  restart_ = 0;
  Probe();
  if (taken_v4_ || taken_v6_) {
    loop_.Cancel(probe_);
    probe_ = loop_.At(loop_.now() + kProbePeriod, [this] { ProbeAgain(); });
  }
  if (state_.ipv4) {
    if (WriteConfig()) Launch();
  } else if (!taken_v4_ && !taken_v6_) {
    Complain({"kernel",
              "the kernel has no multicast routing, or CAP_NET_ADMIN and CAP_NET_RAW "
              "are missing"});
    RestartAfter(kBackoffMax);
  }
  on_change_();
}

// Only what another program has is asked for: the rest is our child's.
void SmcrouteShell::ProbeAgain() {
  probe_ = 0;
  const bool free = (taken_v4_ && ProbeFamily(true) != Ownership::kTaken) ||
                    (taken_v6_ && ProbeFamily(false) != Ownership::kTaken);
  if (!free) {
    probe_ = loop_.At(loop_.now() + kProbePeriod, [this] { ProbeAgain(); });
    return;
  }
  log_.Info("multicast routing is free again");
  process_.reset();
  state_.running = false;
  state_.pid = 0;
  Start();
}

void SmcrouteShell::Launch() {
  unlink((files_.prefix + ".ctl").c_str());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(cache_timeout_).count();
  const std::vector<std::string> arguments = {"-n", "-N",
                                              "-l", "notice",
                                              "-c", fmt::format("{}", seconds),
                                              "-f", files_.prefix + ".conf",
                                              "-u", files_.prefix + ".ctl",
                                              "-P", files_.prefix + ".pid"};
  auto process = ChildProcess::Start(loop_, files_.program, arguments,
                                     {.on_output = [this](std::string_view line) { OnLine(line); },
                                      .on_error = [this](std::string_view line) { OnLine(line); },
                                      .on_exit = [this](const std::string& how) { OnExit(how); }});
  if (!process.ok()) {
    state_.ipv4 = state_.ipv6 = false;
    Complain({"exit", std::string(FromAbsl(process.status().message()))});
    RestartAfter(kBackoffMax);
    return;
  }
  process_ = *std::move(process);
  started_ = loop_.now();
  state_.running = true;
  state_.pid = process_->pid();
  if (starts_++ > 0) ++state_.restarts;
  log_.Info("smcrouted runs", {{"pid", state_.pid}});
}

void SmcrouteShell::OnLine(std::string_view line) {
  const auto complaint = ParseSmcrouteLine(line);
  if (!complaint) return;
  Complain(*complaint);
  on_change_();
}

void SmcrouteShell::OnExit(const std::string& how) {
  process_.reset();
  state_.running = state_.ipv4 = state_.ipv6 = false;
  state_.pid = 0;
  Complain({"exit", how});
  if (loop_.now() - started_ > kStableAfter) backoff_ = 0s;
  backoff_ = std::min(backoff_ == 0s ? kBackoffFirst : 2 * backoff_, kBackoffMax);
  RestartAfter(backoff_);
  on_change_();
}

void SmcrouteShell::RestartAfter(Duration wait) {
  loop_.Cancel(restart_);
  restart_ = loop_.At(loop_.now() + wait, [this] {
    restart_ = 0;
    if (process_ == nullptr) Start();
  });
}

void SmcrouteShell::Complain(const Complaint& complaint) {
  state_.Complain(complaint, WallNow());
  log_.Warning("smcrouted", {{"kind", complaint.kind}, {"error", complaint.text}});
}

}  // namespace headwater::bridge
