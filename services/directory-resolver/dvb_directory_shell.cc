// What tuners tell, as the manager carries it; the rest of DirectoryShell is in directory_shell.cc.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/common/time/clock.h"
#include "services/directory-resolver/directory_shell.h"

namespace headwater::directory_resolver {

absl::Status DirectoryShell::ReportLineup(const std::string& tuner, std::vector<DvbCarrier> told,
                                          absl::FunctionRef<bool(const std::string& id)> is_read) {
  absl::Status status = CheckLineup(told);
  if (status.ok()) status = CheckTuner(tuner, told);
  if (!status.ok()) {
    metrics_.OnLineupTold("refused");
    return status;
  }
  const DvbLineups before = dvb_;
  std::vector<DvbCarrier>& lineup = dvb_[tuner];
  lineup = MergeLineup(lineup, std::move(told), is_read);
  if (lineup.empty()) dvb_.erase(tuner);
  if (dvb_ == before) {
    metrics_.OnLineupTold("unchanged");
    return absl::OkStatus();
  }
  status = TakeLineup(tuner);
  metrics_.OnLineupTold(status.ok() ? "taken" : "refused");
  if (!status.ok()) dvb_ = before;
  return status;
}

absl::Status DirectoryShell::CheckTuner(const std::string& tuner,
                                        const std::vector<DvbCarrier>& told) const {
  const auto is_dvb = [](const auto& row) { return row.source == DirectorySource::kDvb; };
  if (std::none_of(options_.directories.begin(), options_.directories.end(), is_dvb))
    return absl::NotFoundError("no directory is of kind \"dvb\"");
  if (dvb_.contains(tuner) || told.empty() || dvb_.size() < kDvbTunersMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("tuner: {} have told their lineups already", kDvbTunersMax));
}

absl::Status DirectoryShell::TakeLineup(const std::string& tuner) {
  const std::vector<std::string> warned = directory_.warnings();
  const auto found = dvb_.find(tuner);
  const std::vector<DvbCarrier> none;
  const std::vector<DvbCarrier>& carriers = found == dvb_.end() ? none : found->second;
  const absl::Time now = WallNow();
  ASSIGN_OR_RETURN(std::vector<DirectoryLineup> lineups, Lineups(options_, files_, nullptr));
  RETURN_IF_ERROR(
      Build(options_, std::move(lineups), [&] { return dvb_store_.Save(tuner, carriers, now); }));
  dvb_told_.erase(tuner);
  if (!carriers.empty()) dvb_told_[tuner] = now;
  if (directory_.warnings() != warned) {
    for (const std::string& warning : directory_.warnings())
      log_.Warning("number plan", {{"warning", warning}});
  }
  log_.Info("lineup of a tuner taken", {{"tuner", tuner},
                                        {"carriers", carriers.size()},
                                        {"stations", directory_.catalogue().stations().size()}});
  return absl::OkStatus();
}

void DirectoryShell::ReportGuide(const DvbTriplet& service, std::vector<GuideEvent> events) {
  const bool kept = guide_.Set(service, std::move(events), WallNow());
  metrics_.OnGuideTold(guide_, kept);
}

DirectoryShell::Told DirectoryShell::TunersTold() const {
  Told told;
  for (const auto& [tuner, when] : dvb_told_) told.when = std::max(told.when, when);
  for (const auto& [tuner, carriers] : dvb_) {
    told.entries += carriers.size();
    for (const DvbCarrier& carrier : carriers) told.entries += carrier.services.size();
  }
  return told;
}

absl::StatusOr<std::string> DirectoryShell::Export(const ExportQuery& query) const {
  if (query.format != ExportQuery::Format::kXmltv) return directory_.Export(query);
  ASSIGN_OR_RETURN(const std::vector<const Station*> stations, directory_.Selected(query));
  if (query.number && !TripletOf(*stations.front())) {
    return absl::FailedPreconditionError(
        fmt::format("station {} \"{}\" is no DVB service with a programme guide",
                    NumberText(*query.number), stations.front()->title));
  }
  return WriteXmltv(stations, guide_, WallNow());
}

}  // namespace headwater::directory_resolver
