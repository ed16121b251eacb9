#include "services/dvb-tuner/tuner_pool.h"

#include <gtest/gtest.h>

namespace headwater::tuner {
namespace {

using Kind = TunerChoice::Kind;

Carrier Parse(std::string_view line) {
  return ParseCarrier(line, {.standard = "28.2E", .by_switch = {"28.2E", "19.2E"}}).value();
}

class TunerPoolTest : public ::testing::Test {
 protected:
  TunerPoolTest() {
    satellite_.systems = wide_.systems = {DeliverySystem::kDvbs, DeliverySystem::kDvbs2};
    satellite_.positions = {"28.2E"};
    wide_.systems.push_back(DeliverySystem::kDvbt);
    terrestrial_.systems = {DeliverySystem::kDvbt, DeliverySystem::kDvbt2};
    network_ = {.name = "network0", .kind = TunerKind::kNetwork};
  }
  TunerUse Use(const TunerOptions& options, std::string carrier = "",
               std::optional<uint32_t> priority = std::nullopt) {
    return {.options = &options, .carrier = std::move(carrier), .priority = priority};
  }
  TunerChoice Choose(const std::vector<TunerUse>& uses, std::optional<uint32_t> priority = 50) {
    return ChooseTuner(uses, {&a_, false, priority});
  }

  TunerOptions satellite_, wide_, terrestrial_, network_;
  Carrier a_ = Parse("-f 11426500 -v 18 -5 DVBS");
  Carrier b_ = Parse("-f 12441000 -v 13 -5 DVBS2");
};

TEST_F(TunerPoolTest, SharesWhatIsTunedAlready) {
  EXPECT_EQ(Choose({Use(satellite_), Use(satellite_, a_.id, 10)}), (TunerChoice{Kind::kShare, 1}));
}

TEST_F(TunerPoolTest, TakesTheFreeTunerThatCanDoLeast) {
  EXPECT_EQ(Choose({Use(wide_), Use(satellite_)}), (TunerChoice{Kind::kTake, 1}));
}

TEST_F(TunerPoolTest, SparesWhatHasJustBeenReleased) {
  TunerUse fresh = Use(satellite_, b_.id);
  fresh.idle_since = MonoTime{} + 10s;
  TunerUse stale = Use(satellite_, "28.2E 10714H");
  stale.idle_since = MonoTime{} + 5s;
  EXPECT_EQ(Choose({fresh, stale}), (TunerChoice{Kind::kTake, 1}));
  EXPECT_EQ(Choose({fresh, stale, Use(wide_)}), (TunerChoice{Kind::kTake, 2}));
  // And who comes back gets it.
  fresh.carrier = a_.id;
  EXPECT_EQ(Choose({stale, fresh}), (TunerChoice{Kind::kShare, 1}));
}

TEST_F(TunerPoolTest, PreemptsTheLowestIfItIsLower) {
  EXPECT_EQ(Choose({Use(satellite_, b_.id, 40), Use(satellite_, "x", 30)}),
            (TunerChoice{Kind::kPreempt, 1}));
  EXPECT_EQ(Choose({Use(satellite_, b_.id, 50)}).kind, Kind::kBusy);
  EXPECT_EQ(Choose({Use(satellite_, b_.id, 60)}).kind, Kind::kBusy);
}

TEST_F(TunerPoolTest, TakesAScansTunerBeforeALease) {
  TunerUse scan = Use(satellite_, b_.id);
  scan.scanning = true;
  EXPECT_EQ(Choose({Use(satellite_, "x", 0), scan}), (TunerChoice{Kind::kPreempt, 1}));
  // Without any priority of its own a lease takes it as well.
  EXPECT_EQ(Choose({scan}, 0), (TunerChoice{Kind::kPreempt, 0}));
}

TEST_F(TunerPoolTest, GivesAScanFreeTunersAlone) {
  EXPECT_EQ(Choose({Use(satellite_, b_.id, 0)}, std::nullopt).kind, Kind::kBusy);
  EXPECT_EQ(Choose({Use(satellite_, b_.id)}, std::nullopt), (TunerChoice{Kind::kTake, 0}));
}

TEST_F(TunerPoolTest, KnowsWhatCanNeverBeReceived) {
  EXPECT_EQ(Choose({Use(terrestrial_), Use(network_)}).kind, Kind::kImpossible);
  EXPECT_EQ(Choose({}).kind, Kind::kImpossible);
  const Carrier other_dish = Parse("-f 11426500 -v 18 -5 DVBS -S 2");
  EXPECT_FALSE(CanReceive(satellite_, other_dish, false));
  EXPECT_TRUE(CanReceive(wide_, other_dish, false));
}

TEST_F(TunerPoolTest, GivesNetworkInputsToTheirOwnKind) {
  const Carrier stream = Parse("-D 239.1.1.1:5004/udp");
  EXPECT_TRUE(CanReceive(network_, stream, true));
  EXPECT_FALSE(CanReceive(satellite_, stream, false));
  EXPECT_FALSE(CanReceive(network_, a_, false));
}

TEST_F(TunerPoolTest, GivesNoWholeCarrierFromACardThatFilters) {
  satellite_.pid_filter = true;
  EXPECT_TRUE(CanReceive(satellite_, a_, false));
  EXPECT_FALSE(CanReceive(satellite_, a_, true));
}

TEST_F(TunerPoolTest, TakesAnAbsentTunerWhenThereIsNoOther) {
  TunerUse absent = Use(satellite_, a_.id);
  absent.absent = true;
  EXPECT_EQ(Choose({absent, Use(wide_)}), (TunerChoice{Kind::kTake, 1}));
  EXPECT_EQ(Choose({absent, Use(wide_, b_.id, 10)}), (TunerChoice{Kind::kPreempt, 1}));
  EXPECT_EQ(Choose({absent}), (TunerChoice{Kind::kTake, 0}));
}

}  // namespace
}  // namespace headwater::tuner
