#include "services/rtp-packager/source/content_sniffer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "services/common/playlist/list.h"
#include "services/common/playlist/markup_scanner.h"

namespace headwater {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `prefix` is in lower case.
bool BeginsWith(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [](char a, char b) { return a == Lower(b); });
}

bool EndsWith(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && BeginsWith(text.substr(text.size() - lower.size()), lower);
}

size_t FindIgnoringCase(std::string_view text, std::string_view lower) {
  const auto found = std::search(text.begin(), text.end(), lower.begin(), lower.end(),
                                 [](char a, char b) { return Lower(a) == b; });
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

bool IsHtmlElement(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kNames = {
      "html", "head", "body", "title", "script", "meta", "link", "h1", "p", "center", "div"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// What the first word of a document makes it, whatever its type says.
std::optional<ContentKind> KindOfText(std::string_view text, bool complete) {
  if (text.starts_with('<')) {
    const std::string root = RootElement(text);
    // "<p" may become "<playlist".
    const bool whole = complete || !EndsWith(text, root);
    const bool declared = FindIgnoringCase(text, "<!doctype html") != std::string_view::npos;
    if (declared || (whole && IsHtmlElement(root))) return ContentKind::kHtml;
  }
  const ListFormat format = RecognizeList(text);
  if (format == ListFormat::kNone) return std::nullopt;
  const bool hls =
      BeginsWith(text, "#ext") && FindIgnoringCase(text, "#ext-x-") != std::string_view::npos;
  return hls ? ContentKind::kHls : ContentKind::kPlaylist;
}

bool IsHtmlType(std::string_view type) {
  return type == "text/html" || type == "application/xhtml+xml";
}

// Text with no first word that says what it is.
ContentKind KindOfPlainText(std::string_view type, std::string_view path, std::string_view text) {
  if (IsHtmlType(type)) return ContentKind::kHtml;
  if (!IsListType(type) && !IsListPath(path)) return ContentKind::kOther;
  // Long comments may stand before a list's first element.
  if (text.starts_with('<'))
    return RootElement(text).empty() ? ContentKind::kPlaylist : ContentKind::kOther;
  return FindIgnoringCase(text, "#ext-x-") != std::string_view::npos ? ContentKind::kHls
                                                                     : ContentKind::kPlaylist;
}

}  // namespace

bool BeginsAsMedia(Bytes bytes) {
  const std::string_view text = AsText(bytes);
  for (const std::string_view magic : {"ID3", "OggS", "fLaC", "RIFF", "\x1a\x45\xdf\xa3", "FORM"}) {
    if (text.starts_with(magic)) return true;
  }
  if (text.size() >= 8 && text.substr(4, 4) == "ftyp") return true;
  if (text.size() > 188 && bytes[0] == 0x47 && bytes[188] == 0x47) return true;
  return IsMpegSync(bytes);
}

ContentKind SniffContent(std::string_view content_type, std::string_view path, Bytes first,
                         bool complete) {
  first = first.first(std::min(first.size(), kSniffBytesMax));
  complete = complete || first.size() == kSniffBytesMax;
  if (first.size() < 4 && !complete) return ContentKind::kNeedMore;
  if (BeginsAsMedia(first)) return ContentKind::kMedia;
  if (!LooksLikeText(first)) {
    const bool said_otherwise = content_type.starts_with("image/") ||
                                content_type.ends_with("/zip") || content_type.ends_with("/pdf") ||
                                content_type.ends_with("gzip");
    return said_otherwise ? ContentKind::kOther : ContentKind::kMedia;
  }
  const std::string_view text = SkipBlank(AsText(first));
  const std::optional<ContentKind> kind = KindOfText(text, complete);
  if (kind == ContentKind::kHtml) return *kind;
  // A list may turn out to be HLS by a later line, and media may begin with bytes that all happen
  // to be text.
  if (!complete) return ContentKind::kNeedMore;
  if (kind) return *kind;
  return KindOfPlainText(content_type, path, text);
}

bool IsListType(std::string_view type) {
  static constexpr std::array<std::string_view, 24> kTypes = {"audio/x-mpegurl",
                                                              "audio/mpegurl",
                                                              "application/x-mpegurl",
                                                              "application/mpegurl",
                                                              "application/vnd.apple.mpegurl",
                                                              "audio/m3u",
                                                              "audio/x-m3u",
                                                              "audio/x-scpls",
                                                              "audio/scpls",
                                                              "application/pls+xml",
                                                              "text/uri-list",
                                                              "application/xspf+xml",
                                                              "video/x-ms-asf",
                                                              "video/x-ms-asx",
                                                              "audio/x-ms-wax",
                                                              "video/x-ms-wvx",
                                                              "application/vnd.ms-wpl",
                                                              "application/smil",
                                                              "application/smil+xml",
                                                              "text/x-opml",
                                                              "text/x-opml+xml",
                                                              "audio/x-pn-realaudio",
                                                              "audio/x-pn-realaudio-plugin",
                                                              "application/x-quicktimeplayer"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool IsListPath(std::string_view path) {
  static constexpr std::array<std::string_view, 11> kSuffixes = {
      ".m3u", ".pls", ".xspf", ".asx", ".wax", ".wvx", ".wpl", ".ram", ".smi", ".opml", ".qtl"};
  path = path.substr(0, path.find_first_of("?#"));
  if (const size_t slash = path.rfind('/'); slash != std::string_view::npos) {
    path.remove_prefix(slash + 1);
  }
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return BeginsWith(path.substr(dot), suffix); });
}

}  // namespace headwater
