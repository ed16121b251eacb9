#include "services/mdns-zone-proxy/avahi_zone_shell.h"

#include <fmt/format.h>

#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"
#include "services/common/time/clock.h"

namespace headwater::zone {
namespace {

constexpr char kBus[] = "org.freedesktop.DBus";
constexpr char kAvahi[] = "org.freedesktop.Avahi";
constexpr char kServer[] = "org.freedesktop.Avahi.Server2";
constexpr char kGroup[] = "org.freedesktop.Avahi.EntryGroup";

// avahi-common/{address,defs}.h of Avahi 0.8.
constexpr int32_t kAnyInterface = -1;
constexpr int32_t kAnyProtocol = -1;
constexpr int32_t kServerRunning = 2;
constexpr int32_t kGroupEstablished = 2;
constexpr int32_t kGroupCollision = 3;
constexpr int32_t kGroupFailure = 4;
constexpr uint32_t kResultOurOwn = 16;
// Without a PTR from the address to the name: the address is not of this zone.
constexpr uint32_t kPublishNoReverse = 16;
constexpr uint16_t kClassIn = 1;

constexpr Duration kBackoffFirst = 250ms;
constexpr Duration kBackoffMax = 10s;
constexpr size_t kErrorMax = 200;

const char* InterfaceOf(Lookup::Kind kind) {
  switch (kind) {
    case Lookup::Kind::kTypes:
      return "org.freedesktop.Avahi.ServiceTypeBrowser";
    case Lookup::Kind::kBrowse:
      return "org.freedesktop.Avahi.ServiceBrowser";
    default:
      return "org.freedesktop.Avahi.RecordBrowser";
  }
}

uint16_t RecordType(Lookup::Kind kind) {
  switch (kind) {
    case Lookup::Kind::kSrv:
      return 33;
    case Lookup::Kind::kTxt:
      return 16;
    case Lookup::Kind::kIpv4:
      return 1;
    default:
      return 28;
  }
}

std::string ErrorText(sd_bus_message* answer) {
  const sd_bus_error* error = answer == nullptr ? nullptr : sd_bus_message_get_error(answer);
  if (error == nullptr) return "no answer";
  return CleanText(fmt::format("{}: {}", error->name == nullptr ? "" : error->name,
                               error->message == nullptr ? "" : error->message),
                   kErrorMax);
}

bool IsGood(sd_bus_message* answer) {
  return answer != nullptr && sd_bus_message_get_error(answer) == nullptr;
}

std::string ReadPath(sd_bus_message* answer) {
  const char* path = nullptr;
  if (!IsGood(answer) || sd_bus_message_read(answer, "o", &path) <= 0) return {};
  return path;
}

bool AppendTxt(sd_bus_message* message, const Txt& txt) {
  if (sd_bus_message_open_container(message, 'a', "ay") < 0) return false;
  for (const std::string& one : txt) {
    if (sd_bus_message_append_array(message, 'y', one.data(), one.size()) < 0) return false;
  }
  return sd_bus_message_close_container(message) >= 0;
}

}  // namespace

std::string_view ToString(ZoneState state) {
  constexpr std::array<std::string_view, kZoneStates> kNames = {"no_bus", "no_avahi", "starting",
                                                                "running"};
  return kNames[static_cast<size_t>(state)];
}

AvahiZoneShell::AvahiZoneShell(EventLoop& loop, Logger& log, size_t index, ZoneOptions options,
                               ZoneObserver& observer)
    : loop_(loop),
      log_(log),
      index_(index),
      options_(std::move(options)),
      observer_(observer),
      since_(MonoNow()) {}

AvahiZoneShell::~AvahiZoneShell() { Stop(); }

void AvahiZoneShell::Start() { Connect(); }

void AvahiZoneShell::Stop() {
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  bus_.reset();
  ended_.reset();
}

void AvahiZoneShell::Connect() {
  retry_ = kNever;
  ended_.reset();
  bus_ = std::make_unique<BusConnection>(
      loop_,
      BusConnection::Callbacks{.on_up = [this] { OnBusUp(); },
                               .on_down = [this](const std::string& why) { OnBusDown(why); },
                               .on_signal = [this](sd_bus_message* signal) { OnSignal(signal); }});
  if (const absl::Status opened = bus_->Open(options_.bus); !opened.ok()) {
    Retry(std::string(FromAbsl(opened.message())));
  }
}

void AvahiZoneShell::Retry(const std::string& why) {
  SetState(ZoneState::kNoBus, why);
  backoff_ = backoff_ == Duration{} ? kBackoffFirst : std::min(backoff_ * 2, kBackoffMax);
  retry_ = MonoNow() + backoff_;
  timer_ = loop_.At(retry_, [this] {
    timer_ = 0;
    Connect();
  });
}

void AvahiZoneShell::SetState(ZoneState state, const std::string& error) {
  if (state == state_ && error == error_) return;
  const bool was_running = state_ == ZoneState::kRunning;
  if (state != state_) since_ = MonoNow();
  state_ = state;
  error_ = error;
  if (state == ZoneState::kRunning) {
    log_.Info("zone running", {{"zone", options_.name}, {"avahi", version_}});
  } else if (state != ZoneState::kStarting) {
    log_.Warning("zone not running",
                 {{"zone", options_.name}, {"state", ToString(state)}, {"error", error}});
  }
  if (was_running == (state == ZoneState::kRunning)) return;
  if (was_running) Leave();
  observer_.OnZone(index_, !was_running);
}

// Objects of an Avahi that is gone are gone with it.
void AvahiZoneShell::Leave() {
  lookups_.clear();
  lookups_by_path_.clear();
  for (auto& [id, group] : groups_) group->stopped = group->told = true;
  groups_.clear();
  groups_by_path_.clear();
}

void AvahiZoneShell::OnBusUp() {
  bus_->Match(fmt::format("type='signal',sender='{}'", kAvahi));
  bus_->Match(
      fmt::format("type='signal',sender='{}',interface='{}',member='NameOwnerChanged',arg0='{}'",
                  kBus, kBus, kAvahi));
  BusMessage call = bus_->NewCall(kBus, "/org/freedesktop/DBus", kBus, "GetNameOwner");
  if (call != nullptr) sd_bus_message_append(call.get(), "s", kAvahi);
  bus_->Call(std::move(call), [this](sd_bus_message* answer) {
    const char* owner = "";
    if (IsGood(answer)) sd_bus_message_read(answer, "s", &owner);
    OnOwner(owner);
  });
}

void AvahiZoneShell::OnBusDown(const std::string& why) {
  owner_.clear();
  ended_ = std::move(bus_);
  Retry(fmt::format("{}: {}", options_.bus, why));
}

void AvahiZoneShell::OnOwner(const std::string& owner) {
  // Another than before: the one before is gone.
  if (owner != owner_ && state_ == ZoneState::kRunning) SetState(ZoneState::kStarting, "");
  owner_ = owner;
  if (owner.empty()) {
    backoff_ = {};
    return SetState(ZoneState::kNoAvahi, "no avahi-daemon on the bus");
  }
  SetState(ZoneState::kStarting, "");
  bus_->Call(ServerCall("GetVersionString"), [this](sd_bus_message* answer) {
    const char* version = "";
    if (!IsGood(answer) || sd_bus_message_read(answer, "s", &version) <= 0) {
      return SetState(ZoneState::kNoAvahi, "not an Avahi of 0.8 or later: " + ErrorText(answer));
    }
    version_ = CleanText(version, 64);
    AskState();
  });
}

void AvahiZoneShell::AskState() {
  bus_->Call(ServerCall("GetState"), [this](sd_bus_message* answer) {
    int32_t state = -1;
    if (IsGood(answer)) sd_bus_message_read(answer, "i", &state);
    OnServerState(state);
  });
}

void AvahiZoneShell::OnServerState(int32_t state) {
  // Later states other than running are about Avahi's own name and addresses; what it publishes
  // for us stays.
  if (state != kServerRunning || owner_.empty()) return;
  backoff_ = {};
  SetState(ZoneState::kRunning, "");
}

void AvahiZoneShell::OnSignal(sd_bus_message* signal) {
  const char* raw_member = sd_bus_message_get_member(signal);
  const char* raw_path = sd_bus_message_get_path(signal);
  const char* raw_sender = sd_bus_message_get_sender(signal);
  if (raw_member == nullptr || raw_path == nullptr || raw_sender == nullptr) return;
  const std::string_view member = raw_member;
  if (std::string_view(raw_sender) == kBus) {
    const char *name = nullptr, *before = nullptr, *owner = nullptr;
    if (member != "NameOwnerChanged") return;
    if (sd_bus_message_read(signal, "sss", &name, &before, &owner) <= 0) return;
    if (std::string_view(name) == kAvahi) OnOwner(owner);
    return;
  }
  if (raw_sender != owner_) return;
  const std::string path = raw_path;
  if (path == "/") {
    int32_t state = -1;
    if (member == "StateChanged" && sd_bus_message_read(signal, "is", &state, nullptr) > 0) {
      OnServerState(state);
    }
    return;
  }
  if (const auto group = groups_by_path_.find(path); group != groups_by_path_.end()) {
    if (member == "StateChanged") OnGroupState(GroupPtr(group->second), signal);
    return;
  }
  const auto lookup = lookups_by_path_.find(path);
  if (lookup == lookups_by_path_.end()) return;
  const LookupPtr object = lookup->second;
  if (member == "Failure") return FailLookup(object);
  OnLookupSignal(*object, signal, member);
}

void AvahiZoneShell::OnLookupSignal(const LookupObject& object, sd_bus_message* signal,
                                    std::string_view member) {
  const bool added = member == "ItemNew";
  if (!added && member != "ItemRemove") return;
  Place place;
  if (sd_bus_message_read(signal, "ii", &place.interface, &place.protocol) <= 0) return;
  const Lookup lookup = object.lookup;
  const char *name = nullptr, *type = nullptr, *domain = nullptr;
  uint32_t flags = 0;
  switch (lookup.kind) {
    case Lookup::Kind::kTypes:
      if (sd_bus_message_read(signal, "ssu", &type, &domain, &flags) <= 0) return;
      if (Fold(domain) == "local") observer_.OnType(index_, type, place, added);
      return;
    case Lookup::Kind::kBrowse:
      if (sd_bus_message_read(signal, "sssu", &name, &type, &domain, &flags) <= 0) return;
      if (Fold(domain) != "local") return;
      observer_.OnItem(index_, lookup, {name, type, place, (flags & kResultOurOwn) != 0}, added);
      return;
    default:
      break;
  }
  uint16_t record_class = 0, record_type = 0;
  const void* rdata = nullptr;
  size_t size = 0;
  if (sd_bus_message_read(signal, "sqq", &name, &record_class, &record_type) <= 0) return;
  if (record_type != RecordType(lookup.kind)) return;
  if (sd_bus_message_read_array(signal, 'y', &rdata, &size) < 0) return;
  observer_.OnRecord(index_, lookup, place, {static_cast<const uint8_t*>(rdata), size}, added);
}

BusMessage AvahiZoneShell::ServerCall(const char* member) {
  return bus_->NewCall(kAvahi, "/", kServer, member);
}

BusMessage AvahiZoneShell::ObjectCall(const std::string& path, const char* interface,
                                      const char* member) {
  return bus_->NewCall(kAvahi, path, interface, member);
}

void AvahiZoneShell::Free(const std::string& path, const char* interface) {
  if (bus_ != nullptr) bus_->Call(ObjectCall(path, interface, "Free"), [](sd_bus_message*) {});
}

BusMessage AvahiZoneShell::PrepareLookup(const Lookup& lookup) {
  BusMessage call = ServerCall(lookup.kind == Lookup::Kind::kTypes    ? "ServiceTypeBrowserPrepare"
                               : lookup.kind == Lookup::Kind::kBrowse ? "ServiceBrowserPrepare"
                                                                      : "RecordBrowserPrepare");
  if (call == nullptr) return nullptr;
  sd_bus_message* message = call.get();
  int error = sd_bus_message_append(message, "ii", kAnyInterface, kAnyProtocol);
  if (error < 0) return nullptr;
  if (lookup.kind == Lookup::Kind::kTypes) {
    error = sd_bus_message_append(message, "su", "local", 0u);
  } else if (lookup.kind == Lookup::Kind::kBrowse) {
    error = sd_bus_message_append(message, "ssu", lookup.type.c_str(), "local", 0u);
  } else {
    const std::string name =
        lookup.type.empty() ? lookup.name : FullName({lookup.type, lookup.name});
    error =
        sd_bus_message_append(message, "sqqu", name.c_str(), kClassIn, RecordType(lookup.kind), 0u);
  }
  return error < 0 ? nullptr : std::move(call);
}

// Prepared first and started when its path is known, so that no signal of it can be missed.
void AvahiZoneShell::Do(const StartLookup& start) {
  if (state_ != ZoneState::kRunning) return;
  const auto object = std::make_shared<LookupObject>(LookupObject{start.lookup, "", false});
  lookups_[start.lookup] = object;
  bus_->Call(PrepareLookup(start.lookup), [this, object](sd_bus_message* answer) {
    const char* interface = InterfaceOf(object->lookup.kind);
    const std::string path = ReadPath(answer);
    if (path.empty()) {
      if (!object->stopped) FailLookup(object);
      return;
    }
    if (object->stopped) return Free(path, interface);
    object->path = path;
    lookups_by_path_[path] = object;
    bus_->Call(ObjectCall(path, interface, "Start"), [this, object](sd_bus_message* started) {
      if (!IsGood(started) && !object->stopped) FailLookup(object);
    });
  });
}

void AvahiZoneShell::Do(const StopLookup& stop) {
  const auto found = lookups_.find(stop.lookup);
  if (found == lookups_.end()) return;
  const LookupPtr object = found->second;
  lookups_.erase(found);
  object->stopped = true;
  if (object->path.empty()) return;
  lookups_by_path_.erase(object->path);
  Free(object->path, InterfaceOf(object->lookup.kind));
}

void AvahiZoneShell::FailLookup(const LookupPtr& object) {
  const auto found = lookups_.find(object->lookup);
  if (found == lookups_.end() || found->second != object) return;
  Do(StopLookup{index_, object->lookup});
  observer_.OnLookupFailed(index_, object->lookup);
}

void AvahiZoneShell::Do(const PublishService& publish) {
  Group group = {.id = publish.id, .service = publish.service};
  OpenGroup(std::make_shared<Group>(std::move(group)));
}

void AvahiZoneShell::Do(const PublishAddress& publish) {
  Group group = {.id = publish.id, .host = publish.host, .address = publish.address};
  OpenGroup(std::make_shared<Group>(std::move(group)));
}

void AvahiZoneShell::OpenGroup(GroupPtr group) {
  if (state_ != ZoneState::kRunning) return;
  groups_[group->id] = group;
  bus_->Call(ServerCall("EntryGroupNew"), [this, group](sd_bus_message* answer) {
    const std::string path = ReadPath(answer);
    if (path.empty()) return Tell(group, ZoneObserver::Outcome::kFailed);
    if (group->stopped) return Free(path, kGroup);
    group->path = path;
    groups_by_path_[path] = group;
    Fill(group);
  });
}

void AvahiZoneShell::Fill(const GroupPtr& group) {
  group->filled = true;
  if (group->host.empty()) {
    FillWithService(group);
  } else {
    FillWithAddress(group);
  }
  CallForGroup(group, ObjectCall(group->path, kGroup, "Commit"));
}

void AvahiZoneShell::FillWithService(const GroupPtr& group) {
  const MirroredService& service = group->service;
  BusMessage add = ObjectCall(group->path, kGroup, "AddService");
  const bool good = add != nullptr &&
                    sd_bus_message_append(add.get(), "iiussssq", kAnyInterface, kAnyProtocol, 0u,
                                          service.key.name.c_str(), service.key.type.c_str(),
                                          "local", service.host.c_str(), service.port) >= 0 &&
                    AppendTxt(add.get(), service.txt);
  CallForGroup(group, good ? std::move(add) : nullptr);
  for (const std::string& subtype : service.subtypes) {
    BusMessage call = ObjectCall(group->path, kGroup, "AddServiceSubtype");
    if (call != nullptr) {
      sd_bus_message_append(call.get(), "iiussss", kAnyInterface, kAnyProtocol, 0u,
                            service.key.name.c_str(), service.key.type.c_str(), "local",
                            subtype.c_str());
    }
    CallForGroup(group, std::move(call));
  }
}

void AvahiZoneShell::FillWithAddress(const GroupPtr& group) {
  BusMessage add = ObjectCall(group->path, kGroup, "AddAddress");
  if (add != nullptr) {
    sd_bus_message_append(add.get(), "iiuss", kAnyInterface, kAnyProtocol, kPublishNoReverse,
                          group->host.c_str(), group->address.ToString().c_str());
  }
  CallForGroup(group, std::move(add));
}

// The first call of a group that fails decides what becomes of it.
void AvahiZoneShell::CallForGroup(const GroupPtr& group, BusMessage message) {
  bus_->Call(std::move(message), [this, group](sd_bus_message* answer) {
    if (IsGood(answer) || group->told || group->stopped) return;
    const sd_bus_error* error = answer == nullptr ? nullptr : sd_bus_message_get_error(answer);
    if (error != nullptr &&
        sd_bus_error_has_name(error, "org.freedesktop.Avahi.CollisionError") > 0) {
      return Tell(group, ZoneObserver::Outcome::kCollided);
    }
    log_.Warning("zone refused a publication", {{"zone", options_.name},
                                                {"name", group->service.key.name},
                                                {"type", group->service.key.type},
                                                {"host", group->host},
                                                {"error", ErrorText(answer)}});
    Tell(group, ZoneObserver::Outcome::kFailed);
  });
}

void AvahiZoneShell::OnGroupState(const GroupPtr& group, sd_bus_message* signal) {
  int32_t state = 0;
  if (sd_bus_message_read(signal, "is", &state, nullptr) <= 0) return;
  if (state == kGroupEstablished) Tell(group, ZoneObserver::Outcome::kPublished);
  // A conflict may come long after.
  if (state == kGroupCollision) Tell(group, ZoneObserver::Outcome::kCollided);
  if (state == kGroupFailure) Tell(group, ZoneObserver::Outcome::kFailed);
}

void AvahiZoneShell::Tell(const GroupPtr& group, ZoneObserver::Outcome outcome) {
  if (group->stopped || group->told) return;
  group->told = outcome != ZoneObserver::Outcome::kPublished;
  observer_.OnOutcome(index_, group->id, outcome);
}

void AvahiZoneShell::Do(const UpdateTxt& update) {
  const auto found = groups_.find(update.id);
  if (found == groups_.end()) return;
  const GroupPtr group = found->second;
  group->service.txt = update.txt;
  if (!group->filled) return;
  BusMessage call = ObjectCall(group->path, kGroup, "UpdateServiceTxt");
  const bool good =
      call != nullptr &&
      sd_bus_message_append(call.get(), "iiusss", kAnyInterface, kAnyProtocol, 0u,
                            update.key.name.c_str(), update.key.type.c_str(), "local") >= 0 &&
      AppendTxt(call.get(), update.txt);
  CallForGroup(group, good ? std::move(call) : nullptr);
}

void AvahiZoneShell::Do(const Withdraw& withdraw) {
  const auto found = groups_.find(withdraw.id);
  if (found == groups_.end()) return;
  const GroupPtr group = found->second;
  groups_.erase(found);
  group->stopped = true;
  if (group->path.empty()) return;
  groups_by_path_.erase(group->path);
  Free(group->path, kGroup);
}

}  // namespace headwater::zone
