#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

// Who reads the playlist: players differ in the URLs they take. See the README's table.
enum class Player { kVlc, kFfmpeg, kKodi };

// A station to write, and its format if a play has shown it.
struct ExportedStation {
  const Station* station = nullptr;
  const KnownFormat* known = nullptr;
};

// Which groups, for whom.
struct ExportChoice {
  Player player = Player::kVlc;
  IpAddress::Family family = IpAddress::Family::kIpv6;
  // Who sends: needed for SSM groups and for SDP.
  std::optional<IpAddress> service_address;
};

struct StationUrl {
  // Empty when the player has no URL for the station; then `reason` says why, in one line.
  std::string url;
  std::string reason;
};
StationUrl UrlOf(const ExportedStation& station, const NumberPlan& plan,
                 const ExportChoice& choice);

// What playlists and programme guides call the station: "<onid>.<tsid>.<sid>" of a DVB service
// whose ids are known, else its number.
std::string GuideId(const Station& station);

// Extended M3U with tvg-id, tvg-name, tvg-logo and group-title; a DVB service has its channel
// number as tvg-chno, its DVB URL (ETSI TS 102 851) as dvb, and its type as group-title. A station
// without a URL for this player is a comment that says why.
std::string WriteM3u(const std::vector<ExportedStation>& stations, const NumberPlan& plan,
                     const ExportChoice& choice);
// XSPF version 1. A station without a URL for this player has a track with a title and an
// annotation that says why.
std::string WriteXspf(const std::vector<ExportedStation>& stations, const NumberPlan& plan,
                      const ExportChoice& choice);
// SDP with source-filter. FAILED_PRECONDITION names the station when its format is not known yet,
// or when it has no group of the family; INVALID_ARGUMENT without a service address of the family.
// `origin_ntp` (NTP seconds, never 0) is the sess-id and version: when the format was learnt.
absl::StatusOr<std::string> WriteSdp(const ExportedStation& station, const NumberPlan& plan,
                                     const ExportChoice& choice, uint64_t origin_ntp);

// Text in XML, with what XML 1.0 cannot hold left out.
std::string EscapeXml(std::string_view text);

}  // namespace headwater::directory_resolver
