#include "services/directory-resolver/directory_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "services/common/base/check.h"
#include "services/common/plan/plan_text.h"
#include "services/common/rpc/grpc_server.h"

namespace headwater::directory_resolver {
namespace {

namespace pb = directory::v1;
using ::testing::HasSubstr;

constexpr char kLineup[] =
    "[[station]]\nid = \"a\"\ntitle = \"Radio A\"\nurl = \"http://radio.example/a\"\ntags = "
    "[\"jazz\"]\n";
constexpr char kSecond[] =
    "[[station]]\nid = \"b\"\ntitle = \"Radio B\"\nurl = \"http://radio.example/b\"\n";

// A resolver on a socket of its own, its loop on a thread, and a client.
class DirectoryServiceTest : public ::testing::Test {
 protected:
  DirectoryServiceTest() {
    folder_ = std::filesystem::temp_directory_path() / "headwater-dir-XXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    options_.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
    options_.directories.push_back(
        {{.name = "radio"}, {0x80000000, 4, "radio"}, folder_ + "/radio.toml"});
    options_.database = folder_ + "/state/directory-resolver.sqlite";
    options_.reload_delay = 1ms;
    Write(kLineup);
    Start();
  }
  ~DirectoryServiceTest() override {
    Stop();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    loop_ = std::make_unique<EventLoop>();
    registry_ = std::make_unique<prometheus::Registry>();
    auto shell = DirectoryShell::Open(*loop_, log_, *registry_, options_);
    HW_CHECK(shell.ok());
    shell_ = *std::move(shell);
    service_ = std::make_unique<DirectoryService>(*loop_, *shell_);
    thread_ = std::jthread([this] { loop_->Run(); });
    auto server = GrpcServer::Listen(folder_ + "/s.sock", {service_.get()});
    HW_CHECK(server.ok());
    server_ = *std::move(server);
    stub_ = pb::DirectoryService::NewStub(
        grpc::CreateChannel("unix:" + folder_ + "/s.sock", grpc::InsecureChannelCredentials()));
  }
  void Stop() {
    OnLoopThread([this] { service_->Close(); });
    server_->Shutdown(5s);
    loop_->Stop();
    thread_.join();
    server_.reset();
    service_.reset();
    shell_.reset();
  }
  void OnLoopThread(const std::function<void()>& task) {
    std::promise<void> done;
    loop_->Post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Write(const std::string& text) {
    std::ofstream(folder_ + "/new") << text;
    std::filesystem::rename(folder_ + "/new", folder_ + "/radio.toml");
  }
  void Reload() {
    OnLoopThread([this] { reload_ = shell_->Reload(options_).status(); });
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (pb::DirectoryService::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub_.get()->*method)(&context, request, &response);
  }
  grpc::Status Resolve(uint32_t number, pb::ResolveResponse& response) {
    pb::ResolveRequest request;
    request.set_number(number);
    return Call(&pb::DirectoryService::Stub::Resolve, request, response);
  }
  grpc::Status ReportMp3(uint32_t number) {
    pb::ReportPlayRequest request;
    request.set_number(number);
    request.set_ok(true);
    request.mutable_format()->set_encoding("MPA");
    request.mutable_format()->set_payload_type(14);
    request.mutable_format()->set_clock_rate(90000);
    pb::ReportPlayResponse response;
    return Call(&pb::DirectoryService::Stub::ReportPlay, request, response);
  }

  std::string folder_;
  Options options_;
  Logger log_ = Logger(LogLevel::kError, [](auto&&...) {});
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<DirectoryShell> shell_;
  std::unique_ptr<DirectoryService> service_;
  std::jthread thread_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<pb::DirectoryService::Stub> stub_;
  absl::Status reload_;
};

TEST_F(DirectoryServiceTest, ResolvesWithTheFormatThatAPlayHasShown) {
  pb::ResolveResponse response;
  ASSERT_TRUE(Resolve(0x80000000, response).ok());
  EXPECT_EQ(response.station().title(), "Radio A");
  EXPECT_EQ(response.station().kind(), types::v1::STATION_KIND_HTTP);
  EXPECT_EQ(response.station().urls(0), "http://radio.example/a");
  EXPECT_FALSE(response.station().has_known_format());
  ASSERT_TRUE(ReportMp3(0x80000000).ok());
  ASSERT_TRUE(Resolve(0x80000000, response).ok());
  EXPECT_EQ(response.station().known_format().encoding(), "MPA");
  EXPECT_EQ(ReportMp3(0x80000009).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DirectoryServiceTest, KeepsNumbersAndFormatsOverARestart) {
  ASSERT_TRUE(ReportMp3(0x80000000).ok());
  Stop();
  Write(std::string(kSecond) + kLineup);
  Start();
  pb::ResolveResponse response;
  ASSERT_TRUE(Resolve(0x80000000, response).ok());
  EXPECT_EQ(response.station().title(), "Radio A");
  EXPECT_EQ(response.station().known_format().encoding(), "MPA");
  ASSERT_TRUE(Resolve(0x80000001, response).ok());
  EXPECT_EQ(response.station().title(), "Radio B");
}

TEST_F(DirectoryServiceTest, AReloadIsAllOrNothing) {
  Write(std::string(kLineup) + "[[station]]\ntitle = \"broken\"\n");
  Reload();
  EXPECT_THAT(std::string(reload_.message()), HasSubstr("radio.toml:6"));
  pb::ResolveResponse response;
  EXPECT_TRUE(Resolve(0x80000000, response).ok());
  Write(std::string(kLineup) + kSecond);
  Reload();
  EXPECT_TRUE(reload_.ok()) << reload_;
  EXPECT_TRUE(Resolve(0x80000001, response).ok());
}

TEST_F(DirectoryServiceTest, WatchesThePlan) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  const auto reader = stub_->WatchPlan(&context, {});
  pb::WatchPlanResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.revision(), 1u);
  EXPECT_EQ(message.plan().prefixes_size(), 2);
  EXPECT_EQ(message.plan().directories(0).name(), "radio");
  options_.directories[0].plan.linger = 9s;
  Reload();
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.revision(), 2u);
  EXPECT_EQ(message.plan().directories(0).linger().seconds(), 9);
}

TEST_F(DirectoryServiceTest, ListsAndSearches) {
  pb::ListStationsRequest list;
  list.set_page_size(1);
  pb::ListStationsResponse page;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::ListStations, list, page).ok());
  EXPECT_EQ(page.stations(0).title(), "Radio A");
  list.set_page_token(page.next_page_token());
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::ListStations, list, page).ok());
  EXPECT_EQ(page.stations(0).title(), "Headwater test tone");
  EXPECT_EQ(page.next_page_token(), "");
  list.set_page_token("bogus");
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::ListStations, list, page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  pb::SearchRequest search;
  search.set_query("JAZZ");
  pb::SearchResponse found;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::Search, search, found).ok());
  EXPECT_EQ(found.stations_size(), 1);
  search.set_page_size(1001);
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::Search, search, found).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DirectoryServiceTest, Exports) {
  pb::ExportRequest request;
  pb::ExportResponse response;
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::Export, request, response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.set_format(pb::EXPORT_FORMAT_M3U);
  request.set_player(pb::EXPORT_PLAYER_FFMPEG);
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::Export, request, response).ok());
  EXPECT_THAT(response.text(), HasSubstr("sap://[ff3e:40:2001:db8:d0be:f00d:8000:0]:9875\n"));
  EXPECT_THAT(response.content_type(), HasSubstr("audio/x-mpegurl"));
  request.set_format(pb::EXPORT_FORMAT_SDP);
  request.set_number(0x80000000);
  request.set_service_address("2001:db8::1");
  const grpc::Status unknown = Call(&pb::DirectoryService::Stub::Export, request, response);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(unknown.error_message(), HasSubstr("Radio A"));
  ASSERT_TRUE(ReportMp3(0x80000000).ok());
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::Export, request, response).ok());
  EXPECT_EQ(response.content_type(), "application/sdp");
  EXPECT_THAT(response.text(), HasSubstr("a=source-filter: incl IN IP6"));
}

TEST_F(DirectoryServiceTest, AddsAndRemovesStationsAndKeepsThem) {
  pb::AddStationRequest add;
  add.mutable_station()->set_title("Mine");
  add.mutable_station()->add_urls("http://mine.example/live");
  add.set_dry_run(true);
  pb::AddStationResponse added;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::AddStation, add, added).ok());
  EXPECT_EQ(added.station().number(), 0x80000001u);
  pb::ResolveResponse resolved;
  EXPECT_FALSE(Resolve(0x80000001, resolved).ok());
  add.set_dry_run(false);
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::AddStation, add, added).ok());
  EXPECT_FALSE(added.existed());
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::AddStation, add, added).ok());
  EXPECT_TRUE(added.existed());
  // It stays over a restart and a change of the lineup, which goes around its number.
  Stop();
  Write(std::string(kLineup) + kSecond);
  Start();
  ASSERT_TRUE(Resolve(0x80000001, resolved).ok());
  EXPECT_EQ(resolved.station().title(), "Mine");
  ASSERT_TRUE(Resolve(0x80000002, resolved).ok());
  EXPECT_EQ(resolved.station().title(), "Radio B");

  pb::RemoveStationRequest remove;
  pb::RemoveStationResponse removed;
  remove.set_number(0x80000002);
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::RemoveStation, remove, removed).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  remove.set_number(0x80000001);
  EXPECT_TRUE(Call(&pb::DirectoryService::Stub::RemoveStation, remove, removed).ok());
  EXPECT_TRUE(Call(&pb::DirectoryService::Stub::RemoveStation, remove, removed).ok());
  pb::DescribeStationRequest describe;
  pb::DescribeStationResponse record;
  describe.set_number(0x80000001);
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::DescribeStation, describe, record).ok());
  EXPECT_TRUE(record.record().tombstone());
  // The same URL again is the same station.
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::AddStation, add, added).ok());
  EXPECT_EQ(added.station().number(), 0x80000001u);
}

TEST_F(DirectoryServiceTest, KeepsMarksOverARestart) {
  options_.directories.push_back({{.name = "best"}, {0x90000000, 8, "best"}, ""});
  options_.directories.back().source = DirectorySource::kFavourites;
  Reload();
  pb::FavouriteStationRequest favour;
  favour.set_number(0x80000000);
  favour.set_favourite(true);
  pb::FavouriteStationResponse favoured;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::FavouriteStation, favour, favoured).ok());
  EXPECT_EQ(favoured.number(), 0x90000000u);
  pb::AliasStationRequest alias;
  alias.set_number(0x80000000);
  pb::AliasStationResponse aliased;
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::AliasStation, alias, aliased).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  alias.set_alias(0x80000777);
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::AliasStation, alias, aliased).ok());
  pb::ReportPlayRequest report;
  report.set_number(0x80000777);
  report.set_check(true);
  report.set_error("404");
  pb::ReportPlayResponse reported;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::ReportPlay, report, reported).ok());
  Stop();
  Start();
  pb::DescribeStationRequest describe;
  pb::DescribeStationResponse response;
  describe.set_number(0x90000000);
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::DescribeStation, describe, response).ok());
  const pb::StationRecord& record = response.record();
  EXPECT_EQ(record.station().title(), "Radio A");
  EXPECT_EQ(record.alias_of(), 0x80000000u);
  EXPECT_EQ(record.favourite(), 0x90000000u);
  EXPECT_EQ(record.aliases_size(), 2);
  EXPECT_EQ(record.health().checks_failed_total(), 1u);
  EXPECT_EQ(record.health().error(), "404");

  pb::DisableStationRequest disable;
  disable.set_number(0x80000777);
  disable.set_disabled(true);
  pb::DisableStationResponse disabled;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::DisableStation, disable, disabled).ok());
  Stop();
  Start();
  pb::ResolveResponse resolved;
  EXPECT_EQ(Resolve(0x80000000, resolved).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  pb::ListStationsRequest list;
  list.set_set(pb::STATION_SET_DISABLED);
  pb::ListStationsResponse page;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::ListStations, list, page).ok());
  EXPECT_EQ(page.stations_size(), 1);
}

TEST_F(DirectoryServiceTest, NamesAStationToCheckOnce) {
  pb::NextCheckResponse response;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::NextCheck, pb::NextCheckRequest(), response).ok());
  EXPECT_EQ(response.station().number(), 0x80000000u);
  EXPECT_FALSE(response.local());
  response.Clear();
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::NextCheck, pb::NextCheckRequest(), response).ok());
  EXPECT_FALSE(response.has_station());
}

TEST_F(DirectoryServiceTest, RefusesToFetchWhatIsNotFetched) {
  pb::RefreshDirectoryRequest request;
  pb::RefreshDirectoryResponse response;
  request.set_name("radio");
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::RefreshDirectory, request, response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  request.set_name("nowhere");
  EXPECT_EQ(Call(&pb::DirectoryService::Stub::RefreshDirectory, request, response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

// A server that takes connections and never answers: whoever waits is told when the service ends.
TEST_F(DirectoryServiceTest, AnswersThoseWhoWaitForADocumentWhenItEnds) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  DirectoryOptions web{{.name = "web", .local = true}, {0x90000000, 8, "web"}, ""};
  web.source = DirectorySource::kXiph;
  web.feed.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/yp.xml";
  options_.directories.push_back(web);
  Reload();
  pb::RefreshDirectoryRequest request;
  request.set_name("web");
  auto refreshed = std::async(std::launch::async, [&] {
    pb::RefreshDirectoryResponse response;
    return Call(&pb::DirectoryService::Stub::RefreshDirectory, request, response);
  });
  pb::ListDirectoriesResponse directories;
  ASSERT_TRUE(
      Call(&pb::DirectoryService::Stub::ListDirectories, pb::ListDirectoriesRequest(), directories)
          .ok());
  EXPECT_TRUE(directories.directories(1).refreshing());
  EXPECT_EQ(directories.directories(1).state(), pb::DIRECTORY_STATE_PENDING);
  OnLoopThread([this] { service_->Close(); });
  EXPECT_EQ(refreshed.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  close(listener);
}

}  // namespace
}  // namespace headwater::directory_resolver
