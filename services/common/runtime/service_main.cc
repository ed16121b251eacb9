#include "services/common/runtime/service_main.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <optional>
#include <thread>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/metrics/http_endpoint.h"
#include "services/common/rpc/control_tls.h"
#include "services/common/rpc/grpc_server.h"
#include "services/common/runtime/control_metrics.h"
#include "services/common/runtime/privileges.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// A drain that takes longer is cut: a supervisor's own limit is 10 s or more.
constexpr Duration kDrainLimit = 5s;
// Certificates expire in days: it is enough to look now and then.
constexpr Duration kExpiryPeriod = 5s;

struct Flags {
  std::string config_path;
  bool check_config = false;
  bool health = false;
  int instance = 0;
  std::string log_level;
};

int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return EX_OK;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
      return EX_CONFIG;
    case absl::StatusCode::kPermissionDenied:
      return EX_NOPERM;
    default:
      return EX_UNAVAILABLE;
  }
}

// Empty when the process goes on; else its exit status.
std::optional<int> ParseFlags(int argc, char** argv, const ServiceDefinition& definition,
                              Flags& flags) {
  CLI::App app(definition.summary, definition.name);
  app.add_option("--config", flags.config_path, "The headend's configuration file (TOML)")
      ->envname("HEADWATER_CONFIG")
      ->required();
  app.add_flag("--check-config", flags.check_config,
               "Read the configuration, say what is wrong with it, and end");
  app.add_flag("--health", flags.health,
               "Ask the instance that runs here whether it lives, and end with 0 or 69");
  app.add_option("--instance", flags.instance,
                 "Number of this instance where there are several (HTTP port + 10 x number)")
      ->envname("HEADWATER_INSTANCE")
      ->check(CLI::Range(0, 9));
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error; over the file's");
  app.set_version_flag("--version", definition.name + " " HEADWATER_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EX_OK : EX_USAGE;
  }
  return std::nullopt;
}

absl::StatusOr<CommonOptions> LoadConfig(const Flags& flags, const ServiceDefinition& definition) {
  ASSIGN_OR_RETURN(ConfigTable file, ConfigTable::Load(flags.config_path));
  CommonOptions common = LoadCommonOptions(file);
  common.instance = flags.instance;
  ConfigTable table = file.Table(definition.name);
  ReadControlOptions(table, common);
  definition.configure(table, common);
  table.RejectUnknown();
  file.RejectUnknown();
  if (!flags.log_level.empty() && !ParseLogLevel(flags.log_level, common.log_level)) {
    return absl::InvalidArgumentError(ToAbsl(
        fmt::format("--log-level {}: must be debug, info, warning or error", flags.log_level)));
  }
  RETURN_IF_ERROR(file.status());
  definition.accept();
  return common;
}

uint16_t HttpPort(const ServiceDefinition& definition, int instance) {
  return static_cast<uint16_t>(definition.http_port + 10 * instance);
}

absl::Status AskHealth(const Flags& flags, const ServiceDefinition& definition) {
  std::string address = CommonOptions().http_address;
  // A fault in the file is no fault of the process, which goes on with what it has read.
  if (absl::StatusOr<ConfigTable> file = ConfigTable::Load(flags.config_path); file.ok())
    address = LoadCommonOptions(*file).http_address;
  return AskLive(address, HttpPort(definition, flags.instance));
}

sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// One process from its validated configuration to its end.
class Process {
 public:
  Process(const ServiceDefinition& definition, Flags flags, CommonOptions options)
      : definition_(definition),
        flags_(std::move(flags)),
        options_(std::move(options)),
        log_(definition.name, options_.log_level),
        registry_(std::make_shared<prometheus::Registry>()),
        control_metrics_(*registry_, log_),
        runtime_{
            options_, log_, loop_, *registry_, definition.name + " " HEADWATER_VERSION, [this] {
              return Control();
            }} {}

  ~Process() {
    loop_.Cancel(expiry_timer_);
    server_.reset();
    instance_.reset();
    control_.reset();
    if (signal_fd_ >= 0) close(signal_fd_);
  }

  absl::Status Run() {
    RETURN_IF_ERROR(Start());
    http_->set_ready(true);
    server_->SetServing(true);
    sd_notify(0, "READY=1");
    FeedWatchdog();
    log_.Info("ready",
              {{"socket", options_.SocketPath(definition_.name)}, {"http_port", http_->port()}});
    loop_.Run();
    http_->set_ready(false);
    log_.Info("ended");
    return absl::OkStatus();
  }

 private:
  absl::Status Start() {
    const sigset_t signals = HandledSignals();
    signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    loop_.AddFd(signal_fd_, EPOLLIN, [this](uint32_t) { OnSignal(); });
    RegisterMetrics();
    if (!definition_.needs_privileges)
      RETURN_IF_ERROR(DropPrivileges(definition_.kept_capabilities));
    ASSIGN_OR_RETURN(instance_, definition_.create(runtime_));
    if (definition_.needs_privileges)
      RETURN_IF_ERROR(DropPrivileges(definition_.kept_capabilities));
    const uint16_t port = HttpPort(definition_, options_.instance);
    ASSIGN_OR_RETURN(http_, HttpEndpoint::Listen(options_.http_address, port, registry_));
    RETURN_IF_ERROR(instance_->Start());
    ASSIGN_OR_RETURN(const std::optional<GrpcServer::Tcp> tcp, Tcp());
    ASSIGN_OR_RETURN(server_, GrpcServer::Listen(options_.SocketPath(definition_.name),
                                                 instance_->GrpcServices(), tcp));
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<GrpcServer::Tcp>> Tcp() {
    if (!options_.listen) return std::nullopt;
    const ControlEndpoint& listen = *options_.listen;
    const std::string target = listen.GrpcTarget();
    GrpcServer::Tcp tcp = {.address = target.substr(target.find(':') + 1), .credentials = nullptr};
    if (listen.kind == ControlEndpoint::Kind::kPlaintext) {
      log_.Warning("plaintext: whoever reaches it may do everything", {{"listen", tcp.address}});
      tcp.credentials = grpc::InsecureServerCredentials();
      return tcp;
    }
    ASSIGN_OR_RETURN(const std::shared_ptr<ControlTls> control, Control());
    log_.Info("mutual tls", {{"listen", tcp.address}, {"name", control->name().ToString()}});
    tcp.credentials = control->server();
    return tcp;
  }

  absl::StatusOr<std::shared_ptr<ControlTls>> Control() {
    if (control_) return control_;
    ControlFiles files = ControlFiles::In(options_.pki_dir, definition_.name, options_.instance);
    if (!options_.certificate.empty()) files.certificate = options_.certificate;
    ASSIGN_OR_RETURN(control_, ControlTls::Load(std::move(files), definition_.name,
                                                [this](const ControlRefusal& refusal) {
                                                  control_metrics_.OnRefusal(refusal);
                                                }));
    UpdateExpiry();
    return control_;
  }

  void UpdateExpiry() {
    control_metrics_.UpdateExpiry(*control_);
    expiry_timer_ = loop_.At(MonoNow() + kExpiryPeriod, [this] { UpdateExpiry(); });
  }

  void RegisterMetrics() {
    prometheus::BuildGauge()
        .Name("headwater_build_info")
        .Help("Always 1; which version of which service this is.")
        .Register(*registry_)
        .Add({{"service", definition_.name}, {"version", HEADWATER_VERSION}})
        .Set(1);
    reload_ok_ = &prometheus::BuildGauge()
                      .Name("headwater_config_last_reload_successful")
                      .Help(
                          "1 when the newest configuration was taken, 0 when it was refused and "
                          "the one before is in force.")
                      .Register(*registry_)
                      .Add({});
    reload_ok_->Set(1);
  }

  // By the loop, since it is the loop that may hang; three times within the limit that systemd has
  // set, if it has set one.
  void FeedWatchdog() {
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0) return;
    sd_notify(0, "WATCHDOG=1");
    loop_.At(MonoNow() + std::chrono::microseconds(limit_us / 3), [this] { FeedWatchdog(); });
  }

  void OnSignal() {
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) {
        Reload();
      } else {
        Drain();
      }
    }
  }

  // Keys that need a restart to change.
  absl::StatusOr<std::vector<std::string>> TakeConfig() {
    ASSIGN_OR_RETURN(const CommonOptions wanted, LoadConfig(flags_, definition_));
    ASSIGN_OR_RETURN(std::vector<std::string> keys, instance_->Reload());
    log_.set_level(wanted.log_level);
    for (std::string& key : RestartKeys(options_, wanted)) keys.push_back(std::move(key));
    return keys;
  }

  void Reload() {
    // `systemctl reload` returns when READY=1 comes again.
    sd_notify(0, "RELOADING=1");
    const absl::StatusOr<std::vector<std::string>> keys = TakeConfig();
    sd_notify(0, "READY=1");
    reload_ok_->Set(keys.ok() ? 1 : 0);
    if (keys.ok()) {
      log_.Info("configuration reloaded",
                {{"restart_needed_for", fmt::format("{}", fmt::join(*keys, " "))}});
    } else {
      log_.Error("configuration refused, the one before stays in force",
                 {{"error", FromAbsl(keys.status().message())}});
    }
  }

  // Health first, so that nobody new comes; then the instance says goodbye; then the server ends
  // while the loop still answers; then the loop.
  void Drain() {
    if (draining_) return;
    draining_ = true;
    log_.Info("draining");
    sd_notify(0, "STOPPING=1");
    server_->SetServing(false);
    http_->set_ready(false);
    loop_.At(MonoNow() + kDrainLimit, [this] { EndServer(); });
    instance_->Drain([this] { EndServer(); });
  }

  void EndServer() {
    if (stopping_.joinable()) return;
    stopping_ = std::jthread([this] {
      server_->Shutdown(500ms);
      loop_.Stop();
    });
  }

  const ServiceDefinition& definition_;
  Flags flags_;
  CommonOptions options_;
  Logger log_;
  EventLoop loop_;
  std::shared_ptr<prometheus::Registry> registry_;
  ControlMetrics control_metrics_;
  Runtime runtime_;
  std::shared_ptr<ControlTls> control_;
  EventLoop::TimerId expiry_timer_ = 0;
  prometheus::Gauge* reload_ok_ = nullptr;
  int signal_fd_ = -1;
  bool draining_ = false;
  std::unique_ptr<ServiceInstance> instance_;
  std::unique_ptr<HttpEndpoint> http_;
  std::unique_ptr<GrpcServer> server_;
  std::jthread stopping_;
};

}  // namespace

int ServiceMain(int argc, char** argv, const ServiceDefinition& definition) {
  Flags flags;
  if (std::optional<int> exit_code = ParseFlags(argc, argv, definition, flags)) return *exit_code;
  const auto fail = [&](const absl::Status& status) {
    fmt::print(stderr, "{}: {}\n", definition.name, FromAbsl(status.message()));
    return ExitCode(status);
  };
  if (flags.health) {
    const absl::Status status = AskHealth(flags, definition);
    return status.ok() ? EX_OK : fail(status);
  }
  absl::StatusOr<CommonOptions> options = LoadConfig(flags, definition);
  if (!options.ok()) return fail(options.status());
  if (flags.check_config) {
    if (absl::Status status = definition.check(); !status.ok()) return fail(status);
    fmt::print("{}: configuration is good\n", flags.config_path);
    return EX_OK;
  }
  // Before any thread, which would otherwise take the signals.
  const sigset_t signals = HandledSignals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(0007);
  Process process(definition, std::move(flags), *std::move(options));
  absl::Status status = process.Run();
  return status.ok() ? EX_OK : fail(status);
}

}  // namespace headwater
