#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "services/common/playlist/line_scanner.h"
#include "services/common/playlist/markup_scanner.h"
#include "services/directory-resolver/feed/feed_formats.h"

namespace headwater::directory_resolver {
namespace {

// Rates of directories are kb/s, but for servers that tell bits; above this they do.
constexpr uint32_t kKilobitsMax = 4000;

// "128", "128 kbps", "128000"; 0 for "Quality 3" and other words.
uint32_t BitsPerSecond(std::string_view text) {
  text = TrimAscii(text);
  uint32_t rate = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), rate).ec != std::errc()) return 0;
  return rate <= kKilobitsMax ? rate * 1000 : rate;
}

// In Radio-Browser's words, so that one filter fits all.
std::string CodecOf(std::string_view type) {
  type = TrimAscii(type.substr(0, type.find(';')));
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"audio/mpeg", "MP3"},       {"audio/mp3", "MP3"},       {"audio/aac", "AAC"},
      {"audio/aacp", "AAC+"},      {"application/ogg", "OGG"}, {"audio/ogg", "OGG"},
      {"audio/opus", "OPUS"},      {"audio/flac", "FLAC"},     {"audio/x-flac", "FLAC"},
      {"audio/x-mpeg", "MP3"},     {"audio/x-aac", "AAC"},     {"audio/x-aacp", "AAC+"},
      {"application/flac", "FLAC"}};
  std::string lower(type);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerAscii);
  for (const auto& [name, codec] : kTypes) {
    if (lower == name) return std::string(codec);
  }
  return std::string(type);
}

// Calls `on_tag` for each tag. The scanner forgives all; a directory must be whole, from the
// root's start to its end: what is missing would be taken for stations that have gone.
template <typename OnTag>
absl::Status Scan(std::string_view document, std::string_view root, OnTag on_tag) {
  if (document.find('\0') != std::string_view::npos)
    return absl::InvalidArgumentError("not text, so no XML");
  const std::string found = RootElement(document);
  if (found != root)
    return absl::InvalidArgumentError(fmt::format("its root is <{}>, not <{}>", found, root));
  MarkupScanner scanner(WithoutByteOrderMark(document));
  bool closed = false;
  while (const std::optional<MarkupTag> tag = scanner.Next()) {
    closed = tag->closing && tag->Is(root);
    on_tag(*tag);
  }
  if (closed) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("it ends before </{}>", root));
}

// The text of an element of <entry>, where it is one that we read.
void ReadXiphField(const MarkupTag& tag, FeedEntry& entry) {
  if (tag.Is("server_name")) {
    entry.title = tag.Text();
  } else if (tag.Is("listen_url")) {
    entry.urls = {std::string(TrimAscii(tag.Text()))};
  } else if (tag.Is("server_type")) {
    entry.codec = CodecOf(tag.Text());
  } else if (tag.Is("bitrate")) {
    entry.bits_per_second = BitsPerSecond(tag.Text());
  } else if (tag.Is("genre")) {
    entry.tags = tag.Text();
  }
}

FeedEntry TuneInEntry(const MarkupTag& tag) {
  const auto attribute = [&tag](std::string_view name) { return tag.Attribute(name).value_or(""); };
  FeedEntry entry;
  if (const std::string id = attribute("guide_id"); !id.empty()) entry.identity = "guide:" + id;
  entry.title = attribute("text");
  entry.urls = {attribute("url")};
  entry.bits_per_second = BitsPerSecond(attribute("bitrate"));
  // "mp3,aac": the first is what is played.
  const std::string formats = attribute("formats");
  entry.codec = formats.substr(0, formats.find(','));
  std::transform(entry.codec.begin(), entry.codec.end(), entry.codec.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  entry.logo_url = attribute("image");
  return entry;
}

FeedEntry ShoutcastEntry(const MarkupTag& tag, const std::string& base) {
  const auto attribute = [&tag](std::string_view name) { return tag.Attribute(name).value_or(""); };
  FeedEntry entry;
  const std::string id = attribute("id");
  const bool usable = !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
  if (usable) {
    entry.identity = "id:" + id;
    entry.urls = {fmt::format("http://yp.shoutcast.com{}?id={}", base, id)};
  }
  entry.title = attribute("name");
  entry.codec = CodecOf(attribute("mt"));
  entry.bits_per_second = BitsPerSecond(attribute("br"));
  for (const char* genre : {"genre", "genre2", "genre3", "genre4", "genre5"})
    entry.tags += attribute(genre) + ",";
  entry.logo_url = attribute("logo");
  return entry;
}

}  // namespace

absl::StatusOr<Feed> ParseXiph(std::string_view document, const FeedOptions& options) {
  FeedCollector collector(options, " ,;");
  FeedEntry entry;
  const absl::Status status = Scan(document, "directory", [&](const MarkupTag& tag) {
    if (!tag.Is("entry")) return tag.closing ? void() : ReadXiphField(tag, entry);
    if (tag.closing) collector.Add(entry);
    entry = {};
  });
  if (!status.ok()) return status;
  return collector.Take();
}

absl::StatusOr<Feed> ParseTuneIn(std::string_view document, const FeedOptions& options) {
  FeedCollector collector(options, ",");
  std::string refused;
  const absl::Status status = Scan(document, "opml", [&](const MarkupTag& tag) {
    // <head><status>400</status><fault>...: an answer in good form that holds nothing.
    if (tag.Is("fault") && !tag.closing) refused = tag.Text();
    if (!tag.Is("outline") || tag.closing || tag.Attribute("type").value_or("") != "audio") return;
    // Besides stations it lists single broadcasts ("topic") and programmes ("show").
    const std::string item = tag.Attribute("item").value_or("station");
    if (item == "station") collector.Add(TuneInEntry(tag));
  });
  if (!status.ok()) return status;
  if (!refused.empty())
    return absl::InvalidArgumentError(fmt::format("TuneIn refuses: {}", refused));
  return collector.Take();
}

absl::StatusOr<Feed> ParseShoutcast(std::string_view document, const FeedOptions& options) {
  FeedCollector collector(options, ",");
  std::string base = "/sbin/tunein-station.pls";
  // The second version of its API wraps the list; a wrong key is told in its status.
  const bool wrapped = RootElement(document) == "response";
  std::string code = "200", text;
  const absl::Status status =
      Scan(document, wrapped ? "response" : "stationlist", [&](const MarkupTag& tag) {
        if (tag.closing) return;
        if (tag.Is("statuscode")) code = TrimAscii(tag.Text());
        if (tag.Is("statustext")) text = tag.Text();
        if (tag.Is("tunein")) {
          const std::string path = tag.Attribute("base").value_or("");
          if (path.starts_with('/')) base = path;
        }
        if (tag.Is("station")) collector.Add(ShoutcastEntry(tag, base));
      });
  if (!status.ok()) return status;
  if (code != "200")
    return absl::InvalidArgumentError(fmt::format("Shoutcast refuses: {} {}", code, text));
  return collector.Take();
}

}  // namespace headwater::directory_resolver
