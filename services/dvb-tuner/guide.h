#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "services/common/mpegts/si_table.h"
#include "services/dvb-tuner/service.h"

namespace headwater::tuner {

struct GuideEvent {
  uint16_t event_id = 0;
  int64_t start = 0;  // Unix seconds
  uint32_t seconds = 0;
  std::string title;
  std::string text;
  std::string description;
  std::string language;
  bool operator==(const GuideEvent&) const = default;
};

// The programme of every service of which an EIT tells. Bounded: one service or event more than
// there is room for is not taken, and what ended more than an hour ago goes.
class Guide {
 public:
  static constexpr size_t kServicesMax = 4096;
  static constexpr size_t kEventsMax = 1000;  // of a service

  struct Programme {
    std::map<uint16_t, GuideEvent> events;  // by event id
    std::optional<GuideEvent> present;
  };

  void OnEvents(const mpegts::EventInformation& table, int64_t now);

  // What the newest present/following table has as running; null: nothing is known.
  const GuideEvent* Present(const ServiceKey& service) const;
  const std::map<ServiceKey, Programme>& programmes() const { return programmes_; }
  // Services whose programme, or whose present event, is another since it was last asked.
  std::set<ServiceKey> TakeChanged();
  std::set<ServiceKey> TakeChangedPresent();

 private:
  std::map<ServiceKey, Programme> programmes_;
  std::set<ServiceKey> changed_;
  std::set<ServiceKey> changed_present_;
};

}  // namespace headwater::tuner
