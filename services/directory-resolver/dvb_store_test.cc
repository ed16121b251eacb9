#include "services/directory-resolver/dvb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

DvbCarrier Full() {
  return {.id = "28.2E 11426.5H",
          .system = "DVBS2",
          .frequency_khz = 11'426'500,
          .position = "28.2E",
          .voltage = 18,
          .original_network_id = 2,
          .transport_stream_id = 2043,
          .name = "Sky",
          .services = {{.id = 1, .name = "One"},
                       {.id = 0x1041,
                        .type = DvbType::kRadio,
                        .name = "BBC \xc3\xa9",
                        .provider = "BSkyB",
                        .scrambled = true,
                        .channel_number = 101}}};
}

class DvbStoreTest : public ::testing::Test {
 protected:
  absl::Status Save(const std::string& tuner, const std::vector<DvbCarrier>& carriers) {
    return database_->Transaction(
        [&] { return store_.Save(tuner, carriers, absl::FromUnixSeconds(1'800'000'000)); });
  }

  std::unique_ptr<Database> database_ = *Database::Open(":memory:");
  DvbStore store_ = DvbStore(*database_);
};

TEST_F(DvbStoreTest, GivesBackWhatWasStored) {
  const std::vector<DvbCarrier> plain = {{.id = "DVBT 506", .system = "DVBT"}};
  ASSERT_TRUE(Save("north", {Full()}).ok());
  ASSERT_TRUE(Save("", plain).ok());
  EXPECT_EQ(*store_.Load(), (DvbLineups{{"", plain}, {"north", {Full()}}}));
  EXPECT_EQ(store_.LoadTimes()->at("north"), absl::FromUnixSeconds(1'800'000'000));
}

TEST_F(DvbStoreTest, ReplacesWhatATunerToldBeforeAndNobodyElses) {
  ASSERT_TRUE(Save("north", {Full()}).ok());
  ASSERT_TRUE(Save("south", {Full()}).ok());
  DvbCarrier less = Full();
  less.services.pop_back();
  ASSERT_TRUE(Save("north", {less}).ok());
  EXPECT_EQ(*store_.Load(), (DvbLineups{{"north", {less}}, {"south", {Full()}}}));
  ASSERT_TRUE(Save("south", {}).ok());
  EXPECT_EQ(*store_.Load(), (DvbLineups{{"north", {less}}}));
  EXPECT_FALSE(store_.LoadTimes()->contains("south"));
}

}  // namespace
}  // namespace headwater::directory_resolver
