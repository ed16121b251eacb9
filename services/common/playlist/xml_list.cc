#include "services/common/playlist/xml_list.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "services/common/playlist/line_scanner.h"
#include "services/common/playlist/markup_scanner.h"

namespace headwater {
namespace {

struct Dialect {
  std::string_view root;
  // Element that holds the locations of one thing to play, beside its <title>; empty for none.
  std::string_view group;
  // Elements that are a location: by this attribute, or by their text where it is empty.
  std::array<std::string_view, 4> elements;
  std::string_view attribute;
  // Attribute of the same element that is its title.
  std::string_view title;
};

constexpr std::array<Dialect, 5> kDialects = {{
    {"playlist", "track", {"location"}, "", ""},
    {"asx", "entry", {"ref", "entryref"}, "href", ""},
    {"smil", "", {"audio", "video", "ref", "media"}, "src", "title"},
    {"opml", "", {"outline"}, "url", "text"},
    {"embed", "", {"embed"}, "src", ""},
}};

const Dialect* DialectOf(std::string_view text) {
  const std::string root = RootElement(text);
  const auto* found = std::find_if(kDialects.begin(), kDialects.end(),
                                   [&](const Dialect& dialect) { return dialect.root == root; });
  return found == kDialects.end() ? nullptr : found;
}

class Reader {
 public:
  Reader(std::string_view text, const Dialect& dialect, const PlaylistLimits& limits)
      : text_(WithoutByteOrderMark(text)), dialect_(dialect), limits_(limits) {}

  Playlist Read() {
    MarkupScanner scanner(text_);
    while (const std::optional<MarkupTag> tag = scanner.Next()) {
      if (!dialect_.group.empty() && tag->Is(dialect_.group)) EndGroup();
      if (!tag->closing) Add(*tag);
    }
    EndGroup();
    return std::move(playlist_);
  }

 private:
  void Add(const MarkupTag& tag) {
    AddBase(tag);
    if (tag.Is("title") && title_.empty() && in_group_) title_ = tag.Text();
    if (!dialect_.group.empty() && tag.Is(dialect_.group)) in_group_ = true;
    const bool is_location =
        std::any_of(dialect_.elements.begin(), dialect_.elements.end(),
                    [&](std::string_view name) { return !name.empty() && tag.Is(name); });
    if (!is_location) return;
    std::string location = LocationOf(tag);
    if (location.empty()) return;
    if (playlist_.entries.size() >= limits_.entries_max) {
      playlist_.truncated = true;
      return;
    }
    PlaylistEntry entry;
    entry.location = std::move(location);
    if (!dialect_.title.empty()) entry.title = tag.Attribute(dialect_.title).value_or("");
    entry.line = LineOf(tag.offset);
    playlist_.entries.push_back(std::move(entry));
  }

  std::string LocationOf(const MarkupTag& tag) const {
    if (dialect_.attribute.empty()) return tag.Text();
    if (dialect_.root != "opml") return tag.Attribute(dialect_.attribute).value_or("");
    // "link" is another directory, "rss" a feed: neither plays.
    if (!EqualsNoCase(tag.Attribute("type").value_or("audio"), "audio")) return "";
    const auto url = tag.Attribute(dialect_.attribute);
    return url ? *url : tag.Attribute("xmlurl").value_or("");
  }

  void AddBase(const MarkupTag& tag) {
    if (!playlist_.base.empty()) return;
    std::optional<std::string> base;
    if (tag.Is(dialect_.root)) base = tag.Attribute("base");
    if (dialect_.root == "asx" && tag.Is("base")) base = tag.Attribute("href");
    if (dialect_.root == "smil" && tag.Is("meta")) {
      base = tag.Attribute("name").value_or("") == "base" ? tag.Attribute("content")
                                                          : tag.Attribute("base");
    }
    playlist_.base = base.value_or("");
  }

  // A title may stand before or behind the locations that it is of.
  void EndGroup() {
    for (; group_begin_ < playlist_.entries.size(); ++group_begin_) {
      if (in_group_) playlist_.entries[group_begin_].title = title_;
    }
    title_.clear();
    in_group_ = false;
  }

  // From 1; each part of the text is counted once, as offsets only grow.
  size_t LineOf(size_t offset) {
    const auto at = [this](size_t i) { return std::next(text_.begin(), static_cast<long>(i)); };
    line_ += static_cast<size_t>(std::count(at(counted_), at(offset), '\n'));
    counted_ = offset;
    return line_;
  }

  std::string_view text_;
  const Dialect& dialect_;
  const PlaylistLimits& limits_;
  Playlist playlist_;
  std::string title_;
  bool in_group_ = false;
  size_t group_begin_ = 0;
  size_t counted_ = 0;
  size_t line_ = 1;
};

}  // namespace

bool LooksLikeXmlList(std::string_view text) { return DialectOf(text) != nullptr; }

Result<Playlist, PlaylistError> ParseXmlList(std::string_view text, const PlaylistLimits& limits) {
  if (text.size() > limits.bytes_max) return PlaylistError::kTooLong;
  if (text.find('\0') != std::string_view::npos) return PlaylistError::kBinary;
  const Dialect* dialect = DialectOf(text);
  if (dialect == nullptr) return PlaylistError::kUnknownFormat;
  return Reader(text, *dialect, limits).Read();
}

}  // namespace headwater
