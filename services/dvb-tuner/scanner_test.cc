#include "services/dvb-tuner/scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/mpegts/si_samples.h"

namespace headwater::tuner {
namespace {

namespace samples = mpegts::samples;
using samples::Buffer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = DvblastEvent::Kind;

Carrier Parse(std::string_view line) { return ParseCarrier(line, {}).value(); }
const Carrier kHome = Parse("-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23");
const Carrier kOther = Parse("-f 12441000 -v 13 -5 DVBS2");

// One tuner, and a sky in which some carriers are there.
class ScannerTest : public ::testing::Test {
 protected:
  ScannerTest() : reception_({.retune_hold = 0s}, {Options()}) {
    lineup_.SetFile({kHome});
    reception_.SetWatched(true, now_);
  }
  static TunerOptions Options() {
    return {.name = "adapter0", .systems = {DeliverySystem::kDvbs, DeliverySystem::kDvbs2}};
  }

  absl::Status Begin(const ScanRequest& request = {}) {
    auto scanner = Scanner::Begin(request, lineup_, now_);
    if (!scanner.ok()) return scanner.status();
    scanner_.emplace(*std::move(scanner));
    return absl::OkStatus();
  }
  Lineup& Target() { return scanner_->dry_lineup() != nullptr ? *scanner_->dry_lineup() : lineup_; }

  void Do(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* start = std::get_if<StartRun>(&action)) {
        run_ = start->run;
        collector_ = SiCollector();
        const std::string id = reception_.tuners()[0].carrier()->id;
        tuned_.push_back(id);
        if (there_.contains(id)) Lock(id);
      } else if (const auto* stop = std::get_if<StopRun>(&action)) {
        Actions more;
        reception_.OnExited(stop->run, "", now_, more);
        Do(more);
      }
    }
  }
  void Lock(const std::string& id) {
    Actions actions;
    reception_.OnEvent(run_, {Kind::kLock, 0, ""}, now_, actions);
    std::vector<SiTable> tables;
    uint8_t continuity = 0;
    Buffer packets;
    mpegts::ProgramAssociation pat = {.transport_stream_id = 1, .programs = {{1, {}}}};
    Buffer bytes;
    pat.SerializeTo(bytes);
    collector_.PushSection(bytes, tables);
    mpegts::PacketizeSection(samples::SdtOf(1, 2, {{1, samples::ServiceDescriptorOf(1, "p", id)}}),
                             mpegts::Pid{17}, continuity, packets);
    continuity = 0;
    mpegts::PacketizeSection(samples::NitOf(2, {},
                                            {{1, 2, samples::SatelliteDeliveryOf()},
                                             {2, 2, samples::Satellite2DeliveryOf()}}),
                             mpegts::Pid{16}, continuity, packets);
    collector_.Push(packets, tables);
    for (const SiTable& table : tables) {
      if (const auto* sdt = std::get_if<mpegts::ServiceInformation>(&table)) {
        Target().OnServices(id, *sdt, 1);
      }
      if (const auto* nit = std::get_if<mpegts::NetworkInformation>(&table)) {
        Target().OnNetwork(id, *nit, {});
      }
    }
  }
  void Run(Duration time) {
    for (const MonoTime end = now_ + time; now_ < end && !scanner_->finished(); now_ += 50ms) {
      Actions actions;
      const bool any = reception_.scan_tuner().has_value();
      scanner_->OnTime(now_, reception_, any ? &collector_ : nullptr, steps_, actions);
      Do(actions);
      actions.clear();
      reception_.OnTime(now_, actions);
      Do(actions);
    }
  }

  MonoTime now_{};
  Lineup lineup_;
  Reception reception_;
  std::optional<Scanner> scanner_;
  SiCollector collector_;
  uint64_t run_ = 0;
  std::set<std::string> there_ = {kHome.id, kOther.id};
  std::vector<std::string> tuned_;
  std::vector<ScanStep> steps_;
};

TEST_F(ScannerTest, FollowsTheNetworkFromHome) {
  ASSERT_TRUE(Begin().ok());
  Run(60s);
  ASSERT_TRUE(scanner_->finished());
  EXPECT_THAT(tuned_, ElementsAre(kHome.id, kOther.id));
  ASSERT_EQ(steps_.size(), 2u);
  EXPECT_EQ(steps_[0].total, 2u);
  EXPECT_EQ(steps_[1].done, 2u);
  EXPECT_EQ(steps_[1].error, "");
  const ScanResult result = scanner_->Result();
  EXPECT_EQ(result.carriers, 2u);
  EXPECT_EQ(result.services, 2u);
  EXPECT_EQ(result.failed, 0u);
  // Home's service, the other carrier and its service.
  EXPECT_EQ(result.changes.size(), 3u);
  EXPECT_EQ(reception_.scan_tuner(), std::nullopt);
}

TEST_F(ScannerTest, ADryRunKeepsNothing) {
  const Lineup before = lineup_;
  ASSERT_TRUE(Begin({.dry_run = true}).ok());
  Run(60s);
  EXPECT_EQ(scanner_->Result().changes.size(), 3u);
  EXPECT_THAT(Lineup::Difference(before, lineup_), IsEmpty());
}

TEST_F(ScannerTest, DoesNotFollowWhenToldNotTo) {
  ASSERT_TRUE(Begin({.carriers = {kHome.id}, .follow = false}).ok());
  Run(60s);
  EXPECT_THAT(tuned_, ElementsAre(kHome.id));
}

TEST_F(ScannerTest, TellsWhatHasNoLock) {
  there_ = {kHome.id};
  ASSERT_TRUE(Begin().ok());
  Run(60s);
  ASSERT_EQ(steps_.size(), 2u);
  EXPECT_EQ(steps_[1].error, "no lock");
  EXPECT_EQ(scanner_->Result().failed, 1u);
  // What was listed stays.
  EXPECT_NE(lineup_.Find(kOther.id), nullptr);
}

TEST_F(ScannerTest, YieldsAtOnceAndComesBack) {
  there_ = {};
  ASSERT_TRUE(Begin().ok());
  Run(1s);
  ASSERT_EQ(reception_.scan_tuner(), 0u);
  LeaseRequest request = {.number = 1,
                          .service = {.carrier = kOther.id, .service_id = 1},
                          .feed = {IpAddress::V4(0x7f000001), 40000},
                          .priority = 0,
                          .holder = "x"};
  Actions actions;
  ASSERT_TRUE(reception_.Acquire(request, kOther, now_, actions).ok());
  Do(actions);
  EXPECT_EQ(reception_.scan_tuner(), std::nullopt);
  Run(5s);
  EXPECT_THAT(steps_, IsEmpty());
  actions.clear();
  reception_.Release(1, now_, actions);
  Do(actions);
  there_ = {kHome.id, kOther.id};
  Run(60s);
  ASSERT_TRUE(scanner_->finished());
  EXPECT_EQ(scanner_->Result().failed, 0u);
}

TEST_F(ScannerTest, GivesUpWhenNoTunerBecomesFree) {
  LeaseRequest request = {.number = 1,
                          .service = {.carrier = "x", .service_id = 1},
                          .feed = {IpAddress::V4(0x7f000001), 40000},
                          .holder = "somebody"};
  reception_ = Reception({.lock_patience = 10min, .silence_max = 10min}, {Options()});
  reception_.SetWatched(true, now_);
  Actions actions;
  ASSERT_TRUE(reception_.Acquire(request, kOther, now_, actions).ok());
  ASSERT_TRUE(Begin().ok());
  Run(70s);
  ASSERT_EQ(steps_.size(), 1u);
  EXPECT_THAT(steps_[0].error, ::testing::HasSubstr("somebody"));
}

TEST_F(ScannerTest, NeedsSomethingToBeginWith) {
  EXPECT_TRUE(absl::IsNotFound(Begin({.carriers = {"nowhere"}})));
  lineup_.SetFile({});
  EXPECT_TRUE(absl::IsFailedPrecondition(Begin()));
}

}  // namespace
}  // namespace headwater::tuner
