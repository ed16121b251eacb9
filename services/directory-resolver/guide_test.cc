#include "services/directory-resolver/guide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// 2026-11-28 17:00 UTC
const absl::Time kNow = absl::FromUnixSeconds(1'795'885'200);
constexpr DvbTriplet kService = {2, 2043, 0x1041};

GuideEvent Event(int start_minutes, int minutes, const std::string& title) {
  GuideEvent event;
  event.start = kNow + absl::Minutes(start_minutes);
  event.stop = event.start + absl::Minutes(minutes);
  event.title = title;
  return event;
}

std::vector<std::string> Titles(const Guide& guide, const DvbTriplet& service = kService) {
  std::vector<std::string> titles;
  const std::vector<GuideEvent>* events = guide.Find(service);
  if (events == nullptr) return titles;
  for (const GuideEvent& event : *events) titles.push_back(event.title);
  return titles;
}

Station Radio1() {
  Station station;
  station.number = 0xcb5a1041;
  station.title = "BBC Radio 1";
  station.kind = StationKind::kDvb;
  station.dvb = DvbSource{.carrier = "11426.5H",
                          .original_network_id = 2,
                          .transport_stream_id = 2043,
                          .service_id = 0x1041,
                          .type = DvbType::kRadio,
                          .channel_number = 101};
  return station;
}

TEST(GuideTest, ReplacesTheProgrammeOfAServiceInOrder) {
  Guide guide;
  EXPECT_TRUE(guide.Set(kService, {Event(60, 30, "Later"), Event(0, 60, "Now")}, kNow));
  EXPECT_THAT(Titles(guide), ElementsAre("Now", "Later"));
  EXPECT_TRUE(guide.Set(kService, {Event(0, 10, "Only")}, kNow));
  EXPECT_THAT(Titles(guide), ElementsAre("Only"));
  EXPECT_TRUE(guide.Set(kService, {}, kNow));
  EXPECT_EQ(guide.Find(kService), nullptr);
  EXPECT_EQ(guide.events(), 0u);
  EXPECT_EQ(guide.bytes(), 0u);
}

TEST(GuideTest, DropsWhatIsOver) {
  Guide guide;
  ASSERT_TRUE(guide.Set(kService, {Event(-60, 60, "Over"), Event(0, 60, "Now")}, kNow));
  EXPECT_THAT(Titles(guide), ElementsAre("Now"));
  // Also of services that nobody tells of any more.
  ASSERT_TRUE(guide.Set({1, 1, 1}, {Event(90, 10, "Other")}, kNow + absl::Minutes(61)));
  EXPECT_EQ(guide.Find(kService), nullptr);
  EXPECT_EQ(guide.services(), 1u);
}

TEST(GuideTest, LeavesOutWhatMakesNoProgramme) {
  Guide guide;
  ASSERT_TRUE(guide.Set(kService,
                        {Event(0, 0, "No time"), Event(0, 10, ""), Event(5, -3, "Backwards"),
                         Event(0, 8 * 24 * 60, "Endless"), Event(71 * 24 * 60, 10, "Next year"),
                         Event(20, 10, "A"), Event(20, 20, "At the same time")},
                        kNow));
  EXPECT_THAT(Titles(guide), ElementsAre("A"));
}

TEST(GuideTest, HoldsItsLimits) {
  Guide guide({.services = 2, .service_events = 3, .bytes = 10 * sizeof(GuideEvent)});
  std::vector<GuideEvent> events;
  for (int i = 4; i >= 0; --i) events.push_back(Event(i, 1, ""));
  for (GuideEvent& event : events) event.title = "x";
  EXPECT_TRUE(guide.Set({1, 1, 1}, events, kNow));
  ASSERT_EQ(guide.Find({1, 1, 1})->size(), 3u);
  EXPECT_EQ(guide.Find({1, 1, 1})->front().start, kNow);
  EXPECT_TRUE(guide.Set({1, 1, 2}, events, kNow));
  EXPECT_FALSE(guide.Set({1, 1, 3}, events, kNow));
  // What has room once the first is gone.
  EXPECT_TRUE(guide.Set({1, 1, 1}, {}, kNow));
  EXPECT_TRUE(guide.Set({1, 1, 3}, events, kNow));
  std::vector<GuideEvent> large = {Event(0, 10, std::string(20 * sizeof(GuideEvent), 'x'))};
  EXPECT_FALSE(guide.Set({1, 1, 3}, large, kNow));
  EXPECT_EQ(guide.Find({1, 1, 3}), nullptr);
}

TEST(XmltvTest, HasChannelsAndProgrammesAsPlayersReadThem) {
  Guide guide;
  GuideEvent event = Event(0, 90, "News & <Views>");
  event.text = "\"Quoted\"";
  event.description = "More.";
  event.language = "eng";
  ASSERT_TRUE(guide.Set(kService, {event, Event(90, 30, "Next")}, kNow));
  const Station radio = Radio1();
  EXPECT_EQ(WriteXmltv({&radio}, guide, kNow), R"(<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tv SYSTEM "xmltv.dtd">
<tv generator-info-name="Headwater">
  <channel id="2.2043.4161">
    <display-name>BBC Radio 1</display-name>
    <display-name>101</display-name>
  </channel>
  <programme start="20261128170000 +0000" stop="20261128183000 +0000" channel="2.2043.4161">
    <title lang="eng">News &amp; &lt;Views&gt;</title>
    <desc lang="eng">&quot;Quoted&quot; More.</desc>
  </programme>
  <programme start="20261128183000 +0000" stop="20261128190000 +0000" channel="2.2043.4161">
    <title>Next</title>
  </programme>
</tv>
)");
}

TEST(XmltvTest, IsRightByAJudgeThatIsNotOurs) {
  Station hostile = Radio1();
  hostile.number = 0xcb5a0007;
  hostile.title = "</display-name><tv a='\"'> & \xef\xbf\xbe\xc2\x85 ]]>";
  hostile.dvb->service_id = 7;
  hostile.dvb->channel_number = 0;
  Station nameless = Radio1();
  nameless.dvb->original_network_id = 0;
  Guide guide;
  GuideEvent event = Event(0, 90, "<title>&amp; \xe2\x80\x9cquoted\xe2\x80\x9d -->");
  event.text = "\xf0\x9f\x93\xba <![CDATA[ \x01 ]]>";
  event.description = "&#0;";
  event.language = "deu";
  ASSERT_TRUE(guide.Set(kService, {Event(-30, 60, "Now"), Event(30, 60, "Next")}, kNow));
  ASSERT_TRUE(guide.Set({2, 2043, 7}, {event}, kNow));
  const Station radio = Radio1();
  std::string path = std::filesystem::temp_directory_path() / "headwater-xmltv-XXXXXX";
  const int file = mkstemp(path.data());
  ASSERT_GE(file, 0);
  close(file);
  std::ofstream(path) << WriteXmltv({&radio, &hostile, &nameless}, guide, kNow);
  const std::string check = "/usr/bin/python3 services/directory-resolver/check_xmltv.py ";
  EXPECT_EQ(std::system((check + path).c_str()), 0);
  std::filesystem::remove(path);
}

TEST(XmltvTest, LeavesOutWhatIsNoServiceWhatIsOverAndTheSecondOfTwo) {
  Guide guide;
  ASSERT_TRUE(guide.Set(kService, {Event(0, 10, "First"), Event(10, 10, "Second")}, kNow));
  const Station radio = Radio1();
  Station alias = radio;
  alias.number = 0xa0000000;
  Station carrier = radio;
  carrier.dvb->service_id = 0;
  Station web;
  web.title = "Web";
  const std::string text =
      WriteXmltv({&alias, &radio, &carrier, &web}, guide, kNow + absl::Minutes(10));
  EXPECT_EQ(text.find("<channel"), text.rfind("<channel"));
  EXPECT_THAT(text, Not(HasSubstr("Web")));
  EXPECT_THAT(text, Not(HasSubstr("First")));
  EXPECT_THAT(text, HasSubstr("Second"));
}

TEST(XmltvTest, CallsAServiceWithoutIdsByItsNumber) {
  Station radio = Radio1();
  radio.dvb->original_network_id = 0;
  EXPECT_THAT(WriteXmltv({&radio}, Guide(), kNow), HasSubstr("<channel id=\"0xcb5a1041\">"));
}

}  // namespace
}  // namespace headwater::directory_resolver
