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

constexpr char kLoads[] = "headwater_directory_resolver_loads_total";
constexpr char kLoadsHelp[] = "Readings of configuration and lineups, by result.";
constexpr char kResolves[] = "headwater_directory_resolver_resolves_total";
constexpr char kResolvesHelp[] = "Numbers asked for, by result.";
constexpr char kPlays[] = "headwater_directory_resolver_plays_total";
constexpr char kPlaysHelp[] = "Plays reported, by result.";
constexpr char kExports[] = "headwater_directory_resolver_exports_total";
constexpr char kExportsHelp[] = "Playlists and SDPs asked for, by result.";

}  // namespace

DirectoryMetrics::DirectoryMetrics(prometheus::Registry& registry)
    : stations_(Family(prometheus::BuildGauge(), registry, "headwater_directory_resolver_stations",
                       "Stations, by directory.")),
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
      exports_ok_(Counted(registry, kExports, kExportsHelp, "ok")),
      exports_refused_(Counted(registry, kExports, kExportsHelp, "refused")) {}

void DirectoryMetrics::OnLoaded(const Directory& directory) {
  loads_ok_.Increment();
  load_ok_.Set(1);
  numbers_.Set(static_cast<double>(directory.numbers()));
  warnings_.Set(static_cast<double>(directory.warnings().size()));
  SetFormats(directory.formats());
  std::map<std::string, size_t> counts;
  for (const PlanDirectory& row : directory.plan().config().directories) counts[row.name] = 0;
  for (const Station& station : directory.catalogue().stations()) ++counts[station.directory];
  for (auto& [name, gauge] : station_gauges_) gauge->Set(0);
  for (const auto& [name, count] : counts) {
    prometheus::Gauge*& gauge = station_gauges_[name];
    if (gauge == nullptr) gauge = &stations_.Add({{"directory", name}});
    gauge->Set(static_cast<double>(count));
  }
}

void DirectoryMetrics::OnLoadRefused() {
  loads_refused_.Increment();
  load_ok_.Set(0);
}

void DirectoryMetrics::OnResolved(bool found) { (found ? resolved_ : not_found_).Increment(); }
void DirectoryMetrics::OnPlay(bool ok) { (ok ? plays_ok_ : plays_failed_).Increment(); }
void DirectoryMetrics::OnExported(bool ok) { (ok ? exports_ok_ : exports_refused_).Increment(); }
void DirectoryMetrics::SetFormats(size_t formats) { formats_.Set(static_cast<double>(formats)); }
void DirectoryMetrics::SetPlanReaders(size_t readers) {
  plan_readers_.Set(static_cast<double>(readers));
}

}  // namespace headwater::directory_resolver
