#include "services/headwaterctl/bridge_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::ElementsAre;

namespace pb = bridge::v1;

TEST(BridgeViewsTest, ARuleSaysWhatCrossesWhere) {
  pb::Rule rule;
  rule.set_name("upnp");
  rule.add_groups("239.255.255.250");
  rule.add_groups("ff05::c");
  rule.set_state(pb::RULE_STATE_PARTIAL);
  rule.set_reason("link iot is away");
  pb::Direction& way = *rule.add_directions();
  way.set_from("wlan");
  way.set_to("lan");
  way.set_packets_total(12);
  way.set_answers_total(3);
  rule.add_directions()->set_from("lan");
  rule.mutable_directions(1)->set_to("wlan");
  EXPECT_THAT(ToRow(rule),
              ElementsAre("upnp", "partial", "239.255.255.250 ff05::c",
                          "wlan > lan 12 (3 answered), lan > wlan 0", "link iot is away"));
  EXPECT_EQ(ToJson(rule)["directions"][0].dump(),
            R"({"from":"wlan","to":"lan","up":false,"packets":12,"answers":3})");
}

TEST(BridgeViewsTest, ARouteSaysWhetherTheKernelHasIt) {
  pb::Route route;
  route.set_group("ff05::c");
  route.set_source("2001:db8::1");
  route.set_from("wlan");
  route.add_to("lan");
  route.add_to("iot");
  route.set_packets_total(7);
  EXPECT_THAT(ToRow(route),
              ElementsAre("ff05::c", "2001:db8::1", "wlan", "lan iot", "", "7", "", "gone"));
  route.set_wrong_interface_total(2);
  route.set_present(true);
  EXPECT_EQ(ToRow(route)[6], "2");
  EXPECT_EQ(ToRow(route)[7], "now");
}

TEST(BridgeViewsTest, ChecksAndSmcrouteAreInWords) {
  pb::Check check;
  check.set_name("snooping");
  check.set_subject("br0");
  check.set_state(pb::CHECK_STATE_APPLIED);
  check.set_detail("switched off");
  EXPECT_THAT(ToRow(check), ElementsAre("snooping", "br0", "applied", "switched off"));
  pb::Smcroute smcroute;
  EXPECT_THAT(ToRow(smcroute), ElementsAre("does not run", "", "0", "not ours", "not ours"));
  smcroute.set_running(true);
  smcroute.set_pid(7);
  smcroute.set_ipv4(true);
  EXPECT_THAT(ToRow(smcroute), ElementsAre("runs", "7", "0", "ours", "not ours"));
  smcroute.add_errors()->set_kind("in_use");
  EXPECT_EQ(ToJson(smcroute)["errors"][0]["kind"], "in_use");
}

}  // namespace
}  // namespace headwater
