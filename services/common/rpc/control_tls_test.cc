#include "services/common/rpc/control_tls.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "services/common/base/check.h"
#include "services/common/pki/pem_file_shell.h"
#include "services/common/rpc/grpc_server.h"
#include "services/common/rpc/rpc_client.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kApply[] = "/headwater.packager.v1.PackagerService/ApplySession";
constexpr char kAnnounce[] = "/headwater.announce.v1.AnnounceService/ApplyAnnouncement";

uint16_t FreePort() {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  socklen_t length = sizeof address;
  HW_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  HW_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  close(fd);
  return ntohs(address.sin6_port);
}

// A packager that listens on the loopback, and clients with certificates of all kinds.
class ControlTlsTest : public ::testing::Test {
 protected:
  ControlTlsTest() {
    folder_ = std::filesystem::temp_directory_path() / "hwtlsXXXXXX";
    HW_CHECK(mkdtemp(folder_.data()) != nullptr);
    Write("ca.pem", authority_.certificate);
    target_ = "tls://[::1]:" + std::to_string(port_);
    WriteIssued("rtp-packager", {.site = "house", .role = "rtp-packager", .instance = "0"});
    auto tls = Load("rtp-packager", [this](const ControlRefusal& refusal) {
      std::lock_guard lock(mutex_);
      refusals_.push_back(refusal);
    });
    HW_CHECK(tls.ok());
    tls_ = *tls;
    auto server = GrpcServer::Listen(
        folder_ + "/s.sock", {},
        GrpcServer::Tcp{.address = target_.substr(6), .credentials = tls_->server()});
    HW_CHECK(server.ok());
    server_ = *std::move(server);
    server_->SetServing(true);
  }
  ~ControlTlsTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Write(const std::string& name, const std::string& text) {
    const absl::Status status = WritePemFile(folder_ + "/" + name, text, {.replace = true});
    HW_CHECK(status.ok());
  }
  std::string Issued(const KeyedCertificate& authority, const PeerName& name, Validity validity) {
    const KeyedCertificate issued = IssueCertificate(authority, name, validity).value();
    return issued.key + issued.certificate;
  }
  void WriteIssued(const std::string& file, const PeerName& name) {
    Write(file + ".pem", Issued(authority_, name, valid_));
  }
  absl::StatusOr<std::shared_ptr<ControlTls>> Load(const std::string& role,
                                                   ControlTls::OnRefusal on_refusal = {}) {
    return ControlTls::Load(ControlFiles::In(folder_, role), role, std::move(on_refusal));
  }
  // A channel with a certificate that no ControlTls would load, or none.
  std::shared_ptr<grpc::Channel> Crooked(const std::string& key, const std::string& chain) {
    namespace tls = grpc::experimental;
    std::vector<tls::IdentityKeyCertPair> pairs;
    if (!key.empty()) pairs.push_back({key, chain});
    tls::TlsChannelCredentialsOptions options;
    options.set_certificate_provider(
        std::make_shared<tls::StaticDataCertificateProvider>(authority_.certificate, pairs));
    options.watch_root_certs();
    if (!key.empty()) options.watch_identity_key_cert_pairs();
    options.set_check_call_host(false);
    options.set_certificate_verifier(std::make_shared<tls::NoOpCertificateVerifier>());
    return grpc::CreateChannel("ipv6:[::1]:" + std::to_string(port_), tls::TlsCredentials(options));
  }
  std::shared_ptr<grpc::Channel> As(const std::string& role) {
    WriteIssued(role, {.site = "house", .role = role, .instance = "0"});
    return OpenChannel(target_, Load(role).value());
  }
  // With `peer`, also the server's name.
  static grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const char* method,
                           std::string* peer = nullptr) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    SetDeadline(context, 3s);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(nullptr, 0), &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (peer == nullptr || !context.auth_context()) return status;
    for (const auto& value : context.auth_context()->FindPropertyValues("peer_spiffe_id"))
      peer->assign(value.data(), value.size());
    return status;
  }
  // What the server has told of since it was last asked; of an attempt that was repeated, once.
  std::vector<std::string> Refused() {
    std::lock_guard lock(mutex_);
    std::vector<std::string> told;
    for (const ControlRefusal& refusal : std::exchange(refusals_, {})) {
      std::string text(ToString(refusal.refusal));
      if (!refusal.peer.empty()) text += " " + refusal.peer;
      if (told.empty() || told.back() != text) told.push_back(std::move(text));
    }
    return told;
  }
  void ExpectRefused(const std::shared_ptr<grpc::Channel>& channel, const std::string& told) {
    EXPECT_EQ(Call(channel, kHealth).error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(Refused(), ::testing::ElementsAre(told));
  }

  const Validity valid_ = {WallNow() - absl::Hours(1), WallNow() + absl::Hours(1)};
  const KeyedCertificate authority_ = MakeAuthority("house", valid_).value();
  const uint16_t port_ = FreePort();
  std::string folder_;
  std::string target_;
  std::mutex mutex_;
  std::vector<ControlRefusal> refusals_;
  std::shared_ptr<ControlTls> tls_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(ControlTlsTest, ARoleCallsWhatItMay) {
  const auto manager = As("session-manager");
  EXPECT_TRUE(Call(manager, kHealth).ok()) << Call(manager, kHealth).error_message();
  // Allowed, and not served by this server.
  EXPECT_EQ(Call(manager, kApply).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(Refused(), ::testing::IsEmpty());
  const grpc::Status status = Call(As("headwaterctl"), kApply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("a headwaterctl may not call /headwater.packager"));
  EXPECT_THAT(Refused(), ::testing::ElementsAre("role spiffe://house/headwaterctl/0"));
  EXPECT_EQ(Call(As("sap-announcer"), kHealth).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(Refused(), ::testing::ElementsAre("role spiffe://house/sap-announcer/0"));
}

TEST_F(ControlTlsTest, WithoutAGoodCertificateNothingIsSaid) {
  ExpectRefused(Crooked("", ""), "no_certificate");
  const PeerName manager = {.site = "house", .role = "session-manager", .instance = "0"};
  const KeyedCertificate stranger = MakeAuthority("house", valid_).value();
  const KeyedCertificate forged = IssueCertificate(stranger, manager, valid_).value();
  ExpectRefused(Crooked(forged.key, forged.certificate), "authority " + manager.ToString());
  // A good certificate is no secret: sent behind the forged one it proves nothing.
  const KeyedCertificate good = IssueCertificate(authority_, manager, valid_).value();
  ExpectRefused(Crooked(forged.key, forged.certificate + good.certificate),
                "authority " + manager.ToString());
  const Validity past = {valid_.from, WallNow() - absl::Minutes(1)};
  const KeyedCertificate expired = IssueCertificate(authority_, manager, past).value();
  ExpectRefused(Crooked(expired.key, expired.certificate), "expired " + manager.ToString());
  EXPECT_TRUE(Call(Crooked(good.key, good.certificate), kHealth).ok());
}

TEST_F(ControlTlsTest, PlaintextAndTlsDoNotMeet) {
  EXPECT_EQ(Call(OpenChannel("plaintext://" + target_.substr(6)), kHealth).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Call(OpenChannel(target_), kHealth).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Call(OpenChannel(target_.substr(6)), kHealth).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ControlTlsTest, AClientKnowsWhoAnswers) {
  const auto manager = As("session-manager");
  const grpc::Status other = Call(manager, kAnnounce);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(other.error_message(), HasSubstr("the server is a rtp-packager, and not a sap-ann"));
  // The authority's file as this client has it holds another one only.
  std::filesystem::create_directory(folder_ + "/away");
  const KeyedCertificate stranger = MakeAuthority("house", valid_).value();
  Write("away/ca.pem", stranger.certificate);
  Write("away/console.pem",
        Issued(stranger, {.site = "house", .role = "console", .instance = "0"}, valid_));
  const auto tls = ControlTls::Load(ControlFiles::In(folder_ + "/away", "console"), "console", {});
  ASSERT_TRUE(tls.ok()) << tls.status();
  const grpc::Status wrong = Call(OpenChannel(target_, *tls), kHealth);
  EXPECT_EQ(wrong.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(wrong.error_message(), HasSubstr("authority: "));
}

TEST_F(ControlTlsTest, ARenewedCertificateIsShownToWhoComesNext) {
  const auto before = As("session-manager");
  EXPECT_TRUE(Call(before, kHealth).ok());
  WriteIssued("rtp-packager", {.site = "house", .role = "rtp-packager", .instance = "renewed"});
  // Asked until it is: the files are looked at now and then.
  std::string peer;
  for (int i = 0; i < 40 && peer.find("renewed") == std::string::npos; ++i) {
    EXPECT_TRUE(Call(As("session-manager"), kHealth, &peer).ok());
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable().wait_for(lock, 200ms);
  }
  EXPECT_EQ(peer, "spiffe://house/rtp-packager/renewed");
  EXPECT_TRUE(Call(before, kHealth).ok()) << "the open connection goes on";
}

TEST_F(ControlTlsTest, FilesThatAreWrongAreNamed) {
  EXPECT_THAT(std::string(Load("console").status().message()), HasSubstr("/console.pem: No such"));
  Write("console.pem", authority_.certificate);
  EXPECT_THAT(std::string(Load("console").status().message()), HasSubstr("no private key"));
  WriteIssued("console", {.site = "house", .role = "headwaterctl", .instance = "0"});
  EXPECT_THAT(std::string(Load("console").status().message()),
              HasSubstr("is a certificate for headwaterctl, and not for console"));
  Write("console.pem", authority_.key + authority_.certificate);
  EXPECT_THAT(std::string(Load("console").status().message()), HasSubstr("spiffe://SITE"));
  EXPECT_EQ(ControlFiles::In("/p", "rtp-packager", 2).certificate, "/p/rtp-packager@2.pem");
}

}  // namespace
}  // namespace headwater
