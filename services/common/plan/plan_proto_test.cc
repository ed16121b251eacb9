#include "services/common/plan/plan_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/plan/plan_text.h"

namespace headwater {
namespace {

PlanConfig FullConfig() {
  PlanConfig config;
  config.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64"),
                          *ParseAddressBlock("2001:db8::/32")};
  config.ipv6_scopes = {5, 14};
  config.ipv6_ssm = true;
  config.prefixes = {{0x80000000, 4, "radio"}, {kTestToneNumber, 32, "test"}};
  config.windows = {{*ParseAddressBlock("239.192.0.0/16"), 0x80000000}};
  config.bindings = {{*IpAddress::Parse("239.255.0.1"), kTestToneNumber}};
  config.directories = {{.name = "radio",
                         .linger = std::chrono::milliseconds(1500),
                         .silence_limit = std::chrono::seconds(0),
                         .start_timeout = std::chrono::seconds(7),
                         .local = true,
                         .dscp = 34,
                         .hop_limit = 9,
                         .container = MediaContainer::kTransportStream,
                         .priority = 70},
                        {.name = "test", .kind = StationKind::kTest},
                        {.name = "dvb", .kind = StationKind::kDvb, .priority = 90}};
  return config;
}

TEST(PlanProtoTest, RoundTrips) {
  const auto back = PlanFromProto(PlanToProto(FullConfig()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, FullConfig());
}

TEST(PlanProtoTest, RefusesWhatDoesNotParse) {
  const auto refuses = [](auto spoil) {
    directory::v1::Plan plan = PlanToProto(FullConfig());
    spoil(plan);
    return PlanFromProto(plan).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refuses([](auto& plan) { plan.set_ipv6_prefixes(0, "2001:db8::"); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.set_ipv6_scopes(0, 270); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_prefixes(0)->set_length(0x80000001); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_windows(0)->set_groups(""); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_bindings(0)->set_group("x"); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_directories(0)->clear_kind(); }));
  EXPECT_TRUE(refuses([](auto& plan) {
    plan.mutable_directories(0)->set_container(static_cast<types::v1::MediaContainer>(9));
  }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_directories(0)->set_dscp(64); }));
  EXPECT_TRUE(refuses([](auto& plan) { plan.mutable_directories(0)->set_priority(101); }));
  EXPECT_TRUE(
      refuses([](auto& plan) { plan.mutable_directories(0)->mutable_linger()->set_seconds(-1); }));
  EXPECT_TRUE(refuses(
      [](auto& plan) { plan.mutable_directories(0)->mutable_linger()->set_seconds(1L << 60); }));
}

}  // namespace
}  // namespace headwater
