#include "services/common/rpc/control_tls.h"

#include <fmt/format.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <mutex>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/control/call_policy.h"
#include "services/common/pki/pem_file_shell.h"
#include "services/common/time/clock.h"

namespace headwater {

class RefusalTeller {
 public:
  explicit RefusalTeller(ControlTls::OnRefusal on_refusal) : on_refusal_(std::move(on_refusal)) {}

  void Tell(const ControlRefusal& refusal) {
    std::lock_guard lock(mutex_);
    if (on_refusal_) on_refusal_(refusal);
  }
  void Close() {
    std::lock_guard lock(mutex_);
    on_refusal_ = nullptr;
  }

 private:
  std::mutex mutex_;
  ControlTls::OnRefusal on_refusal_;
};

namespace {

namespace tls = grpc::experimental;

// A renewed certificate is used after so long at most.
constexpr unsigned kRefreshSeconds = 2;

std::string_view Text(grpc::string_ref text) { return {text.data(), text.size()}; }

// The peer's, of a connection whose certificates JudgePeer has taken.
std::optional<PeerName> NameOf(const grpc::AuthContext& context) {
  const auto values = context.FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  return values.size() == 1 ? PeerName::Parse(Text(values[0])) : std::nullopt;
}

std::string At(const std::string& peer, const std::string& target) {
  return target.empty() ? peer : fmt::format("{} at {}", peer, target);
}

// Asked after each handshake that was good but for whose certificate it was.
class Verifier final : public tls::ExternalCertificateVerifier {
 public:
  // `target` is where a server was reached; empty for clients.
  Verifier(std::string authority, std::string site, std::string target,
           std::shared_ptr<RefusalTeller> teller)
      : authority_(std::move(authority)),
        site_(std::move(site)),
        target_(std::move(target)),
        side_(target_.empty() ? PeerSide::kClient : PeerSide::kServer),
        teller_(std::move(teller)) {}

  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const absl::StatusOr<std::string> authorities = ReadPemFile(authority_);
    // The one whose key the peer has comes first, always: in a server the "full chain" begins with
    // whatever else the client sent, which may be somebody else's good certificate.
    const std::string chain =
        fmt::format("{}\n{}", Text(request->peer_cert()), Text(request->peer_cert_full_chain()));
    PeerVerdict verdict = request->peer_cert().empty()
                              ? PeerVerdict{.reason = "no certificate was shown"}
                              : JudgePeer(chain, authorities.value_or(""), site_, side_, WallNow());
    if (verdict.name) {
      *status = grpc::Status::OK;
      return true;
    }
    if (!authorities.ok()) verdict.reason = FromAbsl(authorities.status().message());
    *status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                           fmt::format("{}: {}", ToString(verdict.refusal), verdict.reason));
    teller_->Tell({side_, verdict.refusal, At(verdict.subject, target_), verdict.reason});
    return true;
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string authority_;
  const std::string site_;
  const std::string target_;
  const PeerSide side_;
  const std::shared_ptr<RefusalTeller> teller_;
};

// The one place where a server asks whether a call is allowed.
class CallGuard final : public grpc::AuthMetadataProcessor {
 public:
  explicit CallGuard(std::shared_ptr<RefusalTeller> teller) : teller_(std::move(teller)) {}

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    const std::optional<PeerName> name = NameOf(*context);
    const auto path = metadata.find(":path");
    const std::optional<std::string> refused =
        RefuseCall(name ? name->role : "", path == metadata.end() ? "" : Text(path->second));
    if (!refused) return grpc::Status::OK;
    teller_->Tell({PeerSide::kClient, Refusal::kRole, name ? name->ToString() : "", *refused});
    return {grpc::StatusCode::PERMISSION_DENIED, *refused};
  }

 private:
  const std::shared_ptr<RefusalTeller> teller_;
};

// A client's: asked for metadata before each call, it answers with none, or ends the call because
// the server is somebody else.
class ServerGuard final : public grpc::MetadataCredentialsPlugin {
 public:
  ServerGuard(std::string target, std::shared_ptr<RefusalTeller> teller)
      : target_(std::move(target)), teller_(std::move(teller)) {}

  bool IsBlocking() const override { return false; }
  const char* GetType() const override { return "headwater-server-role"; }
  grpc::Status GetMetadata(grpc::string_ref service_url, grpc::string_ref,
                           const grpc::AuthContext& context,
                           std::multimap<grpc::string, grpc::string>*) override {
    const std::optional<PeerName> name = NameOf(context);
    const std::string_view url = Text(service_url);
    const std::optional<std::string> refused =
        RefuseServer(name ? name->role : "stranger", url.substr(url.rfind('/') + 1));
    if (!refused) return grpc::Status::OK;
    teller_->Tell(
        {PeerSide::kServer, Refusal::kRole, At(name ? name->ToString() : "", target_), *refused});
    return {grpc::StatusCode::UNAUTHENTICATED, *refused};
  }

 private:
  const std::string target_;
  const std::shared_ptr<RefusalTeller> teller_;
};

absl::StatusOr<CertificateInfo> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadPemFile(path));
  absl::StatusOr<CertificateInfo> info = ReadCertificate(text);
  if (info.ok()) return info;
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{}: {}", path, FromAbsl(info.status().message()))));
}

// Whose certificate it is, when it is whole.
absl::StatusOr<PeerName> ReadOwnName(const ControlFiles& files, std::string_view role) {
  ASSIGN_OR_RETURN(const std::string text, ReadPemFile(files.certificate));
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(ToAbsl(fmt::format("{}: {}", files.certificate, what)));
  };
  if (const absl::Status fits = CheckKeyFits(text, text); !fits.ok())
    return wrong(FromAbsl(fits.message()));
  ASSIGN_OR_RETURN(const CertificateInfo info, ReadFile(files.certificate));
  if (!info.name) return wrong("has no name of the form spiffe://SITE/ROLE/INSTANCE");
  if (info.name->role != role)
    return wrong(fmt::format("is a certificate for {}, and not for {}", info.name->role, role));
  return *info.name;
}

}  // namespace

ControlFiles ControlFiles::In(const std::string& pki_dir, std::string_view role, int instance) {
  return {.certificate = instance == 0 ? fmt::format("{}/{}.pem", pki_dir, role)
                                       : fmt::format("{}/{}@{}.pem", pki_dir, role, instance),
          .authority = fmt::format("{}/ca.pem", pki_dir)};
}

absl::StatusOr<std::shared_ptr<ControlTls>> ControlTls::Load(ControlFiles files,
                                                             std::string_view role,
                                                             OnRefusal on_refusal) {
  ASSIGN_OR_RETURN(PeerName name, ReadOwnName(files, role));
  RETURN_IF_ERROR(ReadFile(files.authority).status());
  return std::shared_ptr<ControlTls>(
      new ControlTls(std::move(files), std::move(name), std::move(on_refusal)));
}

// Reads the files again and again, for all credentials.
struct ControlTls::Grpc {
  std::shared_ptr<tls::FileWatcherCertificateProvider> provider;
};

ControlTls::ControlTls(ControlFiles files, PeerName name, OnRefusal on_refusal)
    : files_(std::move(files)),
      name_(std::move(name)),
      teller_(std::make_shared<RefusalTeller>(std::move(on_refusal))),
      grpc_(std::make_unique<Grpc>(std::make_shared<tls::FileWatcherCertificateProvider>(
          files_.certificate, files_.certificate, files_.authority, kRefreshSeconds))) {}

ControlTls::~ControlTls() { teller_->Close(); }

std::shared_ptr<grpc::ServerCredentials> ControlTls::server() const {
  tls::TlsServerCredentialsOptions options(grpc_->provider);
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  // "But do not verify": the verifier does, also where there is no certificate at all.
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Verifier>(
      files_.authority, name_.site, "", teller_));
  std::shared_ptr<grpc::ServerCredentials> credentials = tls::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<CallGuard>(teller_));
  return credentials;
}

std::shared_ptr<grpc::ChannelCredentials> ControlTls::channel(const std::string& target) const {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(grpc_->provider);
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  // The verifier does.
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Verifier>(
      files_.authority, name_.site, target, teller_));
  return grpc::CompositeChannelCredentials(
      tls::TlsCredentials(options),
      grpc::MetadataCredentialsFromPlugin(std::make_unique<ServerGuard>(target, teller_)));
}

absl::StatusOr<Validity> ControlTls::OwnValidity() const {
  ASSIGN_OR_RETURN(const CertificateInfo info, ReadFile(files_.certificate));
  return info.validity;
}

absl::StatusOr<Validity> ControlTls::AuthorityValidity() const {
  ASSIGN_OR_RETURN(const CertificateInfo info, ReadFile(files_.authority));
  return info.validity;
}

}  // namespace headwater
