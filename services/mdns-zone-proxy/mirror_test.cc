#include "services/mdns-zone-proxy/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "services/mdns-zone-proxy/fake_zones.h"

namespace headwater::zone {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kCam = 0, kIot = 1, kTrusted = 2;
const ServiceKey kOffice = {"_ipp._tcp", "Office"};

Options ThreeZones(std::vector<Rule> rules) {
  Options options;
  options.zones = {{"cam", ""}, {"iot", ""}, {"trusted", ""}};
  options.rules = std::move(rules);
  return options;
}

Rule Allow(std::string from, std::string to, std::vector<std::string> types = {},
           std::vector<std::string> names = {}) {
  return {.name = from + "-" + to + (types.empty() ? "" : types[0]),
          .from = from,
          .to = to,
          .types = std::move(types),
          .names = std::move(names)};
}

class MirrorTest : public testing::Test {
 protected:
  void Start(std::vector<Rule> rules) {
    options_ = ThreeZones(std::move(rules));
    mirror_ = std::make_unique<Mirror>(options_);
    zones_ = std::make_unique<FakeZones>(*mirror_, 3);
    for (size_t zone = 0; zone < 3; ++zone) zones_->Up(zone);
    zones_->Advance(3s);
  }
  void AnnouncePrinter(size_t zone = kIot, const ServiceKey& key = kOffice) {
    zones_->SetAddresses(zone, "printer.local", {"10.0.1.5", "fd00:1::5", "fe80::5"});
    zones_->Announce(zone, key, {"printer.local", 631, {"rp=ipp"}, {}});
  }
  std::string WaitsFor(const MirrorKey& key) {
    const auto found = mirror_->mirrored().find(key);
    return found == mirror_->mirrored().end() ? "not there"
                                              : std::string(ToString(found->second.waiting));
  }

  Options options_;
  std::unique_ptr<Mirror> mirror_;
  std::unique_ptr<FakeZones> zones_;
};

TEST_F(MirrorTest, WhatARuleAllowsCrossesOneWayWithItsRealAddresses) {
  Start({Allow("iot", "trusted", {"_ipp._tcp"})});
  AnnouncePrinter();
  zones_->Announce(kTrusted, {"_ipp._tcp", "Private"}, {"pc.local", 631, {}, {}});
  zones_->Announce(kIot, {"_http._tcp", "Admin"}, {"printer.local", 80, {}, {}});
  zones_->Advance(1s);
  EXPECT_THAT(zones_->Names(kTrusted), ElementsAre("Office@printer.local"));
  EXPECT_THAT(zones_->Addresses(kTrusted),
              ElementsAre("printer.local=10.0.1.5", "printer.local=fd00:1::5"));
  EXPECT_THAT(zones_->published(kIot), IsEmpty());
  EXPECT_THAT(zones_->published(kCam), IsEmpty());
  ASSERT_EQ(mirror_->TakeDelays().size(), 1u);
}

TEST_F(MirrorTest, OnlyTheFamiliesOfTheRuleCross) {
  Rule rule = Allow("iot", "trusted");
  rule.ipv4 = false;
  Start({rule});
  AnnouncePrinter();
  zones_->Advance(1s);
  EXPECT_THAT(zones_->Addresses(kTrusted), ElementsAre("printer.local=fd00:1::5"));
  zones_->SetAddresses(kIot, "printer.local", {"10.0.1.5", "fe80::5"});
  zones_->Advance(1s);
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
  EXPECT_EQ(WaitsFor({kTrusted, kIot, kOffice}), "no_address");
}

TEST_F(MirrorTest, ChangesAndGoodbyesAreFollowed) {
  Start({Allow("iot", "trusted")});
  AnnouncePrinter();
  zones_->Advance(1s);
  const uint64_t id = mirror_->mirrored().begin()->second.publication.id;
  zones_->Announce(kIot, kOffice, {"printer.local", 631, {"rp=new"}, {}});
  zones_->Advance(20ms);
  // No new probing for a change of TXT.
  EXPECT_THAT(zones_->published(kTrusted).at(id).service.txt, ElementsAre("rp=new"));
  zones_->Announce(kIot, kOffice, {"printer.local", 8631, {"rp=new"}, {}});
  zones_->SetAddresses(kIot, "printer.local", {"10.0.1.6"});
  zones_->Advance(1s);
  EXPECT_EQ(mirror_->mirrored().begin()->second.running.port, 8631);
  EXPECT_THAT(zones_->Addresses(kTrusted), ElementsAre("printer.local=10.0.1.6"));
  zones_->Goodbye(kIot, kOffice);
  zones_->Advance(20ms);
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
}

TEST_F(MirrorTest, ClashingNamesAreSettledTheSameWayWhateverCameFirst) {
  for (const bool cam_first : {true, false}) {
    Start({Allow("*", "trusted")});
    AnnouncePrinter(cam_first ? kCam : kIot);
    zones_->Advance(5s);
    AnnouncePrinter(cam_first ? kIot : kCam);
    zones_->Advance(5s);
    EXPECT_THAT(zones_->Names(kTrusted),
                ElementsAre("Office (iot)@printer-iot.local", "Office@printer.local"));
    zones_->Announce(kTrusted, {"_ipp._tcp", "Office"}, {"own.local", 631, {}, {}});
    zones_->Advance(5s);
    EXPECT_THAT(zones_->Names(kTrusted),
                ElementsAre("Office (cam)@printer.local", "Office (iot)@printer-iot.local"));
  }
}

TEST_F(MirrorTest, NamesThatOnlyAvahiKnowsToBeTakenAreAvoided) {
  Start({Allow("iot", "trusted")});
  zones_->SetAddresses(kTrusted, "printer.local", {"10.0.2.1"});
  zones_->SetAddresses(kTrusted, "printer-iot.local", {"10.0.2.2"});
  AnnouncePrinter();
  zones_->Advance(5s);
  EXPECT_THAT(zones_->Names(kTrusted), ElementsAre("Office@printer-iot-2.local"));
  EXPECT_THAT(zones_->Addresses(kTrusted),
              ElementsAre("printer-iot-2.local=10.0.1.5", "printer-iot-2.local=fd00:1::5"));
}

TEST_F(MirrorTest, NothingGoesRoundWithMutualRulesOfThreeZones) {
  Start({Allow("*", "*")});
  AnnouncePrinter();
  zones_->Advance(60s);
  EXPECT_THAT(zones_->Names(kCam), ElementsAre("Office@printer.local"));
  EXPECT_THAT(zones_->Names(kTrusted), ElementsAre("Office@printer.local"));
  EXPECT_THAT(zones_->Names(kIot), IsEmpty());
  // An echo by a stranger, under another name, of a host that only we published there.
  zones_->Announce(kTrusted, {"_ipp._tcp", "Echo"}, {"printer.local", 631, {}, {}});
  zones_->Advance(60s);
  EXPECT_THAT(zones_->Names(kIot), IsEmpty());
}

TEST_F(MirrorTest, AZoneThatComesBackGetsEverythingAgainAndAnOutageOfTheSourceIsBridged) {
  Start({Allow("iot", "trusted")});
  AnnouncePrinter();
  zones_->Announce(kIot, {"_ipp._tcp", "Attic"}, {"printer.local", 632, {}, {}});
  zones_->Advance(1s);
  zones_->Down(kTrusted);
  zones_->Advance(1s);
  zones_->Up(kTrusted);
  zones_->Advance(3s);
  EXPECT_EQ(zones_->Names(kTrusted).size(), 2u);
  zones_->Down(kIot);
  zones_->Goodbye(kIot, kOffice);  // unheard
  zones_->Advance(2s);
  EXPECT_EQ(zones_->Names(kTrusted).size(), 2u);
  zones_->Up(kIot);
  zones_->Advance(6s);
  EXPECT_THAT(zones_->Names(kTrusted), ElementsAre("Attic@printer.local"));
  zones_->Down(kIot);
  zones_->Advance(16s);
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
}

TEST_F(MirrorTest, WhatADeadAvahiHadPublishedIsSaidGoodbyeFor) {
  Start({Allow("iot", "trusted")});
  AnnouncePrinter();
  zones_->Advance(1s);
  zones_->Down(kTrusted);
  zones_->Advance(1s);
  EXPECT_FALSE(zones_->heard(kTrusted).empty());
  zones_->Up(kTrusted);
  zones_->Advance(500ms);  // not published anew yet
  zones_->Goodbye(kIot, kOffice);
  zones_->Advance(5s);
  EXPECT_TRUE(zones_->heard(kTrusted).empty());
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
}

TEST_F(MirrorTest, ADenyBySubtypeWaitsForTheSubtype) {
  Rule deny = Allow("iot", "trusted", {"_secret._sub._ipp._tcp"});
  deny.allow = false;
  Start({deny, Allow("iot", "trusted")});
  AnnouncePrinter();
  zones_->Advance(900ms);
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
  zones_->Announce(kIot, kOffice, {"printer.local", 631, {}, {"_secret._sub._ipp._tcp"}});
  zones_->Advance(10s);
  EXPECT_THAT(zones_->published(kTrusted), IsEmpty());
  EXPECT_EQ(mirror_->rule_counters()[0].matched, 1u);
}

TEST_F(MirrorTest, FailuresAreTriedAgainMoreAndMoreSeldom) {
  Start({Allow("iot", "trusted")});
  zones_->failing_lookups = 3;
  zones_->failing_publications = 3;
  AnnouncePrinter();
  zones_->Advance(1s);
  EXPECT_THAT(zones_->Names(kTrusted), IsEmpty());
  zones_->Advance(60s);
  EXPECT_THAT(zones_->Names(kTrusted), ElementsAre("Office@printer.local"));
  EXPECT_EQ(mirror_->counters(kIot).lookup_failures, 3u);
  EXPECT_EQ(mirror_->counters(kTrusted).publish_failures, 3u);
}

TEST_F(MirrorTest, LimitsHoldAndWhatWasCutOffIsAskedForAgain) {
  options_ = ThreeZones({Allow("iot", "trusted")});
  options_.limits.services_max = 8;
  mirror_ = std::make_unique<Mirror>(options_);
  zones_ = std::make_unique<FakeZones>(*mirror_, 3);
  for (size_t zone = 0; zone < 3; ++zone) zones_->Up(zone);
  zones_->SetAddresses(kIot, "printer.local", {"10.0.1.5"});
  for (int i = 0; i < 12; ++i) {
    zones_->Announce(kIot, {"_ipp._tcp", "P" + std::to_string(i)}, {"printer.local", 631, {}, {}});
  }
  zones_->Advance(5s);
  EXPECT_EQ(zones_->Names(kTrusted).size(), 8u);
  EXPECT_GT(mirror_->seen(kIot).dropped(Dropped::kServices), 0u);
  for (int i = 0; i < 8; ++i) zones_->Goodbye(kIot, {"_ipp._tcp", "P" + std::to_string(i)});
  zones_->Advance(5s);
  EXPECT_EQ(zones_->Names(kTrusted).size(), 4u);
}

TEST_F(MirrorTest, TheFirewallFollowsThePort) {
  Rule rule = Allow("iot", "trusted");
  rule.nft_set = {"inet", "filter", "printers"};
  Start({rule});
  AnnouncePrinter();
  zones_->Advance(1s);
  const NftSet set4 = {"inet", "filter", "printers4"};
  const FirewallSets before = mirror_->firewall();
  EXPECT_EQ(FirewallScript({}, before),
            "flush set inet filter printers4\n"
            "add element inet filter printers4 { 10.0.1.5 . tcp . 631 }\n"
            "flush set inet filter printers6\n"
            "add element inet filter printers6 { fd00:1::5 . tcp . 631 }\n");
  zones_->Announce(kIot, kOffice, {"printer.local", 8631, {"rp=ipp"}, {}});
  zones_->SetAddresses(kIot, "printer.local", {"10.0.1.5"});
  zones_->Advance(1s);
  EXPECT_EQ(FirewallScript(before, mirror_->firewall()),
            "delete element inet filter printers4 { 10.0.1.5 . tcp . 631 }\n"
            "add element inet filter printers4 { 10.0.1.5 . tcp . 8631 }\n"
            "delete element inet filter printers6 { fd00:1::5 . tcp . 631 }\n");
  EXPECT_EQ(FirewallScript(mirror_->firewall(), mirror_->firewall()), "");
  mirror_->SetPolicy({}, zones_->now());
  zones_->Advance(1s);
  EXPECT_EQ(FirewallScript({{set4, {}}}, mirror_->firewall()), "flush set inet filter printers4\n");
}

// Random days: services come, change, go, Avahis die, rules change. Never is anything told to a
// zone that the rules of that moment deny, and when quiet returns, what is published is what the
// rules say of what is there.
class MirrorDays : public MirrorTest, public testing::WithParamInterface<int> {
 protected:
  size_t Pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }
  // The policy anew, as simply as can be.
  bool Allowed(size_t from, size_t to, const ServiceKey& key) const {
    const auto is = [](const std::string& pattern, const std::string& text) {
      return pattern == "*" || pattern == text ||
             (pattern.ends_with("*") && text.starts_with(pattern.substr(0, pattern.size() - 1)));
    };
    for (const Rule& rule : rules_) {
      if (!is(rule.from, kZoneNames[from]) || !is(rule.to, kZoneNames[to])) continue;
      if (!rule.types.empty() && !is(rule.types[0], key.type)) continue;
      if (!rule.names.empty() && !is(rule.names[0], key.name)) continue;
      return rule.allow;
    }
    return false;
  }
  std::vector<Rule> RandomRules() {
    std::vector<Rule> rules(1 + Pick(5));
    for (size_t i = 0; i < rules.size(); ++i) {
      rules[i] =
          Allow(Pick(4) == 0 ? "*" : kZoneNames[Pick(3)], Pick(4) == 0 ? "*" : kZoneNames[Pick(3)]);
      rules[i].name = std::to_string(i);
      if (Pick(2) == 0) rules[i].types = {kTypes[Pick(3)]};
      if (Pick(2) == 0) rules[i].names = {Pick(2) == 0 ? "A*" : "B*"};
      rules[i].allow = Pick(3) != 0;
    }
    return rules;
  }
  void Check(const Action& action) {
    const auto* publish = std::get_if<PublishService>(&action);
    if (publish == nullptr || publish->service.txt.empty()) return;
    // The TXT says whose it is: "1/A1".
    const std::string& id = publish->service.txt[0];
    const size_t from = static_cast<size_t>(id[0] - '0');
    EXPECT_TRUE(Allowed(from, publish->zone, {publish->service.key.type, id.substr(2)}))
        << id << " to " << publish->zone;
  }
  void Step() {
    const size_t zone = Pick(3);
    const std::string name = std::string(1, "ABC"[Pick(3)]) + std::to_string(Pick(3));
    const ServiceKey key = {kTypes[Pick(2)], name};
    const std::string host = "h" + std::to_string(Pick(4)) + "-" + kZoneNames[zone] + ".local";
    switch (Pick(9)) {
      case 0:
        zones_->Goodbye(zone, key);
        break;
      case 1:
        zones_->Down(zone);
        break;
      case 2:
        zones_->Up(zone);
        break;
      case 3:
        rules_ = RandomRules();
        mirror_->SetPolicy(rules_, zones_->now());
        break;
      case 4:
        zones_->failing_publications = static_cast<int>(Pick(3));
        break;
      default:
        zones_->SetAddresses(zone, host, {"10.0." + std::to_string(zone) + ".1"});
        zones_->Announce(zone, key,
                         {host,
                          static_cast<uint16_t>(Pick(3) + 1),
                          {std::to_string(zone) + "/" + name, std::to_string(Pick(4))},
                          {}});
    }
    zones_->Advance(std::chrono::milliseconds(Pick(2) == 0 ? Pick(30) : Pick(3000)));
  }
  std::set<std::string> Expected(size_t to) {
    std::set<std::string> expected;
    for (size_t from = 0; from < 3; ++from) {
      for (const auto& [key, native] : zones_->natives(from)) {
        if (from != to && Allowed(from, to, key)) expected.insert(Text(key.type, native));
      }
    }
    return expected;
  }
  static std::string Text(const std::string& type, const Native& native) {
    return type + " " + native.txt[0] + " " + native.txt[1] + " " + std::to_string(native.port);
  }
  static inline const std::vector<std::string> kZoneNames = {"cam", "iot", "trusted"};
  static inline const std::vector<std::string> kTypes = {"_ipp._tcp", "_http._tcp", "_ht*"};
  std::mt19937 random_;
  std::vector<Rule> rules_;
};

TEST_P(MirrorDays, WhatIsPublishedIsWhatThePolicySaysOfWhatIsThere) {
  random_.seed(static_cast<unsigned>(GetParam()));
  rules_ = RandomRules();
  Start(rules_);
  zones_->on_action = [this](const Action& action) { Check(action); };
  for (int day = 0; day < 4; ++day) {
    for (int step = 0; step < 60; ++step) Step();
    zones_->failing_publications = 0;
    for (size_t zone = 0; zone < 3; ++zone) {
      zones_->Up(zone);
    }
    zones_->Advance(200s);
    for (size_t to = 0; to < 3; ++to) {
      std::set<std::string> published, names;
      for (const auto& [id, one] : zones_->published(to)) {
        ASSERT_TRUE(one.established);
        const MirroredService& service = one.service;
        if (service.key.type.empty()) continue;
        published.insert(Text(service.key.type, {"", service.port, service.txt, {}}));
        EXPECT_TRUE(names.insert(service.key.type + service.key.name).second);
        EXPECT_FALSE(zones_->natives(to).contains(service.key));
        EXPECT_TRUE(zones_->heard(to).contains(service.key));
      }
      // No ghosts: listeners hold nothing else, but for names that somebody there has himself, and
      // for what has been denied while its Avahi was away.
      for (const auto& [key, txt] : zones_->heard(to)) {
        if (names.contains(key.type + key.name) || zones_->natives(to).contains(key)) continue;
        const size_t from = static_cast<size_t>(txt[0][0] - '0');
        EXPECT_FALSE(Allowed(from, to, {key.type, txt[0].substr(2)}))
            << key.name << " haunts " << to;
      }
      EXPECT_EQ(published, Expected(to)) << "zone " << to << " seed " << GetParam();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MirrorDays, testing::Range(0, 12));

}  // namespace
}  // namespace headwater::zone
