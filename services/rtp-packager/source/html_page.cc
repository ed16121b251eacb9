#include "services/rtp-packager/source/html_page.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "services/common/playlist/line_scanner.h"
#include "services/common/playlist/markup_scanner.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/content_sniffer.h"

namespace headwater {
namespace {

constexpr size_t kTitleBytesMax = 120;

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), LowerAscii);
  return text;
}

std::string LowerAttribute(const MarkupTag& tag, std::string_view name) {
  return Lower(tag.Attribute(name).value_or(""));
}

bool IsStreamType(const std::string& type) {
  return type.starts_with("audio/") || IsListType(type.substr(0, type.find(';')));
}

void Add(std::optional<std::string> link, std::vector<std::string>& links) {
  if (!link || link->empty() || links.size() == HtmlPage::kLinksMax) return;
  if (std::find(links.begin(), links.end(), *link) == links.end()) links.push_back(*link);
}

// "5; url='http://a/'"; nothing for a page that only renews itself.
std::optional<std::string> RefreshUrl(const std::string& content) {
  const size_t found = Lower(content).find("url=");
  if (found == std::string::npos) return std::nullopt;
  std::string_view url = TrimAscii(std::string_view(content).substr(found + 4));
  if (!url.empty() && (url.front() == '"' || url.front() == '\'')) {
    url = url.substr(1, url.find(url.front(), 1) - 1);
  }
  return std::string(url);
}

// A list's URL without what tells its format.
std::string_view Stem(std::string_view link) {
  link = link.substr(0, link.find_first_of("?#"));
  return link.substr(0, link.rfind('.'));
}

class Reader {
 public:
  HtmlPage Read(std::string_view text) {
    MarkupScanner scanner(text);
    while (const std::optional<MarkupTag> tag = scanner.Next()) {
      if (tag->closing) {
        in_audio_ = in_audio_ && !tag->Is("audio");
      } else {
        Take(*tag);
      }
    }
    for (std::vector<std::string>* links : {&alternates_, &audio_, &lists_, &refresh_}) {
      if (links == &audio_ && audio_elements_ > 1) continue;
      if (links == &lists_ && !AreOneList()) continue;
      if (page_.links.empty()) page_.links = std::move(*links);
    }
    return std::move(page_);
  }

 private:
  void Take(const MarkupTag& tag) {
    if (tag.Is("title") && page_.title.empty()) {
      page_.title = CleanText(tag.Text(), kTitleBytesMax);
    } else if (tag.Is("base") && page_.base.empty()) {
      page_.base = tag.Attribute("href").value_or("");
    } else if (tag.Is("link")) {
      const bool alternate = LowerAttribute(tag, "rel").find("alternate") != std::string::npos;
      if (alternate && IsStreamType(LowerAttribute(tag, "type")))
        Add(tag.Attribute("href"), alternates_);
    } else if (tag.Is("meta")) {
      TakeMeta(tag);
    } else if (tag.Is("audio")) {
      in_audio_ = true;
      ++audio_elements_;
      Add(tag.Attribute("src"), audio_);
    } else if (tag.Is("source") && in_audio_) {
      Add(tag.Attribute("src"), audio_);
    } else if (tag.Is("a")) {
      std::optional<std::string> link = tag.Attribute("href");
      if (link && IsListPath(*link)) Add(std::move(link), lists_);
    }
  }

  void TakeMeta(const MarkupTag& tag) {
    const std::string property = LowerAttribute(tag, "property");
    if (property == "og:audio" || property == "og:audio:url" || property == "og:audio:secure_url") {
      Add(tag.Attribute("content"), alternates_);
    }
    if (LowerAttribute(tag, "http-equiv") == "refresh")
      Add(RefreshUrl(tag.Attribute("content").value_or("")), refresh_);
  }

  bool AreOneList() const {
    return std::all_of(lists_.begin(), lists_.end(), [this](const std::string& link) {
      return Stem(link) == Stem(lists_.front());
    });
  }

  HtmlPage page_;
  bool in_audio_ = false;
  size_t audio_elements_ = 0;
  std::vector<std::string> alternates_;
  std::vector<std::string> audio_;
  std::vector<std::string> lists_;
  std::vector<std::string> refresh_;
};

}  // namespace

HtmlPage ReadHtmlPage(std::string_view page) { return Reader().Read(page); }

}  // namespace headwater
