#include "services/rtp-packager/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace headwater::packager {
namespace {

using ::testing::HasSubstr;

std::string FaultsOf(const std::string& text, PackagerConfig* out = nullptr) {
  ConfigTable file = ConfigTable::Parse(text, "t.toml").value();
  ConfigTable table = file.Table("rtp-packager");
  const PackagerConfig config = ReadConfig(table);
  table.RejectUnknown();
  if (out) *out = config;
  return std::string(file.status().message());
}

TEST(PackagerConfigTest, EmptyTableGivesTheDefaults) {
  PackagerConfig config;
  EXPECT_EQ(FaultsOf("[rtp-packager]\n", &config), "");
  EXPECT_EQ(config.core.sessions_max, Options().sessions_max);
  EXPECT_EQ(config.http.stall_timeout, Options().stall_limit);
  EXPECT_EQ(config.feeds.address.ToString(), "::1");
  EXPECT_EQ(config.feeds.port_first, 0);
}

TEST(PackagerConfigTest, KeysThatNeedARestartAreNamed) {
  const PackagerConfig running;
  PackagerConfig wanted;
  wanted.core.sessions_max = 1;
  wanted.core.silence_limit = 1s;
  EXPECT_THAT(RestartKeys(running, wanted), ::testing::IsEmpty());
  wanted.core.rtp_port = 6004;
  wanted.http.user_agent = "x";
  std::string fault;
  wanted.http.proxy = *ProxyRules::Parse("http://192.0.2.1:3128", {}, fault);
  wanted.transcoders.transcoders_max = 3;
  wanted.feeds.address = *IpAddress::Parse("192.0.2.1");
  EXPECT_THAT(RestartKeys(running, wanted),
              ::testing::ElementsAre("rtp_port", "user_agent", "http_proxy, no_proxy",
                                     "transcoders_max", "feed_address"));
}

TEST(PackagerConfigTest, ReadsWhatIsThere) {
  PackagerConfig config;
  EXPECT_EQ(FaultsOf("[rtp-packager]\nsessions_max = 4\nsilence_after = \"3s\"\n"
                     "user_agent = \"x\"\n",
                     &config),
            "");
  EXPECT_EQ(config.core.sessions_max, 4u);
  EXPECT_EQ(config.core.silence_after, 3s);
  EXPECT_EQ(config.http.user_agent, "x");
}

TEST(PackagerConfigTest, NamesWhatIsWrong) {
  EXPECT_THAT(FaultsOf("[rtp-packager]\nsession_max = 4\n"), HasSubstr("session_max"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nsessions_max = 0\n"), HasSubstr("t.toml:2:"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nreopen_min = \"5s\"\nreopen_max = \"1s\"\n"),
              HasSubstr("not be longer than reopen_max"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nrtcp_port = 5004\n"), HasSubstr("differ from rtp_port"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nhttp_proxy = \"proxy:3128\"\n"),
              HasSubstr("proxy:3128 is not http://"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nfeed_address = \"ff02::1\"\n"),
              HasSubstr("an address of this host"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nfeed_port_last = 40000\n"),
              HasSubstr("needs feed_port_first"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nfeed_port_first = 40001\nfeed_port_last = 40000\n"),
              HasSubstr("not be less than feed_port_first"));
  EXPECT_THAT(FaultsOf("[rtp-packager]\nno_proxy = [\"10.0.0.0/40\"]\n"),
              HasSubstr("10.0.0.0/40 is no name"));
}

// Each key of README's table is a key, and each key is in README.
TEST(PackagerConfigTest, ReadmeNamesEveryKey) {
  std::ifstream readme("services/rtp-packager/README.md");
  std::stringstream text;
  text << readme.rdbuf();
  // The message of an unknown key lists those that are allowed.
  const std::string allowed = FaultsOf("[rtp-packager]\nno_such_key = 1\n");
  std::istringstream words(allowed.substr(allowed.find("no_such_key") + 11));
  int keys = 0;
  for (std::string word; words >> word;) {
    while (!word.empty() && !isalnum(static_cast<unsigned char>(word.back()))) word.pop_back();
    if (word.find('_') == std::string::npos) continue;
    EXPECT_THAT(text.str(), HasSubstr("`" + word + "`"));
    ++keys;
  }
  EXPECT_GE(keys, 20) << allowed;
}

}  // namespace
}  // namespace headwater::packager
