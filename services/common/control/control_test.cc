#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "headwater/announce/v1/announce.pb.h"
#include "headwater/bridge/v1/bridge.pb.h"
#include "headwater/directory/v1/directory.pb.h"
#include "headwater/membership/v1/membership.pb.h"
#include "headwater/monitor/v1/monitor.pb.h"
#include "headwater/packager/v1/packager.pb.h"
#include "headwater/session/v1/session.pb.h"
#include "headwater/tuner/v1/tuner.pb.h"
#include "headwater/zone/v1/zone.pb.h"
#include "services/common/control/call_policy.h"
#include "services/common/control/control_endpoint.h"
#include "services/common/control/peer_name.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kApply[] = "/headwater.packager.v1.PackagerService/ApplySession";

TEST(PeerNameTest, IsWhatItsTextSays) {
  const PeerName name = {"house", "rtp-packager", "attic.2"};
  EXPECT_EQ(name.ToString(), "spiffe://house/rtp-packager/attic.2");
  EXPECT_EQ(PeerName::Parse(name.ToString()), name);
}

TEST(PeerNameTest, TakesNothingElse) {
  for (const char* text :
       {"", "spiffe://", "spiffe://house", "spiffe://house/rtp-packager",
        "spiffe://house/rtp-packager/", "spiffe:///rtp-packager/0", "spiffe://house/rtp-packer/0",
        "spiffe://house/rtp-packager/0/1", "spiffe://House/rtp-packager/0",
        "spiffe://house:1/rtp-packager/0", "spiffe://house/rtp-packager/..",
        "https://house/rtp-packager/0", " spiffe://house/console/0"}) {
    EXPECT_EQ(PeerName::Parse(text), std::nullopt) << text;
  }
  EXPECT_FALSE(PeerName::Parse("spiffe://" + std::string(65, 'a') + "/console/0"));
}

TEST(CallPolicyTest, TheManagerStartsAndPeopleDoNot) {
  EXPECT_EQ(RefuseCall("session-manager", kApply), std::nullopt);
  EXPECT_THAT(RefuseCall("headwaterctl", kApply),
              Optional(HasSubstr("a headwaterctl may not call /headwater.packager")));
  EXPECT_EQ(RefuseCall("console", "/headwater.session.v1.SessionService/ListSessions"),
            std::nullopt);
  EXPECT_EQ(RefuseCall("headwaterctl", "/grpc.health.v1.Health/Check"), std::nullopt);
}

TEST(CallPolicyTest, NobodyCallsWhatIsNotNamed) {
  for (const char* path : {"", "/", "//", "ApplySession", "/headwater.packager.v1.PackagerService",
                           "/headwater.packager.v1.PackagerService/",
                           "/headwater.packager.v2.PackagerService/ApplySession",
                           "/headwater.membership.v1.MembershipService/Watch"}) {
    EXPECT_NE(RefuseCall("session-manager", path), std::nullopt) << path;
  }
}

// A new call has to be placed in the table: nobody could use it otherwise, and only where a
// certificate is asked for.
TEST(CallPolicyTest, EveryCallHasACallerAndNoServiceIsOne) {
  const google::protobuf::FileDescriptor* files[] = {
      announce::v1::Announcement::descriptor()->file(),
      bridge::v1::WatchBridgeRequest::descriptor()->file(),
      directory::v1::Plan::descriptor()->file(),
      membership::v1::Member::descriptor()->file(),
      monitor::v1::GetNtpRequest::descriptor()->file(),
      packager::v1::ProbeRequest::descriptor()->file(),
      session::v1::Session::descriptor()->file(),
      tuner::v1::Tuner::descriptor()->file(),
      zone::v1::Zone::descriptor()->file()};
  int servers = 0;
  for (const auto* file : files) {
    ASSERT_EQ(file->service_count(), 1);
    const google::protobuf::ServiceDescriptor& service = *file->service(0);
    for (int i = 0; i < service.method_count(); ++i) {
      const std::string path = "/" + service.full_name() + "/" + service.method(i)->name();
      EXPECT_TRUE(!RefuseCall("session-manager", path) || !RefuseCall("headwaterctl", path))
          << path;
      EXPECT_EQ(RefuseCall("headwaterctl", path).has_value(),
                RefuseCall("console", path).has_value());
      for (const char* role :
           {"membership-watcher", "directory-resolver", "rtp-packager", "sap-announcer",
            "dvb-tuner", "mcast-bridge", "mdns-zone-proxy", "mcast-monitor", "", "root"}) {
        EXPECT_TRUE(RefuseCall(role, path)) << role << path;
        servers += IsRole(role) && !RefuseServer(role, service.full_name());
      }
    }
    EXPECT_TRUE(RefuseServer("headwaterctl", service.full_name()));
  }
  EXPECT_GT(servers, 0);
  EXPECT_THAT(RefuseServer("rtp-packager", "headwater.announce.v1.AnnounceService"),
              Optional(HasSubstr("the server is a rtp-packager, and not a sap-announcer")));
  EXPECT_EQ(RefuseServer("rtp-packager", "grpc.health.v1.Health"), std::nullopt);
}

TEST(ControlEndpointTest, SaysWhatGrpcTakes) {
  const std::pair<const char*, const char*> cases[] = {
      {"unix:/run/headwater/x.sock", "unix:/run/headwater/x.sock"},
      {"tls://[2001:db8::0:1]:9564", "ipv6:[2001:db8::1]:9564"},
      {"tls://192.0.2.1:9564", "ipv4:192.0.2.1:9564"},
      {"tls://sender-2.example:1", "dns:///sender-2.example:1"},
      {"plaintext://[::1]:65535", "ipv6:[::1]:65535"},
  };
  for (const auto& [text, expected] : cases) {
    const auto endpoint = ControlEndpoint::Parse(text);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(endpoint->GrpcTarget(), expected);
  }
  EXPECT_EQ(ControlEndpoint::Parse("tls://[::1]:1")->kind, ControlEndpoint::Kind::kTls);
  EXPECT_EQ(ControlEndpoint::Parse("plaintext://[::1]:1")->kind, ControlEndpoint::Kind::kPlaintext);
}

TEST(ControlEndpointTest, PlaintextIsAskedForInWords) {
  for (const char* text : {"192.0.2.1:9564", "[::1]:9564", "ipv4:192.0.2.1:9564", "tcp://[::1]:1",
                           "dns:///sender:9564", "sender:9564", ""}) {
    EXPECT_THAT(std::string(ControlEndpoint::Parse(text).status().message()),
                HasSubstr("has to be asked for in words, \"plaintext://ADDRESS:PORT\""))
        << text;
  }
}

TEST(ControlEndpointTest, NamesWhatIsWrong) {
  for (const char* text :
       {"tls://", "tls://[::1]", "tls://[::1]:0", "tls://[::1]:65536", "tls://::1:9564",
        "tls://[192.0.2.1]:1", "tls://[ff02::1]:1", "tls://a b:1", "tls://:9564", "tls://[x]:1",
        "plaintext://host", "tls://host:1/path", "tls://host:+1"}) {
    EXPECT_THAT(std::string(ControlEndpoint::Parse(text).status().message()),
                HasSubstr("needs an address or a name, and a port"))
        << text;
  }
  EXPECT_FALSE(ControlEndpoint::Parse("unix:").ok());
}

}  // namespace
}  // namespace headwater
