#include "services/directory-resolver/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater::directory_resolver {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Loaded {
  Options options;
  absl::Status status;
};

Loaded Read(const std::string& text) {
  absl::StatusOr<ConfigTable> file = ConfigTable::Parse(text, "hw.toml");
  EXPECT_TRUE(file.ok()) << file.status();
  ConfigTable table = file->Table("directory-resolver");
  Loaded loaded{ReadOptions(table, "/var/lib/headwater"), absl::OkStatus()};
  table.RejectUnknown();
  loaded.status = file->status();
  return loaded;
}

TEST(DirectoryConfigTest, ReadsEveryKey) {
  const Loaded loaded = Read(R"(
[directory-resolver]
ipv6_prefixes = ["2001:db8:d0be:f00d::/64"]
ipv6_scopes = ["site", "global"]
ipv6_ssm = true
test_tone = false
reload_delay = "50ms"
ipv4_windows = [{ groups = "239.192.0.0/16", number = 0x80000000 }]
[[directory-resolver.bindings]]
group = "239.255.0.1"
number = "0x80010000"
[[directory-resolver.directory]]
name = "radio"
prefix = "0x80000000/4"
lineup = "/etc/headwater/radio.toml"
linger = "0s"
silence_limit = "5s"
start_timeout = "4s"
local = true
dscp = 33
hop_limit = 9
container = "ts"
)");
  ASSERT_TRUE(loaded.status.ok()) << loaded.status;
  const Options& options = loaded.options;
  EXPECT_EQ(options.ipv6_prefixes.at(0).ToString(), "2001:db8:d0be:f00d::/64");
  EXPECT_EQ(options.ipv6_scopes, (std::vector<uint8_t>{5, 14}));
  EXPECT_TRUE(options.ipv6_ssm);
  EXPECT_FALSE(options.test_tone);
  EXPECT_EQ(options.reload_delay, 50ms);
  EXPECT_EQ(options.ipv4_windows.at(0).number, 0x80000000u);
  EXPECT_EQ(options.bindings.at(0).number, 0x80010000u);
  const DirectoryOptions& radio = options.directories.at(0);
  EXPECT_EQ(radio.plan, (PlanDirectory{.name = "radio",
                                       .linger = 0s,
                                       .silence_limit = 5s,
                                       .start_timeout = 4s,
                                       .local = true,
                                       .dscp = 33,
                                       .hop_limit = 9,
                                       .container = MediaContainer::kTransportStream}));
  EXPECT_EQ(radio.prefix, (NumberPrefix{0x80000000, 4, "radio"}));
  EXPECT_EQ(radio.lineup, "/etc/headwater/radio.toml");
  EXPECT_EQ(options.database, "/var/lib/headwater/directory-resolver.sqlite");
}

TEST(DirectoryConfigTest, HasTheTestToneWithoutAnyKey) {
  const Loaded loaded = Read("");
  ASSERT_TRUE(loaded.status.ok());
  const NumberPlan plan = *NumberPlan::Build(loaded.options.ToPlan());
  EXPECT_EQ(plan.DirectoryOf(kTestToneNumber)->name, "test");
}

TEST(DirectoryConfigTest, TellsFaultsWithLineAndWhatIsAllowed) {
  EXPECT_THAT(std::string(Read(R"([directory-resolver]
ipv6_prefixes = ["nonsense"]
ipv6_scopes = ["galaxy"]
[[directory-resolver.directory]]
name = "Radio 1"
prefix = "0x80000000"
lineup = "radio.pls"
linger = "3"
dscp = 64
)")
                              .status.message()),
              AllOf(HasSubstr("hw.toml:2:"), HasSubstr("address block such as"),
                    HasSubstr("hw.toml:3:"), HasSubstr("site, organisation or global"),
                    HasSubstr("hw.toml:5:"), HasSubstr("a-z, 0-9"), HasSubstr("hw.toml:6:"),
                    HasSubstr("0x80000000/4"), HasSubstr("hw.toml:7:"), HasSubstr(".m3u8"),
                    HasSubstr("hw.toml:8:"), HasSubstr("hw.toml:9:"), HasSubstr("from 0 to 63")));
}

TEST(DirectoryConfigTest, TellsFaultsOfThePlanAsAWhole) {
  EXPECT_THAT(
      std::string(
          Read("[[directory-resolver.directory]]\nname = \"test\"\nprefix = \"0x80000000/4\"\n")
              .status.message()),
      HasSubstr("directory test is there twice"));
  EXPECT_THAT(
      std::string(
          Read("[[directory-resolver.directory]]\nname = \"a\"\nprefix = \"0x80000001/4\"\n")
              .status.message()),
      HasSubstr("bits after the length are not 0"));
}

TEST(DirectoryConfigTest, RejectsUnknownKeys) {
  EXPECT_THAT(std::string(Read("[directory-resolver]\ntesttone = true\n").status.message()),
              HasSubstr("testtone"));
}

TEST(DirectoryConfigTest, ReadsWhatIsFetched) {
  const Loaded loaded = Read(R"(
[directory-resolver]
check_age = "1h"
[[directory-resolver.directory]]
name = "web"
prefix = "0x80000000/8"
kind = "radio-browser"
url = "https://de1.api.radio-browser.info"
stations_max = 500
megabytes_max = 3
refresh = "12h"
retry = "1m"
timeout = "30s"
shrink_min = 0.25
[directory-resolver.directory.filter]
tags = ["jazz"]
countries = ["DE", "AT"]
languages = ["german"]
codecs = ["MP3"]
bitrate_min = 64
bitrate_max = 320
votes_min = 10
[[directory-resolver.directory]]
name = "mine"
prefix = "0x90000000/8"
[[directory-resolver.directory]]
name = "best"
prefix = "0x91000000/16"
kind = "favourites"
)");
  ASSERT_TRUE(loaded.status.ok()) << loaded.status;
  EXPECT_EQ(loaded.options.check_age, 1h);
  const DirectoryOptions& web = loaded.options.directories.at(0);
  EXPECT_EQ(web.source, DirectorySource::kRadioBrowser);
  EXPECT_EQ(web.feed, (FeedOptions{.url = "https://de1.api.radio-browser.info",
                                   .filter = {.tags = {"jazz"},
                                              .countries = {"DE", "AT"},
                                              .languages = {"german"},
                                              .codecs = {"MP3"},
                                              .bitrate_min = 64000,
                                              .bitrate_max = 320000,
                                              .votes_min = 10},
                                   .stations_max = 500,
                                   .bytes_max = 3 << 20,
                                   .refresh = 12h,
                                   .retry = 1min,
                                   .timeout = 30s,
                                   .shrink_min = 0.25}));
  EXPECT_EQ(loaded.options.directories.at(1).source, DirectorySource::kCatalogue);
  EXPECT_EQ(loaded.options.directories.at(2).source, DirectorySource::kFavourites);
}

TEST(DirectoryConfigTest, NamesWhatCannotBeFetched) {
  const auto refused = [](const std::string& keys) {
    return std::string(Read("[[directory-resolver.directory]]\nname = \"a\"\nprefix = "
                            "\"0x80000000/4\"\n" +
                            keys)
                           .status.message());
  };
  EXPECT_THAT(refused("kind = \"xiph\""), HasSubstr("is missing: where"));
  EXPECT_THAT(refused("kind = \"xiph\"\nurl = \"ftp://a/\""), HasSubstr("http or https"));
  EXPECT_THAT(refused("kind = \"radio\""), HasSubstr("radio-browser"));
  EXPECT_THAT(refused("kind = \"xiph\"\nurl = \"http://a/\"\nlineup = \"x.toml\""),
              HasSubstr("lineup"));
  EXPECT_THAT(refused("kind = \"shoutcast\"\nurl = \"http://a/\""), HasSubstr("developer id"));
  EXPECT_THAT(refused("kind = \"xiph\"\nurl = \"http://a/\"\nshrink_min = 2.0"),
              HasSubstr("shrink_min"));
  EXPECT_THAT(refused("kind = \"favourites\"\n[[directory-resolver.directory]]\nname = \"b\"\n"
                      "prefix = \"0x90000000/4\"\nkind = \"favourites\""),
              HasSubstr("at most one"));
}

TEST(DirectoryConfigTest, ReadsWhatTunersReceive) {
  const Loaded loaded = Read(R"(
[[directory-resolver.directory]]
name = "dvb"
prefix = "0xC0000000/2"
kind = "dvb"
position = "28.2E"
priority = 80
[[directory-resolver.directory.pid_sets]]
name = "DAB"
carrier = "28.2E 11426.5H"
pids = ["0x100", "257"]
number = "0xcb5afff0"
[[directory-resolver.directory]]
name = "terrestrial"
prefix = "0xA0000000/8"
kind = "dvb"
positions = ["19.2E", "13E"]
systems = ["DVBT", "DVBT2"]
types = ["tv", "radio"]
free_only = true
dscp = 46
start_timeout = "20s"
)");
  ASSERT_TRUE(loaded.status.ok()) << loaded.status;
  const DirectoryOptions& dvb = loaded.options.directories.at(0);
  EXPECT_EQ(dvb.source, DirectorySource::kDvb);
  EXPECT_EQ(dvb.plan, (PlanDirectory{.name = "dvb",
                                     .kind = StationKind::kDvb,
                                     .start_timeout = 30s,
                                     .dscp = 34,
                                     .priority = 80}));
  EXPECT_EQ(dvb.dvb,
            (DvbOptions{.position = "28.2E",
                        .pid_sets = {{"DAB", "28.2E 11426.5H", {0x100, 257}, 0xcb5afff0u}}}));
  const DirectoryOptions& other = loaded.options.directories.at(1);
  EXPECT_EQ(other.dvb, (DvbOptions{.positions = {"19.2E", "13E"},
                                   .systems = {"DVBT", "DVBT2"},
                                   .types = {DvbType::kTv, DvbType::kRadio},
                                   .free_only = true}));
  EXPECT_EQ(other.plan.priority, 50);
  EXPECT_EQ(other.plan.dscp, 46);
  EXPECT_EQ(other.plan.start_timeout, 20s);
}

TEST(DirectoryConfigTest, SaysWhatATunersDirectoryMayHave) {
  const auto refused = [](const std::string& prefix, const std::string& keys) {
    return std::string(Read("[[directory-resolver.directory]]\nname = \"a\"\nprefix = \"" + prefix +
                            "\"\nkind = \"dvb\"\n" + keys)
                           .status.message());
  };
  const auto encoded = [&](const std::string& keys) { return refused("0xC0000000/2", keys); };
  const auto assigned = [&](const std::string& keys) { return refused("0xA0000000/4", keys); };
  const std::string set = "[[directory-resolver.directory.pid_sets]]\n";
  EXPECT_EQ(encoded(""), "");
  EXPECT_THAT(encoded("positions = [\"28.2E\"]"), HasSubstr("positions"));
  EXPECT_THAT(assigned("position = \"28.2E\""), HasSubstr("position"));
  EXPECT_THAT(encoded("local = true"), HasSubstr("local"));
  EXPECT_THAT(encoded("container = \"ts\""), HasSubstr("container"));
  EXPECT_THAT(encoded("priority = 101"), HasSubstr("from 0 to 100"));
  EXPECT_THAT(encoded("systems = [\"DVB-S\"]"), HasSubstr("DVBS2"));
  EXPECT_THAT(encoded("types = [\"sport\"]"), HasSubstr("tv, radio, data or carrier"));
  const std::string named = set + "name = \"x\"\ncarrier = \"11426.5H\"\n";
  EXPECT_THAT(encoded(named + "pids = [\"1\"]"), HasSubstr("number"));
  EXPECT_EQ(assigned(named + "pids = [\"1\"]"), "");
  EXPECT_THAT(assigned(named + "pids = [\"1\"]\nnumber = \"0xb0000000\""),
              HasSubstr("must be within 0xa0000000/4"));
  EXPECT_THAT(assigned(named + "pids = []"), HasSubstr("1 to 64 PIDs"));
  EXPECT_THAT(assigned(named + "pids = [\"0x2000\"]"), HasSubstr("0x1fff"));
  EXPECT_THAT(assigned(set + "pids = [\"1\"]"),
              AllOf(HasSubstr("title"), HasSubstr("dvb carriers")));
  EXPECT_THAT(assigned(named + "pids = [\"1\"]\n" + named + "pids = [\"2\"]"),
              HasSubstr("two are called"));
}

}  // namespace
}  // namespace headwater::directory_resolver
