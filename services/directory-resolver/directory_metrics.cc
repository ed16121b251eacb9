#include "services/directory-resolver/directory_metrics.h"

namespace headwater::directory_resolver {
namespace {

template <typename Builder>
auto& Family(Builder builder, prometheus::Registry& registry, const std::string& name,
             const std::string& help) {
  return builder.Name(name).Help(help).Register(registry);
}

// Builders give the same family for the same name.
prometheus::Counter& Counted(prometheus::Registry& registry, const std::string& name,
                             const std::string& help, const std::string& result) {
  return Family(prometheus::BuildCounter(), registry, name, help).Add({{"result", result}});
}

prometheus::Gauge& Single(prometheus::Registry& registry, const std::string& name,
                          const std::string& help) {
  return Family(prometheus::BuildGauge(), registry, name, help).Add({});
}

// Fine up to the target, 200 us for 99 of 100, so that it can be read off.
prometheus::Histogram::BucketBoundaries ResolveBounds() {
  prometheus::Histogram::BucketBoundaries bounds;
  for (int us = 10; us <= 200; us += 10) bounds.push_back(us * 1e-6);
  bounds.insert(bounds.end(), {250e-6, 300e-6, 400e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3,
                               50e-3, 100e-3, 200e-3, 500e-3, 1.0});
  return bounds;
}

constexpr char kLoads[] = "headwater_directory_resolver_loads_total";
constexpr char kLoadsHelp[] = "Readings of configuration and lineups, by result.";
constexpr char kResolves[] = "headwater_directory_resolver_resolves_total";
constexpr char kResolvesHelp[] = "Numbers asked for, by result.";
constexpr char kPlays[] = "headwater_directory_resolver_plays_total";
constexpr char kPlaysHelp[] = "Plays reported, by result.";
constexpr char kChecks[] = "headwater_directory_resolver_checks_total";
constexpr char kChecksHelp[] = "Checks of stations that nobody listened to, by result.";
constexpr char kGuides[] = "headwater_directory_resolver_guides_told_total";
constexpr char kGuidesHelp[] = "Programmes of DVB services that tuners have told, by result.";
constexpr char kExports[] = "headwater_directory_resolver_exports_total";
constexpr char kExportsHelp[] = "Playlists, SDPs and programme guides asked for, by result.";

}  // namespace

DirectoryMetrics::DirectoryMetrics(prometheus::Registry& registry)
    : stations_(Family(prometheus::BuildGauge(), registry, "headwater_directory_resolver_stations",
                       "Stations, by directory.")),
      refreshes_(Family(prometheus::BuildCounter(), registry,
                        "headwater_directory_resolver_refreshes_total",
                        "Fetches of directories' documents, by directory and result.")),
      stale_(Family(prometheus::BuildGauge(), registry, "headwater_directory_resolver_stale",
                    "1 when the newest fetch of a directory failed or was refused.")),
      refreshed_(Family(prometheus::BuildGauge(), registry,
                        "headwater_directory_resolver_last_refresh_timestamp_seconds",
                        "When a directory's document was last taken or found unchanged.")),
      failing_(Single(registry, "headwater_directory_resolver_failing_stations",
                      "Stations whose newest play or check failed.")),
      resolve_seconds_(Family(prometheus::BuildHistogram(), registry,
                              "headwater_directory_resolver_resolve_seconds",
                              "From the arrival of a Resolve to its answer.")
                           .Add({}, ResolveBounds())),
      loads_ok_(Counted(registry, kLoads, kLoadsHelp, "ok")),
      loads_refused_(Counted(registry, kLoads, kLoadsHelp, "refused")),
      load_ok_(Single(
          registry, "headwater_directory_resolver_last_load_successful",
          "1 when the newest configuration and lineups are in force, 0 when older ones are.")),
      numbers_(Single(registry, "headwater_directory_resolver_numbers",
                      "Numbers that are given for ever, those of stations now gone included.")),
      formats_(Single(registry, "headwater_directory_resolver_known_formats",
                      "Stations whose format a play has shown.")),
      warnings_(Single(registry, "headwater_directory_resolver_plan_warnings",
                       "Groups and numbers of the plan that clash.")),
      plan_readers_(
          Single(registry, "headwater_directory_resolver_plan_readers", "Open WatchPlan streams.")),
      resolved_(Counted(registry, kResolves, kResolvesHelp, "ok")),
      not_found_(Counted(registry, kResolves, kResolvesHelp, "not_found")),
      plays_ok_(Counted(registry, kPlays, kPlaysHelp, "ok")),
      plays_failed_(Counted(registry, kPlays, kPlaysHelp, "failed")),
      checks_ok_(Counted(registry, kChecks, kChecksHelp, "ok")),
      checks_failed_(Counted(registry, kChecks, kChecksHelp, "failed")),
      lineups_told_(Family(prometheus::BuildCounter(), registry,
                           "headwater_directory_resolver_lineups_told_total",
                           "Lineups that tuners have told, by result.")),
      guide_services_(Single(registry, "headwater_directory_resolver_guide_services",
                             "DVB services whose programme is known.")),
      guide_events_(Single(registry, "headwater_directory_resolver_guide_events",
                           "Events of the programme guide.")),
      guide_kept_(Counted(registry, kGuides, kGuidesHelp, "kept")),
      guide_no_room_(Counted(registry, kGuides, kGuidesHelp, "no_room")),
      exports_ok_(Counted(registry, kExports, kExportsHelp, "ok")),
      exports_refused_(Counted(registry, kExports, kExportsHelp, "refused")) {}

void DirectoryMetrics::OnLoaded() {
  loads_ok_.Increment();
  load_ok_.Set(1);
}

void DirectoryMetrics::OnStations(const Directory& directory) {
  numbers_.Set(static_cast<double>(directory.numbers()));
  warnings_.Set(static_cast<double>(directory.warnings().size()));
  SetFormats(directory.formats());
  SetFailing(directory.marks().failing());
  std::map<std::string, DirectoryCounts> counts = directory.Counts();
  for (const PlanDirectory& row : directory.plan().config().directories) counts[row.name];
  for (auto& [name, gauge] : station_gauges_) gauge->Set(0);
  for (const auto& [name, count] : counts) {
    prometheus::Gauge*& gauge = station_gauges_[name];
    if (gauge == nullptr) gauge = &stations_.Add({{"directory", name}});
    gauge->Set(static_cast<double>(count.stations));
  }
}

void DirectoryMetrics::OnLoadRefused() {
  loads_refused_.Increment();
  load_ok_.Set(0);
}

void DirectoryMetrics::OnResolved(bool found, Duration took) {
  (found ? resolved_ : not_found_).Increment();
  resolve_seconds_.Observe(std::chrono::duration<double>(took).count());
}
void DirectoryMetrics::OnPlay(bool ok, bool check) {
  if (check) {
    (ok ? checks_ok_ : checks_failed_).Increment();
  } else {
    (ok ? plays_ok_ : plays_failed_).Increment();
  }
}
void DirectoryMetrics::SetFailing(size_t stations) { failing_.Set(static_cast<double>(stations)); }
void DirectoryMetrics::OnRefresh(const std::string& directory, const std::string& result) {
  refreshes_.Add({{"directory", directory}, {"result", result}}).Increment();
}
void DirectoryMetrics::OnFeed(const std::string& directory, const FeedState& state) {
  stale_.Add({{"directory", directory}}).Set(state.error.empty() ? 0 : 1);
  const bool never = state.last_success == absl::InfinitePast();
  refreshed_.Add({{"directory", directory}})
      .Set(never ? 0 : absl::ToDoubleSeconds(state.last_success - absl::UnixEpoch()));
}
void DirectoryMetrics::OnLineupTold(const std::string& result) {
  lineups_told_.Add({{"result", result}}).Increment();
}
void DirectoryMetrics::OnGuideTold(const Guide& guide, bool kept) {
  (kept ? guide_kept_ : guide_no_room_).Increment();
  guide_services_.Set(static_cast<double>(guide.services()));
  guide_events_.Set(static_cast<double>(guide.events()));
}
void DirectoryMetrics::OnExported(bool ok) { (ok ? exports_ok_ : exports_refused_).Increment(); }
void DirectoryMetrics::SetFormats(size_t formats) { formats_.Set(static_cast<double>(formats)); }
void DirectoryMetrics::SetPlanReaders(size_t readers) {
  plan_readers_.Set(static_cast<double>(readers));
}

}  // namespace headwater::directory_resolver
