#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "services/common/base/check.h"
#include "services/common/plan/plan_text.h"
#include "services/common/rpc/grpc_server.h"
#include "services/common/time/clock.h"
#include "services/directory-resolver/directory_service.h"

namespace headwater::directory_resolver {
namespace {

namespace pb = directory::v1;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint32_t kRadio1 = 0xcb5a1041;

// What a manager carries from a tuner.
pb::ReportLineupRequest Lineup() {
  pb::ReportLineupRequest request;
  tuner::v1::Carrier& carrier = *request.add_carriers();
  carrier.set_id("11426.5H");
  carrier.set_delivery_system(tuner::v1::DELIVERY_SYSTEM_DVBS);
  carrier.set_frequency_khz(11'426'500);
  carrier.set_voltage(18);
  carrier.set_original_network_id(2);
  carrier.set_transport_stream_id(2043);
  carrier.mutable_read()->set_seconds(1'800'000'000);
  tuner::v1::Service& service = *carrier.add_services();
  service.set_service_id(0x1041);
  service.set_type(tuner::v1::SERVICE_TYPE_RADIO);
  service.set_name("BBC\nRadio 1");
  service.set_provider("BSkyB");
  service.set_channel_number(101);
  return request;
}

// A resolver with a directory of kind dvb on a socket of its own.
class DvbServiceTest : public ::testing::Test {
 protected:
  DvbServiceTest() {
    folder_ = std::filesystem::temp_directory_path() / "headwater-dvb-XXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    options_.ipv6_prefixes = {*ParseAddressBlock("2001:db8:d0be:f00d::/64")};
    DirectoryOptions dvb;
    dvb.plan = {.name = "dvb", .kind = StationKind::kDvb, .priority = 70};
    dvb.prefix = {0xC0000000, 2, "dvb"};
    dvb.source = DirectorySource::kDvb;
    options_.directories.push_back(dvb);
    options_.database = folder_ + "/directory-resolver.sqlite";
    Start();
  }
  ~DvbServiceTest() override {
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
    std::promise<void> closed;
    loop_->Post([&] {
      service_->Close();
      closed.set_value();
    });
    closed.get_future().wait();
    server_->Shutdown(5s);
    loop_->Stop();
    thread_.join();
    server_.reset();
    service_.reset();
    shell_.reset();
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (pb::DirectoryService::Stub::*method)(grpc::ClientContext*,
                                                                       const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    return (stub_.get()->*method)(&context, request, &response);
  }
  grpc::Status Report(const pb::ReportLineupRequest& request) {
    pb::ReportLineupResponse response;
    return Call(&pb::DirectoryService::Stub::ReportLineup, request, response);
  }
  grpc::Status Resolve(types::v1::Station& station, uint32_t number = kRadio1) {
    pb::ResolveRequest request;
    request.set_number(number);
    pb::ResolveResponse response;
    grpc::Status status = Call(&pb::DirectoryService::Stub::Resolve, request, response);
    station = response.station();
    return status;
  }
  grpc::Status Export(pb::ExportFormat format, std::string& text, uint32_t number = 0) {
    pb::ExportRequest request;
    request.set_format(format);
    request.set_number(number);
    request.set_service_address("2001:db8::5");
    pb::ExportResponse response;
    grpc::Status status = Call(&pb::DirectoryService::Stub::Export, request, response);
    text = response.content_type() + "\n" + response.text();
    return status;
  }
  pb::DirectoryStatus Status() {
    pb::ListDirectoriesResponse response;
    EXPECT_TRUE(
        Call(&pb::DirectoryService::Stub::ListDirectories, pb::ListDirectoriesRequest(), response)
            .ok());
    return response.directories(0);
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
};

TEST_F(DvbServiceTest, ResolvesWhatATunerHasTold) {
  types::v1::Station station;
  EXPECT_EQ(Resolve(station).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Status().state(), pb::DIRECTORY_STATE_PENDING);
  ASSERT_TRUE(Report(Lineup()).ok());
  ASSERT_TRUE(Resolve(station).ok());
  EXPECT_EQ(station.title(), "BBC Radio 1");
  EXPECT_EQ(station.kind(), types::v1::STATION_KIND_DVB);
  EXPECT_EQ(station.dvb().carrier(), "11426.5H");
  EXPECT_EQ(station.dvb().original_network_id(), 2u);
  EXPECT_EQ(station.dvb().transport_stream_id(), 2043u);
  EXPECT_EQ(station.dvb().service_id(), 0x1041u);
  EXPECT_EQ(station.known_format().encoding(), "MP2T");
  EXPECT_EQ(station.known_format().payload_type(), 33u);
  EXPECT_EQ(Status().source(), pb::DIRECTORY_SOURCE_DVB);
  EXPECT_EQ(Status().state(), pb::DIRECTORY_STATE_FRESH);
  EXPECT_EQ(Status().stations(), 2u);
  EXPECT_EQ(Status().entries(), 2u);
  // The whole carrier.
  ASSERT_TRUE(Resolve(station, 0xcb5a0000).ok());
  EXPECT_EQ(station.dvb().service_id(), 0u);
}

TEST_F(DvbServiceTest, KnowsItsStationsBeforeAnyTunerIsThere) {
  ASSERT_TRUE(Report(Lineup()).ok());
  Stop();
  Start();
  types::v1::Station station;
  ASSERT_TRUE(Resolve(station).ok());
  EXPECT_EQ(station.dvb().service_id(), 0x1041u);
  // A tuner that has just started and read nothing yet takes nothing away.
  pb::ReportLineupRequest unread = Lineup();
  unread.mutable_carriers(0)->clear_read();
  unread.mutable_carriers(0)->clear_services();
  unread.mutable_carriers(0)->clear_original_network_id();
  ASSERT_TRUE(Report(unread).ok());
  ASSERT_TRUE(Resolve(station).ok());
  EXPECT_EQ(station.dvb().original_network_id(), 2u);
}

TEST_F(DvbServiceTest, KeepsTheNumberOfAServiceThatIsGone) {
  ASSERT_TRUE(Report(Lineup()).ok());
  pb::ReportLineupRequest less = Lineup();
  less.mutable_carriers(0)->clear_services();
  ASSERT_TRUE(Report(less).ok());
  types::v1::Station station;
  EXPECT_EQ(Resolve(station).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Status().tombstones(), 1u);
  ASSERT_TRUE(Report(Lineup()).ok());
  EXPECT_TRUE(Resolve(station).ok());
}

TEST_F(DvbServiceTest, RefusesALineupThatMakesNoSenseAndKeepsTheOneBefore) {
  ASSERT_TRUE(Report(Lineup()).ok());
  const auto refused = [this](auto spoil) {
    pb::ReportLineupRequest request = Lineup();
    spoil(request);
    return Report(request).error_code() == grpc::StatusCode::INVALID_ARGUMENT;
  };
  EXPECT_TRUE(refused([](auto& request) { request.mutable_carriers(0)->set_id(""); }));
  EXPECT_TRUE(refused([](auto& request) { request.mutable_carriers(0)->set_id("a\nb"); }));
  EXPECT_TRUE(refused([](auto& request) { request.mutable_carriers(0)->set_voltage(14); }));
  EXPECT_TRUE(refused([](auto& request) { *request.add_carriers() = request.carriers(0); }));
  EXPECT_TRUE(refused([](auto& request) {
    request.mutable_carriers(0)->mutable_services(0)->set_service_id(0x10000);
  }));
  types::v1::Station station;
  EXPECT_TRUE(Resolve(station).ok());
}

TEST_F(DvbServiceTest, WantsADirectoryOfKindDvb) {
  Stop();
  options_.directories.clear();
  Start();
  EXPECT_EQ(Report(Lineup()).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DvbServiceTest, BoundsHowManyTunersTell) {
  pb::ReportLineupRequest request = Lineup();
  for (size_t i = 0; i < kDvbTunersMax; ++i) {
    request.set_tuner("t" + std::to_string(i));
    ASSERT_TRUE(Report(request).ok());
  }
  request.set_tuner("one more");
  EXPECT_EQ(Report(request).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(DvbServiceTest, ExportsPlaylistsSdpAndTheProgrammeGuide) {
  ASSERT_TRUE(Report(Lineup()).ok());
  pb::ReportGuideRequest guides;
  tuner::v1::Guide& guide = *guides.add_guides();
  guide.set_original_network_id(2);
  guide.set_transport_stream_id(2043);
  guide.set_service_id(0x1041);
  tuner::v1::Event& event = *guide.add_events();
  event.mutable_start()->set_seconds(absl::ToUnixSeconds(WallNow()));
  event.mutable_duration()->set_seconds(3600);
  event.set_title("The <Show>\x1b");
  event.set_language("ENG");
  pb::ReportGuideResponse ignored;
  ASSERT_TRUE(Call(&pb::DirectoryService::Stub::ReportGuide, guides, ignored).ok());

  std::string text;
  ASSERT_TRUE(Export(pb::EXPORT_FORMAT_M3U, text).ok());
  EXPECT_THAT(text, HasSubstr("#EXTINF:-1 tvg-id=\"2.2043.4161\" tvg-name=\"BBC Radio 1\" "
                              "tvg-chno=\"101\" dvb=\"dvb://2.7fb.1041\" group-title=\"radio\","
                              "BBC Radio 1\nrtp://@[ff3e:40:2001:db8:d0be:f00d:cb5a:1041]:5004\n"));
  ASSERT_TRUE(Export(pb::EXPORT_FORMAT_XSPF, text).ok());
  EXPECT_THAT(text, AllOf(HasSubstr("<identifier>dvb://2.7fb.1041</identifier>"),
                          HasSubstr("<album>radio</album>")));
  ASSERT_TRUE(Export(pb::EXPORT_FORMAT_SDP, text, kRadio1).ok());
  EXPECT_THAT(text, HasSubstr("m=video 5004 RTP/AVP 33\r\n"));
  ASSERT_TRUE(Export(pb::EXPORT_FORMAT_XMLTV, text).ok());
  EXPECT_THAT(text, AllOf(HasSubstr("application/xml"), HasSubstr("<channel id=\"2.2043.4161\">"),
                          HasSubstr("<title lang=\"eng\">The &lt;Show&gt;</title>"),
                          Not(HasSubstr("Carrier"))));
  EXPECT_EQ(Export(pb::EXPORT_FORMAT_XMLTV, text, kTestToneNumber).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

}  // namespace
}  // namespace headwater::directory_resolver
