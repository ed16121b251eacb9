#include "services/session-manager/describer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint32_t kNumber = 0x80000001;
constexpr char kGroup[] = "ff3e:40:2001:db8:d0be:f00d:8000:1";

MediaFormat Mpa() { return {.encoding = "MPA", .payload_type = 14, .clock_rate = 90'000}; }

class DescriberTest : public ::testing::Test {
 protected:
  DescriberTest() {
    auto plan = NumberPlan::Build(SimWorld::DefaultPlan(0s, 10s));
    EXPECT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
  }

  void AskGroup(uint64_t id, std::string_view group = kGroup) {
    describer_.OnQuestion({.sender = 1, .id = id, .group = IpAddress::Parse(group)}, &plan_, out_);
  }
  void AskNumber(uint64_t id, uint32_t number = kNumber) {
    describer_.OnQuestion({.sender = 1, .id = id, .group = std::nullopt, .number = number}, &plan_,
                          out_);
  }
  static Station Radio(std::vector<std::string> urls) {
    return {.number = kNumber, .title = "Radio", .urls = std::move(urls)};
  }
  // The actions of one kind since the last call; those of others are dropped.
  template <typename T>
  std::vector<T> Take() {
    std::vector<T> found;
    for (const DescriberAction& action : std::exchange(out_, {})) {
      if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
    }
    return found;
  }
  std::string Refusal(const AnswerQuestion& answer) {
    if (const auto* missing = std::get_if<NotFound>(&answer.answer))
      return "404 " + missing->reason;
    if (const auto* busy = std::get_if<Unavailable>(&answer.answer)) return "503 " + busy->reason;
    return "none";
  }

  NumberPlan plan_;
  Describer describer_;
  DescriberActions out_;
};

TEST_F(DescriberTest, AStationIsDescribedAsItsLastPlayWas) {
  AskGroup(7);
  ASSERT_THAT(Take<LookUp>(), SizeIs(1));
  // Another question meanwhile is the same look-up.
  AskNumber(8);
  EXPECT_THAT(out_, IsEmpty());
  Station radio = Radio({"http://a/"});
  radio.known_format = Mpa();
  describer_.OnStation(kNumber, radio, &plan_, out_);
  const auto answers = Take<AnswerQuestion>();
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].sender, 1u);
  EXPECT_EQ(answers[0].question, 7u);
  EXPECT_EQ(answers[1].question, 8u);
  for (const AnswerQuestion& answer : answers) {
    const auto* described = std::get_if<Announcement>(&answer.answer);
    ASSERT_NE(described, nullptr);
    EXPECT_EQ(described->channel.group.ToString(), kGroup);
    EXPECT_EQ(described->number, kNumber);
    EXPECT_EQ(described->format, Mpa());
    EXPECT_EQ(described->info.name, "Radio");
    EXPECT_EQ(described->hop_limit, 64);
  }
}

TEST_F(DescriberTest, ATransportStreamIsOneWhateverItsSourceIs) {
  PlanConfig config = SimWorld::DefaultPlan(0s, 10s);
  config.directories[0].container = MediaContainer::kTransportStream;
  const auto in_ts = NumberPlan::Build(config);
  ASSERT_TRUE(in_ts.ok());
  Station radio = Radio({"http://a/"});
  radio.known_format = Mpa();
  AskGroup(7);
  describer_.OnStation(kNumber, radio, &*in_ts, out_);
  auto answers = Take<AnswerQuestion>();
  ASSERT_THAT(answers, SizeIs(1));
  const MediaFormat ts = std::get<Announcement>(answers[0].answer).format;
  EXPECT_EQ(ts.encoding, "MP2T");
  EXPECT_EQ(ts.payload_type, 33u);
  // What was learnt of a directory in a transport stream says nothing of one that is not.
  radio.known_format = ts;
  AskGroup(8);
  describer_.OnStation(kNumber, radio, &plan_, out_);
  EXPECT_THAT(Take<ProbeSource>(), SizeIs(1));
}

TEST_F(DescriberTest, WhatNobodyHasPlayedIsProbedAndReported) {
  AskGroup(7);
  describer_.OnStation(kNumber, Radio({"http://a/", "http://b/"}), &plan_, out_);
  auto probes = Take<ProbeSource>();
  ASSERT_THAT(probes, SizeIs(1));
  EXPECT_EQ(probes[0].url, "http://a/");
  describer_.OnProbed(kNumber, absl::UnavailableError("dns: no such name"), &plan_, out_);
  probes = Take<ProbeSource>();
  ASSERT_THAT(probes, SizeIs(1));
  EXPECT_EQ(probes[0].url, "http://b/");
  describer_.OnProbed(kNumber, Probed{.format = Mpa(), .info = {.name = "Says itself"}}, &plan_,
                      out_);
  // The resolver hears of it before the player does.
  ASSERT_THAT(out_, SizeIs(2));
  EXPECT_EQ(std::get<ReportCheck>(out_[0]).format, Mpa());
  const auto& answer = std::get<AnswerQuestion>(out_[1]).answer;
  EXPECT_EQ(std::get<Announcement>(answer).info.name, "Says itself");
}

TEST_F(DescriberTest, TheTestToneIsProbedToo) {
  AskNumber(7);
  Station tone = Radio({});
  tone.kind = StationKind::kTest;
  describer_.OnStation(kNumber, tone, &plan_, out_);
  const auto probes = Take<ProbeSource>();
  ASSERT_THAT(probes, SizeIs(1));
  EXPECT_EQ(probes[0].url, "");
}

TEST_F(DescriberTest, ADvbServiceIsATransportStreamWithoutALook) {
  AskNumber(7);
  Station dvb = Radio({});
  dvb.kind = StationKind::kDvb;
  describer_.OnStation(kNumber, dvb, &plan_, out_);
  const auto answers = Take<AnswerQuestion>();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(std::get<Announcement>(answers[0].answer).format.encoding, "MP2T");
}

TEST_F(DescriberTest, SaysWhyNot) {
  const auto refusal = [this] {
    const auto answers = Take<AnswerQuestion>();
    return answers.size() == 1 ? Refusal(answers[0]) : "not one answer";
  };
  describer_.OnQuestion({.id = 1, .number = kNumber}, nullptr, out_);
  EXPECT_THAT(refusal(), HasSubstr("503 The number plan is not known yet"));
  AskGroup(2, "239.255.255.250");
  EXPECT_THAT(refusal(), HasSubstr("404 239.255.255.250 is not in the number plan"));
  AskNumber(3, 0xa0000001);
  EXPECT_THAT(refusal(), HasSubstr("404 0xa0000001 is not in the number plan"));
  AskNumber(4);
  describer_.OnStation(kNumber, absl::NotFoundError("radio has no 0x80000001"), &plan_, out_);
  EXPECT_EQ(refusal(), "404 radio has no 0x80000001");
  AskNumber(5);
  describer_.OnStation(kNumber, absl::UnavailableError("away"), &plan_, out_);
  EXPECT_EQ(refusal(), "503 away");
  AskNumber(6);
  describer_.OnStation(kNumber, Radio({}), &plan_, out_);
  EXPECT_THAT(refusal(), HasSubstr("503 Its format is not known"));
  AskNumber(7);
  describer_.OnStation(kNumber, Radio({"http://a/"}), &plan_, out_);
  out_.clear();
  describer_.OnProbed(kNumber, absl::UnavailableError("connect: refused"), &plan_, out_);
  ASSERT_THAT(out_, SizeIs(2));
  EXPECT_EQ(std::get<ReportCheck>(out_[0]).error, "connect: refused");
  EXPECT_EQ(refusal(), "503 connect: refused");
  AskNumber(8);
  describer_.OnStation(kNumber, Radio({"http://a/"}), &plan_, out_);
  out_.clear();
  // The packager has not looked at the source: that is no check.
  describer_.OnProbed(kNumber, absl::ResourceExhaustedError("too many"), &plan_, out_);
  EXPECT_THAT(out_, SizeIs(1));
  EXPECT_EQ(refusal(), "503 too many");
  // Answers that nobody waits for any more.
  describer_.OnProbed(kNumber, absl::UnavailableError("late"), &plan_, out_);
  describer_.OnStation(kNumber, Radio({"http://a/"}), &plan_, out_);
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(DescriberTest, LimitsNumbersQuestionsAndProbes) {
  for (uint64_t id = 0; id <= Describer::kQuestionsMax; ++id) AskNumber(id);
  EXPECT_THAT(Take<AnswerQuestion>(), SizeIs(1));
  AskNumber(0);
  EXPECT_THAT(out_, IsEmpty()) << "a repeated question is the same one";
  for (uint32_t i = 1; i <= Describer::kNumbersMax; ++i) AskNumber(1000 + i, kNumber + i);
  auto answers = Take<AnswerQuestion>();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_THAT(Refusal(answers[0]), HasSubstr("Too many stations"));
  for (uint32_t i = 1; i <= Describer::kProbesMax + 1; ++i) {
    describer_.OnStation(kNumber + i, Radio({"http://a/"}), &plan_, out_);
  }
  answers = Take<AnswerQuestion>();
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_THAT(Refusal(answers[0]), HasSubstr("Too many sources"));
}

}  // namespace
}  // namespace headwater::session_manager
