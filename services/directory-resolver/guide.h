#pragma once

#include <absl/time/time.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/directory-resolver/station.h"

namespace headwater::directory_resolver {

// A DVB service by its ids.
struct DvbTriplet {
  uint16_t original_network_id = 0;
  uint16_t transport_stream_id = 0;
  uint16_t service_id = 0;

  auto operator<=>(const DvbTriplet&) const = default;
};
// Nothing: the station is no service, or the ids of its network are not known.
std::optional<DvbTriplet> TripletOf(const Station& station);

// An event of the programme guide (EN 300 468 section 5.2.4); text is cleaned.
struct GuideEvent {
  absl::Time start;
  absl::Time stop;
  std::string title;
  // Short text.
  std::string text;
  // Extended text.
  std::string description;
  // ISO 639-2, lower case; empty: not told.
  std::string language;

  bool operator==(const GuideEvent&) const = default;
};

// Limits: of a service's events the first are kept; a service beyond them, or one for whose events
// there is no room, is not taken.
struct GuideLimits {
  size_t services = 8192;
  size_t service_events = 1000;
  // Of all events, text and structure.
  size_t bytes = 128 << 20;
};
// Events beyond are none that any schedule has (EN 300 468 section 5.2.4: 64 days).
inline constexpr absl::Duration kGuideHorizon = absl::Hours(24 * 70);
inline constexpr absl::Duration kGuideEventMax = absl::Hours(24 * 7);

// What is on, of all services; in memory, since whoever reports tells all again. Not thread-safe.
class Guide {
 public:
  explicit Guide(const GuideLimits& limits = {}) : limits_(limits) {}

  // Replaces what was known of the service; events that are over are dropped, here and of all
  // others. Left out are events without title, of absurd time, and the second of two that begin
  // together. False: there is no room.
  bool Set(const DvbTriplet& service, std::vector<GuideEvent> events, absl::Time now);

  // By start, without what is over; null when nothing is known.
  const std::vector<GuideEvent>* Find(const DvbTriplet& service) const;
  size_t services() const { return services_.size(); }
  size_t events() const { return events_; }
  size_t bytes() const { return bytes_; }

 private:
  void DropOver(absl::Time now);
  void Forget(const DvbTriplet& service);

  GuideLimits limits_;
  std::map<DvbTriplet, std::vector<GuideEvent>> services_;
  size_t events_ = 0;
  size_t bytes_ = 0;
};

// An XMLTV document (xmltv.dtd 0.5) of the DVB services among the stations, and of what is on them
// from `now` on; channels are called as in exported playlists. Of two that are the same service the
// first is written.
std::string WriteXmltv(const std::vector<const Station*>& stations, const Guide& guide,
                       absl::Time now);

}  // namespace headwater::directory_resolver
