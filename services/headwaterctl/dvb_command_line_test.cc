#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "headwater/directory/v1/directory.grpc.pb.h"
#include "headwater/session/v1/session.grpc.pb.h"
#include "headwater/tuner/v1/tuner.grpc.pb.h"
#include "services/common/base/check.h"
#include "services/common/rpc/grpc_server.h"
#include "services/headwaterctl/command_line.h"

namespace headwater {
namespace {

using grpc::ServerContext;
using grpc::ServerWriter;
using grpc::Status;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace pb = tuner::v1;

class FakeTuner final : public pb::TunerService::Service {
 public:
  Status WatchTuners(ServerContext*, const pb::WatchTunersRequest*,
                     ServerWriter<pb::WatchTunersResponse>* writer) override {
    pb::WatchTunersResponse response;
    pb::Tuner& tuner = *response.add_tuners();
    tuner.set_name("adapter0");
    tuner.set_kind(pb::TUNER_KIND_CARD);
    tuner.set_state(pb::TUNER_STATE_LOCKED);
    tuner.set_carrier("11426.5H");
    tuner.add_delivery_systems(pb::DELIVERY_SYSTEM_DVBS2);
    tuner.add_numbers(0xcb5a1041);
    tuner.mutable_signal()->set_locked(true);
    tuner.mutable_signal()->set_snr_db(14.2);
    writer->Write(response);
    tuner.mutable_signal()->set_snr_db(15.1);
    writer->Write(response);
    return Status::OK;
  }
  Status WatchLineup(ServerContext* context, const pb::WatchLineupRequest*,
                     ServerWriter<pb::WatchLineupResponse>* writer) override {
    pb::WatchLineupResponse response;
    pb::Carrier& carrier = *response.mutable_carrier();
    carrier.set_id("11426.5H");
    carrier.set_command("-f 11426500 -v 18 -5 DVBS -s 27500000 -F 23");
    carrier.set_delivery_system(pb::DELIVERY_SYSTEM_DVBS);
    carrier.set_frequency_khz(11'426'500);
    carrier.set_voltage(18);
    carrier.set_origin(pb::CARRIER_ORIGIN_FILE);
    pb::Service& service = *carrier.add_services();
    service.set_service_id(0x1041);
    service.set_name("BBC Radio 1");
    service.set_type(pb::SERVICE_TYPE_RADIO);
    service.set_channel_number(101);
    writer->Write(response);
    response.mutable_synced();
    writer->Write(response);
    // As the real one: the stream stays open until the reader goes.
    while (!context->IsCancelled() && writer->Write(response)) {
    }
    return Status::OK;
  }
  Status Scan(ServerContext*, const pb::ScanRequest* request,
              ServerWriter<pb::ScanResponse>* writer) override {
    asked_ = *request;
    if (request->carriers_size() > 0 && request->carriers(0) == "nowhere")
      return Status(grpc::StatusCode::NOT_FOUND, "no carrier nowhere");
    pb::ScanResponse response;
    response.mutable_step()->set_carrier("11426.5H");
    response.mutable_step()->set_done(1);
    response.mutable_step()->set_total(2);
    response.mutable_step()->set_services(38);
    writer->Write(response);
    response.mutable_step()->set_done(2);
    response.mutable_step()->set_carrier("12441V");
    response.mutable_step()->set_error("no lock");
    writer->Write(response);
    pb::ScanResult& result = *response.mutable_result();
    result.set_carriers(2);
    result.set_services(38);
    result.set_failed(1);
    pb::LineupChange& change = *result.add_changes();
    change.set_kind(pb::LINEUP_CHANGE_KIND_CHANGED);
    change.set_carrier("11426.5H");
    change.set_service_id(0x1041);
    change.set_name("BBC Radio 1");
    change.add_fields("scrambled");
    writer->Write(response);
    return Status::OK;
  }

  pb::ScanRequest asked_;
};

class FakeDirectory final : public directory::v1::DirectoryService::Service {
 public:
  Status WatchPlan(ServerContext*, const directory::v1::WatchPlanRequest*,
                   ServerWriter<directory::v1::WatchPlanResponse>* writer) override {
    directory::v1::WatchPlanResponse response;
    directory::v1::Plan& plan = *response.mutable_plan();
    plan.add_ipv6_prefixes("2001:db8:d0be:f00d::/64");
    directory::v1::Directory& directory = *plan.add_directories();
    directory.set_name("dvb");
    directory.set_kind(types::v1::STATION_KIND_DVB);
    directory::v1::NumberPrefix& prefix = *plan.add_prefixes();
    prefix.set_number(0xC0000000);
    prefix.set_length(2);
    prefix.set_directory("dvb");
    writer->Write(response);
    return Status::OK;
  }
  Status ListStations(ServerContext*, const directory::v1::ListStationsRequest*,
                      directory::v1::ListStationsResponse* response) override {
    types::v1::Station& station = *response->add_stations();
    station.set_number(0xcb5a1041);
    station.set_title("BBC Radio 1");
    station.set_directory("dvb");
    station.set_kind(types::v1::STATION_KIND_DVB);
    station.mutable_dvb()->set_carrier("11426.5H");
    station.mutable_dvb()->set_service_id(0x1041);
    return Status::OK;
  }
  Status Export(ServerContext*, const directory::v1::ExportRequest* request,
                directory::v1::ExportResponse* response) override {
    if (request->format() == directory::v1::EXPORT_FORMAT_XMLTV) response->set_text("<tv></tv>\n");
    return Status::OK;
  }
};

class FakeManager final : public session::v1::SessionService::Service {
 public:
  explicit FakeManager(std::string folder) : folder_(std::move(folder)) {}
  Status ListEndpoints(ServerContext*, const session::v1::ListEndpointsRequest*,
                       session::v1::ListEndpointsResponse* response) override {
    std::vector<std::string> services = {"directory-resolver"};
    if (knows_tuner_) services.push_back("dvb-tuner");
    for (const std::string& service : services) {
      session::v1::Endpoint& endpoint = *response->add_endpoints();
      endpoint.set_service(service);
      endpoint.set_target("unix:" + folder_ + "/" + service + ".sock");
    }
    return Status::OK;
  }

  bool knows_tuner_ = true;

 private:
  const std::string folder_;
};

// A headend of fakes that receives.
class DvbCommandLineTest : public ::testing::Test {
 protected:
  struct Outcome {
    int status;
    std::string out;
    std::string err;
  };

  DvbCommandLineTest() {
    folder_ = std::filesystem::temp_directory_path() / "headwater-ctl-XXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    manager_ = std::make_unique<FakeManager>(folder_);
    Serve("session-manager", *manager_);
    Serve("directory-resolver", directory_);
    Serve("dvb-tuner", tuner_);
  }
  ~DvbCommandLineTest() override {
    for (const auto& server : servers_) server->Shutdown(Duration::zero());
    servers_.clear();
    std::filesystem::remove_all(folder_);
  }

  void Serve(const std::string& name, grpc::Service& service) {
    auto server = GrpcServer::Listen(folder_ + "/" + name + ".sock", {&service});
    HW_CHECK(server.ok());
    servers_.push_back(*std::move(server));
  }
  Outcome Run(std::vector<const char*> words) {
    words.insert(words.begin(), {"headwaterctl", "--run-dir", folder_.c_str()});
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int status = CommandLine().Run(static_cast<int>(words.size()), words.data());
    std::fflush(stdout);
    return {status, ::testing::internal::GetCapturedStdout(),
            ::testing::internal::GetCapturedStderr()};
  }
  // Whether each line is an object by the committed schema, says a judge that is not ours.
  void CheckSchema(const std::string& name, std::vector<const char*> words) {
    words.push_back("--json");
    const Outcome outcome = Run(std::move(words));
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const std::string file = folder_ + "/lines";
    std::ofstream(file) << outcome.out;
    const std::string check = "/usr/bin/python3 services/headwaterctl/schema/check.py ";
    EXPECT_EQ(std::system((check + name + " " + file).c_str()), 0) << outcome.out;
  }

  std::string folder_;
  std::unique_ptr<FakeManager> manager_;
  FakeDirectory directory_;
  FakeTuner tuner_;
  std::vector<std::unique_ptr<GrpcServer>> servers_;
};

TEST_F(DvbCommandLineTest, EveryObjectFitsItsSchema) {
  CheckSchema("tuner", {"dvb", "tuners"});
  CheckSchema("tuner", {"dvb", "signal"});
  CheckSchema("carrier", {"dvb", "carriers"});
  CheckSchema("service", {"dvb", "services"});
  CheckSchema("scan", {"dvb", "scan"});
  CheckSchema("station", {"station", "list"});
}

TEST_F(DvbCommandLineTest, ShowsTunersCarriersAndServices) {
  EXPECT_EQ(Run({"dvb", "tuners"}).out,
            "TUNER     KIND  STATE   CARRIER   SNR      NUMBERS\n"
            "adapter0  card  locked  11426.5H  14.2 dB  0xcb5a1041\n");
  EXPECT_EQ(Run({"dvb", "carriers"}).out,
            "CARRIER   SYSTEM  FROM  SERVICES  READ   COMMAND\n"
            "11426.5H  DVBS    file  1         never  -f 11426500 -v 18 -5 DVBS -s 27500000 -F "
            "23\n");
  EXPECT_EQ(Run({"dvb", "services"}).out,
            "NUMBER      GROUP                                 SERVICE  NAME         TYPE   "
            "ACCESS  CHANNEL  CARRIER\n"
            "0xcb5a1041  ff3e:40:2001:db8:d0be:f00d:cb5a:1041  4161     BBC Radio 1  radio  "
            "free    101      11426.5H\n");
  EXPECT_EQ(Run({"dvb", "services", "--carrier", "12441V"}).status, 3);
  EXPECT_THAT(Run({"station", "list"}).out, HasSubstr("11426.5H 4161"));
}

TEST_F(DvbCommandLineTest, SaysHowAScanGoesAndWhatItHasChanged) {
  EXPECT_EQ(Run({"dvb", "scan", "11426.5H", "--dry-run"}).out,
            "  1/2    11426.5H              38 services\n"
            "  2/2    12441V                no lock\n"
            "CHANGE   CARRIER   SERVICE  NAME         WHAT\n"
            "changed  11426.5H  4161     BBC Radio 1  scrambled\n"
            "2 carriers (1 could not be read), 38 services: 0 added, 0 removed, 1 changed; nothing "
            "was kept\n");
  EXPECT_TRUE(tuner_.asked_.dry_run());
  EXPECT_FALSE(tuner_.asked_.no_follow());
  EXPECT_EQ(tuner_.asked_.carriers(0), "11426.5H");
  EXPECT_EQ(Run({"dvb", "scan", "nowhere"}).status, 3);
}

TEST_F(DvbCommandLineTest, FollowsTheSignalLineByLineWhereThereIsNoTerminal) {
  const Outcome outcome = Run({"dvb", "signal"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("LOCKED  SNR 14.2 dB"), HasSubstr("SNR 15.1 dB"),
                                 Not(HasSubstr("\x1b"))));
  const Outcome missing = Run({"dvb", "signal", "adapter9"});
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.err, HasSubstr("no tuner is named adapter9"));
}

TEST_F(DvbCommandLineTest, FindsTheTunerWithoutTheManager) {
  manager_->knows_tuner_ = false;
  EXPECT_EQ(Run({"dvb", "tuners"}).status, 0);
  servers_.front()->Shutdown(Duration::zero());
  EXPECT_THAT(Run({"dvb", "tuners"}).out, HasSubstr("adapter0"));
  servers_.back()->Shutdown(Duration::zero());
  const Outcome outcome = Run({"dvb", "tuners"});
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("dvb-tuner.sock"));
}

TEST_F(DvbCommandLineTest, CompletesTunersCarriersAndFormats) {
  EXPECT_EQ(Run({"__complete", "dvb", "signal", ""}).out, "adapter0\n");
  EXPECT_EQ(Run({"__complete", "dvb", "scan", "1"}).out, "11426.5H\n");
  EXPECT_EQ(Run({"__complete", "dvb", "s"}).out, "services\nscan\nsignal\n");
  EXPECT_EQ(Run({"__complete", "station", "export", "--format", "x"}).out, "xspf\nxmltv\n");
  EXPECT_EQ(Run({"station", "export", "--format", "xmltv"}).out, "<tv></tv>\n");
}

}  // namespace
}  // namespace headwater
