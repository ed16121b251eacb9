#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "services/directory-resolver/feed/feed_formats.h"

namespace headwater::directory_resolver {
namespace {

using Json = nlohmann::json;

uint32_t ToUnsigned(double number) {
  if (!(number > 0)) return 0;
  return static_cast<uint32_t>(
      std::min(number, static_cast<double>(std::numeric_limits<uint32_t>::max())));
}

// Takes the document event by event: a tree of it would be several times its size.
class Reader final : public nlohmann::json_sax<Json> {
 public:
  explicit Reader(FeedCollector& collector) : collector_(collector) {}

  // Why it is no list of stations; empty when it is.
  const std::string& error() const { return error_; }

  bool start_array(std::size_t) override {
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0) return Refuse("an object, not an array of stations");
    if (++depth_ == kInStation) entry_ = {};
    return true;
  }
  bool end_object() override {
    if (depth_-- == kInStation) Finish();
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ == kInStation) key_ = name;
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ == 0) return Refuse("a string, not an array of stations");
    if (depth_ != kInStation) return true;
    if (std::string* out = TextOf(key_)) {
      *out = std::move(text);
    } else {
      // Some mirrors write numbers as strings.
      double number = 0;
      const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
      if (read.ec == std::errc()) SetNumber(number);
    }
    return true;
  }
  bool number_integer(number_integer_t number) override {
    return Number(static_cast<double>(number));
  }
  bool number_unsigned(number_unsigned_t number) override {
    return Number(static_cast<double>(number));
  }
  bool number_float(number_float_t number, const string_t&) override { return Number(number); }
  bool boolean(bool value) override { return Number(value ? 1 : 0); }
  bool null() override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    return Refuse(fmt::format("not JSON from byte {} on", position));
  }

 private:
  // The array, and in it the object.
  static constexpr size_t kInStation = 2;

  bool Refuse(std::string why) {
    error_ = std::move(why);
    return false;
  }

  std::string* TextOf(std::string_view name) {
    if (name == "stationuuid") return &uuid_;
    if (name == "name") return &entry_.title;
    if (name == "url") return &url_;
    if (name == "url_resolved") return &url_resolved_;
    if (name == "tags") return &entry_.tags;
    if (name == "homepage") return &entry_.homepage;
    if (name == "favicon") return &entry_.logo_url;
    if (name == "codec") return &entry_.codec;
    if (name == "countrycode") return &entry_.country;
    if (name == "language") return &entry_.languages;
    return nullptr;
  }

  bool Number(double number) {
    if (depth_ == 0) return Refuse("a number, not an array of stations");
    if (depth_ == kInStation) SetNumber(number);
    return true;
  }

  void SetNumber(double number) {
    if (key_ == "bitrate") entry_.bits_per_second = ToUnsigned(number * 1000);
    if (key_ == "votes") entry_.votes = ToUnsigned(number);
    if (key_ == "lastcheckok") entry_.broken = number == 0;
  }

  void Finish() {
    entry_.identity = uuid_.empty() ? "" : "uuid:" + uuid_;
    // Where the station's own URL led when it was last checked; the URL itself is what remains when
    // that has moved.
    entry_.urls = {std::move(url_resolved_), std::move(url_)};
    // What its checker could not tell.
    if (entry_.codec == "UNKNOWN") entry_.codec.clear();
    collector_.Add(entry_);
    uuid_.clear();
    url_.clear();
    url_resolved_.clear();
  }

  FeedCollector& collector_;
  size_t depth_ = 0;
  std::string key_;
  FeedEntry entry_;
  std::string uuid_;
  std::string url_;
  std::string url_resolved_;
  std::string error_;
};

}  // namespace

absl::StatusOr<Feed> ParseRadioBrowser(std::string_view document, const FeedOptions& options) {
  FeedCollector collector(options, ",");
  Reader reader(collector);
  if (!Json::sax_parse(document.begin(), document.end(), &reader) || !reader.error().empty())
    return absl::InvalidArgumentError(reader.error());
  return collector.Take();
}

}  // namespace headwater::directory_resolver
