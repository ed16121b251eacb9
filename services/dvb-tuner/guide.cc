#include "services/dvb-tuner/guide.h"

#include <utility>

#include "services/common/mpegts/si_descriptor.h"

namespace headwater::tuner {
namespace {

constexpr int64_t kKeptSeconds = 3600;
constexpr size_t kDescriptionMax = 4096;

GuideEvent EventOf(const mpegts::EventInformation::Event& row) {
  GuideEvent event = {.event_id = row.event_id, .start = row.start, .seconds = row.seconds};
  for (const mpegts::Descriptor& descriptor : row.descriptors) {
    if (auto brief = mpegts::ShortEvent::Parse(descriptor); brief && event.title.empty()) {
      event.title = std::move(brief->name);
      event.text = std::move(brief->text);
      event.language = std::move(brief->language);
    } else if (const auto more = mpegts::ExtendedEvent::Parse(descriptor)) {
      // One text in several descriptors; other languages are left out.
      if (!event.language.empty() && more->language != event.language) continue;
      event.description += more->text;
      if (!more->items.empty()) event.description += " " + more->items;
    }
  }
  if (event.description.size() > kDescriptionMax) {
    size_t end = kDescriptionMax;
    while (end > 0 && (event.description[end] & 0xc0) == 0x80) --end;
    event.description.resize(end);
  }
  return event;
}

}  // namespace

void Guide::OnEvents(const mpegts::EventInformation& table, int64_t now) {
  const ServiceKey key = {table.original_network_id, table.transport_stream_id, table.service_id};
  if (programmes_.size() >= kServicesMax && !programmes_.contains(key)) return;
  Programme& programme = programmes_[key];
  bool changed = std::erase_if(programme.events, [&](const auto& each) {
                   return each.second.start + each.second.seconds + kKeptSeconds < now;
                 }) > 0;
  std::optional<GuideEvent> present;
  for (const auto& row : table.events) {
    GuideEvent event = EventOf(row);
    if (event.start == 0) continue;
    if (table.present_following() && table.number == 0 && !present) present = event;
    const auto old = programme.events.find(event.event_id);
    if (old == programme.events.end()) {
      if (programme.events.size() >= kEventsMax) continue;
      programme.events.emplace(event.event_id, std::move(event));
      changed = true;
    } else if (old->second != event) {
      old->second = std::move(event);
      changed = true;
    }
  }
  if (table.present_following() && table.number == 0 && programme.present != present) {
    programme.present = std::move(present);
    changed_present_.insert(key);
  }
  if (changed) changed_.insert(key);
}

const GuideEvent* Guide::Present(const ServiceKey& service) const {
  const auto found = programmes_.find(service);
  if (found == programmes_.end() || !found->second.present) return nullptr;
  return &*found->second.present;
}

std::set<ServiceKey> Guide::TakeChanged() { return std::exchange(changed_, {}); }
std::set<ServiceKey> Guide::TakeChangedPresent() { return std::exchange(changed_present_, {}); }

}  // namespace headwater::tuner
