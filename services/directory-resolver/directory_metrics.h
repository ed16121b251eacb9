#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <string>

#include "services/common/time/mono_time.h"
#include "services/directory-resolver/directory.h"
#include "services/directory-resolver/feed/feed_refresh.h"
#include "services/directory-resolver/guide.h"

namespace headwater::directory_resolver {

// What directory-resolver counts; docs/metrics.md says what to do about it. On
// the loop's thread.
class DirectoryMetrics {
 public:
  explicit DirectoryMetrics(prometheus::Registry& registry);

  void OnLoaded();
  // After any change of the stations. Directories that are gone stay at 0.
  void OnStations(const Directory& directory);
  void OnLoadRefused();
  // `took`: from the call's arrival to its answer.
  void OnResolved(bool found, Duration took);
  void OnPlay(bool ok, bool check);
  void SetFailing(size_t stations);
  // `result` is "taken", "unchanged", "refused" or "failed".
  void OnRefresh(const std::string& directory, const std::string& result);
  void OnFeed(const std::string& directory, const FeedState& state);
  void OnExported(bool ok);
  // `result` is "taken", "unchanged" or "refused".
  void OnLineupTold(const std::string& result);
  void OnGuideTold(const Guide& guide, bool kept);
  void SetFormats(size_t formats);
  void SetPlanReaders(size_t readers);

 private:
  prometheus::Family<prometheus::Gauge>& stations_;
  prometheus::Family<prometheus::Counter>& refreshes_;
  prometheus::Family<prometheus::Gauge>& stale_;
  prometheus::Family<prometheus::Gauge>& refreshed_;
  prometheus::Gauge& failing_;
  prometheus::Histogram& resolve_seconds_;
  prometheus::Counter& loads_ok_;
  prometheus::Counter& loads_refused_;
  prometheus::Gauge& load_ok_;
  prometheus::Gauge& numbers_;
  prometheus::Gauge& formats_;
  prometheus::Gauge& warnings_;
  prometheus::Gauge& plan_readers_;
  prometheus::Counter& resolved_;
  prometheus::Counter& not_found_;
  prometheus::Counter& plays_ok_;
  prometheus::Counter& plays_failed_;
  prometheus::Counter& checks_ok_;
  prometheus::Counter& checks_failed_;
  prometheus::Family<prometheus::Counter>& lineups_told_;
  prometheus::Gauge& guide_services_;
  prometheus::Gauge& guide_events_;
  prometheus::Counter& guide_kept_;
  prometheus::Counter& guide_no_room_;
  prometheus::Counter& exports_ok_;
  prometheus::Counter& exports_refused_;
  std::map<std::string, prometheus::Gauge*> station_gauges_;
};

}  // namespace headwater::directory_resolver
