#include "services/sap-announcer/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

std::string Faults(const std::string& text, AnnouncerOptions& options) {
  auto file = ConfigTable::Parse(text, "test.toml");
  ConfigTable table = file->Table("sap-announcer");
  options = ReadAnnouncerOptions(table);
  table.RejectUnknown();
  return std::string(FromAbsl(file->status().message()));
}

TEST(ConfigTest, ReadsEveryKey) {
  AnnouncerOptions options;
  EXPECT_EQ(
      Faults("[sap-announcer]\ninterval = '2s'\ninterval_max = '4s'\nbits_per_second_min = 32000\n"
             "media_percent = 3\nannouncements_max = 7\norphan_timeout = '1m'\nwell_known_groups = "
             "true\n"
             "dscp = 8\nrtsp_port = 8554\n",
             options),
      "");
  EXPECT_EQ(options.interval, 2s);
  EXPECT_EQ(options.interval_max, 4s);
  EXPECT_EQ(options.bits_per_second_min, 32'000u);
  EXPECT_EQ(options.media_percent, 3u);
  EXPECT_EQ(options.announcements_max, 7u);
  EXPECT_EQ(options.orphan_timeout, 1min);
  EXPECT_TRUE(options.well_known_groups);
  EXPECT_EQ(options.dscp, 8);
  EXPECT_EQ(options.rtsp_port, 8554);
}

TEST(ConfigTest, HasDefaults) {
  AnnouncerOptions options;
  EXPECT_EQ(Faults("", options), "");
  EXPECT_EQ(options.interval, 1s);
  EXPECT_EQ(options.interval_max, 5s);
  EXPECT_FALSE(options.well_known_groups);
  EXPECT_EQ(options.rtsp_port, 0);
}

TEST(ConfigTest, RefusesWhatIsNotAllowed) {
  AnnouncerOptions options;
  EXPECT_THAT(Faults("[sap-announcer]\ninterval_max = '6s'\n", options), HasSubstr("test.toml:2"));
  EXPECT_THAT(Faults("[sap-announcer]\ninterval = '3s'\ninterval_max = '2s'\n", options),
              HasSubstr("must not be less than interval"));
  EXPECT_THAT(Faults("[sap-announcer]\ndscp = 64\n", options), HasSubstr("dscp"));
  EXPECT_THAT(Faults("[sap-announcer]\nintervall = '3s'\n", options), HasSubstr("intervall"));
}

}  // namespace
}  // namespace headwater
