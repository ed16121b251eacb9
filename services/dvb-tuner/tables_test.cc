// From packets to lineup and guide.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/common/mpegts/si_samples.h"
#include "services/dvb-tuner/guide.h"
#include "services/dvb-tuner/lineup.h"
#include "services/dvb-tuner/network_carrier.h"
#include "services/dvb-tuner/si_collector.h"

namespace headwater::tuner {
namespace {

namespace samples = mpegts::samples;
using samples::Buffer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kNow = 750516300;
const Positions kPositions = {.standard = "28.2E", .by_switch = {"28.2E", "19.2E"}};

Carrier Parse(std::string_view line) { return ParseCarrier(line, kPositions).value(); }
const Carrier kHome = Parse("-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23");

// One PID's packets after the other, with continuity.
class Stream {
 public:
  std::vector<SiTable> Send(uint16_t pid, const Buffer& section) {
    Buffer packets;
    mpegts::PacketizeSection(section, mpegts::Pid{pid}, continuity_[pid], packets);
    std::vector<SiTable> tables;
    if (pid == 0) {
      collector_.PushSection(section, tables);
    } else {
      collector_.Push(packets, tables);
    }
    return tables;
  }
  SiCollector& collector() { return collector_; }

 private:
  SiCollector collector_;
  std::map<uint16_t, uint8_t> continuity_;
};

Buffer Pat(std::initializer_list<uint16_t> programs, uint8_t version = 0) {
  mpegts::ProgramAssociation table = {.transport_stream_id = 2041, .version = version};
  for (const uint16_t number : programs) table.programs.push_back({number, mpegts::Pid{100}});
  Buffer out;
  table.SerializeTo(out);
  return out;
}

samples::ServiceRow Row(uint16_t id, std::string_view name, uint8_t type = 1) {
  return {id, samples::ServiceDescriptorOf(type, "BBC", name)};
}

TEST(SiCollectorTest, TellsEachVersionOnce) {
  Stream stream;
  EXPECT_EQ(stream.Send(0, Pat({1, 2})).size(), 1u);
  EXPECT_EQ(stream.Send(0, Pat({1, 2})).size(), 0u);
  EXPECT_THAT(stream.collector().programs(), ElementsAre(1, 2));
  EXPECT_EQ(stream.Send(0, Pat({1}, 1)).size(), 1u);
  EXPECT_THAT(stream.collector().programs(), ElementsAre(1));
  EXPECT_TRUE(stream.collector().has_programs());
}

TEST(SiCollectorTest, PutsSectionsTogether) {
  Stream stream;
  EXPECT_THAT(stream.Send(17, samples::SdtOf(2041, 2, {Row(2, "Two")}, 0, 1, 1)), IsEmpty());
  EXPECT_FALSE(stream.collector().has_services());
  const auto tables = stream.Send(17, samples::SdtOf(2041, 2, {Row(1, "One")}, 0, 0, 1));
  ASSERT_EQ(tables.size(), 1u);
  const auto& table = std::get<mpegts::ServiceInformation>(tables[0]);
  ASSERT_EQ(table.services.size(), 2u);
  EXPECT_EQ(table.services[0].service_id, 1);
  EXPECT_TRUE(stream.collector().has_services());
}

TEST(SiCollectorTest, BeginsAnewWithAnotherVersion) {
  Stream stream;
  stream.Send(17, samples::SdtOf(2041, 2, {Row(2, "Two")}, 0, 1, 1));
  EXPECT_THAT(stream.Send(17, samples::SdtOf(2041, 2, {Row(1, "One")}, 1, 0, 1)), IsEmpty());
  EXPECT_EQ(stream.Send(17, samples::SdtOf(2041, 2, {Row(2, "Two")}, 1, 1, 1)).size(), 1u);
}

TEST(SiCollectorTest, CountsBrokenSections) {
  Stream stream;
  Buffer broken = samples::SdtOf(2041, 2, {Row(1, "One")});
  broken.back() ^= 1;
  EXPECT_THAT(stream.Send(17, broken), IsEmpty());
  EXPECT_EQ(stream.collector().bad_sections(), 1u);
  // Number 2 of 1.
  EXPECT_THAT(stream.Send(17, samples::SdtOf(2041, 2, {}, 0, 2, 1)), IsEmpty());
  EXPECT_EQ(stream.collector().bad_sections(), 2u);
}

TEST(SiCollectorTest, ForgetsRatherThanGrow) {
  SiCollector collector;
  std::vector<SiTable> tables;
  uint8_t continuity = 0;
  // Bouquets that are never finished, 4 kB each.
  for (uint16_t id = 0; id < 3000; ++id) {
    Buffer packets;
    const Buffer filler = samples::WithLength(0xf000, Buffer(3500, 0));
    mpegts::PacketizeSection(samples::SectionOf(0x4a, id, filler, 0, 0, 255), mpegts::Pid{17},
                             continuity, packets);
    collector.Push(packets, tables);
  }
  EXPECT_THAT(tables, IsEmpty());
  // It still works.
  Buffer packets;
  mpegts::PacketizeSection(samples::SdtOf(2041, 2, {Row(1, "One")}), mpegts::Pid{17}, continuity,
                           packets);
  collector.Push(packets, tables);
  EXPECT_EQ(tables.size(), 1u);
}

class LineupTest : public ::testing::Test {
 protected:
  LineupTest() {
    lineup_.SetFile({kHome});
    lineup_.TakeChanged();
  }
  void Services(const std::vector<samples::ServiceRow>& rows) {
    const Buffer bytes = samples::SdtOf(2041, 2, rows);
    lineup_.OnServices(kHome.id, *mpegts::ServiceInformation::Parse(*mpegts::ParseSection(bytes)),
                       kNow);
  }
  std::set<std::string> Network(const Buffer& bytes, const std::string& id = kHome.id) {
    lineup_.OnNetwork(id, *mpegts::NetworkInformation::Parse(*mpegts::ParseSection(bytes)),
                      kPositions);
    return lineup_.Find(id)->listed;
  }
  const LineupCarrier& Home() { return *lineup_.Find(kHome.id); }

  Lineup lineup_;
};

TEST_F(LineupTest, LearnsServices) {
  Services({Row(0x1041, "Radio 1", 2), Row(0x1042, "One")});
  EXPECT_THAT(lineup_.TakeChanged(), ElementsAre("28.2E 11426.5H"));
  EXPECT_EQ(Home().transport_stream_id, 2041);
  EXPECT_EQ(Home().read, kNow);
  EXPECT_EQ(
      Home().services.at(0x1041),
      (Service{.id = 0x1041, .type = ServiceType::kRadio, .name = "Radio 1", .provider = "BBC"}));
  EXPECT_EQ(Home().services.at(0x1042).type, ServiceType::kTv);
  Services({Row(0x1041, "Radio 1", 2), Row(0x1042, "One")});
  EXPECT_THAT(lineup_.TakeChanged(), IsEmpty());
}

TEST_F(LineupTest, FollowsANetwork) {
  const auto ids = Network(samples::NitOf(2, samples::DescriptorOf(0x40, {'A', 's', 't', 'r', 'a'}),
                                          {{2041, 2, samples::SatelliteDeliveryOf()},
                                           {2050, 2, samples::Satellite2DeliveryOf()},
                                           {2060, 2, {}}}));
  EXPECT_THAT(ids, ElementsAre("28.2E 11426.5H", "28.2E 12441V"));
  const LineupCarrier* found = lineup_.Find("28.2E 12441V");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->carrier.Command(),
            "-f 12441000 -v 13 -5 DVBS2 -s 29500000 -F 89 -m PSK_8 -R 35");
  EXPECT_EQ(found->transport_stream_id, 2050);
  EXPECT_FALSE(found->in_file);
  EXPECT_EQ(found->name(), "Astra");
  // What the file has stays as the file has it.
  EXPECT_EQ(Home().carrier, kHome);
  EXPECT_TRUE(Home().in_network);
}

TEST_F(LineupTest, KnowsATransmissionWhoseTableRounds) {
  lineup_.SetFile({kHome, Parse("-f 12440000 -v 13 -5 DVBS2 -s 29500000")});
  const auto ids = Network(samples::NitOf(2, {}, {{2050, 2, samples::Satellite2DeliveryOf()}}));
  EXPECT_THAT(ids, ElementsAre("28.2E 12440V"));
  EXPECT_EQ(lineup_.carriers().size(), 2u);
}

TEST_F(LineupTest, TakesTheWayToTheDishFromHome) {
  const Carrier home = Parse("-f 11426500 -v 18 -5 DVBS -S 2 -k 3");
  lineup_.SetFile({home});
  const Buffer nit = samples::NitOf(2, {}, {{2050, 2, samples::Satellite2DeliveryOf()}});
  ASSERT_THAT(Network(nit, home.id), ElementsAre("19.2E 12441V"));
  EXPECT_THAT(lineup_.Find("19.2E 12441V")->carrier.Command(), ::testing::EndsWith("-S 2 -k 3"));
}

TEST_F(LineupTest, GivesChannelNumbersOfNetworkBeforeBouquet) {
  Services({Row(0x1041, "Radio 1"), Row(0x1042, "One")});
  const auto lcn = [](uint16_t service, uint8_t number) {
    return samples::DescriptorOf(
        0x83, {static_cast<uint8_t>(service >> 8), static_cast<uint8_t>(service), 0xfc, number});
  };
  Network(samples::NitOf(9, {}, {{2041, 2, samples::Join({lcn(0x1041, 5), lcn(0x1042, 6)})}},
                         mpegts::NetworkInformation::kBouquet));
  EXPECT_EQ(Home().services.at(0x1041).channel_number, 5);
  Network(samples::NitOf(2, {}, {{2041, 2, lcn(0x1041, 101)}}));
  EXPECT_EQ(Home().services.at(0x1041).channel_number, 101);
  EXPECT_EQ(Home().services.at(0x1042).channel_number, 6);
  // And for services that are read later.
  Services({Row(0x1041, "Radio 1"), Row(0x1042, "One"), Row(0x1043, "Two")});
  EXPECT_EQ(Home().services.at(0x1041).channel_number, 101);
}

TEST_F(LineupTest, TellsTheDifference) {
  using enum LineupChange::Kind;
  Services({Row(1, "One"), Row(2, "Two"), Row(3, "Three")});
  const Lineup before = lineup_;
  Services({Row(1, "One"), Row(2, "Two HD"), Row(4, "Four", 2)});
  Network(samples::NitOf(2, {}, {{2050, 2, samples::Satellite2DeliveryOf()}}));
  EXPECT_THAT(Lineup::Difference(before, lineup_),
              UnorderedElementsAre(LineupChange{kRemoved, kHome.id, 3, "Three", {}},
                                   LineupChange{kChanged, kHome.id, 2, "Two HD", {"name"}},
                                   LineupChange{kAdded, kHome.id, 4, "Four", {}},
                                   LineupChange{kAdded, "28.2E 12441V", 0, "", {}}));
  EXPECT_THAT(Lineup::Difference(lineup_, lineup_), IsEmpty());
}

TEST_F(LineupTest, KeepsWhatANetworkListsWhenTheFileHasItNoMore) {
  Network(samples::NitOf(2, {}, {{2041, 2, samples::SatelliteDeliveryOf()}}));
  lineup_.SetFile({});
  ASSERT_NE(lineup_.Find(kHome.id), nullptr);
  EXPECT_FALSE(Home().in_file);
  Lineup other;
  other.SetFile({kHome});
  other.SetFile({});
  EXPECT_EQ(other.Find(kHome.id), nullptr);
  EXPECT_THAT(other.TakeChanged(), ElementsAre(kHome.id));
}

TEST_F(LineupTest, AddsProgramsWithoutNames) {
  Services({Row(1, "One")});
  const mpegts::ProgramAssociation pat = {
      .transport_stream_id = 2041, .programs = {{1, mpegts::Pid{100}}, {9, mpegts::Pid{109}}}};
  lineup_.OnPrograms(kHome.id, pat, kNow);
  EXPECT_EQ(Home().services.at(1).name, "One");
  EXPECT_EQ(Home().services.at(9).name, "");
}

class GuideTest : public ::testing::Test {
 protected:
  void Events(const Buffer& bytes, int64_t now = kNow) {
    guide_.OnEvents(*mpegts::EventInformation::Parse(*mpegts::ParseSection(bytes)), now);
  }
  static samples::EventRow Event(uint16_t id, std::string_view title) {
    return {id,
            {0xc0, 0x79, 0x12, 0x45, 0x00},
            {0x01, 0x45, 0x30},
            samples::ShortEventOf(title, "text")};
  }
  Guide guide_;
  const ServiceKey key_ = {2, 2041, 0x1041};
};

TEST_F(GuideTest, KnowsWhatIsOn) {
  Events(samples::EitOf(0x4e, 0x1041, 2041, 2, {Event(7, "News")}, 0, 0));
  Events(samples::EitOf(0x4e, 0x1041, 2041, 2, {Event(8, "Weather")}, 0, 1));
  ASSERT_NE(guide_.Present(key_), nullptr);
  EXPECT_EQ(guide_.Present(key_)->title, "News");
  EXPECT_EQ(guide_.Present(key_)->start, kNow);
  EXPECT_THAT(guide_.TakeChangedPresent(), ElementsAre(key_));
  Events(samples::EitOf(0x4e, 0x1041, 2041, 2, {Event(8, "Weather")}, 1, 0));
  EXPECT_EQ(guide_.Present(key_)->title, "Weather");
  Events(samples::EitOf(0x4e, 0x1041, 2041, 2, {}, 2, 0));
  EXPECT_EQ(guide_.Present(key_), nullptr);
}

TEST_F(GuideTest, CollectsSchedulesAndForgetsThePast) {
  Events(samples::EitOf(0x50, 0x1041, 2041, 2, {Event(1, "A"), Event(2, "B")}, 0, 0));
  EXPECT_EQ(guide_.programmes().at(key_).events.size(), 2u);
  EXPECT_THAT(guide_.TakeChanged(), ElementsAre(key_));
  EXPECT_EQ(guide_.Present(key_), nullptr);
  Events(samples::EitOf(0x50, 0x1041, 2041, 2, {}, 1, 0), kNow + 6330 + 3601);
  EXPECT_THAT(guide_.programmes().at(key_).events, IsEmpty());
}

TEST_F(GuideTest, IsBounded) {
  for (int i = 0; i < 1100; ++i) {
    Events(samples::EitOf(0x50, 0x1041, 2041, 2, {Event(static_cast<uint16_t>(i), "A")}));
  }
  EXPECT_EQ(guide_.programmes().at(key_).events.size(), Guide::kEventsMax);
  for (int i = 0; i < 5000; ++i) {
    Events(samples::EitOf(0x50, static_cast<uint16_t>(i), 1, 1, {Event(1, "A")}));
  }
  EXPECT_EQ(guide_.programmes().size(), Guide::kServicesMax);
}

}  // namespace
}  // namespace headwater::tuner
