#include "services/directory-resolver/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/plan/dvb_number.h"
#include "services/common/plan/plan_text.h"

namespace headwater::directory_resolver {
namespace {

// Seconds from the NTP era's begin (1900) to the Unix epoch (RFC 5905 section 6).
constexpr int64_t kNtpToUnix = 2'208'988'800;

absl::Status CheckFormat(const SdpFormat& format) {
  if (!format.encoding.empty() && format.clock_rate != 0 && format.payload_type < 128)
    return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "format: encoding \"{}\", clock rate {} and payload type {} do not make an RTP format",
      format.encoding, format.clock_rate, format.payload_type));
}

}  // namespace

Directory::Directory(std::vector<NumberRecord> numbers, std::map<uint32_t, StoredFormat> formats,
                     StationMarks marks)
    : book_(std::move(numbers)), formats_(std::move(formats)), marks_(std::move(marks)) {}

absl::Status Directory::Load(const Options& options, std::vector<DirectoryLineup> lineups,
                             const SaveNumbers& save) {
  ASSIGN_OR_RETURN(NumberPlan plan, NumberPlan::Build(options.ToPlan()));
  // Before the load: it is the numbers given so far that a new prefix may shadow.
  std::vector<std::string> warnings = plan.Shadowed(book_.LedElsewhere(plan));
  NumberBook sheet = NumberBook::Over(book_);
  ASSIGN_OR_RETURN(Catalogue catalogue,
                   BuildCatalogue(std::move(lineups), {options, plan, sheet, warnings}));
  RETURN_IF_ERROR(save(sheet.unsaved()));
  sheet.Saved();
  warnings.insert(warnings.begin(), plan.warnings().begin(), plan.warnings().end());
  if (plan_revision_ == 0 || !(plan.config() == plan_.config())) ++plan_revision_;
  plan_ = std::move(plan);
  book_.Take(std::move(sheet));
  catalogue_ = std::move(catalogue);
  warnings_ = std::move(warnings);
  directories_ = options.directories;
  BuildAliases();
  return absl::OkStatus();
}

absl::StatusOr<const Station*> Directory::Resolve(uint32_t number) const {
  const Station* station = catalogue_.Find(number);
  if (station == nullptr) station = aliases_.Find(number);
  if (station != nullptr && !marks_.IsDisabled(marks_.First(number))) return station;
  if (station != nullptr) {
    return absl::FailedPreconditionError(
        fmt::format("station {} \"{}\" is disabled", NumberText(number), station->title));
  }
  const NumberPrefix* row = plan_.PrefixOf(number);
  return absl::NotFoundError(
      row == nullptr
          ? fmt::format("number {} is in no directory", NumberText(number))
          : fmt::format("directory {} has no station {}", row->directory, NumberText(number)));
}

absl::StatusOr<Station> Directory::ResolveToPlay(uint32_t number) const {
  const absl::StatusOr<const Station*> known = Resolve(number);
  if (known.ok()) return **known;
  const std::optional<DvbNumber> dvb = DvbNumber::Decode(number);
  // A service that is gone has its number still.
  if (!absl::IsNotFound(known.status()) || !dvb || book_.Find(number) != nullptr)
    return known.status();
  const auto carrier = Resolve(number - dvb->service_id);
  if (!carrier.ok() || !(*carrier)->dvb ||
      (*carrier)->directory != plan_.PrefixOf(number)->directory)
    return known.status();
  Station station = **carrier;
  station.number = number;
  station.title = fmt::format("Service {} ({})", dvb->service_id, station.dvb->carrier);
  station.tags.clear();
  station.dvb->service_id = dvb->service_id;
  station.dvb->type = DvbType::kUnknown;
  return station;
}

const KnownFormat* Directory::FormatOf(uint32_t number) const {
  // RFC 2250 section 2: whatever a service consists of, it is sent as transport stream.
  static const KnownFormat kTransportStream = {
      {.encoding = "MP2T", .payload_type = 33, .clock_rate = 90'000, .channels = 0, .fmtp = {}},
      0,
      "MPEG-TS"};
  const uint32_t first = marks_.First(number);
  const auto found = formats_.find(first);
  if (found != formats_.end()) return &found->second.known;
  const Station* station = catalogue_.Find(first);
  return station != nullptr && station->dvb ? &kTransportStream : nullptr;
}

absl::StatusOr<std::optional<StoredFormat>> Directory::LearnFormat(uint32_t number,
                                                                   const KnownFormat& known,
                                                                   absl::Time now) {
  RETURN_IF_ERROR(Resolve(number).status());
  RETURN_IF_ERROR(CheckFormat(known.format));
  const uint32_t first = marks_.First(number);
  const auto found = formats_.find(first);
  if (found != formats_.end() && found->second.known == known) return std::nullopt;
  const StoredFormat stored = {known, now};
  formats_[first] = stored;
  return stored;
}

bool Directory::IsIn(const Station& station, StationQuery::Set set) const {
  const uint32_t first = marks_.First(station.number);
  const bool disabled = marks_.IsDisabled(first);
  switch (set) {
    case StationQuery::Set::kPlayable:
      return !disabled;
    case StationQuery::Set::kDisabled:
      return disabled && first == station.number;
    case StationQuery::Set::kFailing:
      return marks_.IsFailing(first) && first == station.number;
    case StationQuery::Set::kFavourite: {
      const auto alias = marks_.aliases().find(station.number);
      return !disabled && alias != marks_.aliases().end() && alias->second.favourite;
    }
  }
  return false;
}

StationPage Directory::List(const StationQuery& query) const {
  const auto begin = [&query](const std::vector<Station>& stations) {
    return std::lower_bound(
        stations.begin(), stations.end(), query.first,
        [](const Station& station, uint32_t wanted) { return station.number < wanted; });
  };
  auto at = begin(catalogue_.stations());
  auto alias = begin(aliases_.stations());
  StationPage page;
  while (at != catalogue_.stations().end() || alias != aliases_.stations().end()) {
    const bool take_alias = at == catalogue_.stations().end() ||
                            (alias != aliases_.stations().end() && alias->number < at->number);
    const Station& station = take_alias ? *alias++ : *at++;
    if (!query.directory.empty() && station.directory != query.directory) continue;
    if (!IsIn(station, query.set)) continue;
    if (page.stations.size() == query.count) {
      page.next = station.number;
      break;
    }
    page.stations.push_back(&station);
  }
  return page;
}

std::vector<const Station*> Directory::Search(std::string_view query, size_t count) const {
  return SearchCatalogues({&aliases_, &catalogue_}, query, count, [this](const Station& station) {
    return IsIn(station, StationQuery::Set::kPlayable);
  });
}

absl::StatusOr<std::vector<const Station*>> Directory::Selected(const ExportQuery& query) const {
  if (!query.directory.empty() && plan_.FindDirectory(query.directory) == nullptr) {
    return absl::NotFoundError(fmt::format("no directory is named \"{}\"", query.directory));
  }
  if (!query.number) return List({.directory = query.directory, .count = SIZE_MAX}).stations;
  ASSIGN_OR_RETURN(const Station* station, Resolve(*query.number));
  return std::vector<const Station*>{station};
}

absl::StatusOr<std::string> Directory::Export(const ExportQuery& query) const {
  const ExportChoice& choice = query.choice;
  ASSIGN_OR_RETURN(const std::vector<const Station*> selected, Selected(query));
  std::vector<ExportedStation> stations;
  for (const Station* station : selected) stations.push_back(Exported(*station));
  if (query.format == ExportQuery::Format::kSdp) {
    if (!query.number)
      return absl::InvalidArgumentError(
          "number: an SDP is of one station, so its number is needed");
    const auto format = formats_.find(marks_.First(*query.number));
    const absl::Time since = format == formats_.end() ? absl::UnixEpoch() : format->second.since;
    return WriteSdp(stations.front(), plan_, choice,
                    static_cast<uint64_t>(absl::ToUnixSeconds(since) + kNtpToUnix));
  }
  if (query.number) {
    // A whole list goes on without a station; a list of one would be empty.
    if (const StationUrl url = UrlOf(stations.front(), plan_, choice); url.url.empty()) {
      const Station& station = *selected.front();
      return absl::FailedPreconditionError(fmt::format(
          "station {} \"{}\": {}", NumberText(station.number), station.title, url.reason));
    }
  }
  return query.format == ExportQuery::Format::kM3u ? WriteM3u(stations, plan_, choice)
                                                   : WriteXspf(stations, plan_, choice);
}

}  // namespace headwater::directory_resolver
