#include "services/dvb-tuner/carrier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/base/absl_text.h"

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Positions kPositions = {.standard = "28.2E", .by_switch = {"28.2E", "19.2E"}};

Carrier Parse(std::string_view line, const Positions& positions = {}) {
  const auto carrier = ParseCarrier(line, positions);
  EXPECT_TRUE(carrier.ok()) << carrier.status();
  return carrier.ok() ? *carrier : Carrier();
}

std::string ErrorOf(std::string_view line) {
  const auto carrier = ParseCarrier(line, kPositions);
  return carrier.ok() ? "" : std::string(FromAbsl(carrier.status().message()));
}

TEST(CarrierTest, TakesTheUsersLines) {
  const Carrier dab = Parse("dvblast -f 11426500 -v 18 -5 DVBS -s 27500000 -F 23");
  EXPECT_EQ(dab.id, "11426.5H");
  EXPECT_EQ(dab.system, DeliverySystem::kDvbs);
  EXPECT_EQ(dab.frequency_khz, 11426500u);
  EXPECT_EQ(dab.voltage, 18);
  EXPECT_EQ(dab.Command(), "-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23");
  const Carrier uhd = Parse("dvblast -f 12441000 -v 13 -5 DVBS2 -s 29500000 -F 89 -m QPSK");
  EXPECT_EQ(uhd.id, "12441V");
  EXPECT_EQ(uhd.system, DeliverySystem::kDvbs2);
}

TEST(CarrierTest, IdIsPositionFrequencyPolarisationAndStreamAlone) {
  EXPECT_EQ(Parse("-f 11426500 -v 18 -F 23", kPositions).id, "28.2E 11426.5H");
  EXPECT_EQ(Parse("-f 11426500 -v 18 -F 34 -s 22000000 -5 DVBS2 -m PSK_8", kPositions).id,
            "28.2E 11426.5H");
  EXPECT_EQ(Parse("-f 11426250 -v 18 -S 2", kPositions).id, "19.2E 11426.25H");
  EXPECT_EQ(Parse("-f 11426250 -v 18 -S b", kPositions).id, "19.2E 11426.25H");
  EXPECT_EQ(Parse("-f 11426000").id, "11426V");
  EXPECT_EQ(Parse("-f 11426000 -5 DVBS2 --multistream-id-is-id 3").id, "11426V isi 3");
  // The ISI is in the low 8 bits.
  EXPECT_EQ(Parse("-f 11426000 -5 DVBS2 -1 67109637").id, "11426V isi 5");
  EXPECT_EQ(Parse("-f 506000000 -5 DVBT").id, "DVBT 506");
  EXPECT_EQ(Parse("-f 506000000 -5 DVBT2 -9 1").id, "DVBT2 506 plp 1");
  EXPECT_EQ(Parse("-f 346000000 -5 DVBC_ANNEX_A -s 6900000 -m QAM_256").id, "DVBC 346");
}

TEST(CarrierTest, NamesNetworkInputsByTheirUrl) {
  EXPECT_EQ(Parse("dvblast -D @239.1.1.1:5004").id, "rtp://239.1.1.1:5004");
  EXPECT_EQ(Parse("-D 10.0.0.1@239.1.1.1/udp").id, "udp://10.0.0.1@239.1.1.1:3001");
  EXPECT_EQ(Parse("-D [ff15::1]:5004/ifindex=3/udp").id, "udp://[ff15::1]:5004");
  EXPECT_EQ(Parse("-D file:///srv/mux.ts").id, "file:///srv/mux.ts");
}

TEST(CarrierTest, GivesNetworkInputsRoomForSevenPackets) {
  EXPECT_THAT(Parse("-D [ff15::1]:5004/udp").Arguments(),
              ElementsAre("-D", "[ff15::1]:5004/udp/mtu=1316"));
  EXPECT_THAT(Parse("-D 239.1.1.1").Arguments(), ElementsAre("-D", "239.1.1.1/mtu=1328"));
  EXPECT_THAT(Parse("-D 239.1.1.1/mtu=1500").Arguments(), ElementsAre("-D", "239.1.1.1/mtu=1500"));
}

TEST(CarrierTest, GuessesTheDeliverySystemFromTheLineAlone) {
  EXPECT_THAT(Parse("-f 11426000 -v 18").Arguments(),
              ElementsAre("-f", "11426000", "-v", "18", "-5", "DVBS"));
  EXPECT_EQ(Parse("-f 11426000 -m PSK_8").system, DeliverySystem::kDvbs2);
  EXPECT_EQ(Parse("-f 506000000").system, DeliverySystem::kDvbt);
  EXPECT_EQ(Parse("-f 506000000 -9 0").system, DeliverySystem::kDvbt2);
  EXPECT_EQ(Parse("-f 346000000 -s 6900000").system, DeliverySystem::kDvbc);
  EXPECT_EQ(Parse("-f 506000000 -5 dvbt").delivery, "DVBT");
}

TEST(CarrierTest, TakesEveryWayToWriteAnOption) {
  const Carrier carrier = Parse("/usr/bin/dvblast --frequency=11426500 --voltage 18 -F23 -p -I -1");
  EXPECT_EQ(carrier.Command(), "-f 11426500 -v 18 -F 23 -p -I -1");
  EXPECT_EQ(Parse("-f 11426500 --lnb-type universal").Command(),
            "-f 11426500 --lnb-type universal");
}

TEST(CarrierTest, LeavesOutWhichCardIsMeant) {
  EXPECT_EQ(Parse("-a 1 -n 0 -f 11426500").Command(), "-f 11426500");
}

TEST(CarrierTest, SaysWhatIsWrongAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("-f 11426500 -v 17"), "-v 17: allowed are 0, 13 or 18");
  EXPECT_THAT(ErrorOf("-f 11426500 -5 DVBS3"), HasSubstr("allowed are DVBS, DVBS2, "));
  EXPECT_THAT(ErrorOf("-f 9000000"), HasSubstr("10700000 to 13250000 (kHz)"));
  EXPECT_THAT(ErrorOf("-f 506000 -5 DVBT"), HasSubstr("(Hz)"));
  EXPECT_THAT(ErrorOf("-f 11426500 -c file"), HasSubstr("does not describe a carrier"));
  EXPECT_THAT(ErrorOf("-f 11426500 -8 universal"), HasSubstr("does not describe a carrier"));
  EXPECT_THAT(ErrorOf("-f 11426500 -f 11426500"), HasSubstr("twice"));
  EXPECT_THAT(ErrorOf("-f"), HasSubstr("no value"));
  EXPECT_THAT(ErrorOf("-f 11426500 -S 4"), HasSubstr("names 2 positions"));
  EXPECT_THAT(ErrorOf("-f 11426500 stray"), HasSubstr("belongs to no option"));
  EXPECT_THAT(ErrorOf("-v 18"), HasSubstr("neither -f nor -D"));
  EXPECT_THAT(ErrorOf("-f 11426500 -D 239.1.1.1"), HasSubstr("exclude"));
  EXPECT_THAT(ErrorOf("-D example.com"), HasSubstr("in figures"));
  EXPECT_THAT(ErrorOf("-f 99999999999"), HasSubstr("allowed are"));
}

}  // namespace
}  // namespace headwater::tuner
