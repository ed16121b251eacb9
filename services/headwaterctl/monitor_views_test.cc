#include "services/headwaterctl/monitor_views.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"
#include "services/headwaterctl/monitor_client_shell.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

monitor::v1::Event Hostile() {
  monitor::v1::Event event;
  event.mutable_time()->set_seconds(1'795'896'000);
  event.set_link("mgmt");
  event.set_source("192.0.2.1");
  event.set_kind(monitor::v1::EVENT_KIND_SYSLOG);
  event.set_facility(1);
  event.set_severity(4);
  event.set_host("sw1");
  event.set_app("port");
  event.set_text("\x1b[2Jdown\r\n\xe2\x80\xaegpj");
  return event;
}

TEST(MonitorViewsTest, ShowsAnEventOnOneSafeLine) {
  EXPECT_EQ(EventLine(Hostile()),
            "2026-11-28T20:00:00.000Z mgmt 192.0.2.1 user.warning sw1 port: [2Jdown gpj\n");
  const std::string json = ToJson(Hostile()).dump();
  EXPECT_THAT(json, Not(HasSubstr("u001b")));
  EXPECT_THAT(json, Not(HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(json, HasSubstr("\"facility\":\"user\",\"severity\":\"warning\""));
}

TEST(MonitorViewsTest, SaysThatClientsAreToldNoTime) {
  monitor::v1::GetNtpResponse ntp;
  ntp.set_enabled(true);
  ntp.set_clock("kernel");
  ntp.set_problem("the kernel's clock is not synchronised");
  (*ntp.mutable_requests())["unsynchronised"] = 3;
  EXPECT_THAT(NtpText(ntp), HasSubstr("no time: the kernel's clock is not synchronised (kernel)"));
  EXPECT_THAT(NtpText(ntp), HasSubstr("3  unsynchronised"));
}

TEST(MonitorViewsTest, WritesRulesForNft) {
  monitor::v1::GetStatusResponse status;
  monitor::v1::Listener& listener = *status.add_listeners();
  listener.set_service("syslog");
  listener.set_interface("eth1");
  listener.set_group("234.192.168.1");
  listener.set_port(514);
  monitor::v1::Handover& handover = *status.add_handovers();
  handover.set_service("syslog");
  handover.set_target("127.0.0.1:5514");
  EXPECT_THAT(NftRules(status), HasSubstr("iifname \"eth1\" ip daddr 234.192.168.1 udp dport 514 "
                                          "counter redirect to :5514\n"));
}

TEST(MonitorViewsTest, ReadsNamesAndNumbers) {
  EXPECT_EQ(ParseSeverity("err").value(), 3u);
  EXPECT_EQ(ParseSeverity("7").value(), 7u);
  EXPECT_EQ(ParseFacility("local7").value(), 23u);
  EXPECT_THAT(std::string(FromAbsl(ParseSeverity("8").status().message())),
              HasSubstr("--severity 8: must be 0 to 7, or one of emerg"));
  EXPECT_FALSE(ParseEventKind("log").ok());
}

TEST(MonitorClientTest, FindsTheSocketBesideTheManagers) {
  EXPECT_EQ(MonitorClient::Target("", "unix:/run/x/session-manager.sock"),
            "unix:/run/x/mcast-monitor.sock");
  EXPECT_EQ(MonitorClient::Target("", "dns:host:1"), "unix:/run/headwater/mcast-monitor.sock");
  EXPECT_EQ(MonitorClient::Target("unix:a", "unix:/run/x/session-manager.sock"), "unix:a");
}

}  // namespace
}  // namespace headwater
