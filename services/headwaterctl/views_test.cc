#include "services/headwaterctl/views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace headwater {
namespace {

using ::testing::HasSubstr;

session::v1::Session LiveSession() {
  session::v1::Session session;
  session.mutable_channel()->set_group("ff3e::8000:1");
  session.set_number(0x80000001);
  session.set_state(session::v1::SESSION_STATE_LIVE);
  session.mutable_station()->set_title("Radio \"Q\"");
  session.add_links("lan");
  session.add_links("vlan20");
  session.set_members(3);
  session.set_sender("a");
  return session;
}

// Every property that a committed schema requires is in the object, and nothing that it does not
// know.
void ExpectFits(const Json& object, const std::string& name) {
  const std::string path = std::string("services/headwaterctl/schema/") + name + ".json";
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  const Json schema = Json::parse(in);
  for (const auto& key : schema["required"])
    EXPECT_TRUE(object.contains(std::string(key))) << name << " lacks " << key;
  for (const auto& [key, value] : object.items())
    EXPECT_TRUE(schema["properties"].contains(key)) << name << " adds " << key;
}

TEST(ViewsTest, ObjectsFitTheirSchemas) {
  ExpectFits(ToJson(LiveSession()), "session");
  ExpectFits(ToJson(membership::v1::GroupMembership()), "group");
  ExpectFits(ToJson(types::v1::Station()), "station");
  ExpectFits(ToJson(session::v1::Sender()), "sender");
  ExpectFits(ToJson(session::v1::Endpoint()), "endpoint");
  ExpectFits(ToJson(session::v1::ExplainSessionResponse()), "explain");
}

TEST(ViewsTest, ASessionIsOneLine) {
  const Json json = ToJson(LiveSession());
  EXPECT_EQ(json["state"], "live");
  EXPECT_EQ(json["number"], "0x80000001");
  EXPECT_EQ(json["links"].size(), 2u);
  EXPECT_THAT(json.dump(), HasSubstr(R"("station":"Radio \"Q\"")"));
  EXPECT_EQ(ToRow(LiveSession())[2], "lan,vlan20");
}

TEST(ViewsTest, AFailureShowsItsReasonWhereTheTitleWas) {
  session::v1::Session session = LiveSession();
  session.mutable_info()->set_title("song");
  session.set_error("http://x/: 404 Not Found");
  EXPECT_EQ(ToRow(session).back(), "http://x/: 404 Not Found");
}

TEST(ViewsTest, AStoryCountsFromItsFirstStep) {
  session::v1::ExplainSessionResponse story;
  *story.mutable_session() = LiveSession();
  story.mutable_session()->set_error("no route");
  for (int i = 0; i < 2; ++i) {
    session::v1::TimelineStep* step = story.add_steps();
    step->mutable_time()->set_seconds(1'700'000'000);
    step->mutable_time()->set_nanos(i * 4'500'000);
    step->set_step(i == 0 ? "report" : "sap");
  }
  const std::string text = StoryText(story);
  EXPECT_THAT(text, HasSubstr("2023-11-14T22:13:20.004Z  +4.5 ms  sap"));
  EXPECT_TRUE(text.ends_with("ff3e::8000:1 is live (Radio \"Q\"): no route\n")) << text;
}

}  // namespace
}  // namespace headwater
