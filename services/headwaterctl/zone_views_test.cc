#include "services/headwaterctl/zone_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

namespace pb = zone::v1;
using ::testing::ElementsAre;

TEST(ZoneViewsTest, AServiceSaysWhereItIsReachedOnceItIsResolved) {
  pb::WatchServicesResponse response;
  pb::Service& service = *response.mutable_service();
  service.set_zone("iot");
  service.set_type("_ipp._tcp");
  service.set_name("Office");
  EXPECT_EQ(StepText(response), "+ iot _ipp._tcp Office");
  service.set_resolved(true);
  service.set_host("printer.local");
  service.set_port(631);
  service.add_addresses("192.0.2.5");
  service.add_addresses("2001:db8::5");
  EXPECT_EQ(StepText(response), "+ iot _ipp._tcp Office printer.local:631 192.0.2.5,2001:db8::5");
  const Json json = ToJson(response);
  EXPECT_EQ(json["event"], "service");
  EXPECT_EQ(json["port"], 631);
  response.mutable_removed()->set_zone("iot");
  EXPECT_EQ(ToJson(response)["event"], "removed");
}

TEST(ZoneViewsTest, WhatWaitsSaysForWhatAndARenamedOneSaysItsName) {
  pb::Mirrored mirrored;
  mirrored.set_from("iot");
  mirrored.set_to("trusted");
  mirrored.set_type("_ipp._tcp");
  mirrored.set_name("Office");
  mirrored.set_published_name("Office (iot)");
  mirrored.set_rule("printers");
  mirrored.set_state(pb::MIRRORED_STATE_WAITING);
  mirrored.set_waiting_for("no_address");
  EXPECT_THAT(ToRow(mirrored), ElementsAre("iot", "trusted", "_ipp._tcp", "Office", "Office (iot)",
                                           "", "", "", "waiting for no_address", "", "printers"));
}

TEST(ZoneViewsTest, ADryRunIsCounted) {
  pb::CheckPolicyResponse response;
  response.set_checked(12);
  response.add_crossings()->set_effect(pb::EFFECT_CROSSES);
  response.add_crossings()->set_effect(pb::EFFECT_REMOVED);
  response.add_crossings()->set_effect(pb::EFFECT_REMOVED);
  EXPECT_EQ(ResultText(response),
            "12 looked at: 1 cross already, 0 would cross, 2 would cross no more, 0 by another "
            "rule");
  EXPECT_EQ(ToRow(response.crossings(1))[0], "removed");
}

}  // namespace
}  // namespace headwater
