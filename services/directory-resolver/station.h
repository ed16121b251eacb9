#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/plan/number_plan.h"
#include "services/common/sdp/sdp.h"
#include "services/directory-resolver/dvb_options.h"

namespace headwater::directory_resolver {

// The format that a play has shown.
struct KnownFormat {
  SdpFormat format;
  // Nominal media bit rate; 0 means unknown.
  uint32_t bits_per_second = 0;
  // For people: "MP3 44.1 kHz stereo 128 kb/s".
  std::string description;

  bool operator==(const KnownFormat&) const = default;
};

// What a directory tells of a station, beyond what is needed to play it.
struct StationDetails {
  // In the directory's own words: "MP3", "AAC+".
  std::string codec;
  // 0 means unknown, here and below.
  uint32_t bits_per_second = 0;
  uint32_t votes = 0;
  // ISO 3166-1 alpha-2.
  std::string country;
  std::string language;

  bool operator==(const StationDetails&) const = default;
};

// What a number stands for. All text is UTF-8 without control characters, in bounds.
struct Station {
  uint32_t number = 0;
  std::string title;
  StationKind kind = StationKind::kHttp;
  // Tried in order.
  std::vector<std::string> urls;
  std::string directory;
  std::vector<std::string> tags;
  std::string homepage;
  std::string logo_url;
  StationDetails details;
  // Of kind DVB; there are no URLs then.
  std::optional<DvbSource> dvb;
  // By a person, into the catalogue.
  bool added = false;

  bool operator==(const Station&) const = default;
};

}  // namespace headwater::directory_resolver
