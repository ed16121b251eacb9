#pragma once

#include <absl/time/time.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/mdns-zone-proxy/bus_connection_shell.h"
#include "services/mdns-zone-proxy/mirror.h"

namespace headwater::zone {

enum class ZoneState : uint8_t { kNoBus, kNoAvahi, kStarting, kRunning };
inline constexpr size_t kZoneStates = 4;
std::string_view ToString(ZoneState state);

// What comes out of a zone: the inputs of Mirror. Called from the loop.
class ZoneObserver {
 public:
  virtual ~ZoneObserver() = default;
  virtual void OnZone(size_t zone, bool up) = 0;
  virtual void OnType(size_t zone, std::string_view type, const Place& place, bool added) = 0;
  virtual void OnItem(size_t zone, const Lookup& browse, const ZoneServices::Item& item,
                      bool added) = 0;
  virtual void OnRecord(size_t zone, const Lookup& lookup, const Place& place, Bytes rdata,
                        bool added) = 0;
  virtual void OnLookupFailed(size_t zone, const Lookup& lookup) = 0;
  enum class Outcome { kPublished, kCollided, kFailed };
  virtual void OnOutcome(size_t zone, uint64_t id, Outcome outcome) = 0;
};

// One zone's Avahi by its bus (org.freedesktop.Avahi.Server2 of Avahi 0.8): connects, and again
// with backoff for ever; keeps lookups and publications, and tells what becomes of them. When Avahi
// or the bus goes away all of them are gone, and OnZone(false) says so. What Avahi says of
// strangers' packets is handed on as it is. Loop thread.
class AvahiZoneShell {
 public:
  AvahiZoneShell(EventLoop& loop, Logger& log, size_t index, ZoneOptions options,
                 ZoneObserver& observer);
  ~AvahiZoneShell();

  void Start();
  // Withdraws everything by leaving the bus: Avahi says goodbye for a client that goes.
  void Stop();

  // While the zone is up; ignored otherwise, since the mirror will ask again.
  void Do(const StartLookup& start);
  void Do(const StopLookup& stop);
  void Do(const PublishService& publish);
  void Do(const PublishAddress& publish);
  void Do(const UpdateTxt& update);
  void Do(const Withdraw& withdraw);

  const ZoneOptions& options() const { return options_; }
  ZoneState state() const { return state_; }
  MonoTime since() const { return since_; }
  // Next try; kNever: none is due.
  MonoTime retry() const { return retry_; }
  const std::string& error() const { return error_; }
  const std::string& version() const { return version_; }

 private:
  struct LookupObject {
    Lookup lookup;
    std::string path;
    bool stopped = false;
  };
  struct Group {
    uint64_t id = 0;
    std::string path;
    bool stopped = false;
    // Its entries have been sent.
    bool filled = false;
    bool told = false;
    // One of the two.
    MirroredService service;
    std::string host;
    IpAddress address;
  };
  using GroupPtr = std::shared_ptr<Group>;
  using LookupPtr = std::shared_ptr<LookupObject>;

  void Connect();
  void Retry(const std::string& why);
  void SetState(ZoneState state, const std::string& error);
  void OnBusUp();
  void OnBusDown(const std::string& why);
  void OnOwner(const std::string& owner);
  void AskState();
  void OnServerState(int32_t state);
  void OnSignal(sd_bus_message* signal);
  void OnLookupSignal(const LookupObject& object, sd_bus_message* signal, std::string_view member);
  void OnGroupState(const GroupPtr& group, sd_bus_message* signal);
  void Leave();
  BusMessage ServerCall(const char* member);
  BusMessage ObjectCall(const std::string& path, const char* interface, const char* member);
  void Free(const std::string& path, const char* interface);
  BusMessage PrepareLookup(const Lookup& lookup);
  void OpenGroup(GroupPtr group);
  void Fill(const GroupPtr& group);
  void FillWithService(const GroupPtr& group);
  void FillWithAddress(const GroupPtr& group);
  void CallForGroup(const GroupPtr& group, BusMessage message);
  void Tell(const GroupPtr& group, ZoneObserver::Outcome outcome);
  void FailLookup(const LookupPtr& object);

  EventLoop& loop_;
  Logger& log_;
  const size_t index_;
  const ZoneOptions options_;
  ZoneObserver& observer_;
  std::unique_ptr<BusConnection> bus_;
  // Until no callback of theirs is on the stack.
  std::unique_ptr<BusConnection> ended_;
  // Avahi's unique name: signals of nobody else count.
  std::string owner_;
  std::string version_;
  std::map<Lookup, LookupPtr> lookups_;
  std::map<std::string, LookupPtr> lookups_by_path_;
  std::map<uint64_t, GroupPtr> groups_;
  std::map<std::string, GroupPtr> groups_by_path_;
  ZoneState state_ = ZoneState::kNoBus;
  MonoTime since_{};
  MonoTime retry_ = kNever;
  std::string error_ = "not tried yet";
  Duration backoff_{};
  EventLoop::TimerId timer_ = 0;
};

}  // namespace headwater::zone
