#include "services/rtp-packager/session_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::packager {
namespace {

Channel GroupOf(uint32_t number) {
  std::array<uint8_t, 16> bytes = {0xff, 0x3e};
  for (size_t i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(number >> (8 * i));
  return {.group = *IpAddress::FromBytes(bytes)};
}

class SessionMetricsTest : public testing::Test {
 protected:
  size_t Series() const {
    size_t count = 0;
    for (const auto& family : registry_.Collect()) count += family.metric.size();
    return count;
  }

  double Value(const std::string& name, const std::string& session) const {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "headwater_rtp_packager_session_" + name) continue;
      for (const auto& metric : family.metric) {
        if (metric.label.at(0).value == session) return metric.counter.value + metric.gauge.value;
      }
    }
    return -1;
  }

  static SessionStatus Session(uint32_t number, uint64_t packets, double loss = 0) {
    SessionStatus status;
    status.channel = GroupOf(number);
    status.packets_total = packets;
    status.receivers = {.receivers = 1, .fraction_lost_max = loss};
    return status;
  }

  prometheus::Registry registry_;
  SessionMetrics metrics_{registry_};
};

TEST_F(SessionMetricsTest, AfterTenThousandSessionsThereAreAsManySeriesAsBefore) {
  const size_t before = Series();
  size_t most = 0;
  for (uint32_t first = 0; first < 10000; first += 100) {
    std::vector<SessionStatus> sessions;
    for (uint32_t i = 0; i < 100; ++i) sessions.push_back(Session(first + i, 1));
    metrics_.Update(sessions);
    most = std::max(most, Series());
  }
  metrics_.Update({});
  EXPECT_EQ(Series(), before);
  EXPECT_EQ(most, before * (SessionMetrics::kSessionsShownMax + 1));
  // 36 of each hundred had no series of their own.
  EXPECT_EQ(Value("packets_total", "other"), 3600);
}

TEST_F(SessionMetricsTest, ASessionHasItsChannelAsLabelAndKeepsItsSeriesWhileItLives) {
  metrics_.Update({Session(1, 10, 0.25)});
  metrics_.Update({Session(1, 15, 0.5)});
  EXPECT_EQ(Value("packets_total", "ff3e::1"), 15);
  EXPECT_EQ(Value("loss_ratio", "ff3e::1"), 0.5);
  EXPECT_EQ(Value("loss_ratio", "other"), 0);
  metrics_.Update({});
  EXPECT_EQ(Value("packets_total", "ff3e::1"), -1);
}

TEST_F(SessionMetricsTest, OfTheOthersTheWorstLossAndTheSumOfReceiversAreShown) {
  std::vector<SessionStatus> sessions;
  for (uint32_t i = 0; i < SessionMetrics::kSessionsShownMax + 3; ++i) {
    sessions.push_back(Session(i, 0, i / 1000.0));
  }
  metrics_.Update(sessions);
  EXPECT_EQ(Value("receivers", "other"), 3);
  EXPECT_EQ(Value("loss_ratio", "other"), 0.066);
}

TEST_F(SessionMetricsTest, ASessionThatBeganAgainCountsFromItsNewBeginning) {
  metrics_.Update({Session(1, 10)});
  metrics_.Update({Session(1, 3)});
  EXPECT_EQ(Value("packets_total", "ff3e::1"), 13);
}

}  // namespace
}  // namespace headwater::packager
