#include "services/session-manager/placement.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace headwater::session_manager {
namespace {

constexpr uint32_t kStreams = 6000;

struct Member {
  std::string name;
  double weight;
};

std::vector<std::string> Place(const std::vector<Member>& members) {
  std::vector<std::string> places;
  for (uint32_t i = 0; i < kStreams; ++i) {
    const Member* best = nullptr;
    double best_score = 0;
    for (const Member& each : members) {
      const double score = PlacementScore(each.name, each.weight, 0x80000000 + i);
      if (best == nullptr || score > best_score) best = &each;
      if (best == &each) best_score = score;
    }
    places.push_back(best->name);
  }
  return places;
}

std::map<std::string, double> Shares(const std::vector<Member>& members) {
  std::map<std::string, double> shares;
  for (const std::string& name : Place(members)) shares[name] += 1.0 / kStreams;
  return shares;
}

TEST(PlacementTest, SharesFollowTheWeights) {
  const auto shares = Shares({{"s1", 256}, {"s2", 256}, {"s3", 512}});
  EXPECT_NEAR(shares.at("s1"), 0.25, 0.02);
  EXPECT_NEAR(shares.at("s2"), 0.25, 0.02);
  EXPECT_NEAR(shares.at("s3"), 0.5, 0.02);
}

TEST(PlacementTest, EqualSendersGetEqualSharesWhateverTheirNames) {
  std::vector<Member> members;
  for (int i = 0; i < 10; ++i) members.push_back({fmt::format("sender-{}", i), 256});
  for (const auto& [name, share] : Shares(members)) EXPECT_NEAR(share, 0.1, 0.02) << name;
}

TEST(PlacementTest, ASenderMoreTakesItsShareAndNothingElseMoves) {
  const auto before = Place({{"s1", 256}, {"s2", 256}});
  const auto after = Place({{"s1", 256}, {"s2", 256}, {"s3", 256}});
  size_t moved = 0;
  for (size_t i = 0; i < kStreams; ++i) {
    if (before[i] == after[i]) continue;
    ++moved;
    EXPECT_EQ(after[i], "s3");
  }
  EXPECT_NEAR(static_cast<double>(moved) / kStreams, 1.0 / 3, 0.03);
}

}  // namespace
}  // namespace headwater::session_manager
