#include "services/mdns-zone-proxy/fair_share.h"

#include <gtest/gtest.h>

#include <string>

#include "services/mdns-zone-proxy/fake_zones.h"

namespace headwater::zone {
namespace {

size_t TakeAll(FairShare& share, size_t source) {
  size_t taken = 0;
  for (; share.HasRoom(source); ++taken) share.Take(source);
  return taken;
}

TEST(FairShareTest, WhoTakesAllHeCanLeavesTheOthersTheirParts) {
  FairShare share(12, 4, 3);
  EXPECT_EQ(TakeAll(share, 2), 8u);  // its 2 and the common 6
  EXPECT_EQ(TakeAll(share, 0), 2u);
  EXPECT_EQ(TakeAll(share, 1), 2u);
}

TEST(FairShareTest, TakingMoreThanThereIsCostsNobodyHisPart) {
  FairShare share(8, 2, 2);
  for (int i = 0; i < 100; ++i) share.Take(0);
  EXPECT_EQ(TakeAll(share, 1), 2u);
}

TEST(FairShareTest, OneSourceHasAllAndLittleRoomIsGivenToWhoComes) {
  FairShare alone(9, 2, 1), little(1, 4, 3), none(4, 2, 0);
  EXPECT_EQ(TakeAll(alone, 1), 9u);
  EXPECT_EQ(TakeAll(little, 3), 1u);
  EXPECT_EQ(TakeAll(none, 0), 4u);
}

// Zones cam and iot, both mirrored into trusted, which holds so many.
class FloodTest : public testing::Test {
 protected:
  void Start(size_t mirrored_max, size_t services_max = 2048) {
    options_.zones = {{"cam", ""}, {"iot", ""}, {"trusted", ""}};
    options_.rules = {{.name = "in", .from = "*", .to = "trusted", .types = {}, .names = {}},
                      {.name = "out", .from = "trusted", .to = "iot", .types = {}, .names = {}}};
    options_.limits.mirrored_max = mirrored_max;
    options_.limits.services_max = services_max;
    mirror_ = std::make_unique<Mirror>(options_);
    zones_ = std::make_unique<FakeZones>(*mirror_, 3);
    for (size_t zone = 0; zone < 3; ++zone) {
      zones_->Up(zone);
      zones_->SetAddresses(zone, Host(zone), {"10.0.0." + std::to_string(zone + 1)});
    }
    zones_->Advance(3s);
  }
  void Announce(size_t zone, const std::string& name, uint16_t port = 631, Txt txt = {}) {
    zones_->Announce(zone, {"_ipp._tcp", name}, {Host(zone), port, std::move(txt), {}});
  }
  static std::string Host(size_t zone) { return "h" + std::to_string(zone) + ".local"; }
  void Flood(size_t zone, const std::string& name, int count) {
    for (int i = 0; i < count; ++i) Announce(zone, name + std::to_string(i));
  }
  // Of a source in trusted.
  size_t Count(size_t from, Publication::State state = Publication::State::kPublished) {
    size_t count = 0;
    for (const auto& [key, mirrored] : mirror_->mirrored()) {
      count += key.from == from && key.to == kTrusted && mirrored.publication.state == state;
    }
    return count;
  }
  const Mirrored& Of(size_t from, const std::string& name, size_t to = kTrusted) {
    return mirror_->mirrored().at({to, from, {"_ipp._tcp", name}});
  }
  bool IsPublished(size_t from, const std::string& name, size_t to = kTrusted) {
    return Of(from, name, to).publication.state == Publication::State::kPublished;
  }

  static constexpr size_t kCam = 0, kIot = 1, kTrusted = 2;
  Options options_;
  std::unique_ptr<Mirror> mirror_;
  std::unique_ptr<FakeZones> zones_;
};

TEST_F(FloodTest, AFloodTakesNobodysPlace) {
  Start(16);
  Announce(kIot, "Printer");
  zones_->Advance(2s);
  // Before the other by zone and by name.
  Flood(kCam, "A", 40);
  zones_->Advance(5s);
  EXPECT_EQ(Count(kCam), 12u);
  EXPECT_TRUE(IsPublished(kIot, "Printer"));
  EXPECT_EQ(Of(kCam, "A39").waiting, Waiting::kFull);
  Flood(kIot, "A", 5);
  zones_->Advance(2s);
  EXPECT_EQ(Count(kIot), 4u);
  // First come, first served, whatever the names.
  EXPECT_TRUE(IsPublished(kIot, "Printer"));
  for (int i = 0; i < 30; ++i) zones_->Goodbye(kCam, {"_ipp._tcp", "A" + std::to_string(i)});
  zones_->Advance(2s);
  EXPECT_EQ(Count(kCam), 10u);
  EXPECT_EQ(Count(kIot), 6u);
  // Nothing changes, so nobody is told anything.
  mirror_->TakeTouchedMirrored();
  Announce(kTrusted, "Own");
  zones_->Advance(200ms);
  for (const MirrorKey& key : mirror_->TakeTouchedMirrored()) EXPECT_EQ(key.from, kTrusted);
}

TEST_F(FloodTest, OthersArePublishedAtOnceWhileAFloodWaitsForItsTurn) {
  Start(2048);
  Flood(kCam, "A", 400);
  zones_->Advance(200ms);
  const size_t begun = Count(kCam, Publication::State::kPublishing);
  EXPECT_GT(begun, 50u);
  EXPECT_LT(begun, 128u);
  EXPECT_EQ(Of(kCam, "A99").waiting, Waiting::kTurn);
  Announce(kIot, "Printer");
  zones_->Advance(900ms);
  EXPECT_TRUE(IsPublished(kIot, "Printer"));
  EXPECT_LT(Count(kCam), 200u);
  zones_->Advance(10s);
  EXPECT_EQ(Count(kCam), 400u);
}

TEST_F(FloodTest, WhatIsKnownComesBeforeNewNamesOfItsZone) {
  Start(2048);
  Announce(kCam, "Moves");
  Announce(kCam, "Tells", 631, {"a=1"});
  Announce(kCam, "Leaves");
  zones_->Advance(2s);
  Flood(kCam, "A", 400);
  zones_->Advance(200ms);
  Announce(kCam, "Moves", 8631);
  Announce(kCam, "Tells", 631, {"a=2"});
  zones_->Goodbye(kCam, {"_ipp._tcp", "Leaves"});
  zones_->Advance(100ms);
  EXPECT_EQ(zones_->heard(kTrusted).count({"_ipp._tcp", "Leaves"}), 0u);
  zones_->Advance(1700ms);
  EXPECT_LT(Count(kCam), 300u);
  EXPECT_EQ(Of(kCam, "Moves").running.port, 8631);
  EXPECT_TRUE(IsPublished(kCam, "Moves"));
  const uint64_t tells = Of(kCam, "Tells").publication.id;
  EXPECT_EQ(zones_->published(kTrusted).at(tells).service.txt, Txt{"a=2"});
}

TEST_F(FloodTest, ATextThatNeverRestsIsToldOnceASecond) {
  Start(2048);
  Announce(kCam, "Tells");
  zones_->Advance(2s);
  int updates = 0;
  zones_->on_action = [&](const Action& action) {
    updates += std::holds_alternative<UpdateTxt>(action);
  };
  for (int i = 0; i < 300; ++i) {
    Announce(kCam, "Tells", 631, {std::to_string(i)});
    zones_->Advance(20ms);
  }
  EXPECT_GE(updates, 5);
  EXPECT_LE(updates, 7);
  zones_->Advance(2s);
  EXPECT_EQ(Of(kCam, "Tells").running.txt, Txt{"299"});
}

TEST_F(FloodTest, WhoIsNotAnsweredIsNotWaitedForForEver) {
  Start(2048);
  Flood(kCam, "A", 300);
  zones_->silent = true;
  zones_->Advance(1s);
  const size_t begun = Count(kCam, Publication::State::kPublishing);
  EXPECT_LT(begun, 128u);
  zones_->Advance(11s);
  // And its host's address with the first of them.
  EXPECT_EQ(Count(kCam, Publication::State::kPublishing), 2 * begun + 1);
}

TEST_F(FloodTest, ASlowAvahiIsGivenFewerAtATime) {
  Start(2048);
  zones_->probing = 3s;
  Flood(kCam, "A", 400);
  zones_->Advance(14s);
  EXPECT_LE(Count(kCam, Publication::State::kPublishing), 24u);
  EXPECT_GE(Count(kCam, Publication::State::kPublishing), 20u);
  zones_->probing = 800ms;
  zones_->Advance(14s);
  EXPECT_EQ(Count(kCam), 400u);
}

TEST_F(FloodTest, WhatIsMirroredIntoAZoneTakesNoRoomFromItsOwn) {
  Start(2048, 16);
  Flood(kCam, "A", 16);
  Flood(kIot, "B", 16);
  zones_->Advance(5s);
  ASSERT_EQ(Count(kCam) + Count(kIot), 32u);
  Flood(kTrusted, "Own", 16);
  zones_->Advance(5s);
  EXPECT_TRUE(IsPublished(kTrusted, "Own15", kIot));
  EXPECT_EQ(mirror_->seen(kTrusted).dropped(Dropped::kServices), 0u);
}

TEST_F(FloodTest, AnAvahiThatComesBackIsFilledAtThePaceToo) {
  Start(2048);
  Flood(kCam, "A", 300);
  Announce(kIot, "Printer");
  zones_->Advance(6s);
  ASSERT_EQ(Count(kCam), 300u);
  zones_->Down(kTrusted);
  for (int i = 0; i < 300; ++i) zones_->Goodbye(kCam, {"_ipp._tcp", "A" + std::to_string(i)});
  zones_->Up(kTrusted);
  zones_->Advance(1600ms);
  // Ghosts, to be said goodbye for.
  EXPECT_LT(zones_->published(kTrusted).size(), 130u);
  zones_->Advance(900ms);
  EXPECT_TRUE(IsPublished(kIot, "Printer"));
  zones_->Advance(10s);
  EXPECT_EQ(zones_->heard(kTrusted).size(), 1u);
}

}  // namespace
}  // namespace headwater::zone
