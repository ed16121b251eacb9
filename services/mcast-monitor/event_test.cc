#include "services/mcast-monitor/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/text/clean_text.h"
#include "services/mcast-monitor/ber_reader.h"
#include "services/mcast-monitor/event_log.h"
#include "services/mcast-monitor/forward_queue.h"
#include "services/mcast-monitor/snmp_engine.h"
#include "services/mcast-monitor/snmp_samples.h"

namespace headwater::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'795'896'000);
constexpr MonoTime kStart = MonoTime{} + 1h;

Arrival From(const char* source) {
  return {.link = "mgmt",
          .source = {*IpAddress::Parse(source), 514},
          .destination = *IpAddress::Parse("234.192.168.1"),
          .time = kNow};
}

struct SyslogCase {
  std::string_view datagram;
  int facility;  // -1: none
  int severity;
  std::string_view host, app, text;
};

const SyslogCase kSyslog[] = {
    // RFC 5424 section 6.5, examples 1, 2 and 4.
    {"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' "
     "failed",
     4, 2, "mymachine.example.com", "su", "'su root' failed"},
    {"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time", 20, 5,
     "192.0.2.1", "myproc", "%% It's time"},
    {"<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [exampleSDID@32473 iut=\"3\"] An event",
     20, 5, "host", "evntslog", "[exampleSDID@32473 iut=\"3\"] An event"},
    // RFC 3164 section 5.4, examples 1 and 2.
    {"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8", 4, 2,
     "mymachine", "su", "'su root' failed for lonvick on /dev/pts/8"},
    {"Use the BFG!", -1, 5, "", "", "Use the BFG!"},
    // Netgear: a space behind the priority, address and unit for a host (from its manual).
    {"<14> Mar 24 05:34:05 10.131.12.183-1 UNKN[2176789276]: main_login.c(179) 3855 %% HTTP "
     "Session "
     "19 initiated for user admin",
     1, 6, "10.131.12.183-1", "UNKN",
     "main_login.c(179) 3855 %% HTTP Session 19 initiated for user admin"},
    {"<14> JAN 01 00:00:19 192.168.0.239-1 TRAPMGR[123]: Link Up: Port: 1\r\n", 1, 6,
     "192.168.0.239-1", "TRAPMGR", "Link Up: Port: 1"},
    // Cisco: a clock that is not set, no host.
    {"<189>*Mar  1 00:00:12.345: %LINK-3-UPDOWN: Interface up", 23, 5, "", "%LINK-3-UPDOWN",
     "Interface up"},
    {"<13>Mar 24 05:34:05 2026 sw1 port: down", 1, 5, "sw1", "port", "down"},
    {"<30>2026-11-28 20:00:00 base dect[7]: handset 2 registered", 3, 6, "base", "dect",
     "handset 2 registered"},
    {"<30>dect: no time, no host", 3, 6, "", "dect", "no time, no host"},
    {"<13>Nov 28 19:41:00 tag[1]: local form", 1, 5, "", "tag", "local form"},
    {"<999>no priority", -1, 5, "", "", "<999>no priority"},
    {"<34>1 2003-10-11T22:14:15.003Z cut", 4, 2, "", "", "1 2003-10-11T22:14:15.003Z cut"},
    {"<6>", 0, 6, "", "", ""},
    {"", -1, 5, "", "", ""},
};

TEST(SyslogMessageTest, TakesApartWhatDevicesSend) {
  for (const SyslogCase& one : kSyslog) {
    const SyslogMessage message = SyslogMessage::Parse(AsBytes(one.datagram));
    EXPECT_EQ(message.facility ? *message.facility : -1, one.facility) << one.datagram;
    EXPECT_EQ(message.severity, one.severity) << one.datagram;
    EXPECT_EQ(message.host, one.host) << one.datagram;
    EXPECT_EQ(message.app, one.app) << one.datagram;
    EXPECT_EQ(message.text, one.text) << one.datagram;
  }
}

TEST(EventTest, HostileTextIsHarmless) {
  const std::string raw =
      "<13>Nov 28 19:41:00 h\x1b[31mst app: red\x1b[2J\x07\r\nline2 \xe2\x80\xaexe.gpj "
      "\xff\xfe\x00z" +
      std::string(65000, 'A');
  const Event event = SyslogEvent(From("192.0.2.1"), AsBytes(raw));
  for (const std::string* text : {&event.host, &event.app, &event.text}) {
    EXPECT_TRUE(IsUtf8(*text)) << *text;
    for (const char c : *text) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    EXPECT_EQ(text->find("\xe2\x80\xae"), std::string::npos);
  }
  EXPECT_LE(event.text.size(), Event::kTextMax);
  EXPECT_THAT(event.text, HasSubstr("line2"));
}

std::vector<SnmpKeys> Bob(SnmpAuth auth) {
  return {SnmpKeys({.name = "bob",
                    .auth = auth,
                    .auth_password = "authpass1",
                    .privacy_password = "privpass1"})};
}

TEST(SnmpMessageTest, ReadsTrapsOfVersion1) {
  const auto message = SnmpMessage::Parse(FromHex(kTrapV1), {});
  ASSERT_TRUE(message.ok()) << ToString(message.error());
  EXPECT_EQ(message->version, 1);
  EXPECT_EQ(message->trap, "1.3.6.1.6.3.1.1.5.3");
  EXPECT_EQ(message->agent->ToString(), "192.0.2.7");
  EXPECT_EQ(message->uptime, 4711u);
  const Event event = SnmpEvent(From("192.0.2.7"), FromHex(kTrapV1), *message);
  EXPECT_EQ(event.text, "linkDown uptime=47.11s ifIndex.3=3");
  EXPECT_EQ(event.severity, 4);
  EXPECT_EQ(event.host, "192.0.2.7");
  EXPECT_EQ(SnmpMessage::Parse(FromHex(kEnterpriseTrapV1), {})->trap, "1.3.6.1.4.1.4526.100.0.17");
}

TEST(SnmpMessageTest, ReadsTrapsOfVersion2c) {
  const auto message = SnmpMessage::Parse(FromHex(kTrapV2), {});
  ASSERT_TRUE(message.ok()) << ToString(message.error());
  EXPECT_FALSE(message->inform);
  EXPECT_FALSE(Acknowledge(FromHex(kTrapV2), *message));
  EXPECT_EQ(SnmpEvent(From("192.0.2.7"), FromHex(kTrapV2), *message).text,
            "linkDown uptime=47.11s ifDescr.3=g3 uplink 1.3.6.1.2.1.1.99=0x00ff10");
}

TEST(SnmpMessageTest, AcknowledgesAnInformAsItsOwnResponse) {
  std::vector<uint8_t> inform = FromHex(kInformV2);
  const auto message = SnmpMessage::Parse(inform, {});
  ASSERT_TRUE(message.ok());
  EXPECT_TRUE(message->inform);
  const auto answer = Acknowledge(inform, *message);
  ASSERT_TRUE(answer);
  inform[13] = 0xa2;
  EXPECT_EQ(*answer, inform);
  EXPECT_EQ(SnmpMessage::Parse(*answer, {}).error(), SnmpError::kOther)
      << "another monitor's answer is no event";
}

TEST(SnmpMessageTest, VerifiesAndDecryptsVersion3) {
  const std::pair<const char*, SnmpAuth> kTraps[] = {{kTrapV3Md5, SnmpAuth::kMd5},
                                                     {kTrapV3Sha, SnmpAuth::kSha},
                                                     {kTrapV3Sha256, SnmpAuth::kSha256},
                                                     {kTrapV3Sha512, SnmpAuth::kSha512},
                                                     {kTrapV3Signed, SnmpAuth::kSha}};
  for (const auto& [hex, auth] : kTraps) {
    std::vector<uint8_t> bytes = FromHex(hex);
    const auto message = SnmpMessage::Parse(bytes, Bob(auth));
    ASSERT_TRUE(message.ok()) << hex << ": " << ToString(message.error());
    EXPECT_TRUE(message->authenticated);
    EXPECT_EQ(message->trap, "1.3.6.1.6.3.1.1.5.4");
    EXPECT_EQ(message->user, "bob");
    bytes.back() ^= 1;
    EXPECT_EQ(SnmpMessage::Parse(bytes, Bob(auth)).error(), SnmpError::kSignature);
  }
  EXPECT_EQ(SnmpMessage::Parse(FromHex(kTrapV3Sha), {}).error(), SnmpError::kUnknownUser);
  const auto open = SnmpMessage::Parse(FromHex(kTrapV3Open), Bob(SnmpAuth::kSha));
  ASSERT_TRUE(open.ok());
  EXPECT_FALSE(open->authenticated);
  const auto strange = SnmpMessage::Parse(FromHex(kTrapV3Signed), {});
  ASSERT_TRUE(strange.ok()) << "not encrypted: it can be read";
  EXPECT_FALSE(strange->authenticated);
}

TEST(SnmpMessageTest, RefusesEveryTruncation) {
  const std::vector<SnmpKeys> bob = Bob(SnmpAuth::kSha);
  for (const char* hex : {kTrapV1, kTrapV2, kInformV2, kTrapV3Sha, kTrapV3Signed}) {
    const std::vector<uint8_t> bytes = FromHex(hex);
    for (size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(SnmpMessage::Parse(Bytes(bytes).first(size), bob).ok()) << size;
  }
}

TEST(SnmpEngineTest, SaysWhoItIsToWhoAsks) {
  const SnmpEngine engine({0x80, 0, 0, 0, 5, 1, 2, 3, 4}, 7, kStart);
  const auto report = engine.Discover(FromHex(kDiscoveryV3), kStart + 300s);
  ASSERT_TRUE(report);
  EXPECT_THAT(std::string(AsText(*report)),
              HasSubstr(std::string(
                  "\x04\x09\x80\0\0\0\x05\x01\x02\x03\x04\x02\x01\x07\x02\x02\x01\x2c", 18)));
  EXPECT_FALSE(engine.Discover(*report, kStart)) << "an answer is no question";
  for (const char* hex : {kTrapV2, kTrapV3Sha, kTrapV3Open})
    EXPECT_FALSE(engine.Discover(FromHex(hex), kStart));
}

TEST(SnmpEngineTest, AcknowledgesWhatIsAddressedToItAndTimely) {
  const std::vector<uint8_t> id = FromHex("8000000001020304");
  const std::vector<SnmpKeys> bob = Bob(SnmpAuth::kSha);
  auto message = *SnmpMessage::Parse(FromHex(kTrapV3Sha), bob);
  const SnmpEngine engine(id, message.v3.boots, kStart);
  const MonoTime now = kStart + std::chrono::seconds(message.v3.time);
  const auto verdict = engine.Check(message, bob, 99, now);
  EXPECT_TRUE(verdict.take);
  ASSERT_TRUE(verdict.answer);
  // Signed and encrypted well, or it would not be known to be a response.
  EXPECT_EQ(SnmpMessage::Parse(*verdict.answer, bob).error(), SnmpError::kOther);
  for (const Duration late : {-200s, 200s}) {
    const auto stale = engine.Check(message, bob, 99, now + late);
    EXPECT_FALSE(stale.take);
    ASSERT_TRUE(engine.Check(message, bob, 99, now + late).answer.has_value() ==
                message.v3.reportable);
  }
  const SnmpEngine reborn(id, message.v3.boots + 1, kStart);
  EXPECT_FALSE(reborn.Check(message, bob, 99, now).take);
  const SnmpEngine other({1, 2, 3, 4, 5}, message.v3.boots, kStart);
  EXPECT_TRUE(other.Check(message, bob, 99, now).take);
  EXPECT_FALSE(other.Check(message, bob, 99, now).answer) << "another monitor's";
}

TEST(BerReaderTest, KnowsItsBounds) {
  EXPECT_EQ(OidText(std::vector<uint8_t>{0x2b, 6, 1}), "1.3.6.1");
  EXPECT_EQ(OidText(std::vector<uint8_t>{0x88, 0x37, 3}), "2.999.3");
  EXPECT_EQ(OidText(std::vector<uint8_t>{0x2b, 0x81}), "") << "cut off";
  EXPECT_EQ(OidText(std::vector<uint8_t>(200, 1)), "") << "too many";
  int64_t value;
  EXPECT_TRUE(BerInteger(std::vector<uint8_t>{0xff, 0x00}, true, value));
  EXPECT_EQ(value, -256);
  EXPECT_FALSE(BerInteger(std::vector<uint8_t>(9, 1), true, value));
  EXPECT_FALSE(BerReader(std::vector<uint8_t>{0x30, 0x80, 0, 0}).Enter(0x30).ok()) << "indefinite";
}

TEST(EventLogTest, GivesGrowingIdsAndKnowsRepetitions) {
  EventLog log;
  Event event = SyslogEvent(From("192.0.2.1"), AsBytes("<11>same"));
  const uint64_t first = log.Add(event).id;
  EXPECT_EQ(first, static_cast<uint64_t>(absl::ToUnixMicros(kNow)));
  EXPECT_FALSE(log.recent().back().repeated);
  EXPECT_EQ(log.Add(event).id, first + 1);
  EXPECT_TRUE(log.recent().back().repeated);
  event.time = kNow - absl::Seconds(100);
  EXPECT_EQ(log.Add(event).id, first + 2) << "a clock that was set back";
  event.time = kNow + absl::Seconds(30);
  EXPECT_FALSE(log.Add(event).repeated) << "news again";
  EXPECT_EQ(log.counts()[0][1][3], 4u);
  EXPECT_NE(SyslogEvent(From("192.0.2.2"), AsBytes("<11>same")).digest, event.digest);
  for (size_t i = 0; i < 2 * EventLog::kRecentMax; ++i) log.Add(event);
  EXPECT_EQ(log.recent().size(), EventLog::kRecentMax);
}

TEST(EventFilterTest, Matches) {
  const Event event =
      SyslogEvent(From("192.0.2.1"), AsBytes("<11>Nov 28 19:41:00 sw1 port: G3 Down!"));
  EventFilter filter{.link = "mgmt", .severity_max = 3, .facility = 1};
  EXPECT_TRUE(filter.Matches(event));
  filter.words = SplitWords("DOWN sw* g3", true);
  EXPECT_THAT(filter.words, ElementsAre("down", "sw*", "g3"));
  EXPECT_TRUE(filter.Matches(event));
  filter.words.push_back("dow");
  EXPECT_FALSE(filter.Matches(event));
  EXPECT_FALSE((EventFilter{.severity_max = 2}).Matches(event));
  EXPECT_FALSE((EventFilter{.kind = EventKind::kTrap}).Matches(event));
  EXPECT_FALSE((EventFilter{.source = IpAddress::Parse("192.0.2.2")}).Matches(event));
  EXPECT_FALSE((EventFilter{.until = kNow}).Matches(event));
  EXPECT_TRUE((EventFilter{.since = kNow}).Matches(event));
}

// A daemon as the queue sees it: what it has read, and what lies in its socket.
struct Daemon {
  DaemonSocket socket{.inode = 1};
  bool there = true;
  std::vector<std::string> read, unread;

  void Read() {
    read.insert(read.end(), unread.begin(), unread.end());
    unread.clear();
  }
  void Restart() {
    unread.clear();
    ++socket.inode;
  }
  void Run(ForwardQueue& queue, MonoTime now) {
    while (const auto* next = queue.Next(now)) {
      if (!there) return queue.OnRefused(now);
      unread.emplace_back(AsText(next->bytes));
      queue.OnSent(now);
    }
  }
  void Look(ForwardQueue& queue, MonoTime now) {
    if (!queue.WantsLook(now)) return;
    socket.unread = unread.size();
    queue.OnLook(there ? std::optional(socket) : std::nullopt, now);
  }
};

TEST(ForwardQueueTest, LosesNothingInARestart) {
  ForwardQueue queue({}, true);
  Daemon daemon;
  MonoTime now = kStart;
  const auto turn = [&](Duration after) {
    now += after;
    daemon.Look(queue, now);
    daemon.Run(queue, now);
  };
  for (int i = 0; i < 3; ++i) queue.Push(AsBytes(std::to_string(i)), {});
  turn(0ms);
  daemon.Read();
  turn(30ms);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.stats().forwarded, 3u);
  // Sent, never read, and the socket is gone with it.
  queue.Push(AsBytes("3"), {});
  turn(0ms);
  EXPECT_THAT(daemon.unread, ElementsAre("3"));
  daemon.there = false;
  daemon.Restart();
  queue.Push(AsBytes("4"), {});
  turn(30ms);
  EXPECT_FALSE(queue.up());
  EXPECT_EQ(queue.size(), 2u);
  daemon.there = true;
  turn(300ms);
  daemon.Read();
  turn(30ms);
  EXPECT_TRUE(queue.up());
  EXPECT_THAT(daemon.read, ElementsAre("0", "1", "2", "3", "4"));
  EXPECT_EQ(queue.stats().resent, 1u);
  EXPECT_EQ(queue.stats().dropped, 0u);
  // A restart so quick that nobody saw it gone.
  queue.Push(AsBytes("5"), {});
  turn(0ms);
  daemon.Restart();
  turn(30ms);
  daemon.Read();
  turn(30ms);
  EXPECT_THAT(daemon.read.back(), "5");
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.NextDeadline(), kNever);
}

TEST(ForwardQueueTest, IsBoundedAndSaysWhatItDropped) {
  ForwardQueue queue({.datagrams_max = 2, .bytes_max = 100}, true);
  EXPECT_TRUE(queue.Push(AsBytes("a"), {}));
  EXPECT_FALSE(queue.Push(std::vector<uint8_t>(100), {}));
  EXPECT_TRUE(queue.Push(AsBytes("b"), {}));
  EXPECT_FALSE(queue.Push(AsBytes("c"), {}));
  EXPECT_EQ(queue.stats().dropped, 2u);
}

TEST(ForwardQueueTest, SendsNoMoreThanTheDaemonsBufferHolds) {
  ForwardQueue queue({}, true);
  Daemon daemon;
  for (int i = 0; i < 1000; ++i) queue.Push(AsBytes("x"), {});
  daemon.Look(queue, kStart);
  daemon.Run(queue, kStart);
  EXPECT_EQ(daemon.unread.size(), ForwardQueue::kWindow);
  daemon.Look(queue, kStart + 30ms);
  daemon.Run(queue, kStart + 30ms);
  EXPECT_EQ(daemon.unread.size(), ForwardQueue::kWindow) << "nothing was read";
  daemon.Read();
  daemon.Look(queue, kStart + 60ms);
  daemon.Run(queue, kStart + 60ms);
  EXPECT_EQ(daemon.unread.size(), ForwardQueue::kWindow);
  daemon.socket.drops = 7;
  daemon.Look(queue, kStart + 90ms);
  EXPECT_EQ(queue.stats().lost, 7u);
}

TEST(ForwardQueueTest, WhatCannotBeSentStandsInNobodysWay) {
  ForwardQueue queue({}, true);
  Daemon daemon;
  queue.Push(AsBytes("a"), {});
  daemon.Look(queue, kStart);
  daemon.Run(queue, kStart);
  queue.Push(AsBytes("never"), {});
  queue.Push(AsBytes("b"), {});
  EXPECT_EQ(AsText(queue.Next(kStart)->bytes), "never");
  queue.OnUnsendable();
  daemon.Run(queue, kStart);
  daemon.Read();
  daemon.Look(queue, kStart + 30ms);
  EXPECT_THAT(daemon.read, ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.stats().dropped, 1u);
  EXPECT_EQ(queue.stats().forwarded, 2u);
}

TEST(ForwardQueueTest, TriesADaemonElsewhereAgain) {
  ForwardQueue queue({}, false);
  queue.Push(AsBytes("x"), {});
  ASSERT_NE(queue.Next(kStart), nullptr);
  queue.OnRefused(kStart);
  EXPECT_EQ(queue.Next(kStart), nullptr);
  EXPECT_EQ(queue.NextDeadline(), kStart + ForwardQueue::kRetry);
  ASSERT_NE(queue.Next(kStart + 1s), nullptr);
  queue.OnSent(kStart + 1s);
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace headwater::monitor
