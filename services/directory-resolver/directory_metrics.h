#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <string>

#include "services/directory-resolver/directory.h"

namespace headwater::directory_resolver {

// What directory-resolver counts; docs/metrics.md says what to do about it. On
// the loop's thread.
class DirectoryMetrics {
 public:
  explicit DirectoryMetrics(prometheus::Registry& registry);

  // After a load. Directories that are gone stay at 0.
  void OnLoaded(const Directory& directory);
  void OnLoadRefused();
  void OnResolved(bool found);
  void OnPlay(bool ok);
  void OnExported(bool ok);
  void SetFormats(size_t formats);
  void SetPlanReaders(size_t readers);

 private:
  prometheus::Family<prometheus::Gauge>& stations_;
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
  prometheus::Counter& exports_ok_;
  prometheus::Counter& exports_refused_;
  std::map<std::string, prometheus::Gauge*> station_gauges_;
};

}  // namespace headwater::directory_resolver
