#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/leg_watch.h"
#include "services/sap-announcer/announcer.h"
#include "services/sap-announcer/announcer_metrics.h"
#include "services/sap-announcer/rtsp_shell.h"
#include "services/sap-announcer/sap_sender.h"

namespace headwater {

// Gives the announcer its time, legs and sockets. On the loop's thread.
class AnnouncerShell {
 public:
  // Told of each channel whose announcement began, changed or ended, after the call that did it.
  using OnChange = absl::AnyInvocable<void(const Channel&)>;

  static absl::StatusOr<std::unique_ptr<AnnouncerShell>> Open(EventLoop& loop, Logger& log,
                                                              prometheus::Registry& registry,
                                                              const AnnouncerOptions& options,
                                                              const std::vector<LegConfig>& legs);
  ~AnnouncerShell();

  void set_on_change(OnChange on_change) { on_change_ = std::move(on_change); }

  // As Announcer::Apply; when it returns OK the first datagrams have been handed to the kernel.
  // UNAVAILABLE: the kernel refused one; the announcement stands and is tried again with its pace.
  absl::Status Apply(uint64_t epoch, Announcement wanted);
  absl::Status Stop(uint64_t epoch, const Channel& channel);
  absl::Status HandOver(uint64_t epoch, const Channel& channel);
  // Takes what can change live; returns the keys that need a restart.
  std::vector<std::string> SetOptions(const AnnouncerOptions& options);
  absl::Status CheckEpoch(uint64_t epoch);
  // While somebody watches, announcements are not orphaned.
  void SetWatched(bool watched);

  const Announcer& announcer() const { return announcer_; }
  // Null without an rtsp_port.
  RtspShell* rtsp() { return rtsp_.get(); }
  absl::Time ToWall(MonoTime time) const;

 private:
  AnnouncerShell(EventLoop& loop, Logger& log, prometheus::Registry& registry,
                 const AnnouncerOptions& options);
  void OnLegs();
  void OnTimer();
  // Performs what the core decided; the first error of the datagrams to `channel`, if there was
  // one.
  absl::Status Perform(const Sends& sends, const Channel* channel = nullptr);
  void Rearm();

  EventLoop& loop_;
  Logger& log_;
  const bool well_known_groups_;
  const uint16_t rtsp_port_;
  AnnouncerMetrics metrics_;
  Announcer announcer_;
  SapSender sender_;
  std::unique_ptr<RtspShell> rtsp_;
  std::unique_ptr<LegWatch> legs_;
  OnChange on_change_ = [](const Channel&) {};
  EventLoop::TimerId timer_ = 0;
  MonoTime armed_ = kNever;
  bool watched_ = false;
  // Links whose last datagram failed: one line in the log when it begins and when it ends.
  std::set<std::string> failing_;
};

}  // namespace headwater
