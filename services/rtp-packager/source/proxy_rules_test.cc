#include "services/rtp-packager/source/proxy_rules.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

std::string Fault(std::string_view proxy, const std::vector<std::string>& no_proxy = {}) {
  std::string fault;
  return ProxyRules::Parse(proxy, no_proxy, fault) ? "none" : fault;
}

std::string Via(const ProxyRules& rules, std::string_view host, std::string_view address) {
  const SourceUrl* proxy = rules.For(host, *IpAddress::Parse(address));
  return proxy == nullptr ? "direct" : proxy->ToString();
}

TEST(ProxyRulesTest, WithoutAProxyEverythingIsDirect) {
  EXPECT_EQ(Via(ProxyRules(), "a", "9.9.9.9"), "direct");
}

TEST(ProxyRulesTest, NamesPrefixesAndPrivateAddressesAreDirect) {
  std::string fault;
  const auto rules =
      ProxyRules::Parse("http://me:secret@proxy.lan:3128",
                        {".Radio.example", "8.8.0.0/17", "2a00:1450::/33", "1.1.1.1"}, fault);
  ASSERT_TRUE(rules) << fault;
  EXPECT_EQ(rules->For("a", *IpAddress::Parse("9.9.9.9"))->password, "secret");
  for (const char* address : {"9.9.9.9", "8.8.128.0", "2a00:1450:8000::1", "1.1.1.2"}) {
    EXPECT_EQ(Via(*rules, "a", address), "http://proxy.lan:3128/") << address;
  }
  for (const char* address :
       {"8.8.127.255", "2a00:1450::1", "1.1.1.1", "10.0.0.1", "127.0.0.1", "::1", "fd00::1"}) {
    EXPECT_EQ(Via(*rules, "a", address), "direct") << address;
  }
  EXPECT_EQ(Via(*rules, "radio.example", "9.9.9.9"), "direct");
  EXPECT_EQ(Via(*rules, "live.radio.example.", "9.9.9.9"), "direct");
  EXPECT_EQ(Via(*rules, "myradio.example", "9.9.9.9"), "http://proxy.lan:3128/");
}

TEST(ProxyRulesTest, NamesWhatIsWrong) {
  EXPECT_EQ(Fault("http://proxy:3128"), "none");
  EXPECT_EQ(Fault("https://proxy:3128"), "https://proxy:3128");
  EXPECT_EQ(Fault("http://me:secret@proxy:3128/path"), "http://proxy:3128/path");
  EXPECT_EQ(Fault("socks5://proxy"), "socks5://proxy");
  EXPECT_EQ(Fault("", {"a b"}), "a b");
  EXPECT_EQ(Fault("", {"10.0.0.0/33"}), "10.0.0.0/33");
  EXPECT_EQ(Fault("", {"fd00::/8", "example", "10.0.0.1"}), "none");
}

}  // namespace
}  // namespace headwater
