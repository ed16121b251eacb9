#include "services/directory-resolver/dvb_lineup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/directory-resolver/directory.h"

namespace headwater::directory_resolver {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

DirectoryOptions Dvb(const std::string& name, NumberPrefix prefix, DvbOptions dvb = {}) {
  DirectoryOptions options;
  options.plan.name = name;
  options.plan.kind = StationKind::kDvb;
  prefix.directory = name;
  options.prefix = prefix;
  options.source = DirectorySource::kDvb;
  options.dvb = std::move(dvb);
  return options;
}

DvbCarrier Satellite(const std::string& id, uint32_t khz, uint8_t voltage,
                     std::vector<DvbService> services = {}) {
  DvbCarrier carrier;
  carrier.id = id;
  carrier.system = "DVBS";
  carrier.frequency_khz = khz;
  carrier.voltage = voltage;
  carrier.original_network_id = 2;
  carrier.transport_stream_id = 2043;
  carrier.services = std::move(services);
  return carrier;
}

DvbCarrier Terrestrial(const std::string& id, std::vector<DvbService> services) {
  DvbCarrier carrier;
  carrier.id = id;
  carrier.system = "DVBT2";
  carrier.frequency_khz = 506'000;
  carrier.original_network_id = 9018;
  carrier.transport_stream_id = 4228;
  carrier.services = std::move(services);
  return carrier;
}

const DvbService kRadio1 = {.id = 0x1041,
                            .type = DvbType::kRadio,
                            .name = "BBC Radio 1",
                            .provider = "BSkyB",
                            .scrambled = false,
                            .channel_number = 101};
const DvbService kTele = {.id = 7, .type = DvbType::kTv, .name = "Tele", .scrambled = true};

// A directory that is loaded with what tuners tell, as the shell does it.
class DvbLineupTest : public ::testing::Test {
 protected:
  void SetUp() override { options_.test_tone = false; }

  void Load(std::vector<DvbCarrier> carriers) { LoadAll(DvbLineups{{"", std::move(carriers)}}); }
  void LoadAll(const DvbLineups& told) {
    const auto lineups = PlaceServices(
        options_.directories, told, [this](const std::string& name, const std::string& identity) {
          return directory_.NumberOf(name, identity).has_value();
        });
    const absl::Status status =
        directory_.Load(options_, lineups, [this](const std::vector<NumberRecord>& records) {
          saved_.insert(saved_.end(), records.begin(), records.end());
          return absl::OkStatus();
        });
    ASSERT_TRUE(status.ok()) << status;
  }
  // A new process with what the old one stored.
  void Restart() { directory_ = Directory(saved_, {}); }
  std::map<std::string, uint32_t> Numbers() const {
    std::map<std::string, uint32_t> numbers;
    for (const Station& station : directory_.catalogue().stations())
      numbers[station.title] = station.number;
    return numbers;
  }

  Options options_;
  std::vector<NumberRecord> saved_;
  Directory directory_ = Directory({}, {});
};

TEST_F(DvbLineupTest, MakesNumbersFromFrequencyPolarisationAndService) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""})};
  Load({Satellite("11426.5H", 11'426'500, 18, {kRadio1}), Satellite("12441V", 12'441'000, 13)});
  EXPECT_EQ(Numbers(), (std::map<std::string, uint32_t>{{"Carrier 11426.5H", 0xcb5a0000},
                                                        {"BBC Radio 1", 0xcb5a1041},
                                                        {"Carrier 12441V", 0xfb340000}}));
  const Station& radio = **directory_.Resolve(0xcb5a1041);
  EXPECT_EQ(radio.kind, StationKind::kDvb);
  EXPECT_THAT(radio.urls, IsEmpty());
  EXPECT_THAT(radio.tags, ElementsAre("radio", "free", "BSkyB"));
  EXPECT_EQ(radio.dvb, (DvbSource{.carrier = "11426.5H",
                                  .original_network_id = 2,
                                  .transport_stream_id = 2043,
                                  .service_id = 0x1041,
                                  .pids = {},
                                  .type = DvbType::kRadio,
                                  .channel_number = 101}));
  EXPECT_THAT((*directory_.Resolve(0xcb5a0000))->tags, ElementsAre("carrier"));
}

TEST_F(DvbLineupTest, PlaysAServiceThatNoTableHasToldOfYet) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""})};
  Load({Satellite("11426.5H", 11'426'500, 18)});
  EXPECT_FALSE(directory_.Resolve(0xcb5a1041).ok());
  const auto station = directory_.ResolveToPlay(0xcb5a1041);
  ASSERT_TRUE(station.ok()) << station.status();
  EXPECT_EQ(station->number, 0xcb5a1041u);
  EXPECT_EQ(station->title, "Service 4161 (11426.5H)");
  EXPECT_EQ(station->dvb->carrier, "11426.5H");
  EXPECT_EQ(station->dvb->service_id, 0x1041);
  // Of no carrier that is known.
  EXPECT_TRUE(absl::IsNotFound(directory_.ResolveToPlay(0xcb5b1041).status()));

  // One that was there and is gone is not tried.
  Load({Satellite("11426.5H", 11'426'500, 18, {kRadio1})});
  EXPECT_EQ(directory_.ResolveToPlay(0xcb5a1041)->title, "BBC Radio 1");
  Load({Satellite("11426.5H", 11'426'500, 18)});
  EXPECT_TRUE(absl::IsNotFound(directory_.ResolveToPlay(0xcb5a1041).status()));
}

TEST_F(DvbLineupTest, KnowsTheFormatAtOnce) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""})};
  Load({Satellite("11426.5H", 11'426'500, 18, {kRadio1})});
  const KnownFormat* format = directory_.FormatOf(0xcb5a1041);
  ASSERT_NE(format, nullptr);
  EXPECT_EQ(format->format.encoding, "MP2T");
  EXPECT_EQ(format->format.payload_type, 33);
  EXPECT_EQ(format->format.clock_rate, 90'000u);
  EXPECT_EQ(directory_.FormatOf(0xcb5a1042), nullptr);
}

TEST_F(DvbLineupTest, TakesCarriersOfTheMainPositionOnly) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""}, {.position = "28.2E"}),
                          Dvb("east", {0xB0000000, 8, ""}, {.positions = {"19.2E"}})};
  DvbCarrier main = Satellite("28.2E 11426.5H", 11'426'500, 18, {kRadio1});
  main.position = "28.2E";
  DvbCarrier east = Satellite("19.2E 11426.5H", 11'426'500, 18, {kTele});
  east.position = "19.2E";
  east.transport_stream_id = 1;
  Load({main, east});
  EXPECT_EQ(Numbers(), (std::map<std::string, uint32_t>{{"Carrier 28.2E 11426.5H", 0xcb5a0000},
                                                        {"BBC Radio 1", 0xcb5a1041},
                                                        {"Carrier 19.2E 11426.5H", 0xb0000000},
                                                        {"Tele", 0xb0000001}}));
}

TEST_F(DvbLineupTest, WarnsOnceOfACarrierThatHasNoNumber) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""})};
  Load({Satellite("11426.6H", 11'426'600, 18, {kRadio1, kTele}), Satellite("3800V", 3'800'000, 13),
        Satellite("11500", 11'500'000, 0), Satellite("11600H isi 3", 11'600'000, 18)});
  EXPECT_THAT(Numbers(), IsEmpty());
  EXPECT_THAT(directory_.warnings(),
              ElementsAre(AllOf(HasSubstr("carrier 11426.6H: 3 stations are left out"),
                                HasSubstr("nearest are 11426500 and 11426750 kHz")),
                          AllOf(HasSubstr("3800V"), HasSubstr("outside the band")),
                          AllOf(HasSubstr("11500"), HasSubstr("polarisation")),
                          AllOf(HasSubstr("11600H isi 3"), HasSubstr("multistream"))));
}

TEST_F(DvbLineupTest, GivesAnotherDirectorysNumbersToWhatHasNone) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""}), Dvb("rest", {0xA0000000, 4, ""})};
  Load({Satellite("11426.6H", 11'426'600, 18, {kRadio1}), Satellite("11600H isi 3", 11'600'000, 18),
        Terrestrial("DVBT2 506 plp 1", {kTele})});
  EXPECT_THAT(directory_.warnings(), IsEmpty());
  for (const auto& [title, number] : Numbers()) EXPECT_EQ(number >> 28, 0xau) << title;
  EXPECT_EQ(Numbers().size(), 5u);
}

TEST_F(DvbLineupTest, AssignedNumbersOutliveRescanRestartAndReorder) {
  options_.directories = {Dvb("rest", {0xA0000000, 4, ""})};
  Load({Terrestrial("DVBT2 506", {kTele, kRadio1})});
  const auto before = Numbers();
  EXPECT_EQ(before.size(), 3u);
  // Other services come first now, and the old ones are on another frequency.
  Restart();
  DvbCarrier moved = Terrestrial("DVBT2 490", {kRadio1, kTele});
  Load({Terrestrial("DVBT 474", {{.id = 1, .name = "New"}}), moved});
  // The first of "DVBT 474" has the same network's ids but another service id.
  EXPECT_EQ(Numbers().at("Tele"), before.at("Tele"));
  EXPECT_EQ(Numbers().at("BBC Radio 1"), before.at("BBC Radio 1"));
  EXPECT_GT(Numbers().at("New"), 0xa0000002u);
}

TEST_F(DvbLineupTest, KeepsANumberThatWasGivenBeforeTheNetworksIdsWereKnown) {
  options_.directories = {Dvb("rest", {0xA0000000, 4, ""})};
  DvbCarrier early = Terrestrial("DVBT2 506", {kTele});
  early.original_network_id = 0;
  Load({early});
  const uint32_t number = Numbers().at("Tele");
  Load({Terrestrial("DVBT2 506", {kTele})});
  EXPECT_EQ(Numbers().at("Tele"), number);
  Restart();
  Load({Terrestrial("DVBT2 506", {kTele})});
  EXPECT_EQ(Numbers().at("Tele"), number);
  EXPECT_EQ((*directory_.Resolve(number))->dvb->original_network_id, 9018);
}

TEST_F(DvbLineupTest, LeavesATombstoneOfAServiceThatIsGone) {
  options_.directories = {Dvb("rest", {0xA0000000, 4, ""})};
  Load({Terrestrial("DVBT2 506", {kTele})});
  const uint32_t number = Numbers().at("Tele");
  Load({Terrestrial("DVBT2 506", {kRadio1})});
  EXPECT_EQ(directory_.Describe(number)->station, nullptr);
  EXPECT_NE(Numbers().at("BBC Radio 1"), number);
  Load({Terrestrial("DVBT2 506", {kRadio1, kTele})});
  EXPECT_EQ(Numbers().at("Tele"), number);
}

TEST_F(DvbLineupTest, FiltersBySystemTypeAndScrambling) {
  options_.directories = {
      Dvb("radio", {0xA0000000, 8, ""},
          {.systems = {"DVBT2"}, .types = {DvbType::kRadio}, .free_only = true}),
      Dvb("rest", {0xB0000000, 8, ""}, {.types = {DvbType::kTv, DvbType::kCarrier}})};
  const DvbService pay = {.id = 9, .type = DvbType::kRadio, .name = "Pay", .scrambled = true};
  const DvbService data = {.id = 10, .type = DvbType::kData, .name = "Data"};
  Load({Terrestrial("DVBT2 506", {kRadio1, kTele, pay, data})});
  EXPECT_EQ(Numbers(), (std::map<std::string, uint32_t>{{"BBC Radio 1", 0xa0000000},
                                                        {"Carrier DVBT2 506", 0xb0000000},
                                                        {"Tele", 0xb0000001}}));
}

TEST_F(DvbLineupTest, HasOneStationOfAServiceThatTwoTunersReceive) {
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""}), Dvb("rest", {0xA0000000, 4, ""})};
  const std::vector<DvbCarrier> lineup = {Satellite("11426.5H", 11'426'500, 18, {kRadio1}),
                                          Terrestrial("DVBT2 506", {kTele})};
  LoadAll(DvbLineups{{"north", lineup}, {"south", lineup}});
  EXPECT_EQ(directory_.catalogue().stations().size(), 4u);
  EXPECT_THAT(directory_.warnings(), IsEmpty());
}

TEST_F(DvbLineupTest, HasNamedPidsAsStations) {
  options_.directories = {
      Dvb("dvb", {0xC0000000, 2, ""},
          {.pid_sets = {{"DAB", "11426.5H", {0x100, 0x101}, 0xcb5afff0u}}}),
      Dvb("rest", {0xA0000000, 4, ""}, {.pid_sets = {{"Other", "12441V", {5}, {}}}})};
  Load({Satellite("11426.5H", 11'426'500, 18)});
  const Station& dab = **directory_.Resolve(0xcb5afff0);
  EXPECT_EQ(dab.title, "DAB");
  EXPECT_EQ(dab.dvb->service_id, 0);
  EXPECT_THAT(dab.dvb->pids, ElementsAre(0x100, 0x101));
  EXPECT_EQ(dab.dvb->transport_stream_id, 2043);
  // Its carrier is not known yet: the configuration is enough.
  EXPECT_EQ(Numbers().at("Other"), 0xa0000000u);
  options_.directories[0].dvb.pid_sets[0].name = "DAB Germany";
  // A service of the same number gives way to what is by hand.
  Load({Satellite("11426.5H", 11'426'500, 18, {{.id = 0xfff0, .name = "Clash"}})});
  EXPECT_EQ((*directory_.Resolve(0xcb5afff0))->title, "DAB Germany");
}

TEST_F(DvbLineupTest, LeavesOutWhatANumberByHandStandsInTheWayOf) {
  options_.test_tone = true;
  options_.directories = {Dvb("dvb", {0xC0000000, 2, ""})};
  // The test tone's 0xd0bef00d is service 0xf00d of 11 771.5 MHz H.
  Load({Satellite("11771.5H", 11'771'500, 18, {{.id = 0xf00d, .name = "Unlucky"}})});
  EXPECT_EQ((*directory_.Resolve(kTestToneNumber))->title, "Headwater test tone");
  EXPECT_THAT(directory_.warnings(), ElementsAre(HasSubstr("Unlucky")));
}

TEST(MergeLineupTest, KeepsWhatNobodyHasReadSinceTheTunerStarted) {
  const std::vector<DvbCarrier> before = {Satellite("11426.5H", 11'426'500, 18, {kRadio1}),
                                          Satellite("12441V", 12'441'000, 13, {kTele})};
  DvbCarrier unread = Satellite("11426.5H", 11'426'500, 18);
  unread.original_network_id = unread.transport_stream_id = 0;
  const auto merged = MergeLineup(before, {Satellite("12441V", 12'441'000, 13), unread},
                                  [](const std::string& id) { return id == "12441V"; });
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0], before[0]);
  // Read, and found without services.
  EXPECT_THAT(merged[1].services, IsEmpty());
}

TEST(MergeLineupTest, ForgetsACarrierThatTheTunerNoLongerHas) {
  const auto merged = MergeLineup({Satellite("11426.5H", 11'426'500, 18, {kRadio1})}, {},
                                  [](const std::string&) { return false; });
  EXPECT_THAT(merged, IsEmpty());
}

TEST(CheckLineupTest, RefusesWhatIsBeyondItsLimits) {
  const auto error = [](std::vector<DvbCarrier> carriers) {
    return std::string(CheckLineup(carriers).message());
  };
  EXPECT_EQ(error({Satellite("a", 1, 0, {kRadio1, kTele})}), "");
  EXPECT_THAT(error({Satellite("a", 1, 0), Satellite("a", 2, 0)}), HasSubstr("a is there twice"));
  EXPECT_THAT(error({Satellite("", 1, 0)}), HasSubstr("no id"));
  EXPECT_THAT(error({Satellite("a", 1, 0, {kTele, kTele})}), HasSubstr("service 7"));
  EXPECT_THAT(error({Satellite("a", 1, 0, {DvbService{}})}), HasSubstr("or 0"));
  std::vector<DvbService> many(kDvbCarrierServicesMax + 1);
  for (size_t i = 0; i < many.size(); ++i) many[i].id = static_cast<uint16_t>(i + 1);
  EXPECT_THAT(error({Satellite("a", 1, 0, many)}), HasSubstr("1025 services"));
  many.pop_back();
  std::vector<DvbCarrier> lineup;
  for (int i = 0; i < 98; ++i) lineup.push_back(Satellite(std::to_string(i), 1, 0, many));
  EXPECT_THAT(error(lineup), HasSubstr("are more than 100000"));
}

}  // namespace
}  // namespace headwater::directory_resolver
