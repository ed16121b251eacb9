#include "services/common/metrics/http_endpoint.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <prometheus/counter.h>

namespace headwater {
namespace {

TEST(HttpEndpointTest, ServesMetricsAndHealthOnBothFamilies) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("headwater_test_total").Register(*registry).Add({}).Increment(3);
  auto endpoint = HttpEndpoint::Listen("::", 0, registry);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  for (const char* host : {"::1", "127.0.0.1"}) {
    httplib::Client client(host, (*endpoint)->port());
    auto metrics = client.Get("/metrics");
    ASSERT_TRUE(metrics) << host;
    EXPECT_NE(metrics->body.find("headwater_test_total 3"), std::string::npos);
    EXPECT_EQ(client.Get("/livez")->status, 200);
    (*endpoint)->set_ready(false);
    EXPECT_EQ(client.Get("/readyz")->status, 503);
    (*endpoint)->set_ready(true);
    EXPECT_EQ(client.Get("/readyz")->status, 200);
    EXPECT_EQ(client.Get("/other")->status, 404);
  }
}

TEST(HttpEndpointTest, NamesThePortThatIsTaken) {
  auto registry = std::make_shared<prometheus::Registry>();
  auto first = HttpEndpoint::Listen("127.0.0.1", 0, registry);
  ASSERT_TRUE(first.ok());
  auto second = HttpEndpoint::Listen("127.0.0.1", (*first)->port(), registry);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(std::string(second.status().message()).find(std::to_string((*first)->port())),
            std::string::npos);
}

TEST(HttpEndpointTest, AsksAnotherWhetherItLives) {
  auto endpoint = HttpEndpoint::Listen("::", 0, std::make_shared<prometheus::Registry>());
  ASSERT_TRUE(endpoint.ok());
  const uint16_t port = (*endpoint)->port();
  for (const char* address : {"::", "0.0.0.0", "::1"}) {
    EXPECT_TRUE(AskLive(address, port).ok()) << AskLive(address, port);
  }
  endpoint->reset();
  const absl::Status gone = AskLive("::", port);
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(gone.message()).find(std::to_string(port)), std::string::npos);
}

}  // namespace
}  // namespace headwater
