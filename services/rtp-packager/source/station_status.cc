#include "services/rtp-packager/source/station_status.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace headwater {
namespace {

using Json = nlohmann::json;

// Such a page needs four.
constexpr size_t kDepthMax = 16;

// The path in which Icecast's mounts and Shoutcast's streams are counted.
std::string_view PathOf(const SourceUrl& url) {
  const std::string_view target = url.target;
  return target.substr(0, target.find('?'));
}

// Takes the document event by event and keeps nothing of it but the one stream.
class StatusReader final : public nlohmann::json_sax<Json> {
 public:
  explicit StatusReader(const SourceUrl& stream) : stream_(stream) {}

  std::optional<StreamTitle> Take() { return std::move(found_); }

  bool start_object(std::size_t) override { return Enter(""); }
  bool end_object() override {
    if (InMount()) FinishMount();
    keys_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override { return Enter(kArray); }
  bool end_array() override {
    keys_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    keys_.back() = name;
    return true;
  }
  bool string(string_t& text) override {
    Take(text);
    return true;
  }
  // Icecast writes a title that looks like a number as one.
  bool number_integer(number_integer_t number) override {
    Take(std::to_string(number));
    return true;
  }
  bool number_unsigned(number_unsigned_t number) override {
    Take(std::to_string(number));
    return true;
  }
  bool number_float(number_float_t, const string_t& text) override {
    Take(text);
    return true;
  }
  bool boolean(bool) override { return true; }
  bool null() override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  static constexpr const char* kArray = "[]";

  bool Enter(const char* key) {
    if (keys_.size() >= kDepthMax) return false;
    keys_.emplace_back(key);
    if (InMount()) mount_ = {};
    return true;
  }

  // {"icestats": {"source": {...}}}, or an array of them where there are several.
  bool InMount() const {
    const size_t depth = keys_.size();
    return (depth == 3 || (depth == 4 && keys_[2] == kArray)) && keys_[0] == "icestats" &&
           keys_[1] == "source" && keys_.back() != kArray;
  }

  void Take(const std::string& text) {
    const std::string& name = keys_.empty() ? text : keys_.back();
    if (keys_.size() == 1 && name == "songtitle") found_ = JoinTitle("", text);
    if (!InMount()) return;
    if (name == "listenurl") mount_.url = text;
    if (name == "artist") mount_.artist = text;
    if (name == "title") mount_.title = text;
  }

  void FinishMount() {
    const auto url = SourceUrl::Parse(mount_.url);
    if (!found_ && url.ok() && PathOf(*url) == PathOf(stream_)) {
      found_ = JoinTitle(mount_.artist, mount_.title);
    }
  }

  struct Mount {
    std::string url;
    std::string artist;
    std::string title;
  };

  const SourceUrl& stream_;
  // Of each open object the key that it is at; kArray of an array.
  std::vector<std::string> keys_;
  Mount mount_;
  std::optional<StreamTitle> found_;
};

// Of "/stream/7/" and "/stream?sid=7" 7; else 1, as Shoutcast has it.
std::string ShoutcastId(const SourceUrl& stream) {
  constexpr size_t kDigitsMax = 9;
  for (const std::string_view before : {"/stream/", "sid="}) {
    const size_t at = stream.target.find(before);
    if (at == std::string::npos) continue;
    std::string_view digits = std::string_view(stream.target).substr(at + before.size());
    digits = digits.substr(0, digits.find_first_not_of("0123456789"));
    if (!digits.empty() && digits.size() <= kDigitsMax) return std::string(digits);
  }
  return "1";
}

}  // namespace

SourceUrl StatusPageOf(const SourceUrl& stream, StatusPage page) {
  SourceUrl url = stream;
  url.target = page == StatusPage::kIcecast ? "/status-json.xsl"
                                            : "/stats?sid=" + ShoutcastId(stream) + "&json=1";
  return url;
}

std::optional<StreamTitle> ReadStatusPage(std::string_view text, const SourceUrl& stream) {
  if (text.size() > kStatusBytesMax) return std::nullopt;
  StatusReader reader(stream);
  if (!Json::sax_parse(text.begin(), text.end(), &reader)) return std::nullopt;
  return reader.Take();
}

}  // namespace headwater
