#include "services/sap-announcer/origin.h"

#include <gtest/gtest.h>

#include <set>

namespace headwater {
namespace {

TEST(OriginTest, RaisesToTheTimeOfTheChange) {
  Origin origin = {.id = 1000, .version = 1000, .past_versions = {}};
  origin.Raise(1060);
  EXPECT_EQ(origin, (Origin{.id = 1000, .version = 1060, .past_versions = {1000}}));
}

TEST(OriginTest, RaisesWhenTheClockStandsOrGoesBack) {
  Origin origin = {.id = 1000, .version = 1000, .past_versions = {}};
  origin.Raise(1000);
  origin.Raise(500);
  EXPECT_EQ(origin.Versions(), (std::vector<uint64_t>{1002, 1001, 1000}));
}

TEST(OriginTest, RemembersEightVersions) {
  Origin origin = {.id = 1, .version = 1, .past_versions = {}};
  for (int i = 0; i < 100; ++i) origin.Raise(0);
  EXPECT_EQ(origin.Versions(), (std::vector<uint64_t>{101, 100, 99, 98, 97, 96, 95, 94}));
}

TEST(OriginTest, GivesEachHeldVersionItsOwnHash) {
  Origin origin = {.id = 77, .version = 77, .past_versions = {}};
  for (uint64_t i = 1; i < 5000; ++i) {
    // Steps of the one size that collides, and its neighbours.
    origin.Raise(77 + i * 65535 - i % 3);
    std::set<uint16_t> hashes;
    for (uint64_t version : origin.Versions()) hashes.insert(SapHash(origin.id, version));
    ASSERT_EQ(hashes.size(), origin.Versions().size());
  }
}

TEST(OriginTest, NeverHashesToZero) {
  for (uint64_t version = 0; version < 200'000; ++version) ASSERT_NE(SapHash(12345, version), 0);
  EXPECT_NE(SapHash(UINT64_MAX, UINT64_MAX), 0);
}

TEST(OriginTest, KeepsItsHashForEver) {
  // Listeners and other announcers rely on it across restarts and releases.
  EXPECT_EQ(SapHash(1, 1), 40505);
  EXPECT_EQ(SapHash(1, 2), 40506);
}

TEST(OriginTest, MakesForeignVersionsFit) {
  Origin origin = {.id = 1, .version = 9, .past_versions = {9, 8, 0, 8, 7, 6, 5, 4, 3, 2, 1}};
  origin.Normalise();
  EXPECT_EQ(origin.past_versions, (std::vector<uint64_t>{8, 7, 6, 5, 4, 3, 2}));
}

}  // namespace
}  // namespace headwater
