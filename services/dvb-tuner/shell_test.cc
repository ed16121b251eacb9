// The shells without dvblast: processes, the control socket, the stored lineup, messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "services/common/base/check.h"
#include "services/common/process/child_process.h"
#include "services/common/time/clock.h"
#include "services/dvb-tuner/control_socket_shell.h"
#include "services/dvb-tuner/lineup_store_shell.h"
#include "services/dvb-tuner/tuner_convert.h"

namespace headwater::tuner {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ShellTest : public ::testing::Test {
 protected:
  ShellTest() {
    folder_ = std::filesystem::temp_directory_path() / "headwater-tuner-XXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    // A test that hangs fails.
    loop_.At(MonoNow() + 20s, [this] {
      ADD_FAILURE() << "timeout";
      loop_.Stop();
    });
  }
  ~ShellTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<ChildProcess> Start(const std::string& script) {
    auto process = ChildProcess::Start(
        loop_, "sh", {"-c", script},
        {.on_output = [this](std::string_view line) { output_.emplace_back(line); },
         .on_error = [this](std::string_view line) { errors_.emplace_back(line); },
         .on_exit =
             [this](const std::string& how) {
               how_ = how;
               loop_.Stop();
             }});
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  EventLoop loop_;
  std::string folder_;
  std::vector<std::string> output_, errors_;
  std::string how_;
};

TEST_F(ShellTest, TellsLinesAndTheEndOfAProcess) {
  const auto process = Start("echo one; echo two; echo bad >&2; exit 3");
  loop_.Run();
  EXPECT_EQ(how_, "sh ended with status 3");
  EXPECT_THAT(errors_, ElementsAre("bad"));
}

TEST_F(ShellTest, EndsAProcessThatListens) {
  const auto process = Start("echo up; exec sleep 100");
  loop_.At(MonoNow() + 50ms, [&] { process->Stop(); });
  loop_.Run();
  EXPECT_EQ(how_, "sh ended by signal 15");
  EXPECT_THAT(output_, ElementsAre("up"));
}

TEST_F(ShellTest, KillsAProcessThatDoesNot) {
  const auto process = Start("trap '' TERM; echo up; while :; do sleep 0.1; done");
  loop_.At(MonoNow() + 100ms, [&] { process->Stop(); });
  loop_.Run();
  EXPECT_EQ(how_, "sh ended by signal 9");
}

TEST_F(ShellTest, LeavesNoProcessAndNoDescriptorBehind) {
  auto process = Start("ls /proc/self/fd | wc -l; exec sleep 100");
  while (output_.empty()) {
    loop_.At(MonoNow() + 10ms, [this] { loop_.Stop(); });
    loop_.Run();
  }
  // Its three, and that of ls itself.
  EXPECT_EQ(output_[0], "4");
  const pid_t pid = process->pid();
  process.reset();
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(ShellTest, SaysWhatIsNotInstalled) {
  const auto process = ChildProcess::Start(loop_, "no-such-program", {}, {});
  EXPECT_TRUE(absl::IsNotFound(process.status()));
}

// A dvblast that answers what it is told to, once for each question.
class FakePeer {
 public:
  explicit FakePeer(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    HW_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~FakePeer() { close(fd_); }
  int fd() const { return fd_; }
  std::vector<uint8_t> Receive() {
    std::vector<uint8_t> bytes(100);
    size_ = sizeof(client_);
    const ssize_t size =
        recvfrom(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&client_), &size_);
    bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return bytes;
  }
  // To whoever asked last, or to one who asked before.
  void Send(const std::vector<uint8_t>& bytes) { Send(client_, bytes); }
  void Send(sockaddr_un client, const std::vector<uint8_t>& bytes) {
    sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&client),
           sizeof(client));
  }
  const sockaddr_un& client() const { return client_; }

 private:
  int fd_;
  sockaddr_un client_ = {};
  socklen_t size_ = 0;
};

TEST_F(ShellTest, AsksOneQuestionAfterTheOther) {
  FakePeer peer(folder_ + "/peer");
  ControlSocketShell control(loop_, folder_ + "/peer", folder_ + "/own");
  std::vector<uint8_t> asked;
  loop_.AddFd(peer.fd(), 1, [&](uint32_t) {
    const std::vector<uint8_t> request = peer.Receive();
    if (request.size() < 2) return;
    asked.push_back(request[1]);
    peer.Send({0x49, 0, 0, 0, 9, 0, 0, 0, request[1]});
  });
  std::vector<uint8_t> answers;
  for (const ControlCommand command : {ControlCommand::kPat, ControlCommand::kReload}) {
    control.Ask(ControlRequest(command), [&](const std::optional<ControlReply>& reply) {
      ASSERT_TRUE(reply);
      answers.push_back(reply->body.at(0));
      if (answers.size() == 2) loop_.Stop();
    });
  }
  loop_.Run();
  EXPECT_THAT(answers, ElementsAre(10, 1));
  EXPECT_EQ(asked, answers);
  loop_.RemoveFd(peer.fd());
}

TEST_F(ShellTest, TakesNoLateAnswerForAnother) {
  FakePeer peer(folder_ + "/peer");
  ControlSocketShell control(loop_, folder_ + "/peer", folder_ + "/own");
  bool first = true;
  loop_.AddFd(peer.fd(), 1, [&](uint32_t) {
    const std::vector<uint8_t> request = peer.Receive();
    if (request.size() < 2) return;
    // The first is answered after its time, to where it came from.
    if (std::exchange(first, false)) {
      loop_.At(MonoNow() + 1100ms, [&, client = peer.client()] {
        peer.Send(client, {0x49, 0, 0, 0, 9, 0, 0, 0, 77});
      });
    } else {
      loop_.At(MonoNow() + 500ms, [&] { peer.Send({0x49, 0, 0, 0, 9, 0, 0, 0, 2}); });
    }
  });
  std::vector<int> answers;
  for (int i = 0; i < 2; ++i) {
    control.Ask(ControlRequest(ControlCommand::kPat),
                [&](const std::optional<ControlReply>& reply) {
                  answers.push_back(reply ? reply->body.at(0) : -1);
                  if (answers.size() == 2) loop_.Stop();
                });
  }
  loop_.Run();
  EXPECT_THAT(answers, ElementsAre(-1, 2));
  loop_.RemoveFd(peer.fd());
}

TEST_F(ShellTest, SaysAtOnceThatNobodyIsThere) {
  ControlSocketShell control(loop_, folder_ + "/nobody", folder_ + "/own");
  control.Ask(ControlRequest(ControlCommand::kReload),
              [&](const std::optional<ControlReply>& reply) {
                EXPECT_FALSE(reply);
                loop_.Stop();
              });
  loop_.Run();
}

TEST_F(ShellTest, KeepsTheLineup) {
  const Positions positions = {.standard = "28.2E"};
  Lineup lineup;
  LineupCarrier entry = {
      .carrier = ParseCarrier("-f 12441000 -v 13 -5 DVBS2 -m QPSK", positions).value(),
      .in_network = true,
      .original_network_id = 2,
      .transport_stream_id = 2050,
      .network_name = "Astra",
      .services = {{7,
                    {.id = 7,
                     .type = ServiceType::kRadio,
                     .name = "Seven",
                     .provider = "BBC",
                     .scrambled = true,
                     .channel_number = 107}}},
      .read = 1234567};
  lineup.Restore(entry);
  const std::string path = folder_ + "/lineup";
  ASSERT_TRUE(SaveLineup(path, lineup).ok());
  Lineup again;
  ASSERT_TRUE(LoadLineup(path, positions, again).ok());
  ASSERT_NE(again.Find("28.2E 12441V"), nullptr);
  EXPECT_EQ(*again.Find("28.2E 12441V"), entry);
  // Another name for the position is another carrier.
  Lineup moved;
  ASSERT_TRUE(LoadLineup(path, {.standard = "28.5E"}, moved).ok());
  EXPECT_TRUE(moved.carriers().empty());
}

TEST_F(ShellTest, RefusesALineupThatIsNone) {
  Lineup lineup;
  EXPECT_TRUE(LoadLineup(folder_ + "/none", {}, lineup).ok());
  std::ofstream(folder_ + "/broken") << "\xff\xff\xff\xff rubbish";
  EXPECT_TRUE(absl::IsDataLoss(LoadLineup(folder_ + "/broken", {}, lineup)));
  EXPECT_TRUE(lineup.carriers().empty());
  EXPECT_THAT(SaveLineup(folder_ + "/no/folder", lineup).ToString(), HasSubstr("/no/folder"));
}

v1::AcquireServiceRequest Request() {
  v1::AcquireServiceRequest request;
  request.set_number(0xcb5a1041);
  request.mutable_service()->set_carrier("11426.5H");
  request.mutable_service()->set_service_id(0x1041);
  request.set_feed("[::1]:40000");
  request.set_priority(50);
  return request;
}

TEST(LeaseFromProtoTest, ReadsARequest) {
  const auto lease = LeaseFromProto(Request());
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->service.service_id, 0x1041);
  EXPECT_EQ(lease->feed.ToString(), "[::1]:40000");
  EXPECT_EQ(lease->holder, "0xcb5a1041");
  EXPECT_EQ(lease->ttl, 0s);
}

TEST(LeaseFromProtoTest, NamesWhatIsWrong) {
  const auto error = [](auto change) {
    v1::AcquireServiceRequest request = Request();
    change(request);
    return LeaseFromProto(request).status().ToString();
  };
  EXPECT_THAT(error([](auto& r) { r.set_number(0); }), HasSubstr("number"));
  EXPECT_THAT(error([](auto& r) { r.set_feed("[ff15::1]:40000"); }), HasSubstr("unicast"));
  EXPECT_THAT(error([](auto& r) { r.set_feed("[::1]"); }), HasSubstr("feed"));
  EXPECT_THAT(error([](auto& r) { r.set_priority(101); }), HasSubstr("0 to 100"));
  EXPECT_THAT(error([](auto& r) { r.mutable_service()->add_pids(7); }), HasSubstr("service_id"));
  EXPECT_THAT(error([](auto& r) { r.mutable_service()->set_service_id(0x10000); }),
              HasSubstr("16 bits"));
  EXPECT_THAT(error([](auto& r) { r.mutable_service()->clear_carrier(); }), HasSubstr("carrier"));
  EXPECT_THAT(error([](auto& r) {
                r.mutable_service()->set_service_id(0);
                r.mutable_service()->add_pids(8191);
              }),
              HasSubstr("PID 8191"));
  EXPECT_THAT(error([](auto& r) { r.mutable_ttl()->set_seconds(-1); }), HasSubstr("ttl"));
}

}  // namespace
}  // namespace headwater::tuner
