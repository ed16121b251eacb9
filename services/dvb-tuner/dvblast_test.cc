// What goes to dvblast and what comes from it: configuration, control socket, output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "services/common/process/line_cutter.h"
#include "services/dvb-tuner/dvblast_config.h"
#include "services/dvb-tuner/dvblast_control.h"
#include "services/dvb-tuner/dvblast_events.h"

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using Kind = DvblastEvent::Kind;

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(DvblastConfigTest, WritesALineForEachOutput) {
  const std::vector<DvblastOutput> outputs = {
      {.to = {Ip("::1"), 40000}, .from = Ip("::1"), .service_id = 0x1041},
      {.to = {Ip("127.0.0.1"), 40002}, .pids = {0, 17, 300}},
      {.to = {Ip("192.0.2.1"), 40004}, .from = Ip("192.0.2.9"), .whole = true}};
  EXPECT_EQ(DvblastConfig(outputs),
            "[::1]:40000@[::1]/udp/dvb/mtu=1316 1 4161\n"
            "127.0.0.1:40002/udp/mtu=1316 1 0 0,17,300\n"
            "192.0.2.1:40004@192.0.2.9/udp/mtu=1316 1 *\n");
}

TEST(DvblastConfigTest, KeepsTheLongestLineWithinDvblastsBuffer) {
  DvblastOutput output = {.to = {Ip("2001:db8:1111:2222:3333:4444:5555:6666"), 65535},
                          .from = Ip("2001:db8:1111:2222:3333:4444:5555:6666")};
  output.pids.assign(DvblastOutput::kPidsMax, 8190);
  EXPECT_LT(output.ToString().size(), 2047u);
}

TEST(DvblastControlTest, WritesRequests) {
  EXPECT_THAT(ControlRequest(ControlCommand::kReload), ElementsAre(0x49, 1, 0, 0, 8, 0, 0, 0));
  EXPECT_THAT(ControlRequest(ControlCommand::kPmt, 0x1041),
              ElementsAre(0x49, 14, 0, 0, 10, 0, 0, 0, 0x10, 0x41));
}

std::vector<uint8_t> Reply(uint8_t answer, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> bytes = {0x49, answer, 0, 0, 0, 0, 0, 0};
  const auto size = static_cast<uint32_t>(body.size() + 8);
  std::memcpy(bytes.data() + 4, &size, 4);
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

TEST(DvblastControlTest, PutsChunksTogether) {
  const std::vector<uint8_t> body(10000, 7);
  const std::vector<uint8_t> reply = Reply(11, body);
  ControlReplyAssembler assembler;
  const Bytes bytes(reply);
  EXPECT_FALSE(assembler.Push(bytes.first(4096)));
  EXPECT_FALSE(assembler.Push(bytes.subspan(4096, 4096)));
  const auto whole = assembler.Push(bytes.subspan(8192));
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->answer, ControlAnswer::kSdt);
  EXPECT_EQ(whole->body, body);
  const auto next = assembler.Push(Reply(0, {}));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->answer, ControlAnswer::kOk);
}

TEST(DvblastControlTest, DropsWhatMakesNoSense) {
  ControlReplyAssembler assembler;
  EXPECT_FALSE(assembler.Push(std::vector<uint8_t>(7, 0x49)));
  std::vector<uint8_t> other_magic = Reply(0, {});
  other_magic[0] = 0x48;
  EXPECT_FALSE(assembler.Push(other_magic));
  std::vector<uint8_t> huge = Reply(0, {});
  huge[7] = 0x7f;
  EXPECT_FALSE(assembler.Push(huge));
  // More than was announced: forgotten.
  std::vector<uint8_t> more = Reply(0, {});
  more.push_back(0);
  EXPECT_FALSE(assembler.Push(more));
  EXPECT_TRUE(assembler.Push(Reply(0, {})));
}

TEST(DvblastControlTest, ReadsAFrontendsStatus) {
  std::vector<uint8_t> body(180, 0);
  body[168] = 0x1f;  // signal, carrier, viterbi, sync, lock
  body[172] = 5;
  body[177] = 0x80;
  body[179] = 0x40;
  const auto status = ParseFrontendStatus(body);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->locked);
  EXPECT_EQ(status->bit_errors, 5u);
  EXPECT_EQ(status->strength, 0x8000);
  EXPECT_EQ(status->snr, 0x4000);
  body[168] = 0x0f;
  EXPECT_FALSE(ParseFrontendStatus(body)->locked);
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(ParseFrontendStatus(Bytes(body).first(size)));
  }
}

// Answer of dvblast 3.4 to get_pid for a PID that had 747 packets and 3 errors.
TEST(DvblastControlTest, ReadsAPidsStatus) {
  std::vector<uint8_t> body(56, 0);
  body[16] = 0xeb;
  body[17] = 2;
  body[24] = 3;
  body[40] = 0x64;
  body[48] = 2;
  const auto status = ParsePidStatus(body);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->packets, 747u);
  EXPECT_EQ(status->continuity_errors, 3u);
  EXPECT_EQ(status->bytes_per_second, 100u);
  EXPECT_TRUE(status->scrambled);
  EXPECT_FALSE(ParsePidStatus(Bytes(body).first(55)));
}

TEST(DvblastControlTest, SplitsSections) {
  const std::vector<uint8_t> body = {0x00, 0xb0, 2, 1, 2, 0x42, 0xf0, 1, 9, 0x42, 0xf0, 9};
  const auto sections = SplitSections(body);
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0].size(), 5u);
  EXPECT_EQ(sections[1].size(), 4u);
}

// Lines of dvblast 3.4 -x xml -6 1000.
TEST(DvblastEventsTest, ReadsOutputOf34) {
  const auto event = [](std::string_view line) { return ParseDvblastOutput(line); };
  EXPECT_EQ(event("<STATUS type=\"lock\" status=\"1\"/>"), (DvblastEvent{Kind::kLock, 0, ""}));
  EXPECT_EQ(event("<STATUS type=\"lock\" status=\"1\" />"), (DvblastEvent{Kind::kLock, 0, ""}));
  EXPECT_EQ(event("<STATUS type=\"lock\" status=\"0\"/>"), (DvblastEvent{Kind::kUnlock, 0, ""}));
  EXPECT_EQ(event("<STATUS type=\"bitrate\" status=\"1\" value=\"667776\" />"),
            (DvblastEvent{Kind::kBitrate, 667776, ""}));
  EXPECT_EQ(event("<EVENT type=\"reset\" cause=\"nolock\" />"),
            (DvblastEvent{Kind::kNoLock, 0, "nolock"}));
  EXPECT_EQ(event("<EVENT type=\"reset\" cause=\"dvr\" />"),
            (DvblastEvent{Kind::kReset, 0, "dvr"}));
  EXPECT_EQ(event("<ERROR type=\"invalid_discontinuity\" number=\"12\" />"),
            (DvblastEvent{Kind::kDiscontinuity, 12, ""}));
  EXPECT_EQ(event("<ERROR type=\"transport_error\" number=\"3\" />"),
            (DvblastEvent{Kind::kTransportError, 3, ""}));
  EXPECT_FALSE(event("<PAT tsid=\"1\" version=\"0\" current_next=\"1\"></PAT>"));
  EXPECT_FALSE(event("<STATUS type=\"pid\" pid=\"256\" status=\"1\" pes=\"1\" />"));
  EXPECT_FALSE(event(""));
  EXPECT_FALSE(event("<STATUS "));
}

// 3.5 tells the bitrate of each service within the element.
TEST(DvblastEventsTest, ReadsOutputOf35) {
  EXPECT_EQ(ParseDvblastOutput("<STATUS type=\"bitrate\" status=\"1\" value=\"38000000\"><PROGRAM "
                               "number=\"4161\" bitrate=\"192000\"/></STATUS>"),
            (DvblastEvent{Kind::kBitrate, 38000000, ""}));
}

TEST(DvblastEventsTest, KnowsAMissingCardFromABusyOne) {
  const auto kind = [](std::string_view line) { return ParseDvblastMessage(line)->kind; };
  EXPECT_EQ(kind("error: opening device /dev/dvb/adapter0/frontend0 failed (No such file or "
                 "directory)"),
            Kind::kNoDevice);
  EXPECT_EQ(kind("error: couldn't read from DVR device (No such device)"), Kind::kNoDevice);
  EXPECT_EQ(kind("error: couldn't read from DVR device (Input/output error)"), Kind::kNoDevice);
  EXPECT_EQ(kind("error: couldn't read from DVR device (Value too large for defined data type)"),
            Kind::kMessage);
  EXPECT_EQ(kind("error: opening device /dev/dvb/adapter0/frontend0 failed (Device or resource "
                 "busy)"),
            Kind::kMessage);
  EXPECT_FALSE(ParseDvblastMessage("warning: restarting"));
}

TEST(LineCutterTest, CutsAndDropsWhatIsTooLong) {
  LineCutter cutter;
  std::vector<std::string> lines;
  const auto push = [&](std::string_view text) {
    cutter.Push(AsBytes(text), [&](std::string_view line) { lines.emplace_back(line); });
  };
  push("a\nb");
  push("c\n");
  push(std::string(LineCutter::kLineMax + 10, 'x') + "\n");
  push("d\n");
  EXPECT_THAT(lines, ElementsAre("a", "bc", "d"));
}

}  // namespace
}  // namespace headwater::tuner
