#include "services/directory-resolver/guide.h"

#include <absl/time/time.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/directory-resolver/export.h"

namespace headwater::directory_resolver {
namespace {

// "20261128170000 +0000"
std::string XmltvTime(absl::Time time) {
  return std::string(FromAbsl(absl::FormatTime("%Y%m%d%H%M%S +0000", time, absl::UTCTimeZone())));
}

size_t BytesOf(const GuideEvent& event) {
  return sizeof(GuideEvent) + event.title.size() + event.text.size() + event.description.size() +
         event.language.size();
}

void AppendText(std::string& out, std::string_view element, std::string_view text,
                std::string_view language) {
  if (text.empty()) return;
  const std::string lang = language.empty() ? "" : fmt::format(" lang=\"{}\"", EscapeXml(language));
  out += fmt::format("    <{}{}>{}</{}>\n", element, lang, EscapeXml(text), element);
}

void AppendChannel(std::string& out, const std::string& id, const Station& station) {
  out += fmt::format("  <channel id=\"{}\">\n", EscapeXml(id));
  out += fmt::format("    <display-name>{}</display-name>\n", EscapeXml(station.title));
  if (station.dvb->channel_number != 0)
    out += fmt::format("    <display-name>{}</display-name>\n", station.dvb->channel_number);
  out += "  </channel>\n";
}

void AppendProgramme(std::string& out, const std::string& channel, const GuideEvent& event) {
  out += fmt::format("  <programme start=\"{}\" stop=\"{}\" channel=\"{}\">\n",
                     XmltvTime(event.start), XmltvTime(event.stop), EscapeXml(channel));
  AppendText(out, "title", event.title, event.language);
  // What is long is seldom repeated in what is short.
  std::string text = event.text;
  if (!event.description.empty() && event.description != text)
    text += (text.empty() ? "" : " ") + event.description;
  AppendText(out, "desc", text, event.language);
  out += "  </programme>\n";
}

}  // namespace

void Guide::Forget(const DvbTriplet& service) {
  const auto known = services_.find(service);
  if (known == services_.end()) return;
  events_ -= known->second.size();
  for (const GuideEvent& event : known->second) bytes_ -= BytesOf(event);
  services_.erase(known);
}

void Guide::DropOver(absl::Time now) {
  for (auto service = services_.begin(); service != services_.end();) {
    std::vector<GuideEvent>& events = service->second;
    events_ -= std::erase_if(events, [&](const GuideEvent& event) {
      const bool over = event.stop <= now;
      if (over) bytes_ -= BytesOf(event);
      return over;
    });
    service = events.empty() ? services_.erase(service) : std::next(service);
  }
}

bool Guide::Set(const DvbTriplet& service, std::vector<GuideEvent> events, absl::Time now) {
  Forget(service);
  DropOver(now);
  std::erase_if(events, [now](const GuideEvent& event) {
    return event.title.empty() || event.stop <= event.start || event.stop <= now ||
           event.stop - event.start > kGuideEventMax || event.start > now + kGuideHorizon;
  });
  std::stable_sort(events.begin(), events.end(),
                   [](const GuideEvent& a, const GuideEvent& b) { return a.start < b.start; });
  const auto together = [](const GuideEvent& a, const GuideEvent& b) { return a.start == b.start; };
  events.erase(std::unique(events.begin(), events.end(), together), events.end());
  if (events.size() > limits_.service_events) events.resize(limits_.service_events);
  if (events.empty()) return true;
  size_t bytes = 0;
  for (const GuideEvent& event : events) bytes += BytesOf(event);
  if (services_.size() >= limits_.services || bytes_ + bytes > limits_.bytes) return false;
  events_ += events.size();
  bytes_ += bytes;
  services_[service] = std::move(events);
  return true;
}

const std::vector<GuideEvent>* Guide::Find(const DvbTriplet& service) const {
  const auto found = services_.find(service);
  return found == services_.end() ? nullptr : &found->second;
}

std::optional<DvbTriplet> TripletOf(const Station& station) {
  if (!station.dvb) return std::nullopt;
  const DvbSource& dvb = *station.dvb;
  if (dvb.service_id == 0 || dvb.original_network_id == 0 || dvb.transport_stream_id == 0)
    return std::nullopt;
  return DvbTriplet{dvb.original_network_id, dvb.transport_stream_id, dvb.service_id};
}

std::string WriteXmltv(const std::vector<const Station*>& stations, const Guide& guide,
                       absl::Time now) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE tv SYSTEM \"xmltv.dtd\">\n"
      "<tv generator-info-name=\"Headwater\">\n";
  std::set<std::string> ids;
  std::string programmes;
  for (const Station* station : stations) {
    if (!station->dvb || station->dvb->service_id == 0) continue;
    const std::string id = GuideId(*station);
    if (!ids.insert(id).second) continue;
    AppendChannel(out, id, *station);
    const std::optional<DvbTriplet> triplet = TripletOf(*station);
    const std::vector<GuideEvent>* events = triplet ? guide.Find(*triplet) : nullptr;
    if (events == nullptr) continue;
    for (const GuideEvent& event : *events) {
      if (event.stop > now) AppendProgramme(programmes, id, event);
    }
  }
  // The DTD wants all channels before the first programme.
  out += programmes;
  out += "</tv>\n";
  return out;
}

}  // namespace headwater::directory_resolver
