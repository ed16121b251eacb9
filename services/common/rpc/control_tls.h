#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "services/common/control/peer_name.h"
#include "services/common/pki/certificate.h"

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace headwater {

// Where this process's certificate, its key (both in one file, so that they change in one step) and
// the authorities that it believes are.
struct ControlFiles {
  std::string certificate;
  std::string authority;

  // "<pki_dir>/ca.pem", and "rtp-packager.pem" or "rtp-packager@2.pem" beside it.
  static ControlFiles In(const std::string& pki_dir, std::string_view role, int instance = 0);
};

// A peer that was not believed, or a call that its role may not make.
struct ControlRefusal {
  PeerSide side = PeerSide::kClient;
  Refusal refusal = Refusal::kNoCertificate;
  // The name that it shows, if any; of a server also where it was reached.
  std::string peer;
  std::string reason;
};

class RefusalTeller;

// Mutual TLS of the control leg. Certificates that change on the disk count from the next
// connection on; connections that are open go on. Every judgement is made by JudgePeer and the call
// policy, after the handshake, so that it can be told: TLS itself would only hang up.
class ControlTls {
 public:
  // Called on gRPC's threads, and not after the end of this object.
  using OnRefusal = std::function<void(const ControlRefusal&)>;

  // Errors name the file: missing, unreadable, key and certificate of different pairs, or a
  // certificate that is not for `role`.
  static absl::StatusOr<std::shared_ptr<ControlTls>> Load(ControlFiles files, std::string_view role,
                                                          OnRefusal on_refusal);
  ~ControlTls();

  // For servers: a client is asked for its certificate, and each call is the policy's to allow.
  std::shared_ptr<grpc::ServerCredentials> server() const;
  // For clients: before anything is said, the server has to be of our site, and of the role that
  // serves what is called. `target` is for messages.
  std::shared_ptr<grpc::ChannelCredentials> channel(const std::string& target) const;
  const PeerName& name() const { return name_; }

  // Of the files as they are now; reads them.
  absl::StatusOr<Validity> OwnValidity() const;
  absl::StatusOr<Validity> AuthorityValidity() const;

 private:
  struct Grpc;

  ControlTls(ControlFiles files, PeerName name, OnRefusal on_refusal);

  const ControlFiles files_;
  const PeerName name_;
  // Shared with gRPC, which lets go of connections when it likes.
  const std::shared_ptr<RefusalTeller> teller_;
  std::unique_ptr<Grpc> grpc_;
};

}  // namespace headwater
