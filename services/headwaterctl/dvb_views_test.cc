#include "services/headwaterctl/dvb_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater {
namespace {

using ::testing::ElementsAre;

NumberPlan Plan() {
  PlanConfig config;
  config.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
  config.directories = {{.name = "dvb", .kind = StationKind::kDvb}};
  config.prefixes = {{0xC0000000, 2, "dvb"}};
  return *NumberPlan::Build(config);
}

tuner::v1::Carrier Carrier(const std::string& id, std::initializer_list<uint32_t> services) {
  tuner::v1::Carrier carrier;
  carrier.set_id(id);
  carrier.set_original_network_id(2);
  carrier.set_transport_stream_id(2043);
  for (const uint32_t service : services) carrier.add_services()->set_service_id(service);
  return carrier;
}

types::v1::Station Station(uint32_t number, const std::string& carrier, uint32_t service) {
  types::v1::Station station;
  station.set_number(number);
  station.mutable_dvb()->set_carrier(carrier);
  station.mutable_dvb()->set_original_network_id(2);
  station.mutable_dvb()->set_transport_stream_id(2043);
  station.mutable_dvb()->set_service_id(service);
  return station;
}

TEST(DvbViewsTest, FindsNumbersByCarrierAndElseByIds) {
  types::v1::Station web;
  web.set_number(0x80000000);
  const auto shown = FindNumbers(
      {Carrier("11426.5H", {0x1041, 5}), Carrier("12441V", {0x1041})},
      {web, Station(0xcb5a0000, "11426.5H", 0), Station(0xcb5a1041, "11426.5H", 0x1041)}, Plan());
  ASSERT_EQ(shown.size(), 3u);
  EXPECT_EQ(shown[0].number, 0xcb5a1041u);
  EXPECT_EQ(shown[0].group_ipv6, "ff3e:40:2001:db8:d0be:f00d:cb5a:1041");
  EXPECT_EQ(shown[0].group_ipv4, "");
  EXPECT_EQ(shown[1].number, 0u);
  EXPECT_EQ(shown[2].number, 0xcb5a1041u);
}

TEST(DvbViewsTest, ShowsAServiceForPeople) {
  ShownService shown;
  shown.number = 0xcb5a1041;
  shown.group_ipv6 = "ff3e::1";
  shown.carrier = "11426.5H";
  shown.service.set_service_id(0x1041);
  shown.service.set_name("BBC Radio 1");
  shown.service.set_type(tuner::v1::SERVICE_TYPE_RADIO);
  shown.service.set_channel_number(101);
  EXPECT_THAT(ToRow(shown), ElementsAre("0xcb5a1041", "ff3e::1", "4161", "BBC Radio 1", "radio",
                                        "free", "101", "11426.5H"));
}

TEST(DvbViewsTest, SaysHowAScanGoesAndEnds) {
  tuner::v1::ScanStep step;
  step.set_carrier("11426.5H");
  step.set_done(3);
  step.set_total(41);
  step.set_services(38);
  step.mutable_signal()->set_snr_db(14.25);
  EXPECT_EQ(StepText(step), "  3/41   11426.5H              14.2 dB  38 services");
  step.set_error("no lock");
  EXPECT_EQ(StepText(step), "  3/41   11426.5H              no lock");
  tuner::v1::ScanResult result;
  result.set_carriers(41);
  result.set_services(380);
  result.set_failed(2);
  result.add_changes()->set_kind(tuner::v1::LINEUP_CHANGE_KIND_ADDED);
  EXPECT_EQ(ResultText(result),
            "41 carriers (2 could not be read), 380 services: 1 added, 0 removed, 0 changed");
}

TEST(DvbViewsTest, TellsWhatTheDriverDoesNotAsNull) {
  tuner::v1::Tuner tuner;
  tuner.mutable_signal()->set_snr_ratio(0.714);
  EXPECT_TRUE(ToJson(tuner)["signal"]["snr_db"].is_null());
  EXPECT_EQ(ToJson(tuner)["signal"]["snr_ratio"], 0.714);
  EXPECT_EQ(SnrText(tuner.signal()), "71 %");
  EXPECT_EQ(StrengthText(tuner.signal()), "");
}

}  // namespace
}  // namespace headwater
