#include "services/rtp-packager/source/station_status.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace headwater {
namespace {

SourceUrl Stream(std::string_view url) { return *SourceUrl::Parse(url); }

// "-": the page is not about the stream.
std::string TitleOf(std::string_view page, std::string_view url = "http://st.example:8000/live") {
  const auto title = ReadStatusPage(page, Stream(url));
  return title ? title->title : "-";
}

// As Icecast 2.4.4 writes it.
std::string Icecast(std::string_view sources) {
  return fmt::format(
      R"({{"icestats":{{"admin":"icemaster@localhost","host":"localhost","location":"Earth",)"
      R"("server_id":"Icecast 2.4.4","source":{}}}}})",
      sources);
}

std::string Mount(std::string_view path, std::string_view more) {
  return fmt::format(
      R"({{"audio_info":"bitrate=128","genre":"various","listenurl":"http://localhost:8000{}",)"
      R"("listeners":1,"server_name":"Radio",{}"dummy":null}})",
      path, more);
}

TEST(StationStatusTest, AsksTheSameServerAndNobodyElse) {
  const SourceUrl stream = Stream("https://me:secret@st.example:8443/a/live?x=1");
  for (const StatusPage page : {StatusPage::kIcecast, StatusPage::kShoutcast}) {
    EXPECT_TRUE(StatusPageOf(stream, page).SameOrigin(stream));
  }
  EXPECT_EQ(StatusPageOf(stream, StatusPage::kIcecast).ToString(),
            "https://st.example:8443/status-json.xsl");
  EXPECT_EQ(StatusPageOf(stream, StatusPage::kShoutcast).target, "/stats?sid=1&json=1");
}

TEST(StationStatusTest, FindsTheNumberOfAShoutcastStream) {
  const auto target = [](std::string_view url) {
    return StatusPageOf(Stream(url), StatusPage::kShoutcast).target;
  };
  EXPECT_EQ(target("http://st.example/stream/7/"), "/stats?sid=7&json=1");
  EXPECT_EQ(target("http://st.example/listen.pls?sid=23"), "/stats?sid=23&json=1");
  EXPECT_EQ(target("http://st.example/stream/1234567890"), "/stats?sid=1&json=1");
  EXPECT_EQ(target("http://st.example/stream/;.mp3"), "/stats?sid=1&json=1");
}

TEST(StationStatusTest, ReadsTheOneMountOfIcecast) {
  EXPECT_EQ(TitleOf(Icecast(Mount("/live", R"("title":"Artist - Song",)"))), "Artist - Song");
}

TEST(StationStatusTest, FindsTheMountAmongSeveralByItsPath) {
  const std::string page = Icecast(fmt::format("[{},{},{}]", Mount("/other", R"("title":"No",)"),
                                               Mount("/live", R"("artist":"A","title":"B",)"),
                                               Mount("/live.ogg", R"("title":"Nor this",)")));
  EXPECT_EQ(TitleOf(page), "A - B");
  EXPECT_EQ(TitleOf(page, "https://proxy.example/live?token=1"), "A - B");
  EXPECT_EQ(TitleOf(page, "http://st.example:8000/"), "-");
  EXPECT_EQ(TitleOf(page, "http://st.example:8000/liv"), "-");
}

TEST(StationStatusTest, AMountWithoutTitleTellsNone) {
  EXPECT_EQ(TitleOf(Icecast(Mount("/live", ""))), "");
  // Each mount has its own.
  EXPECT_EQ(
      TitleOf(Icecast(fmt::format("[{},{}]", Mount("/a", R"("title":"A",)"), Mount("/live", "")))),
      "");
}

TEST(StationStatusTest, ReadsATitleThatIcecastTookForANumber) {
  EXPECT_EQ(TitleOf(Icecast(Mount("/live", R"("title":1979,)"))), "1979");
  EXPECT_EQ(TitleOf(Icecast(Mount("/live", R"("artist":311,"title":-1.50,)"))), "311 - -1.50");
}

TEST(StationStatusTest, IgnoresWhatLiesDeeperInAMount) {
  EXPECT_EQ(TitleOf(Icecast(Mount(
                "/live", R"("metadata":{"title":"x","listenurl":"/"},"title":"Song","l":["y"],)"))),
            "Song");
}

// As Shoutcast 2.6 writes it.
TEST(StationStatusTest, ReadsShoutcast) {
  EXPECT_EQ(TitleOf(R"({"currentlisteners":3,"servertitle":"Radio","songtitle":"A - B\u00df",)"
                    R"("streamstatus":1,"version":"2.6.1.777","streams":[{"songtitle":"C"}]})"),
            "A - Bß");
  EXPECT_EQ(TitleOf(R"({"songtitle":""})"), "");
}

TEST(StationStatusTest, CleansWhatItShows) {
  EXPECT_EQ(TitleOf(R"({"songtitle":" A\r\nB\u0000\u202eC "})"), "A B C");
  const std::string longer(2000, 'x');
  EXPECT_EQ(TitleOf("{\"songtitle\":\"" + longer + "\"}").size(), kTitleBytesMax);
}

TEST(StationStatusTest, AnythingElseIsNotAboutTheStream) {
  const std::string page = Icecast(Mount("/live", R"("title":"Song",)"));
  for (size_t length = 0; length < page.size(); ++length) {
    EXPECT_EQ(TitleOf(page.substr(0, length)), "-") << length;
  }
  for (const char* text :
       {"[]", "{}", "1", "\"songtitle\"", "[{\"songtitle\":\"x\"}]", "<html>",
        R"({"icestats":{"source":[["title","x"]]}})",
        R"({"source":{"listenurl":"http://st.example/live","title":"x"}})",
        R"({"icestats":{"title":"x"},"title":"x"})", "{\"songtitle\":\"\xff\"}"}) {
    EXPECT_EQ(TitleOf(text), "-") << text;
  }
  EXPECT_EQ(TitleOf(std::string(100'000, '[')), "-");
  EXPECT_EQ(TitleOf("{\"songtitle\":\"x\"}" + std::string(kStatusBytesMax, ' ')), "-");
}

}  // namespace
}  // namespace headwater
