#include "services/directory-resolver/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/status_macros.h"
#include "services/common/plan/plan_text.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/guide.h"

namespace headwater::directory_resolver {
namespace {

constexpr int kRtpPort = 5004;
constexpr int kSapPort = 9875;
constexpr size_t kTextMax = 512;

std::string Host(const IpAddress& address) {
  return address.is_v6() ? "[" + address.ToString() + "]" : address.ToString();
}

std::optional<IpAddress> GroupOf(uint32_t number, const NumberPlan& plan,
                                 IpAddress::Family family) {
  return family == IpAddress::Family::kIpv6 ? plan.GroupV6(number) : plan.GroupV4(number);
}

std::string FamilyName(IpAddress::Family family) {
  return family == IpAddress::Family::kIpv6 ? "IPv6" : "IPv4";
}

// Whether a receiver can tell the payload from its number alone (RFC 3551 table 4): all that an
// rtp:// URL can carry.
bool IsStaticPayload(const KnownFormat& known) { return known.format.payload_type < 96; }

// TTL of what is sent, as SDP names it for IPv4: administratively scoped blocks by RFC 2365,
// everything else the whole network.
uint8_t TtlOf(const IpAddress& group, const PlanDirectory* directory) {
  if (directory != nullptr && directory->hop_limit != 0) return directory->hop_limit;
  const uint32_t address = group.low32();
  if (address >> 16 == 0xefff) return 16;             // 239.255.0.0/16, local scope
  if (address >> 18 == 0xefc00000u >> 18) return 32;  // 239.192.0.0/14, organisation
  return 64;
}

// A value between double quotes, which M3U has no way to escape.
std::string Quoted(std::string_view text) {
  std::string out = CleanText(text, kTextMax);
  std::replace(out.begin(), out.end(), '"', '\'');
  return "\"" + out + "\"";
}

std::string GroupTitle(const Station& station) {
  // Of a service's tags the type is what people sort by.
  if (station.dvb && station.dvb->type != DvbType::kUnknown)
    return std::string(DvbTypeName(station.dvb->type));
  std::string groups;
  for (const std::string& tag : station.tags) groups += (groups.empty() ? "" : ";") + tag;
  return groups.empty() ? station.directory : groups;
}

// "dvb://2.7fb.1041", in hexadecimal (ETSI TS 102 851); empty where the ids are not
// known.
std::string DvbUrl(const Station& station) {
  const std::optional<DvbTriplet> ids = TripletOf(station);
  if (!ids) return "";
  return fmt::format("dvb://{:x}.{:x}.{:x}", ids->original_network_id, ids->transport_stream_id,
                     ids->service_id);
}

void AppendElement(std::string& out, std::string_view name, std::string_view text) {
  if (!text.empty()) out += fmt::format("      <{}>{}</{}>\n", name, EscapeXml(text), name);
}

}  // namespace

StationUrl UrlOf(const ExportedStation& exported, const NumberPlan& plan,
                 const ExportChoice& choice) {
  const std::optional<IpAddress> group = GroupOf(exported.station->number, plan, choice.family);
  if (!group)
    return {"", fmt::format("the number plan has no {} group for it", FamilyName(choice.family))};
  std::string source;
  if (group->IsSsmGroup()) {
    if (!choice.service_address || choice.service_address->family() != choice.family) {
      return {"", "its group is source-specific: export with the service address"};
    }
    source = choice.service_address->ToString();
  }
  if (choice.player == Player::kFfmpeg && source.empty()) {
    // The announcement in the group itself carries the SDP, so this works for every format.
    return {fmt::format("sap://{}:{}", Host(*group), kSapPort), ""};
  }
  if (exported.known != nullptr && !IsStaticPayload(*exported.known)) {
    return {"", fmt::format("{} cannot be named by an rtp:// URL: export the station's SDP",
                            exported.known->format.encoding)};
  }
  if (choice.player == Player::kVlc) {
    const std::string at = source.empty() ? "@" : Host(*choice.service_address) + "@";
    return {fmt::format("rtp://{}{}:{}", at, Host(*group), kRtpPort), ""};
  }
  const std::string query = source.empty() ? "" : "?sources=" + source;
  return {fmt::format("rtp://{}:{}{}", Host(*group), kRtpPort, query), ""};
}

std::string GuideId(const Station& station) {
  const std::optional<DvbTriplet> ids = TripletOf(station);
  if (!ids) return NumberText(station.number);
  return fmt::format("{}.{}.{}", ids->original_network_id, ids->transport_stream_id,
                     ids->service_id);
}

std::string WriteM3u(const std::vector<ExportedStation>& stations, const NumberPlan& plan,
                     const ExportChoice& choice) {
  std::string out = "#EXTM3U\n";
  for (const ExportedStation& exported : stations) {
    const Station& station = *exported.station;
    const StationUrl url = UrlOf(exported, plan, choice);
    const std::string title = CleanText(station.title, kTextMax);
    if (url.url.empty()) {
      out += fmt::format("# {} {}: {}\n", NumberText(station.number), title, url.reason);
      continue;
    }
    out += fmt::format("#EXTINF:-1 tvg-id=\"{}\" tvg-name={}", GuideId(station),
                       Quoted(station.title));
    if (station.dvb && station.dvb->channel_number != 0)
      out += fmt::format(" tvg-chno=\"{}\"", station.dvb->channel_number);
    if (const std::string dvb = DvbUrl(station); !dvb.empty()) out += " dvb=" + Quoted(dvb);
    if (!station.logo_url.empty()) out += " tvg-logo=" + Quoted(station.logo_url);
    out += fmt::format(" group-title={},{}\n{}\n", Quoted(GroupTitle(station)), title, url.url);
  }
  return out;
}

std::string WriteXspf(const std::vector<ExportedStation>& stations, const NumberPlan& plan,
                      const ExportChoice& choice) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\">\n"
      "  <title>Headwater</title>\n"
      "  <trackList>\n";
  for (const ExportedStation& exported : stations) {
    const Station& station = *exported.station;
    const StationUrl url = UrlOf(exported, plan, choice);
    out += "    <track>\n";
    // The order is the schema's.
    AppendElement(out, "location", url.url);
    AppendElement(out, "identifier", "urn:x-headwater:" + NumberText(station.number));
    AppendElement(out, "identifier", DvbUrl(station));
    AppendElement(out, "title", CleanText(station.title, kTextMax));
    AppendElement(out, "annotation", url.reason);
    AppendElement(out, "info", station.homepage);
    AppendElement(out, "image", station.logo_url);
    AppendElement(out, "album", CleanText(GroupTitle(station), kTextMax));
    out += "    </track>\n";
  }
  out += "  </trackList>\n</playlist>\n";
  return out;
}

absl::StatusOr<std::string> WriteSdp(const ExportedStation& exported, const NumberPlan& plan,
                                     const ExportChoice& choice, uint64_t origin_ntp) {
  const Station& station = *exported.station;
  const std::string name = fmt::format("station {} \"{}\"", NumberText(station.number),
                                       CleanText(station.title, kTextMax));
  if (!choice.service_address || choice.service_address->family() != choice.family ||
      choice.service_address->IsMulticast()) {
    return absl::InvalidArgumentError(
        fmt::format("service_address: an SDP names who sends, so an {} unicast address is needed",
                    FamilyName(choice.family)));
  }
  if (exported.known == nullptr) {
    return absl::FailedPreconditionError(fmt::format(
        "the format of {} is not known yet: play it once, then its SDP can be written", name));
  }
  const std::optional<IpAddress> group = GroupOf(station.number, plan, choice.family);
  if (!group)
    return absl::FailedPreconditionError(
        fmt::format("the number plan has no {} group for {}", FamilyName(choice.family), name));
  Sdp sdp;
  sdp.origin_id = origin_ntp;
  sdp.origin_version = origin_ntp;
  sdp.origin_address = *choice.service_address;
  sdp.name = station.title;
  sdp.url = station.homepage;
  sdp.group = *group;
  if (group->is_v4()) sdp.ttl = TtlOf(*group, plan.DirectoryOf(station.number));
  sdp.port = kRtpPort;
  sdp.bandwidth_kbps =
      exported.known->bits_per_second == 0 ? 0 : SdpBandwidthKbps(exported.known->bits_per_second);
  sdp.format = exported.known->format;
  sdp.source = choice.service_address;
  return BuildSdp(sdp);
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        // U+FFFE and U+FFFF are no characters of XML 1.0 (section 2.2), nor are controls.
        if (text.substr(i, 2) == "\xef\xbf" &&
            (text.substr(i + 2, 1) == "\xbe" || text.substr(i + 2, 1) == "\xbf")) {
          i += 2;
        } else if (static_cast<unsigned char>(text[i]) >= ' ') {
          out += text[i];
        }
    }
  }
  return out;
}

}  // namespace headwater::directory_resolver
