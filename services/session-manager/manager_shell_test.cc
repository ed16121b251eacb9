// The manager among fake services on unix sockets.
#include "services/session-manager/manager_shell.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

#include "services/common/plan/plan_proto.h"
#include "services/common/rpc/grpc_server.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/rpc/watch_hub.h"
#include "services/session-manager/session_service.h"
#include "services/session-manager/sim_world.h"

namespace headwater::session_manager {
namespace {

using ::testing::ElementsAre;

constexpr char kGroup[] = "ff3e:40:2001:db8:d0be:f00d:8000:1";
// A DVB service.
constexpr char kDvbGroup[] = "ff3e:40:2001:db8:d0be:f00d:c001:10";

// Every service that the manager calls, in one server on one loop of its own.
class FakeWorld final : public membership::v1::MembershipService::CallbackService {
 public:
  explicit FakeWorld(EventLoop& loop)
      : loop_(loop),
        members_(loop, [this](auto& stream) { SendMembers(stream); }),
        plan_(loop, [](auto& stream) { SendPlan(stream); }),
        sessions_(loop, [](auto& stream) { Synced<packager::v1::WatchSessionsResponse>(stream); }),
        legs_(loop, [](auto& stream) { SendLegs(stream); }),
        announcements_(
            loop, [](auto& stream) { Synced<announce::v1::WatchAnnouncementsResponse>(stream); }),
        questions_(loop,
                   [this](auto& stream) {
                     if (asks_) stream.Push("", Question());
                   }),
        leases_(loop, [](auto& stream) { Synced<tuner::v1::WatchLeasesResponse>(stream); }),
        lineup_(loop, [](auto& stream) { SendLineup(stream); }),
        guide_(loop, [](auto& stream) { SendGuide(stream); }),
        tuner_(*this),
        directory_(*this),
        packager_(*this),
        announcer_(*this) {}

  std::vector<grpc::Service*> services() {
    return {this, &directory_, &packager_, &announcer_, &tuner_};
  }
  std::vector<std::string> calls() {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  size_t Count(const std::string& call) {
    std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count(calls_.begin(), calls_.end(), call));
  }
  // Before the start: each stream of questions begins with one.
  void Ask() { asks_ = true; }
  void SetMember(bool present, const std::string& group = kGroup) {
    loop_.Post([this, present, group] {
      present_ = present;
      group_ = group;
      members_.Publish("", Member());
    });
  }

 private:
  template <typename Response>
  static void Synced(WatchStream<Response>& stream) {
    Response message;
    message.mutable_synced();
    stream.Push("", message);
  }
  membership::v1::WatchMembershipResponse Member() const {
    membership::v1::WatchMembershipResponse message;
    if (!present_) {
      message.mutable_removed()->set_link("lan");
      message.mutable_removed()->set_group(group_);
      return message;
    }
    auto* group = message.mutable_group();
    group->set_link("lan");
    group->set_group(group_);
    group->set_filter_mode(membership::v1::FILTER_MODE_EXCLUDE);
    group->set_member_count(1);
    group->set_joins_total(1);
    return message;
  }
  void SendMembers(WatchStream<membership::v1::WatchMembershipResponse>& stream) const {
    membership::v1::WatchMembershipResponse message;
    message.mutable_link()->mutable_leg()->set_link("lan");
    message.mutable_link()->set_sync(membership::v1::LINK_SYNC_SYNCED);
    stream.Push("", message);
    if (present_) {
      // In the snapshot groups come in chunks.
      *message.mutable_groups()->add_groups() = Member().group();
      stream.Push("", message);
    }
    Synced(stream);
  }
  static void SendPlan(WatchStream<directory::v1::WatchPlanResponse>& stream) {
    directory::v1::WatchPlanResponse message;
    *message.mutable_plan() = PlanToProto(SimWorld::DefaultPlan(0s, 10s));
    stream.Push("", message);
  }
  static void SendLegs(WatchStream<packager::v1::WatchLegsResponse>& stream) {
    packager::v1::WatchLegsResponse message;
    auto* leg = message.add_legs();
    leg->set_link("lan");
    leg->set_up(true);
    leg->set_service_address_ipv6("2001:db8::1");
    stream.Push("", message);
  }
  static void SendLineup(WatchStream<tuner::v1::WatchLineupResponse>& stream) {
    tuner::v1::WatchLineupResponse message;
    message.mutable_carrier()->set_id("11426.5H");
    message.mutable_carrier()->add_services()->set_name("Radio");
    stream.Push("", message);
    Synced(stream);
  }
  static void SendGuide(WatchStream<tuner::v1::WatchGuideResponse>& stream) {
    tuner::v1::WatchGuideResponse message;
    message.mutable_guide()->set_service_id(0x10);
    message.mutable_guide()->add_events()->set_title("News");
    stream.Push("", message);
    Synced(stream);
  }
  static announce::v1::WatchQuestionsResponse Question() {
    announce::v1::WatchQuestionsResponse message;
    message.mutable_question()->set_id(1);
    message.mutable_question()->set_group(kGroup);
    return message;
  }
  void Note(std::string call) {
    std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }
  void PublishSession(const packager::v1::SessionSpec& spec) {
    packager::v1::WatchSessionsResponse message;
    auto* status = message.mutable_session();
    *status->mutable_channel() = spec.channel();
    status->set_number(spec.station().number());
    status->set_state(spec.transmit() ? packager::v1::PACKAGER_STATE_SENDING
                                      : packager::v1::PACKAGER_STATE_READY);
    status->mutable_format()->set_encoding("MPA");
    if (spec.station().kind() == types::v1::STATION_KIND_DVB) {
      status->set_feed("[::1]:40000");
      if (spec.feed_source().empty()) status->set_state(packager::v1::PACKAGER_STATE_OPENING);
    }
    status->set_transmit(spec.transmit());
    sessions_.Publish("", message);
  }

  grpc::ServerWriteReactor<membership::v1::WatchMembershipResponse>* WatchMembership(
      grpc::CallbackServerContext*, const membership::v1::WatchMembershipRequest*) override {
    return members_.Open();
  }

  struct Directory final : directory::v1::DirectoryService::CallbackService {
    explicit Directory(FakeWorld& fake) : world(fake) {}
    grpc::ServerWriteReactor<directory::v1::WatchPlanResponse>* WatchPlan(
        grpc::CallbackServerContext*, const directory::v1::WatchPlanRequest*) override {
      return world.plan_.Open();
    }
    grpc::ServerUnaryReactor* Resolve(grpc::CallbackServerContext* context,
                                      const directory::v1::ResolveRequest* request,
                                      directory::v1::ResolveResponse* response) override {
      return OnLoop(context, world.loop_, [this, request, response] {
        world.Note("resolve");
        response->mutable_station()->set_number(request->number());
        response->mutable_station()->set_title("Jazz");
        response->mutable_station()->set_kind(types::v1::STATION_KIND_HTTP);
        if (request->number() >> 30 == 3) {
          response->mutable_station()->set_kind(types::v1::STATION_KIND_DVB);
          response->mutable_station()->mutable_dvb()->set_carrier("11426.5H");
        }
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* ReportPlay(grpc::CallbackServerContext* context,
                                         const directory::v1::ReportPlayRequest* request,
                                         directory::v1::ReportPlayResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note(fmt::format("{} {}", request->check() ? "check" : "play",
                               request->ok() ? request->format().encoding() : request->error()));
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* NextCheck(grpc::CallbackServerContext* context,
                                        const directory::v1::NextCheckRequest*,
                                        directory::v1::NextCheckResponse* response) override {
      return OnLoop(context, world.loop_, [response] {
        response->mutable_station()->set_number(0x80000007);
        response->mutable_station()->add_urls("http://a/");
        response->set_local(true);
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* ReportLineup(grpc::CallbackServerContext* context,
                                           const directory::v1::ReportLineupRequest* request,
                                           directory::v1::ReportLineupResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("lineup " + request->carriers(0).id() + " " +
                   request->carriers(0).services(0).name());
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* ReportGuide(grpc::CallbackServerContext* context,
                                          const directory::v1::ReportGuideRequest* request,
                                          directory::v1::ReportGuideResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("guide " + request->guides(0).events(0).title());
        return absl::OkStatus();
      });
    }
    FakeWorld& world;
  };
  struct Tuner final : tuner::v1::TunerService::CallbackService {
    explicit Tuner(FakeWorld& fake) : world(fake) {}
    grpc::ServerWriteReactor<tuner::v1::WatchLeasesResponse>* WatchLeases(
        grpc::CallbackServerContext*, const tuner::v1::WatchLeasesRequest*) override {
      return world.leases_.Open();
    }
    grpc::ServerWriteReactor<tuner::v1::WatchLineupResponse>* WatchLineup(
        grpc::CallbackServerContext*, const tuner::v1::WatchLineupRequest*) override {
      return world.lineup_.Open();
    }
    grpc::ServerWriteReactor<tuner::v1::WatchGuideResponse>* WatchGuide(
        grpc::CallbackServerContext*, const tuner::v1::WatchGuideRequest*) override {
      return world.guide_.Open();
    }
    grpc::ServerUnaryReactor* AcquireService(grpc::CallbackServerContext* context,
                                             const tuner::v1::AcquireServiceRequest* request,
                                             tuner::v1::AcquireServiceResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("acquire " + request->service().carrier() + " to " + request->feed());
        tuner::v1::WatchLeasesResponse message;
        message.mutable_lease()->set_number(request->number());
        *message.mutable_lease()->mutable_service() = request->service();
        message.mutable_lease()->set_state(tuner::v1::LEASE_STATE_SENDING);
        message.mutable_lease()->set_feed_source("::1");
        message.mutable_lease()->mutable_info()->set_title("News");
        world.leases_.Publish("", message);
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* ReleaseService(grpc::CallbackServerContext* context,
                                             const tuner::v1::ReleaseServiceRequest* request,
                                             tuner::v1::ReleaseServiceResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("release");
        tuner::v1::WatchLeasesResponse message;
        message.set_removed(request->number());
        world.leases_.Publish("", message);
        return absl::OkStatus();
      });
    }
    FakeWorld& world;
  };
  struct Packager final : packager::v1::PackagerService::CallbackService {
    explicit Packager(FakeWorld& fake) : world(fake) {}
    grpc::ServerWriteReactor<packager::v1::WatchSessionsResponse>* WatchSessions(
        grpc::CallbackServerContext*, const packager::v1::WatchSessionsRequest*) override {
      return world.sessions_.Open();
    }
    grpc::ServerWriteReactor<packager::v1::WatchLegsResponse>* WatchLegs(
        grpc::CallbackServerContext*, const packager::v1::WatchLegsRequest*) override {
      return world.legs_.Open();
    }
    grpc::ServerUnaryReactor* ApplySession(grpc::CallbackServerContext* context,
                                           const packager::v1::ApplySessionRequest* request,
                                           packager::v1::ApplySessionResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note(request->session().transmit() ? "transmit" : "open");
        world.PublishSession(request->session());
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* StopSession(grpc::CallbackServerContext* context,
                                          const packager::v1::StopSessionRequest* request,
                                          packager::v1::StopSessionResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("stop");
        packager::v1::WatchSessionsResponse message;
        *message.mutable_removed() = request->channel();
        world.sessions_.Publish("", message);
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* Probe(grpc::CallbackServerContext* context,
                                    const packager::v1::ProbeRequest* request,
                                    packager::v1::ProbeResponse* response) override {
      return OnLoop(context, world.loop_, [this, request, response]() -> absl::Status {
        world.Note(fmt::format("probe {}{}", request->url(), request->local() ? " local" : ""));
        if (world.probes_++ > 0) return absl::UnavailableError("dns: no such name");
        response->mutable_format()->set_encoding("MPA");
        return absl::OkStatus();
      });
    }
    FakeWorld& world;
  };
  struct Announcer final : announce::v1::AnnounceService::CallbackService {
    explicit Announcer(FakeWorld& fake) : world(fake) {}
    grpc::ServerWriteReactor<announce::v1::WatchAnnouncementsResponse>* WatchAnnouncements(
        grpc::CallbackServerContext*, const announce::v1::WatchAnnouncementsRequest*) override {
      return world.announcements_.Open();
    }
    grpc::ServerWriteReactor<announce::v1::WatchQuestionsResponse>* WatchQuestions(
        grpc::CallbackServerContext*, const announce::v1::WatchQuestionsRequest*) override {
      return world.questions_.Open();
    }
    grpc::ServerUnaryReactor* AnswerQuestion(grpc::CallbackServerContext* context,
                                             const announce::v1::AnswerQuestionRequest*,
                                             announce::v1::AnswerQuestionResponse*) override {
      return OnLoop(context, world.loop_, [this] {
        world.Note("answer");
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* ApplyAnnouncement(
        grpc::CallbackServerContext* context, const announce::v1::ApplyAnnouncementRequest* request,
        announce::v1::ApplyAnnouncementResponse* response) override {
      return OnLoop(context, world.loop_, [this, request, response] {
        world.Note("announce");
        response->mutable_origin()->set_id(7);
        announce::v1::WatchAnnouncementsResponse message;
        *message.mutable_announcement()->mutable_announcement() = request->announcement();
        message.mutable_announcement()->mutable_announcement()->mutable_origin()->set_id(7);
        world.announcements_.Publish("", message);
        return absl::OkStatus();
      });
    }
    grpc::ServerUnaryReactor* StopAnnouncement(grpc::CallbackServerContext* context,
                                               const announce::v1::StopAnnouncementRequest* request,
                                               announce::v1::StopAnnouncementResponse*) override {
      return OnLoop(context, world.loop_, [this, request] {
        world.Note("delete");
        announce::v1::WatchAnnouncementsResponse message;
        *message.mutable_removed() = request->channel();
        world.announcements_.Publish("", message);
        return absl::OkStatus();
      });
    }
    FakeWorld& world;
  };

  EventLoop& loop_;
  std::mutex mutex_;
  std::vector<std::string> calls_;
  bool present_ = false;
  std::string group_ = kGroup;
  bool asks_ = false;
  int probes_ = 0;
  WatchHub<membership::v1::WatchMembershipResponse> members_;
  WatchHub<directory::v1::WatchPlanResponse> plan_;
  WatchHub<packager::v1::WatchSessionsResponse> sessions_;
  WatchHub<packager::v1::WatchLegsResponse> legs_;
  WatchHub<announce::v1::WatchAnnouncementsResponse> announcements_;
  WatchHub<announce::v1::WatchQuestionsResponse> questions_;
  WatchHub<tuner::v1::WatchLeasesResponse> leases_;
  WatchHub<tuner::v1::WatchLineupResponse> lineup_;
  WatchHub<tuner::v1::WatchGuideResponse> guide_;
  Tuner tuner_;
  Directory directory_;
  Packager packager_;
  Announcer announcer_;
};

class ManagerShellTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "hw-manager-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto server = GrpcServer::Listen(folder_ + "/world.sock", world_.services());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    world_thread_ = std::thread([this] { world_loop_.Run(); });
    const std::string target = "unix:" + folder_ + "/world.sock";
    options_.membership_watchers = {target};
    options_.directory_resolver = target;
    options_.senders = {{.name = "local", .packager = target, .announcer = target}};
    options_.dvb_tuner = "unix:" + folder_ + "/tuner.sock";
    options_.check_period = 0s;
  }
  void TearDown() override {
    server_->Shutdown(100ms);
    world_loop_.Stop();
    world_thread_.join();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Runs the loop until it holds, or for 20 s.
  static void RunUntil(EventLoop& loop, const std::function<bool()>& holds) {
    const MonoTime end = MonoNow() + 20s;
    const std::function<void()> look = [&] {
      if (holds() || MonoNow() > end) return loop.Stop();
      loop.At(MonoNow() + 10ms, look);
    };
    loop.At(MonoNow(), look);
    loop.Run();
  }

  std::string folder_;
  Options options_;
  EventLoop world_loop_;
  FakeWorld world_{world_loop_};
  std::unique_ptr<GrpcServer> server_;
  std::thread world_thread_;
};

TEST_F(ManagerShellTest, AJoinIsServedAndALeaveEndsIt) {
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  prometheus::Registry registry;
  std::vector<State> states;
  {
    ManagerShell shell(loop, log, registry, options_);
    shell.set_on_change([&](const SessionView& view) {
      if (states.empty() || states.back() != view.state) states.push_back(view.state);
      if (view.state == State::kLive) world_.SetMember(false);
      if (view.state == State::kIdle) loop.Stop();
    });
    loop.At(MonoNow() + 20s, [&] { loop.Stop(); });
    shell.Start();
    world_.SetMember(true);
    loop.Run();
    // With a linger of nothing it passes through Lingering within one look.
    EXPECT_THAT(states,
                ElementsAre(State::kResolving, State::kStarting, State::kLive, State::kIdle));
    for (const EndpointView& endpoint : shell.Endpoints()) {
      EXPECT_TRUE(endpoint.state.connected && endpoint.state.synced) << endpoint.service;
    }
  }
  const auto calls = world_.calls();
  const std::vector<std::string> start(calls.begin(), calls.begin() + 4);
  EXPECT_THAT(start, ElementsAre("resolve", "open", "announce", "transmit"));
}

TEST_F(ManagerShellTest, ATunerThatIsThereIsUsedAndItsLineupCarried) {
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  prometheus::Registry registry;
  {
    ManagerShell shell(loop, log, registry, options_);
    shell.set_on_change([&](const SessionView& view) {
      if (view.state == State::kLive) world_.SetMember(false, kDvbGroup);
      if (view.state == State::kIdle) loop.Stop();
    });
    loop.At(MonoNow() + 20s, [&] { loop.Stop(); });
    shell.Start();
    EXPECT_EQ(shell.Endpoints().back().service, "sap-announcer") << "there is none";
    std::filesystem::create_symlink("world.sock", folder_ + "/tuner.sock");
    // Once the lineup has been carried, which is a moment after the tuner has been found.
    const std::function<void()> look = [&] {
      const auto calls = world_.calls();
      if (std::count(calls.begin(), calls.end(), "lineup 11426.5H Radio") > 0) {
        world_.SetMember(true, kDvbGroup);
      } else {
        loop.At(MonoNow() + 10ms, look);
      }
    };
    loop.At(MonoNow(), look);
    loop.Run();
    EXPECT_EQ(shell.Endpoints().back().service, "dvb-tuner");
    EXPECT_TRUE(shell.Endpoints().back().state.synced);
  }
  auto calls = world_.calls();
  EXPECT_THAT(calls, ::testing::Contains("guide News"));
  std::erase_if(calls, [](const std::string& call) {
    return call.starts_with("guide") || call.starts_with("lineup") || call == "open";
  });
  const std::vector<std::string> start(calls.begin(), calls.begin() + 4);
  EXPECT_THAT(start,
              ElementsAre("resolve", "acquire 11426.5H to [::1]:40000", "announce", "transmit"));
}

TEST_F(ManagerShellTest, ReloadOpensNewEndpointsAndNamesWhatNeedsARestart) {
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  prometheus::Registry registry;
  ManagerShell shell(loop, log, registry, options_);
  shell.Start();
  Options wanted = options_;
  const std::string again = "unix:" + folder_ + "/./world.sock";
  wanted.membership_watchers.push_back(again);
  wanted.senders.push_back({.name = "second", .packager = again, .announcer = again});
  wanted.reconciler.sessions_max = 1;
  EXPECT_THAT(shell.Reload(wanted), ElementsAre());
  const auto all_synced = [&] {
    const auto endpoints = shell.Endpoints();
    return std::all_of(endpoints.begin(), endpoints.end(),
                       [](const EndpointView& each) { return each.state.synced; });
  };
  RunUntil(loop, all_synced);
  std::vector<std::string> endpoints;
  for (const EndpointView& each : shell.Endpoints()) {
    EXPECT_TRUE(each.state.synced) << each.service;
    endpoints.push_back(each.service + "@" + each.instance);
  }
  EXPECT_THAT(endpoints, ElementsAre("membership-watcher@", "membership-watcher@1",
                                     "directory-resolver@", "rtp-packager@", "sap-announcer@",
                                     "rtp-packager@second", "sap-announcer@second"));
  EXPECT_TRUE(shell.IsConnected(1));
  wanted.membership_watchers.erase(wanted.membership_watchers.begin());
  wanted.senders[1].packager = options_.senders[0].packager;
  EXPECT_THAT(shell.Reload(wanted), ElementsAre("membership_watchers", "senders"));
  EXPECT_EQ(shell.Endpoints().size(), 7u);
}

TEST_F(ManagerShellTest, WhoIsDrainedIsRememberedOverARestartAndWhereItCannotBeItIsRefused) {
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  options_.drained_file = folder_ + "/session-manager.drained";
  {
    prometheus::Registry registry;
    ManagerShell shell(loop, log, registry, options_);
    shell.Start();
    EXPECT_FALSE(shell.reconciler().sender(0).drained);
    EXPECT_TRUE(absl::IsNotFound(shell.SetDrained("nobody", true)));
    EXPECT_TRUE(shell.SetDrained("local", true).ok());
    EXPECT_TRUE(shell.reconciler().sender(0).drained);
  }
  prometheus::Registry registry;
  ManagerShell shell(loop, log, registry, options_);
  shell.Start();
  EXPECT_TRUE(shell.reconciler().sender(0).drained);
  EXPECT_TRUE(shell.SetDrained("local", false).ok());
  EXPECT_EQ(std::filesystem::file_size(options_.drained_file), 0u);
  std::filesystem::create_directory(options_.drained_file + ".new");
  const absl::Status refused = shell.SetDrained("local", true);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_FALSE(shell.reconciler().sender(0).drained);
}

TEST_F(ManagerShellTest, AnswersTheQuestionsOfASenderThatAReloadAdds) {
  world_.Ask();
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  prometheus::Registry registry;
  ManagerShell shell(loop, log, registry, options_);
  shell.Start();
  Options wanted = options_;
  const std::string again = "unix:" + folder_ + "/./world.sock";
  wanted.senders.push_back({.name = "second", .packager = again, .announcer = again});
  bool reloaded = false;
  RunUntil(loop, [&] {
    if (!reloaded && world_.Count("answer") == 1) {
      reloaded = true;
      EXPECT_THAT(shell.Reload(wanted), ElementsAre());
    }
    return world_.Count("answer") == 2;
  });
  EXPECT_TRUE(reloaded);
  EXPECT_EQ(world_.Count("answer"), 2u);
}

TEST_F(ManagerShellTest, ChecksStationsInTheBackgroundAndReportsWhatItFinds) {
  EventLoop loop;
  Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
  prometheus::Registry registry;
  ManagerShell shell(loop, log, registry, options_);
  shell.Start();
  Options wanted = options_;
  wanted.check_period = 10ms;
  EXPECT_THAT(shell.Reload(wanted), ElementsAre());
  RunUntil(loop, [&] { return world_.Count("check dns: no such name") > 0; });
  EXPECT_EQ(world_.Count("check MPA"), 1u);
  EXPECT_GE(world_.Count("check dns: no such name"), 1u);
  EXPECT_GE(world_.Count("probe http://a/ local"), 2u);
}

TEST_F(ManagerShellTest, EndsWhileEverythingIsInFlight) {
  world_.SetMember(true);
  options_.check_period = 1ms;
  for (int i = 0; i < 20; ++i) {
    EventLoop loop;
    Logger log(LogLevel::kError, [](auto, auto, const auto&) {});
    prometheus::Registry registry;
    ManagerShell shell(loop, log, registry, options_);
    shell.Start();
    loop.At(MonoNow() + i * 1ms, [&] { loop.Stop(); });
    loop.Run();
  }
}

}  // namespace
}  // namespace headwater::session_manager
