#include "services/rtp-packager/source/content_sniffer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `prefix` is in lower case.
bool BeginsWith(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return a == Lower(b); });
}

size_t FindIgnoringCase(std::string_view text, std::string_view lower, size_t from = 0) {
  if (from > text.size()) return std::string_view::npos;
  const auto found =
      std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), lower.begin(),
                  lower.end(), [](char a, char b) { return Lower(a) == b; });
  return found == text.end() ? std::string_view::npos : static_cast<size_t>(found - text.begin());
}

// A header that MPEG audio, layers I to III, or ADTS could have (ISO 11172-3 2.4.2.3, ISO
// 13818-7 6.2.1).
bool IsMpegSync(Bytes bytes) {
  if (bytes.size() < 4 || bytes[0] != 0xff || (bytes[1] & 0xe0) != 0xe0) return false;
  const int version = bytes[1] >> 3 & 3;
  const int layer = bytes[1] >> 1 & 3;
  if (version == 1) return false;
  if (layer == 0) return (bytes[1] & 0xf0) == 0xf0 && (bytes[2] >> 2 & 0xf) < 13;
  return bytes[2] >> 4 != 0xf && (bytes[2] >> 2 & 3) != 3;
}

bool IsMedia(Bytes bytes) {
  const std::string_view text = AsText(bytes);
  for (const std::string_view magic : {"ID3", "OggS", "fLaC", "RIFF", "\x1a\x45\xdf\xa3", "FORM"}) {
    if (text.starts_with(magic)) return true;
  }
  if (text.size() >= 8 && text.substr(4, 4) == "ftyp") return true;
  if (text.size() > 188 && bytes[0] == 0x47 && bytes[188] == 0x47) return true;
  return IsMpegSync(bytes);
}

// Control characters that no text has; bytes above 0x7f may be any charset's letters.
bool LooksLikeText(Bytes bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](uint8_t byte) {
    return (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r' && byte != '\f' &&
            byte != 0x1b) ||
           byte == 0x7f;
  });
}

std::string_view SkipBlank(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

std::string_view SkipComments(std::string_view text) {
  while (text.starts_with("<!--") || text.starts_with("<?")) {
    const std::string_view end = text.starts_with("<?") ? "?>" : "-->";
    const size_t found = text.find(end);
    if (found == std::string_view::npos) return {};
    text = SkipBlank(text.substr(found + end.size()));
  }
  return text;
}

// What the first word of a document makes it, whatever its type says.
std::optional<ContentKind> KindOfText(std::string_view text) {
  if (BeginsWith(text, "#extm3u") || BeginsWith(text, "#ext-x-")) {
    const bool hls = FindIgnoringCase(text, "#ext-x-") != std::string_view::npos;
    return hls ? ContentKind::kHls : ContentKind::kPlaylist;
  }
  if (BeginsWith(text, "[playlist]") || BeginsWith(text, "#extinf")) return ContentKind::kPlaylist;
  for (const std::string_view scheme : {"http://", "https://", "icy://"}) {
    if (BeginsWith(text, scheme)) return ContentKind::kPlaylist;
  }
  const std::string_view element = SkipComments(text);
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body", "<title",
                                     "<script", "<meta", "<h1", "<p>", "<center", "<div"}) {
    if (BeginsWith(element, tag)) return ContentKind::kHtml;
  }
  return std::nullopt;
}

bool IsPlaylistType(std::string_view type) {
  static constexpr std::array<std::string_view, 9> kTypes = {
      "audio/x-mpegurl", "audio/mpegurl", "application/x-mpegurl",
      "audio/x-scpls",   "audio/scpls",   "application/vnd.apple.mpegurl",
      "text/uri-list",   "audio/m3u",     "application/pls+xml"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool IsPlaylistPath(std::string_view path) {
  path = path.substr(0, path.find('?'));
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view suffix = path.substr(dot);
  return BeginsWith(suffix, ".m3u") || BeginsWith(suffix, ".pls");
}

bool IsHtmlType(std::string_view type) {
  return type == "text/html" || type == "application/xhtml+xml";
}

// Text with no first word that says what it is.
ContentKind KindOfPlainText(std::string_view type, std::string_view path, std::string_view text) {
  if (IsHtmlType(type)) return ContentKind::kHtml;
  const bool list = IsPlaylistType(type) || IsPlaylistPath(path);
  if (!list || text.starts_with('<')) return ContentKind::kOther;
  return FindIgnoringCase(text, "#ext-x-") != std::string_view::npos ? ContentKind::kHls
                                                                     : ContentKind::kPlaylist;
}

}  // namespace

ContentKind SniffContent(std::string_view content_type, std::string_view path, Bytes first,
                         bool complete) {
  first = first.first(std::min(first.size(), kSniffBytesMax));
  complete = complete || first.size() == kSniffBytesMax;
  if (first.size() < 4 && !complete) return ContentKind::kNeedMore;
  if (IsMedia(first)) return ContentKind::kMedia;
  if (!LooksLikeText(first)) {
    const bool said_otherwise = content_type.starts_with("image/") ||
                                content_type.ends_with("/zip") || content_type.ends_with("/pdf") ||
                                content_type.ends_with("gzip");
    return said_otherwise ? ContentKind::kOther : ContentKind::kMedia;
  }
  const std::string_view text = SkipBlank(AsText(first));
  const std::optional<ContentKind> kind = KindOfText(text);
  if (kind == ContentKind::kHtml) return *kind;
  // A list may turn out to be HLS by a later line, and media may begin with bytes that all happen
  // to be text.
  if (!complete) return ContentKind::kNeedMore;
  if (kind) return *kind;
  return KindOfPlainText(content_type, path, text);
}

std::string HtmlTitle(std::string_view page) {
  const size_t tag = FindIgnoringCase(page, "<title");
  if (tag == std::string_view::npos) return "";
  const size_t begin = page.find('>', tag);
  if (begin == std::string_view::npos) return "";
  const size_t end = FindIgnoringCase(page, "</title", begin);
  if (end == std::string_view::npos) return "";
  return CleanText(page.substr(begin + 1, end - begin - 1), 120);
}

}  // namespace headwater
