#include "services/sap-announcer/rtsp_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "services/sap-announcer/announcer_fixture.h"

namespace headwater {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kGroup[] = "ff3e:40:2001:db8:d0be:f00d:8000:1";
constexpr uint32_t kNumber = 0x80000001;

// An announcer with an RTSP server beside it, in virtual time.
class RtspServerTest : public AnnouncerFixture {
 protected:
  RtspServerTest() { server_.SetWatched(true); }

  RtspServer::ConnectionId Connect(std::string link = "lan", std::string_view peer = "192.0.2.77") {
    EXPECT_TRUE(server_.OnConnect(++last_, {std::move(link), Ip(peer)}, now().mono));
    return last_;
  }
  void Ask(RtspServer::ConnectionId id, std::string_view path,
           std::string_view method = "DESCRIBE") {
    const std::string request = fmt::format(
        "{} rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;multicast\r\n\r\n", method, path);
    server_.OnBytes(id, AsBytes(request), now(), actions_);
  }
  void Answer(uint64_t question, RtspServer::Answer answer) {
    server_.OnAnswer(question, std::move(answer), now(), actions_);
  }
  void Pass(Duration duration) {
    time_ += duration;
    server_.OnTime(now(), actions_);
  }
  // What was sent on a connection since the last call.
  std::string Sent(RtspServer::ConnectionId id) {
    std::string bytes;
    for (const auto& send : actions_.sends) {
      if (send.connection == id) bytes += send.bytes;
    }
    std::erase_if(actions_.sends, [id](const auto& send) { return send.connection == id; });
    return bytes;
  }
  // The station as somebody would announce it who knows it.
  static Announcement Idle() {
    Announcement idle = Radio({});
    idle.number = kNumber;
    idle.name = "Idle";
    return idle;
  }

  RtspServer server_{*announcer_, 100};
  RtspServer::Actions actions_;
  RtspServer::ConnectionId last_ = 0;
};

TEST_F(RtspServerTest, ALiveSessionIsDescribedAsItsSapOnThatLink) {
  Announcement radio = Radio({{"lan", 1}, {"vlan20", 1}});
  radio.number = kNumber;
  ASSERT_TRUE(Apply(radio).ok());
  for (const auto& sent : Take()) {
    const auto id = Connect(sent.datagram.link);
    Ask(id, kGroup);
    EXPECT_THAT(Sent(id), AllOf(StartsWith("RTSP/1.0 200"), EndsWith(sent.packet.payload)));
    Ask(id, kGroup, "SETUP");
    EXPECT_THAT(Sent(id), HasSubstr(fmt::format("destination={};source={};port=5004-5005;ttl=64",
                                                kGroup, sent.datagram.source.ToString())));
  }
  // By number, from a player of the same family.
  const auto id = Connect("lan", "2001:db8::77");
  Ask(id, "0x80000001");
  EXPECT_THAT(Sent(id), HasSubstr("s=Radio Nine"));
  EXPECT_THAT(actions_.questions, IsEmpty());
}

TEST_F(RtspServerTest, AnIdleStationIsAskedForOnceAndToldToAll) {
  const auto first = Connect("lan"), second = Connect("vlan20");
  Ask(first, kGroup);
  Ask(second, kGroup);
  ASSERT_THAT(actions_.questions, ElementsAre(100));
  EXPECT_THAT(server_.questions().at(100).question.target.ToString(), kGroup);
  EXPECT_THAT(actions_.sends, IsEmpty());
  Answer(100, Idle());
  EXPECT_THAT(Sent(first), AllOf(HasSubstr("o=- 3970000000 3970000000 IN IP6 2001:db8::1\r\n"),
                                 HasSubstr(fmt::format("incl IN IP6 {} 2001:db8::1\r\n", kGroup))));
  EXPECT_THAT(Sent(second), HasSubstr("incl IN IP6 " + std::string(kGroup) + " 2001:db8:20::1"));
  EXPECT_THAT(server_.questions(), IsEmpty());
  // Nothing is announced by that.
  EXPECT_THAT(announcer_->announcements(), IsEmpty());
  Answer(100, Idle());
  EXPECT_THAT(actions_.sends, IsEmpty());
}

TEST_F(RtspServerTest, ANumberIsAskedForInThePlayersFamily) {
  Ask(Connect("lan", "192.0.2.77"), "0x80000001");
  Ask(Connect("lan", "2001:db8::77"), "0x80000001");
  ASSERT_THAT(actions_.questions, ElementsAre(100, 101));
  EXPECT_TRUE(server_.questions().at(100).question.ipv4);
  EXPECT_FALSE(server_.questions().at(101).question.ipv4);
}

TEST_F(RtspServerTest, WhatHasBegunMeanwhileIsToldAsItIsAnnounced) {
  const auto id = Connect();
  Ask(id, "0x80000001");
  Announcement radio = Radio({{"lan", 1}});
  radio.number = kNumber;
  ASSERT_TRUE(Apply(radio).ok());
  Answer(100, Idle());
  EXPECT_THAT(Sent(id), EndsWith(Take().front().packet.payload));
}

TEST_F(RtspServerTest, SaysWhyThereIsNoDescription) {
  const auto id = Connect();
  Ask(id, kGroup);
  Answer(100, RtspServer::NotFound{"no such station"});
  EXPECT_THAT(Sent(id), StartsWith("RTSP/1.0 404 no such station\r\n"));
  Ask(id, kGroup);
  Answer(101, RtspServer::Unavailable{"dns: no such name"});
  EXPECT_THAT(Sent(id), StartsWith("RTSP/1.0 503 dns: no such name\r\n"));
  Ask(id, kGroup);
  Pass(RtspServer::kAnswerTime - 1ms);
  EXPECT_EQ(Sent(id), "");
  EXPECT_EQ(server_.NextDeadline(), now().mono + 1ms);
  Pass(1ms);
  EXPECT_THAT(Sent(id), StartsWith("RTSP/1.0 503 The station could not be looked up in time"));
  server_.SetWatched(false);
  Ask(id, kGroup);
  EXPECT_THAT(Sent(id), StartsWith("RTSP/1.0 503 No session-manager is connected"));
  legs_[0].service_ipv6.reset();
  SetLegs();
  server_.SetWatched(true);
  Ask(id, kGroup);
  Answer(103, Idle());
  EXPECT_THAT(Sent(id), StartsWith("RTSP/1.0 503 Link lan has no IPv6 service address"));
}

TEST_F(RtspServerTest, APlayerThatGoesLeavesNothing) {
  const auto id = Connect();
  Ask(id, kGroup);
  server_.OnClosed(id);
  Answer(100, Idle());
  EXPECT_THAT(actions_.sends, IsEmpty());
  EXPECT_EQ(server_.NextDeadline(), kNever);
}

TEST_F(RtspServerTest, IdleConnectionsAreClosed) {
  const auto id = Connect();
  Pass(RtspConnection::kIdle);
  EXPECT_THAT(actions_.closes, ElementsAre(id));
  EXPECT_EQ(server_.connections(), 0u);
}

TEST_F(RtspServerTest, LimitsConnectionsAndQuestions) {
  for (size_t i = 0; i < RtspServer::kConnectionsPerPeer; ++i) Connect();
  EXPECT_FALSE(server_.OnConnect(1000, {"lan", Ip("192.0.2.77")}, now().mono));
  for (uint32_t i = 0; server_.connections() < RtspServer::kConnectionsMax; ++i) {
    ASSERT_TRUE(server_.OnConnect(2000 + i, {"lan", IpAddress::V4(0x0a000000 + i)}, now().mono));
  }
  EXPECT_FALSE(server_.OnConnect(1001, {"lan", Ip("198.51.100.7")}, now().mono));
  EXPECT_EQ(server_.stats().connections_refused, 2u);
  for (uint32_t i = 0; i < RtspServer::kQuestionsMax; ++i) {
    Ask(2000 + i, fmt::format("{:#x}", kNumber + i));
  }
  EXPECT_EQ(server_.questions().size(), RtspServer::kQuestionsMax);
  Ask(1, "0x80001000");
  EXPECT_THAT(Sent(1), StartsWith("RTSP/1.0 503 Too many stations"));
}

}  // namespace
}  // namespace headwater
