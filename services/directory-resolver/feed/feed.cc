#include "services/directory-resolver/feed/feed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "services/common/net/source_url.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/feed/feed_formats.h"
#include "services/directory-resolver/text_fold.h"

namespace headwater::directory_resolver {
namespace {

constexpr size_t kTextMax = 256;
constexpr size_t kTagMax = 64;

void FoldAll(std::vector<std::string>& texts) {
  for (std::string& text : texts) text = FoldCase(text);
}

bool Holds(const std::vector<std::string>& wanted, std::string_view value) {
  return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

// Clean parts of a list, without doubles, at most kStationTagsMax.
std::vector<std::string> Split(std::string_view list, std::string_view separators) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < list.size() && parts.size() < kStationTagsMax;) {
    const size_t end = std::min(list.find_first_of(separators, at), list.size());
    std::string part = CleanText(list.substr(at, end - at), kTagMax);
    if (!part.empty() && !Holds(parts, part)) parts.push_back(std::move(part));
    at = end + 1;
  }
  return parts;
}

// A URL that a session can be started with, or nothing. What directories write with spaces or in
// UTF-8 is encoded.
std::string UsableUrl(std::string_view text) {
  const auto url = SourceUrl::Parse(text);
  if (!url.ok()) return "";
  if (IsStationUrl(text)) return std::string(text);
  std::string encoded = url->ToString();
  return IsStationUrl(encoded) ? encoded : "";
}

std::string OptionalLink(const std::string& url) { return IsStationUrl(url) ? url : std::string(); }

// Of Radio-Browser: the filter as far as one word of it does, for a document that is smaller. What
// comes is filtered all the same.
std::string RadioBrowserQuery(const FeedOptions& options) {
  std::string query = "/json/stations/search?hidebroken=true&order=votes&reverse=true";
  const auto add = [&query](std::string_view key, const std::vector<std::string>& values) {
    if (values.size() != 1) return;
    query += fmt::format("&{}=", key);
    for (const char c : values.front()) {
      const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
      query += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  };
  add("tag", options.filter.tags);
  add("countrycode", options.filter.countries);
  add("language", options.filter.languages);
  add("codec", options.filter.codecs);
  if (options.filter.bitrate_min != 0)
    query += fmt::format("&bitrateMin={}", options.filter.bitrate_min / 1000);
  if (options.filter.bitrate_max != 0)
    query += fmt::format("&bitrateMax={}", options.filter.bitrate_max / 1000);
  // By votes, the most first, so that the directory's limit keeps the same ones as ours; but its
  // tags and languages match parts of words, so that with those more is needed than remains.
  if (options.filter.tags.empty() && options.filter.languages.empty() &&
      options.filter.countries.size() < 2 && options.filter.codecs.size() < 2)
    query += fmt::format("&limit={}", options.stations_max);
  return query;
}

}  // namespace

FeedCollector::FeedCollector(const FeedOptions& options, std::string_view tag_separators)
    : options_(options), tag_separators_(tag_separators), wanted_(options.filter) {
  for (auto* texts : {&wanted_.tags, &wanted_.countries, &wanted_.languages, &wanted_.codecs})
    FoldAll(*texts);
}

bool FeedCollector::IsWanted(const LineupStation& station, std::string_view languages) const {
  const auto any = [](const std::vector<std::string>& wanted,
                      const std::vector<std::string>& values) {
    return wanted.empty() || std::any_of(values.begin(), values.end(), [&](const auto& value) {
             return Holds(wanted, FoldCase(value));
           });
  };
  const StationDetails& details = station.details;
  const uint32_t rate = details.bits_per_second;
  if (wanted_.bitrate_min != 0 && rate < wanted_.bitrate_min) return false;
  if (wanted_.bitrate_max != 0 && (rate == 0 || rate > wanted_.bitrate_max)) return false;
  if (details.votes < wanted_.votes_min) return false;
  return any(wanted_.tags, station.tags) && any(wanted_.countries, {details.country}) &&
         any(wanted_.codecs, {details.codec}) && any(wanted_.languages, Split(languages, ","));
}

void FeedCollector::Add(const FeedEntry& entry) {
  ++feed_.counts.entries;
  LineupStation station;
  for (const std::string& text : entry.urls) {
    std::string url = UsableUrl(text);
    if (!url.empty() && !Holds(station.urls, url) && station.urls.size() < kStationUrlsMax)
      station.urls.push_back(std::move(url));
  }
  station.title = CleanText(entry.title, kTextMax);
  if (station.urls.empty() || station.title.empty() || entry.broken) {
    ++feed_.counts.unusable;
    return;
  }
  station.identity = entry.identity.empty() ? "url:" + NormalisedUrl(station.urls.front())
                                            : CleanText(entry.identity, kTextMax);
  if (const auto known = index_by_identity_.find(station.identity);
      known != index_by_identity_.end()) {
    std::vector<std::string>& urls = feed_.stations[known->second].urls;
    if (join_urls_ && urls.size() < kStationUrlsMax && !Holds(urls, station.urls.front())) {
      urls.push_back(std::move(station.urls.front()));
    } else {
      ++feed_.counts.unusable;
    }
    return;
  }
  station.tags = Split(entry.tags, tag_separators_);
  station.homepage = OptionalLink(entry.homepage);
  station.logo_url = OptionalLink(entry.logo_url);
  station.details = {.codec = CleanText(entry.codec, 32),
                     .bits_per_second = entry.bits_per_second,
                     .votes = entry.votes,
                     .country = CleanText(entry.country, 32),
                     .language = CleanText(entry.languages, kTagMax)};
  if (!IsWanted(station, entry.languages)) {
    ++feed_.counts.filtered;
  } else if (feed_.stations.size() >= kFeedStationsMax) {
    ++feed_.counts.over_limit;
  } else {
    index_by_identity_.emplace(station.identity, feed_.stations.size());
    feed_.stations.push_back(std::move(station));
  }
}

Feed FeedCollector::Take() {
  index_by_identity_.clear();
  std::vector<LineupStation>& stations = feed_.stations;
  if (stations.size() > options_.stations_max) {
    feed_.counts.over_limit += static_cast<uint32_t>(stations.size() - options_.stations_max);
    std::stable_sort(stations.begin(), stations.end(), [](const auto& a, const auto& b) {
      return a.details.votes > b.details.votes;
    });
    stations.resize(options_.stations_max);
  }
  return std::move(feed_);
}

std::string RequestUrl(DirectorySource source, const FeedOptions& options) {
  const auto url = SourceUrl::Parse(options.url);
  // A server alone: the usual question. A path means that somebody knows better.
  if (source == DirectorySource::kRadioBrowser && url.ok() && url->target == "/")
    return options.url.substr(0, options.url.find_last_not_of('/') + 1) +
           RadioBrowserQuery(options);
  if (source == DirectorySource::kShoutcast && !options.key.empty()) {
    return fmt::format("{}{}k={}", options.url,
                       options.url.find('?') == std::string::npos ? '?' : '&', options.key);
  }
  return options.url;
}

std::string ShownUrl(const FeedOptions& options) { return RedactUrl(options.url); }

std::string Fingerprint(DirectorySource source, const FeedOptions& options) {
  const FeedFilter& filter = options.filter;
  const std::string text =
      fmt::format("{} {} {} {} {} {} {} {} {} {}", static_cast<int>(source), options.url,
                  filter.tags, filter.countries, filter.languages, filter.codecs,
                  filter.bitrate_min, filter.bitrate_max, filter.votes_min, options.stations_max);
  // It is stored, and the URL may hold a password. FNV-1a, which is the same everywhere.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

absl::StatusOr<Feed> ParseFeed(DirectorySource source, std::string_view document,
                               const FeedOptions& options) {
  if (document.size() > options.bytes_max)
    return absl::InvalidArgumentError(fmt::format("larger than {} bytes", options.bytes_max));
  switch (source) {
    case DirectorySource::kRadioBrowser:
      return ParseRadioBrowser(document, options);
    case DirectorySource::kXiph:
      return ParseXiph(document, options);
    case DirectorySource::kTuneIn:
      return ParseTuneIn(document, options);
    case DirectorySource::kShoutcast:
      return ParseShoutcast(document, options);
    case DirectorySource::kM3u:
      return ParseM3uFeed(document, options);
    case DirectorySource::kLineup:
    case DirectorySource::kCatalogue:
    case DirectorySource::kFavourites:
    case DirectorySource::kDvb:
      break;
  }
  return absl::InvalidArgumentError("no document is fetched for it");
}

}  // namespace headwater::directory_resolver
