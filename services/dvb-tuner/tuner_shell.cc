#include "services/dvb-tuner/tuner_shell.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <variant>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"
#include "services/dvb-tuner/lineup_store_shell.h"

namespace headwater::tuner {
namespace {

constexpr Duration kTick = 1s;
// Tables change in bursts.
constexpr Duration kSaveInterval = 5s;
// Behind the path of the state.
constexpr std::string_view kLineupFile = ".lineup";
constexpr std::string_view kCarriersFile = ".carriers";

int64_t UnixNow() { return absl::ToUnixSeconds(WallNow()); }

// The address from which the kernel would send there; unspecified when it knows no way.
IpAddress SourceTowards(const Endpoint& feed) {
  sockaddr_storage address;
  socklen_t size = ToSockaddr(feed, 0, address);
  const int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  IpAddress source;
  if (fd < 0) return source;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) {
    size = sizeof(address);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    source = IpAddress::FromSockaddr(reinterpret_cast<sockaddr*>(&address)).value_or(source);
  }
  close(fd);
  return source;
}

absl::StatusOr<CarriersFile> ReadCarriers(const Options& options) {
  if (options.carriers_path.empty()) return CarriersFile();
  std::ifstream file(options.carriers_path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError(options.carriers_path + ": cannot be read");
  std::stringstream text;
  text << file.rdbuf();
  CarriersFile carriers = CarriersFile::Parse(text.str(), options.positions);
  if (carriers.errors().empty()) return carriers;
  return absl::InvalidArgumentError(carriers.ErrorText(options.carriers_path));
}

}  // namespace

absl::Status CheckCarriers(const Options& options) { return ReadCarriers(options).status(); }

TunerShell::TunerShell(EventLoop& loop, Logger& log, const Options& options, Folders folders)
    : loop_(loop),
      log_(log),
      options_(options),
      folders_(std::move(folders)),
      reception_(options.reception, options.tuners) {}

TunerShell::~TunerShell() {
  loop_.Cancel(timer_);
  loop_.Cancel(tick_timer_);
}

absl::StatusOr<std::unique_ptr<TunerShell>> TunerShell::Open(EventLoop& loop, Logger& log,
                                                             const Options& options,
                                                             const Folders& folders) {
  std::unique_ptr<TunerShell> shell(new TunerShell(loop, log, options, folders));
  std::error_code error;
  std::filesystem::create_directories(folders.run, error);
  if (error) {
    return absl::UnavailableError(fmt::format("{}: {}", folders.run, error.message()));
  }
  const std::string stored = folders.state + std::string(kLineupFile);
  if (absl::Status loaded = LoadLineup(stored, options.positions, shell->lineup_); !loaded.ok()) {
    log.Warning("lineup begins empty", {{"error", FromAbsl(loaded.message())}});
  }
  RETURN_IF_ERROR(shell->LoadCarriers(options));
  shell->LogTuners();
  shell->OnTick();
  return shell;
}

absl::Status TunerShell::LoadCarriers(const Options& options) {
  ASSIGN_OR_RETURN(carriers_file_, ReadCarriers(options));
  lineup_.SetFile(carriers_file_.carriers());
  log_.Info("carriers read",
            {{"file", options.carriers_path}, {"carriers", carriers_file_.carriers().size()}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TunerShell::Reload(const Options& options) {
  RETURN_IF_ERROR(LoadCarriers(options));
  std::vector<std::string> keys;
  if (options.tuners != options_.tuners) keys.emplace_back("tuners");
  const std::vector<TunerOptions> tuners = options_.tuners;
  options_ = options;
  options_.tuners = tuners;
  reception_.SetOptions(options.reception);
  Publish();
  Rearm();
  return keys;
}

absl::Status TunerShell::Acquire(uint64_t epoch, LeaseRequest request) {
  if (epoch < epoch_) {
    return absl::FailedPreconditionError(fmt::format("epoch {} is older than {}", epoch, epoch_));
  }
  epoch_ = epoch;
  const LineupCarrier* entry = lineup_.Find(request.service.carrier);
  if (entry == nullptr) {
    return absl::NotFoundError(fmt::format("no carrier \"{}\"", request.service.carrier));
  }
  request.feed_source = SourceTowards(request.feed);
  if (request.feed_source.IsUnspecified()) {
    return absl::InvalidArgumentError("no way to the feed " + request.feed.ToString());
  }
  Actions actions;
  const uint32_t number = request.number;
  const absl::Status status = reception_.Acquire(request, entry->carrier, MonoNow(), actions);
  if (!status.ok()) {
    log_.Warning("lease refused", {{"number", fmt::format("{:#x}", number)},
                                   {"carrier", request.service.carrier},
                                   {"error", FromAbsl(status.message())}});
  }
  Perform(std::move(actions));
  return status;
}

absl::Status TunerShell::Release(uint64_t epoch, uint32_t number) {
  if (epoch < epoch_) {
    return absl::FailedPreconditionError(fmt::format("epoch {} is older than {}", epoch, epoch_));
  }
  epoch_ = epoch;
  Actions actions;
  reception_.Release(number, MonoNow(), actions);
  Perform(std::move(actions));
  return absl::OkStatus();
}

void TunerShell::SetWatched(bool watched) {
  reception_.SetWatched(watched, MonoNow());
  Rearm();
}

absl::Status TunerShell::BeginScan(const ScanRequest& request, ScanCallbacks callbacks) {
  if (scanner_) return absl::ResourceExhaustedError("another scan is running");
  ASSIGN_OR_RETURN(Scanner scanner, Scanner::Begin(request, lineup_, MonoNow()));
  scanner_ = std::make_unique<Scanner>(std::move(scanner));
  scan_callbacks_ = std::move(callbacks);
  log_.Info("scan begins", {{"dry_run", request.dry_run}});
  loop_.Post([this] { OnTimer(); });
  return absl::OkStatus();
}

void TunerShell::CancelScan() {
  if (!scanner_) return;
  scanner_.reset();
  Actions actions;
  reception_.EndScan(MonoNow(), actions);
  log_.Info("scan cancelled");
  Perform(std::move(actions));
}

void TunerShell::ContinueScan() {
  if (!scanner_) return;
  std::vector<ScanStep> steps;
  Actions actions;
  const SiCollector* collector = nullptr;
  if (const auto tuner = reception_.scan_tuner()) {
    const RunShell* shell = ShellOf(reception_.tuners()[*tuner].run());
    if (shell != nullptr) collector = &shell->collector();
  }
  scanner_->OnTime(MonoNow(), reception_, collector, steps, actions);
  Perform(std::move(actions));
  for (const ScanStep& step : steps) {
    log_.Info("scanned",
              {{"carrier", step.carrier}, {"services", step.services}, {"error", step.error}});
    scan_callbacks_.on_step(step);
  }
  if (!scanner_ || !scanner_->finished()) return;
  const ScanResult result = scanner_->Result();
  // Kept before it is told: what a person has seen found is there after any end of this process.
  if (scanner_->dry_lineup() == nullptr) {
    SaveLineupNow();
    SaveCarriers();
  }
  scanner_.reset();
  log_.Info("scan ends", {{"changes", result.changes.size()}, {"failed", result.failed}});
  scan_callbacks_.on_end(result);
}

// For people to take as their carriers file, with all that tables have added.
void TunerShell::SaveCarriers() {
  CarriersFile found = carriers_file_;
  for (const auto& [id, entry] : lineup_.carriers()) {
    if (entry.in_file) continue;
    Carrier carrier = entry.carrier;
    carrier.name = entry.name();
    found.Add(carrier);
  }
  const std::string path = folders_.state + std::string(kCarriersFile);
  const absl::Status saved = ReplaceFile(path, found.ToString());
  if (saved.ok()) {
    log_.Info("carriers written", {{"file", path}, {"carriers", found.carriers().size()}});
  } else {
    log_.Warning("carriers not written", {{"error", FromAbsl(saved.message())}});
  }
}

void TunerShell::SaveIfDue() {
  if (MonoNow() - saved_ >= kSaveInterval) SaveLineupNow();
}

void TunerShell::SaveLineupNow() {
  if (!unsaved_) return;
  unsaved_ = false;
  saved_ = MonoNow();
  const absl::Status saved = SaveLineup(folders_.state + std::string(kLineupFile), lineup_);
  if (!saved.ok()) log_.Warning("lineup not saved", {{"error", FromAbsl(saved.message())}});
}

void TunerShell::StopAll() {
  SaveLineupNow();
  runs_.clear();
}

RunShell* TunerShell::ShellOf(uint64_t run) {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.shell.get();
}

absl::StatusOr<std::unique_ptr<InputShell>> TunerShell::OpenInput(const Tuner& tuner,
                                                                  uint64_t run) {
  constexpr std::string_view kFile = "file://";
  const Carrier& carrier = *tuner.carrier();
  InputShell::Callbacks callbacks = {
      .on_failure =
          [this, run](const std::string& error) {
            OnRunEvent(run, {DvblastEvent::Kind::kMessage, 0, error});
            if (RunShell* shell = ShellOf(run)) shell->Stop();
          },
      .on_signal = [this, run](const Signal& signal) { OnRunSignal(run, signal); }};
  if (tuner.options().kind == TunerKind::kSatip) {
    return OpenSatip(loop_, tuner.options(), carrier, std::move(callbacks));
  }
  if (carrier.input.starts_with(kFile)) {
    return OpenFile(loop_, carrier.input.substr(kFile.size()), std::move(callbacks));
  }
  return std::unique_ptr<InputShell>();
}

void TunerShell::Do(const StartRun& start) {
  const Tuner& tuner = reception_.tuners()[start.tuner];
  const TunerOptions& options = tuner.options();
  const std::string files = fmt::format("{}/{}", folders_.run, options.name);
  const auto fail = [&](const absl::Status& status) {
    const std::string error(FromAbsl(status.message()));
    loop_.Post([this, run = start.run, error] { OnRunExited(run, error); });
  };
  auto input = OpenInput(tuner, start.run);
  if (!input.ok()) return fail(input.status());
  const std::string argument = *input != nullptr ? (*input)->dvblast_input() : "";
  auto shell =
      RunShell::Start(loop_, *this, options_, options, *tuner.carrier(), argument, start.run, files,
                      reception_.Outputs(start.tuner), reception_.generation(start.tuner));
  if (!shell.ok()) return fail(shell.status());
  log_.Info("dvblast started",
            {{"tuner", options.name}, {"carrier", tuner.carrier()->id}, {"pid", (*shell)->pid()}});
  runs_[start.run] = {start.tuner, tuner.carrier()->id, *std::move(input), *std::move(shell)};
  // It reads the outputs before it does anything else.
  reception_.OnConfigured(start.run, reception_.generation(start.tuner), MonoNow());
}

void TunerShell::Do(const StopRun& stop) {
  if (RunShell* shell = ShellOf(stop.run)) shell->Stop();
}

void TunerShell::Do(const Configure& configure) {
  // Not the one that is ending, nor one that has been followed by another meanwhile.
  const Tuner& tuner = reception_.tuners()[configure.tuner];
  RunShell* shell = ShellOf(configure.run);
  if (shell == nullptr || tuner.run() != configure.run || tuner.state() == TunerState::kClosing) {
    return;
  }
  shell->Configure(reception_.Outputs(configure.tuner), reception_.generation(configure.tuner));
}

void TunerShell::Do(const AskMap& ask) {
  if (RunShell* shell = ShellOf(ask.run)) shell->AskMap(ask.service_id);
}

void TunerShell::Do(const AskPid& ask) {
  if (RunShell* shell = ShellOf(ask.run)) shell->AskPid(ask.pid);
}

void TunerShell::Perform(Actions actions) {
  for (size_t i = 0; i < actions.size(); ++i) {
    // What was changed several times is read once, as it is at last.
    if (const auto* configure = std::get_if<Configure>(&actions[i])) {
      const bool again = std::any_of(actions.begin() + static_cast<ptrdiff_t>(i) + 1, actions.end(),
                                     [&](const Action& later) {
                                       const auto* other = std::get_if<Configure>(&later);
                                       return other != nullptr && other->run == configure->run;
                                     });
      if (again) continue;
    }
    std::visit([this](const auto& action) { Do(action); }, actions[i]);
  }
  Publish();
  Rearm();
}

void TunerShell::OnRunEvent(uint64_t run, const DvblastEvent& event) {
  if (event.kind == DvblastEvent::Kind::kMessage || event.kind == DvblastEvent::Kind::kNoDevice) {
    if (const auto found = runs_.find(run); found != runs_.end()) {
      log_.Debug("dvblast says",
                 {{"tuner", options_.tuners[found->second.tuner].name}, {"text", event.text}});
    }
  }
  Actions actions;
  reception_.OnEvent(run, event, MonoNow(), actions);
  Perform(std::move(actions));
}

void TunerShell::OnRunExited(uint64_t run, const std::string& how) {
  if (const auto found = runs_.find(run); found != runs_.end()) {
    log_.Info("dvblast ended",
              {{"tuner", options_.tuners[found->second.tuner].name}, {"how", how}});
    bad_sections_ended_ += found->second.shell->collector().bad_sections();
    ended_.push_back(std::move(found->second));
    runs_.erase(found);
    loop_.Post([this] { ended_.clear(); });
    // Its files have the names of its successor's.
  }
  loop_.Post([this, run, how] {
    Actions actions;
    reception_.OnExited(run, how, MonoNow(), actions);
    Perform(std::move(actions));
  });
}

void TunerShell::OnRunConfigured(uint64_t run, uint64_t generation) {
  reception_.OnConfigured(run, generation, MonoNow());
  Perform({});
}

void TunerShell::OnRunMap(uint64_t run, uint16_t service_id, const mpegts::ProgramMap& map) {
  reception_.OnMap(run, service_id, map, MonoNow());
  Perform({});
}

void TunerShell::OnRunPid(uint64_t run, uint16_t pid, const PidStatus& status) {
  Actions actions;
  reception_.OnPid(run, pid, status, MonoNow(), actions);
  Perform(std::move(actions));
}

void TunerShell::OnRunSignal(uint64_t run, const Signal& signal) {
  reception_.OnSignal(run, signal);
  Perform({});
}

void TunerShell::OnTable(const Run& run, Lineup& lineup, const SiTable& table) {
  const int64_t now = UnixNow();
  if (const auto* programs = std::get_if<mpegts::ProgramAssociation>(&table)) {
    lineup.OnPrograms(run.carrier, *programs, now);
  } else if (const auto* services = std::get_if<mpegts::ServiceInformation>(&table)) {
    lineup.OnServices(run.carrier, *services, now);
  } else if (const auto* network = std::get_if<mpegts::NetworkInformation>(&table)) {
    lineup.OnNetwork(run.carrier, *network, options_.positions);
  } else if (const auto* events = std::get_if<mpegts::EventInformation>(&table)) {
    guide_.OnEvents(*events, now);
  }
}

void TunerShell::OnRunTables(uint64_t run, const std::vector<SiTable>& tables) {
  const auto found = runs_.find(run);
  if (found == runs_.end()) return;
  const bool scanned = scanner_ && reception_.scan_tuner() == found->second.tuner;
  Lineup* copy = scanned ? scanner_->dry_lineup() : nullptr;
  for (const SiTable& table : tables) {
    OnTable(found->second, copy != nullptr ? *copy : lineup_, table);
    if (!std::holds_alternative<mpegts::ProgramAssociation>(table)) continue;
    reception_.OnPrograms(run, found->second.shell->collector().programs(), MonoNow());
  }
  Perform({});
}

uint64_t TunerShell::bad_sections() const {
  uint64_t total = bad_sections_ended_;
  for (const auto& [id, run] : runs_) total += run.shell->collector().bad_sections();
  return total;
}

absl::Time TunerShell::ToWall(MonoTime time) const { return ReadClocks().ToWall(time); }

void TunerShell::OnTimer() {
  timer_ = 0;
  armed_ = kNever;
  Actions actions;
  reception_.OnTime(MonoNow(), actions);
  Perform(std::move(actions));
  ContinueScan();
  Rearm();
}

void TunerShell::OnTick() {
  for (auto& [id, run] : runs_) run.shell->AskStatus();
  for (const ServiceKey& key : guide_.TakeChanged()) {
    if (observer_ != nullptr) observer_->OnGuide(key);
  }
  SaveIfDue();
  tick_timer_ = loop_.At(loop_.now() + kTick, [this] { OnTick(); });
}

void TunerShell::Rearm() {
  MonoTime deadline = reception_.NextDeadline();
  if (scanner_) deadline = std::min(deadline, scanner_->NextDeadline());
  if (deadline == armed_) return;
  loop_.Cancel(timer_);
  armed_ = deadline;
  timer_ = deadline == kNever ? 0 : loop_.At(deadline, [this] { OnTimer(); });
}

void TunerShell::Publish() {
  for (const uint32_t number : reception_.TakeChangedLeases()) {
    LogLease(number);
    if (observer_ != nullptr) observer_->OnLease(number);
  }
  if (reception_.TakeTunersChanged()) {
    LogTuners();
    if (observer_ != nullptr) observer_->OnTuners();
  }
  for (const std::string& id : lineup_.TakeChanged()) {
    unsaved_ = true;
    if (observer_ != nullptr) observer_->OnCarrier(id);
  }
  const std::set<ServiceKey> present = guide_.TakeChangedPresent();
  if (present.empty() || observer_ == nullptr) return;
  for (const auto& [number, lease] : reception_.leases()) {
    const LineupCarrier* entry = lineup_.Find(lease.request.service.carrier);
    if (entry == nullptr) continue;
    const ServiceKey key = {entry->original_network_id, entry->transport_stream_id,
                            lease.request.service.service_id};
    if (present.contains(key)) observer_->OnLease(number);
  }
}

void TunerShell::LogLease(uint32_t number) {
  const auto found = reception_.leases().find(number);
  const std::string text = fmt::format("{:#x}", number);
  if (found == reception_.leases().end()) {
    if (logged_leases_.erase(number) > 0) log_.Info("lease gone", {{"number", text}});
    return;
  }
  const Lease& lease = found->second;
  const std::string state(ToString(lease.state));
  if (std::exchange(logged_leases_[number], state) == state) return;
  log_.Info("lease", {{"number", text},
                      {"state", state},
                      {"carrier", lease.request.service.carrier},
                      {"service", lease.request.service.service_id},
                      {"feed", lease.request.feed.ToString()},
                      {"error", lease.error}});
}

void TunerShell::LogTuners() {
  logged_tuners_.resize(reception_.tuners().size());
  for (size_t i = 0; i < logged_tuners_.size(); ++i) {
    const Tuner& tuner = reception_.tuners()[i];
    const Carrier* carrier = tuner.carrier();
    std::string state(ToString(tuner.state()));
    if (std::exchange(logged_tuners_[i], state) == state) continue;
    const bool alarm = tuner.state() == TunerState::kLost ||
                       tuner.state() == TunerState::kBackoff ||
                       tuner.state() == TunerState::kAbsent;
    // Somebody may have to go to the dish.
    const auto write = alarm ? &Logger::Warning : &Logger::Info;
    (log_.*write)("tuner", {{"tuner", tuner.options().name},
                            {"state", state},
                            {"carrier", carrier != nullptr ? carrier->id : ""},
                            {"error", tuner.error()}});
  }
}

}  // namespace headwater::tuner
