#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <optional>
#include <string>
#include <string_view>

#include "services/common/control/peer_name.h"

namespace headwater {

// The certificates of the control leg, as bytes in PEM: made, read and judged here, by OpenSSL; no
// file and no clock. Keys are P-256, which every TLS library takes.

// What every server is called by in the TLS handshake, and every certificate is also for: what
// counts is the name as a URI, and an address is no server name (RFC 6066 section 3).
inline constexpr char kControlServerName[] = "control.headwater.invalid";

struct Validity {
  absl::Time from;
  absl::Time until;
  bool operator==(const Validity&) const = default;
};

// A private key and the certificate over it.
struct KeyedCertificate {
  std::string key;
  std::string certificate;
};

// What a person wants to know of a certificate.
struct CertificateInfo {
  // Empty when it has no name of ours: an authority's, or a stranger's.
  std::optional<PeerName> name;
  // Of the name, or of an authority ("spiffe://<site>"); empty for a stranger's.
  std::string site;
  // "CN=rtp-packager/0,O=home".
  std::string subject;
  Validity validity;
  bool authority = false;
};

// A certificate that signs others, by itself.
absl::StatusOr<KeyedCertificate> MakeAuthority(std::string_view site, const Validity& validity);
// One for `name`, signed by the authority's key; for both ends of a connection.
absl::StatusOr<KeyedCertificate> IssueCertificate(const KeyedCertificate& authority,
                                                  const PeerName& name, const Validity& validity);
// The first certificate in a PEM text, which may hold a key too.
absl::StatusOr<CertificateInfo> ReadCertificate(std::string_view pem);
// Whether the first key and the first certificate of a PEM text belong together.
absl::Status CheckKeyFits(std::string_view key_pem, std::string_view certificate_pem);

// Why a peer is refused: the values of a metric's label.
enum class Refusal { kNoCertificate, kAuthority, kExpired, kName, kRole };
inline constexpr Refusal kRefusals[] = {Refusal::kNoCertificate, Refusal::kAuthority,
                                        Refusal::kExpired, Refusal::kName, Refusal::kRole};
// "no_certificate", "authority", "expired", "name", "role".
std::string_view ToString(Refusal refusal);

enum class PeerSide { kClient, kServer };

// What was found out about a peer: its name, or why it is refused and who it says it is.
struct PeerVerdict {
  std::optional<PeerName> name;
  Refusal refusal = Refusal::kNoCertificate;
  // For the log; cleaned.
  std::string reason;
  std::string subject;
};

// Judges the certificates that a peer has shown (its own first) by those of the authorities in
// `authorities`, both in PEM. The peer must be of our own site. What the peer signed with its key
// is TLS's to check.
PeerVerdict JudgePeer(std::string_view chain, std::string_view authorities, std::string_view site,
                      PeerSide side, absl::Time now);

}  // namespace headwater
