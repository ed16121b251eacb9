#include "services/directory-resolver/feed/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "services/common/base/absl_text.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Document(const std::string& name) {
  std::ifstream in(std::string("tests/data/directories/") + name);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

Feed Read(DirectorySource source, const std::string& document, const FeedOptions& options = {}) {
  auto feed = ParseFeed(source, document, options);
  EXPECT_TRUE(feed.ok()) << feed.status();
  return feed.ok() ? *std::move(feed) : Feed{};
}

std::string Refusal(DirectorySource source, const std::string& document,
                    const FeedOptions& options = {}) {
  const auto feed = ParseFeed(source, document, options);
  return feed.ok() ? "" : std::string(FromAbsl(feed.status().message()));
}

std::vector<std::string> Titles(const Feed& feed) {
  std::vector<std::string> titles;
  for (const LineupStation& station : feed.stations) titles.push_back(station.title);
  return titles;
}

TEST(RadioBrowserTest, ReadsStationsAndLeavesOutWhatDoesNotPlay) {
  const Feed feed = Read(DirectorySource::kRadioBrowser, Document("radio-browser.json"));
  ASSERT_THAT(Titles(feed), ElementsAre("Jazz am Fluss", "Radio Café 🎵", "Newsroom"));
  const LineupStation& jazz = feed.stations[0];
  EXPECT_EQ(jazz.identity, "uuid:960e57c5-0601-11e8-ae97-52543be04c81");
  EXPECT_THAT(jazz.urls, ElementsAre("http://stream.jazz.example:8000/live",
                                     "http://jazz.example/listen.pls"));
  EXPECT_THAT(jazz.tags, ElementsAre("jazz", "swing", "river radio"));
  EXPECT_EQ(jazz.homepage, "https://jazz.example/");
  EXPECT_EQ(jazz.logo_url, "https://jazz.example/logo.png");
  EXPECT_EQ(jazz.details, (StationDetails{.codec = "MP3",
                                          .bits_per_second = 128000,
                                          .votes = 1203,
                                          .country = "DE",
                                          .language = "german,english"}));
  EXPECT_THAT(feed.stations[1].urls, ElementsAre("https://cafe.example/stream?quality=high%20q"));
  EXPECT_EQ(feed.stations[1].homepage, "");
  EXPECT_EQ(feed.stations[1].details.votes, 77u);
  EXPECT_EQ(feed.stations[2].details.codec, "");
  EXPECT_EQ(feed.counts, (FeedCounts{.entries = 6, .unusable = 3}));
}

TEST(RadioBrowserTest, RefusesWhatIsNoArrayOrNotWhole) {
  const std::string whole = Document("radio-browser.json");
  for (size_t size = 0; size + 2 < whole.size(); size += 7) {
    EXPECT_THAT(Refusal(DirectorySource::kRadioBrowser, whole.substr(0, size)),
                HasSubstr("not JSON"))
        << size;
  }
  EXPECT_THAT(Refusal(DirectorySource::kRadioBrowser, "{\"ok\":false}"), HasSubstr("an object"));
  EXPECT_THAT(Refusal(DirectorySource::kRadioBrowser, "\"down\""), HasSubstr("a string"));
  EXPECT_THAT(Refusal(DirectorySource::kRadioBrowser, "7"), HasSubstr("a number"));
  EXPECT_THAT(Read(DirectorySource::kRadioBrowser, "[]").stations, IsEmpty());
  // What is nested in a station is none of its fields.
  const Feed nested = Read(DirectorySource::kRadioBrowser,
                           R"([{"name":"A","url":"http://a/","x":{"name":"B"},"y":[{"name":"C"}]},
                               [{"name":"D","url":"http://d/"}], null, "e"])");
  EXPECT_THAT(Titles(nested), ElementsAre("A"));
  EXPECT_FALSE(Refusal(DirectorySource::kRadioBrowser, std::string(100'000, '[')).empty());
}

TEST(XiphTest, ReadsEntriesByTheirUrl) {
  const Feed feed = Read(DirectorySource::kXiph, Document("xiph-yp.xml"));
  ASSERT_THAT(Titles(feed), ElementsAre("Deep & Slow", "Blues Cellar", "Blues Cellar"));
  EXPECT_EQ(feed.stations[0].identity, "url:http://ice.example/slow.ogg");
  EXPECT_THAT(feed.stations[0].tags, ElementsAre("ambient", "downtempo"));
  EXPECT_EQ(feed.stations[0].details.codec, "OGG");
  EXPECT_EQ(feed.stations[0].details.bits_per_second, 0u);
  EXPECT_EQ(feed.stations[1].details.bits_per_second, 192000u);
  EXPECT_EQ(feed.stations[2].details.codec, "AAC+");
  EXPECT_EQ(feed.stations[2].details.bits_per_second, 64000u);
  EXPECT_EQ(feed.counts, (FeedCounts{.entries = 4, .unusable = 1}));
}

TEST(XiphTest, RefusesWhatIsNotWholeOrAnotherDocument) {
  const std::string whole = Document("xiph-yp.xml");
  const size_t end = whole.find("</directory");
  for (size_t size = 0; size < end; size += 5)
    EXPECT_FALSE(Refusal(DirectorySource::kXiph, whole.substr(0, size)).empty()) << size;
  EXPECT_THAT(Refusal(DirectorySource::kXiph, "<html><body>Sorry</body></html>"),
              HasSubstr("<html>, not <directory>"));
  // An entity that a document defines is not expanded.
  const Feed feed =
      Read(DirectorySource::kXiph,
           "<!DOCTYPE directory [<!ENTITY x \"boom\">]><directory><entry><server_name>"
           "a&x;</server_name><listen_url>http://a/</listen_url></entry></directory>");
  EXPECT_THAT(Titles(feed), ElementsAre("a&x;"));
}

TEST(TuneInTest, ReadsStationsWhereverTheyAreNested) {
  const Feed feed = Read(DirectorySource::kTuneIn, Document("tunein.opml"));
  ASSERT_THAT(Titles(feed), ElementsAre("Harbour FM (Harbourtown)", "Hill Radio"));
  EXPECT_EQ(feed.stations[0].identity, "guide:s24939");
  EXPECT_THAT(feed.stations[0].urls,
              ElementsAre("http://opml.radiotime.example/Tune.ashx?id=s24939"));
  EXPECT_EQ(feed.stations[0].details.codec, "MP3");
  EXPECT_EQ(feed.stations[0].details.bits_per_second, 96000u);
  EXPECT_EQ(feed.stations[0].logo_url, "http://cdn.radiotime.example/s24939q.png");
  EXPECT_EQ(feed.counts.entries, 2u);
  EXPECT_THAT(Refusal(DirectorySource::kTuneIn,
                      "<opml version=\"1\"><head><status>400</status><fault>Invalid id</fault>"
                      "</head></opml>"),
              HasSubstr("Invalid id"));
}

TEST(ShoutcastTest, ReadsStationsWithTheListsWayToThem) {
  const Feed feed = Read(DirectorySource::kShoutcast, Document("shoutcast.xml"));
  ASSERT_THAT(Titles(feed), ElementsAre("Dance Hall - the club", "Quiet Room"));
  EXPECT_EQ(feed.stations[0].identity, "id:1796249");
  EXPECT_THAT(feed.stations[0].urls,
              ElementsAre("http://yp.shoutcast.com/sbin/tunein-station.pls?id=1796249"));
  EXPECT_THAT(feed.stations[0].tags, ElementsAre("Dance", "House"));
  EXPECT_THAT(Refusal(DirectorySource::kShoutcast,
                      "<response><statusCode>462</statusCode><statusText>Invalid developer key"
                      "</statusText></response>"),
              HasSubstr("462 Invalid developer key"));
}

TEST(M3uFeedTest, JoinsEntriesOfOneIdAndResolvesRelativeUrls) {
  FeedOptions options;
  options.url = "http://lists.example/radio/all.m3u";
  const Feed feed = Read(DirectorySource::kM3u, Document("list.m3u"), options);
  ASSERT_THAT(Titles(feed), ElementsAre("Channel One", "Relative"));
  EXPECT_EQ(feed.stations[0].identity, "tvg-id:one.example");
  EXPECT_THAT(feed.stations[0].urls, ElementsAre("http://one.example/a", "http://one.example/b"));
  EXPECT_THAT(feed.stations[0].tags, ElementsAre("News", "World"));
  EXPECT_EQ(feed.stations[1].identity, "url:http://lists.example/radio/live/two.mp3");
  EXPECT_EQ(feed.counts.unusable, 1u);
  EXPECT_THAT(Refusal(DirectorySource::kM3u, "#EXTM3U\n#EXT-X-TARGETDURATION:6\nx.ts\n", options),
              HasSubstr("HLS"));
}

std::vector<std::string> Filtered(const FeedFilter& filter) {
  FeedOptions options;
  options.filter = filter;
  return Titles(Read(DirectorySource::kRadioBrowser, Document("radio-browser.json"), options));
}

TEST(FeedFilterTest, KeepsWhatHasAnyOfTheWords) {
  EXPECT_THAT(Filtered({.tags = {"JAZZ", "talk"}}), ElementsAre("Jazz am Fluss", "Newsroom"));
  EXPECT_THAT(Filtered({.countries = {"fr"}}), ElementsAre("Radio Café 🎵"));
  EXPECT_THAT(Filtered({.languages = {"English"}}), ElementsAre("Jazz am Fluss", "Newsroom"));
  EXPECT_THAT(Filtered({.codecs = {"MP3"}}), ElementsAre("Jazz am Fluss"));
  EXPECT_THAT(Filtered({.bitrate_min = 64000}), ElementsAre("Jazz am Fluss", "Radio Café 🎵"));
  EXPECT_THAT(Filtered({.bitrate_max = 64000}), ElementsAre("Radio Café 🎵"));
  EXPECT_THAT(Filtered({.votes_min = 300}), ElementsAre("Jazz am Fluss", "Newsroom"));
  EXPECT_THAT(Filtered({.tags = {"jazz"}, .countries = {"FR"}}), IsEmpty());
}

TEST(FeedLimitTest, KeepsThoseWithTheMostVotes) {
  FeedOptions options;
  options.stations_max = 2;
  const Feed feed = Read(DirectorySource::kRadioBrowser, Document("radio-browser.json"), options);
  EXPECT_THAT(Titles(feed), ElementsAre("Jazz am Fluss", "Newsroom"));
  EXPECT_EQ(feed.counts.over_limit, 1u);
  options.bytes_max = 100;
  EXPECT_THAT(Refusal(DirectorySource::kRadioBrowser, Document("radio-browser.json"), options),
              HasSubstr("100 bytes"));
}

TEST(RequestUrlTest, AsksRadioBrowserForNoMoreThanIsWanted) {
  FeedOptions options;
  options.url = "https://de1.api.radio-browser.info/";
  options.stations_max = 50;
  EXPECT_EQ(RequestUrl(DirectorySource::kRadioBrowser, options),
            "https://de1.api.radio-browser.info/json/stations/search?hidebroken=true&order=votes&"
            "reverse=true&limit=50");
  options.filter = {.tags = {"smooth jazz"}, .countries = {"DE", "AT"}, .bitrate_min = 64000};
  EXPECT_EQ(RequestUrl(DirectorySource::kRadioBrowser, options),
            "https://de1.api.radio-browser.info/json/stations/search?hidebroken=true&order=votes&"
            "reverse=true&tag=smooth%20jazz&bitrateMin=64");
  options.url = "https://de1.api.radio-browser.info/json/stations/topvote/9";
  EXPECT_EQ(RequestUrl(DirectorySource::kRadioBrowser, options), options.url);
}

TEST(RequestUrlTest, GivesTheKeyToShoutcastAndToNobodyElse) {
  FeedOptions options;
  options.url = "http://me:secret@api.shoutcast.com/legacy/Top500";
  options.key = "K3Y";
  EXPECT_THAT(RequestUrl(DirectorySource::kShoutcast, options), HasSubstr("Top500?k=K3Y"));
  EXPECT_EQ(RequestUrl(DirectorySource::kXiph, options), options.url);
  EXPECT_EQ(ShownUrl(options), "http://api.shoutcast.com/legacy/Top500");
}

}  // namespace
}  // namespace headwater::directory_resolver
