#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "headwater/announce/v1/announce.grpc.pb.h"
#include "services/common/base/check.h"
#include "services/common/rpc/grpc_server.h"
#include "services/common/rpc/media_format_proto.h"
#include "services/common/rpc/proto_convert.h"
#include "services/common/rpc/rpc_client.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/rpc/watch_hub.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

using announce::v1::AnnounceService;
using announce::v1::StopAnnouncementRequest;
using announce::v1::StopAnnouncementResponse;
using announce::v1::WatchAnnouncementsRequest;
using announce::v1::WatchAnnouncementsResponse;

// A service of one counter: each watcher sees its value, then every change.
class FakeAnnouncer : public AnnounceService::CallbackService {
 public:
  explicit FakeAnnouncer(EventLoop& loop)
      : loop_(loop), hub_(loop, [this](auto& stream) { stream.Push("n", Message()); }) {}

  grpc::ServerWriteReactor<WatchAnnouncementsResponse>* WatchAnnouncements(
      grpc::CallbackServerContext*, const WatchAnnouncementsRequest*) override {
    return hub_.Open();
  }
  grpc::ServerUnaryReactor* StopAnnouncement(grpc::CallbackServerContext* context,
                                             const StopAnnouncementRequest* request,
                                             StopAnnouncementResponse*) override {
    return OnLoop(context, loop_, [this, epoch = request->epoch()] {
      if (epoch == 0) return absl::FailedPreconditionError("epoch 0");
      number_ = epoch;
      hub_.Publish("n", Message());
      return absl::OkStatus();
    });
  }
  void Close() { hub_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "draining")); }

 private:
  WatchAnnouncementsResponse Message() const {
    WatchAnnouncementsResponse message;
    message.set_revision(number_);
    message.mutable_synced();
    return message;
  }
  EventLoop& loop_;
  uint64_t number_ = 1;
  WatchHub<WatchAnnouncementsResponse> hub_;
};

class RpcTest : public ::testing::Test {
 protected:
  RpcTest() {
    folder_ = std::filesystem::temp_directory_path() / "hwrpcXXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    socket_ = folder_ + "/s.sock";
  }
  ~RpcTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string socket_;
};

TEST_F(RpcTest, WatchesCallsAndReconnects) {
  EventLoop server_loop;
  std::jthread server_thread([&] { server_loop.Run(); });
  auto service = std::make_unique<FakeAnnouncer>(server_loop);
  auto server = GrpcServer::Listen(socket_, {service.get()});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_FALSE(GrpcServer::Listen(socket_, {}).ok())
      << "a second instance must not take the socket over";

  EventLoop loop;
  std::vector<uint64_t> seen;
  int ends = 0;
  absl::Status refused;
  {
    auto client = std::make_unique<RpcClient>(loop);
    auto stub = AnnounceService::NewStub(OpenChannel("unix:" + socket_));
    WatchAnnouncementsRequest request;
    auto stop = [&](uint64_t epoch,
                    absl::AnyInvocable<void(absl::Status, StopAnnouncementResponse&)> done) {
      StopAnnouncementRequest stop_request;
      stop_request.set_epoch(epoch);
      client->Call<StopAnnouncementRequest, StopAnnouncementResponse>(
          stop_request, 5s,
          [&](auto* context, auto* question, auto* answer, auto then) {
            stub->async()->StopAnnouncement(context, question, answer, std::move(then));
          },
          std::move(done));
    };
    WatchClient<WatchAnnouncementsResponse> watch(
        *client,
        [&](auto* context, auto* reader) {
          stub->async()->WatchAnnouncements(context, &request, reader);
        },
        {.on_message =
             [&](const WatchAnnouncementsResponse& message) {
               seen.push_back(message.revision());
               if (seen.size() == 1) {
                 stop(0, [&](const absl::Status& status, auto&) { refused = status; });
                 stop(7, [&](const absl::Status& status, auto&) {
                   EXPECT_TRUE(status.ok()) << status;
                 });
               } else if (seen.size() == 2) {
                 server_loop.Post([&] { service->Close(); });
               } else {
                 loop.Stop();
               }
             },
         .on_end =
             [&](const absl::Status& status) {
               EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
               ++ends;
             }});
    loop.At(MonoNow() + 20s, [&] { loop.Stop(); });
    loop.Run();
  }
  EXPECT_EQ(seen, (std::vector<uint64_t>{1, 7, 7}));
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  (*server)->Shutdown(1s);
  server_loop.Stop();
}

// Writes big messages one after the other, as fast as they are taken, and then ends.
class FastWatch : public grpc::ServerWriteReactor<WatchAnnouncementsResponse> {
 public:
  static constexpr uint64_t kMessages = 4000;

  explicit FastWatch(std::atomic<uint64_t>& written) : written_(written) { Next(); }
  void OnWriteDone(bool ok) override {
    if (ok && ++written_ < kMessages) return Next();
    Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "that is all"));
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    message_.set_revision(written_);
    message_.mutable_removed()->set_group(std::string(16384, 'x'));
    StartWrite(&message_);
  }
  std::atomic<uint64_t>& written_;
  WatchAnnouncementsResponse message_;
};

class FastAnnouncer : public AnnounceService::CallbackService {
 public:
  grpc::ServerWriteReactor<WatchAnnouncementsResponse>* WatchAnnouncements(
      grpc::CallbackServerContext*, const WatchAnnouncementsRequest*) override {
    written = 0;
    return new FastWatch(written);
  }
  std::atomic<uint64_t> written = 0;
};

class BusyLoopTest : public RpcTest {
 protected:
  void SetUp() override {
    auto listening = GrpcServer::Listen(socket_, {&service_});
    ASSERT_TRUE(listening.ok()) << listening.status();
    server_ = *std::move(listening);
    client_ = std::make_unique<RpcClient>(loop_);
    stub_ = AnnounceService::NewStub(OpenChannel("unix:" + socket_));
    watch_ = std::make_unique<WatchClient<WatchAnnouncementsResponse>>(
        *client_,
        [this](auto* context, auto* reader) {
          stub_->async()->WatchAnnouncements(context, &request_, reader);
        },
        WatchClient<WatchAnnouncementsResponse>::Callbacks{
            .on_message =
                [this](const auto& message) {
                  EXPECT_EQ(message.revision(), taken_);
                  ++taken_;
                },
            .on_end =
                [this](const absl::Status& status) {
                  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
                  loop_.Stop();
                }});
    // The loop is busy with something else: nothing is taken until the server is held back.
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable never;
    uint64_t before = 0;
    for (int i = 0; i < 100 && (before == 0 || before != service_.written); ++i) {
      before = service_.written;
      never.wait_for(lock, 200ms);
    }
  }
  void TearDown() override {
    watch_.reset();
    client_.reset();
    server_->Shutdown(1s);
  }

  FastAnnouncer service_;
  std::unique_ptr<GrpcServer> server_;
  EventLoop loop_;
  std::unique_ptr<RpcClient> client_;
  std::unique_ptr<AnnounceService::Stub> stub_;
  WatchAnnouncementsRequest request_;
  std::unique_ptr<WatchClient<WatchAnnouncementsResponse>> watch_;
  uint64_t taken_ = 0;
};

TEST_F(BusyLoopTest, HoldsTheServerBackAndLosesNothing) {
  EXPECT_LT(service_.written, FastWatch::kMessages);
  loop_.At(MonoNow() + 30s, [this] { loop_.Stop(); });
  loop_.Run();
  EXPECT_EQ(taken_, FastWatch::kMessages);
}

TEST_F(BusyLoopTest, EndsAlthoughItHasStoppedReading) {
  EXPECT_LT(service_.written, FastWatch::kMessages);
}

TEST(ProtoConvertTest, NamesTheFieldThatIsWrong) {
  types::v1::Channel proto;
  proto.set_group("10.0.0.1");
  EXPECT_NE(ChannelFromProto(proto).status().ToString().find("channel.group: \"10.0.0.1\""),
            std::string::npos);
  proto.set_group("ff3e::8000:1");
  proto.set_source("10.0.0.1");
  EXPECT_FALSE(ChannelFromProto(proto).ok());
  proto.set_source("2001:db8::1");
  EXPECT_EQ(ChannelFromProto(proto)->ToString(), "2001:db8::1@ff3e::8000:1");
  EXPECT_EQ(ToProto(*ChannelFromProto(proto)).SerializeAsString(), proto.SerializeAsString());
}

struct WholeFormat {
  std::string encoding;
  uint8_t payload_type = 0;
  uint32_t clock_rate = 0;
  uint32_t channels = 0;
  std::string fmtp;
  uint32_t bits_per_second = 0;
  std::string description;
  bool operator==(const WholeFormat&) const = default;
};
struct PartFormat {
  std::string encoding;
  uint32_t payload_type = 0;
  uint32_t clock_rate = 0;
  uint32_t channels = 0;
  std::string fmtp;
  bool operator==(const PartFormat&) const = default;
};

TEST(ProtoConvertTest, FormatsKeepAllThatTheyHave) {
  const WholeFormat whole = {"mpeg4-generic", 96, 44100, 2, "mode=AAC-hbr", 128000, "AAC"};
  EXPECT_EQ(FormatFromProto<WholeFormat>(FormatToProto(whole)), whole);
  const PartFormat part = {"mpeg4-generic", 96, 44100, 2, "mode=AAC-hbr"};
  EXPECT_EQ(FormatFromProto<PartFormat>(FormatToProto(whole)), part);
  EXPECT_EQ(FormatToProto(part).bits_per_second(), 0u);
  types::v1::MediaFormat proto;
  proto.set_payload_type(270);
  EXPECT_EQ(FormatFromProto<WholeFormat>(proto).payload_type, 255) << "not 14";
}

TEST(ProtoConvertTest, KeepsTimes) {
  const absl::Time time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  EXPECT_EQ(FromProto(ToProto(time)), time);
  EXPECT_EQ(FromProto(ToProto(Duration(1500ms))), 1500ms);
}

}  // namespace
}  // namespace headwater
