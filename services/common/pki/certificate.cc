#include "services/common/pki/certificate.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <vector>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/text/clean_text.h"

namespace headwater {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
template <typename T, auto kFree>
using Owned = std::unique_ptr<T, Freer<kFree>>;
using OwnedBio = Owned<BIO, BIO_free_all>;
using OwnedKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using OwnedCertificate = Owned<X509, X509_free>;
using OwnedExtension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using OwnedNames = Owned<GENERAL_NAMES, GENERAL_NAMES_free>;
using OwnedStore = Owned<X509_STORE, X509_STORE_free>;
using OwnedContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

// A peer's own, and what may stand between it and its authority.
constexpr size_t kChainMax = 8;
constexpr size_t kAuthoritiesMax = 64;
constexpr size_t kSubjectMax = 200;
constexpr std::string_view kAuthorityScheme = "spiffe://";

// The oldest error of this thread; the queue is empty afterwards.
absl::Status OpenSslError(std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return absl::InvalidArgumentError(
      ToAbsl(fmt::format("{}{}{}", what, reason ? ": " : "", reason ? reason : "")));
}

OwnedBio Reader(std::string_view text) {
  return OwnedBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

template <typename Write>
std::string Written(Write write) {
  const OwnedBio out(BIO_new(BIO_s_mem()));
  if (!out || write(out.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<size_t>(size)};
}

// A key's password is asked of nobody.
int NoPassword(char*, int, int, void*) { return -1; }

std::vector<OwnedCertificate> ReadAll(std::string_view pem, size_t count_max) {
  std::vector<OwnedCertificate> all;
  const OwnedBio in = Reader(pem);
  while (in && all.size() < count_max) {
    OwnedCertificate next(PEM_read_bio_X509(in.get(), nullptr, NoPassword, nullptr));
    if (!next) break;
    all.push_back(std::move(next));
  }
  ERR_clear_error();
  return all;
}

OwnedKey ReadKey(std::string_view pem) {
  const OwnedBio in = Reader(pem);
  return OwnedKey(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, NoPassword, nullptr) : nullptr);
}

bool Extend(X509* certificate, X509V3_CTX& context, int id, const std::string& value) {
  const OwnedExtension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetSubject(X509* certificate, std::string_view site, const std::string& common_name) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, std::string_view text) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  return add("O", site) && add("CN", common_name);
}

// RFC 5280 section 4.1.2.2: positive, at most 20 bytes; random, so that nobody has to remember the
// last one.
bool SetSerial(X509* certificate) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const Owned<BIGNUM, BN_free> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetValidity(X509* certificate, const Validity& validity) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(validity.from)) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(validity.until));
}

struct Draft {
  std::string site;
  std::string common_name;
  // Of extensions, in OpenSSL's own words.
  std::vector<std::pair<int, std::string>> extensions;
  Validity validity;
};

// Signed by `issuer_key` as `issuer`, or by itself without them.
absl::StatusOr<KeyedCertificate> Sign(const Draft& draft, X509* issuer, EVP_PKEY* issuer_key) {
  const OwnedKey key(EVP_EC_gen("P-256"));
  const OwnedCertificate certificate(X509_new());
  if (!key || !certificate) return OpenSslError("making a key");
  X509* const made = certificate.get();
  X509* const signer = issuer ? issuer : made;
  bool good = X509_set_version(made, X509_VERSION_3) == 1 && SetSerial(made) &&
              SetValidity(made, draft.validity) &&
              SetSubject(made, draft.site, draft.common_name) &&
              X509_set_issuer_name(made, X509_get_subject_name(signer)) == 1 &&
              X509_set_pubkey(made, key.get()) == 1;
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, signer, made, nullptr, nullptr, 0);
  for (const auto& [id, value] : draft.extensions) good = good && Extend(made, context, id, value);
  good = good && X509_sign(made, issuer_key ? issuer_key : key.get(), EVP_sha256()) > 0;
  if (!good) return OpenSslError("making a certificate");
  return KeyedCertificate{
      .key = Written([&](BIO* out) {
        return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
      }),
      .certificate = Written([&](BIO* out) { return PEM_write_bio_X509(out, made); })};
}

// The one URI (SPIFFE X.509-SVID section 2: exactly one); else empty.
std::string UriOf(const X509* certificate) {
  const OwnedNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string found;
  int uris = 0;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    found.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                 static_cast<size_t>(ASN1_STRING_length(uri)));
    ++uris;
  }
  return uris == 1 ? found : std::string();
}

std::optional<PeerName> NameOf(const X509* certificate) {
  return PeerName::Parse(UriOf(certificate));
}

// Of an authority, whose name is its site's alone.
std::string AuthoritySite(const X509* certificate) {
  const std::string uri = UriOf(certificate);
  if (!uri.starts_with(kAuthorityScheme)) return {};
  const std::string site = uri.substr(kAuthorityScheme.size());
  return IsSiteName(site) ? site : std::string();
}

std::string SubjectOf(const X509* certificate) {
  const std::string text = Written([&](BIO* out) {
    return X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0 ? 1
                                                                                                : 0;
  });
  return CleanText(text, kSubjectMax);
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm broken_down = {};
  if (ASN1_TIME_to_tm(time, &broken_down) != 1) return absl::InfinitePast();
  return absl::FromTM(broken_down, absl::UTCTimeZone());
}

Validity ValidityOf(const X509* certificate) {
  return {ToTime(X509_get0_notBefore(certificate)), ToTime(X509_get0_notAfter(certificate))};
}

// The stack alone: its certificates are the chain's.
void FreeStack(STACK_OF(X509) * stack) { sk_X509_free(stack); }

// X509_V_OK, or what is wrong with the chain.
int VerifyChain(const std::vector<OwnedCertificate>& chain, std::string_view authorities,
                PeerSide side, absl::Time now) {
  const OwnedStore store(X509_STORE_new());
  const Owned<STACK_OF(X509), FreeStack> between(sk_X509_new_null());
  const OwnedContext context(X509_STORE_CTX_new());
  if (!store || !between || !context) return X509_V_ERR_OUT_OF_MEM;
  for (const OwnedCertificate& authority : ReadAll(authorities, kAuthoritiesMax))
    X509_STORE_add_cert(store.get(), authority.get());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between.get(), chain[i].get());
  if (X509_STORE_CTX_init(context.get(), store.get(), chain[0].get(), between.get()) != 1)
    return X509_V_ERR_OUT_OF_MEM;
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_depth(parameters, static_cast<int>(kChainMax));
  // 112 bits: no SHA-1, no RSA below 2048.
  X509_VERIFY_PARAM_set_auth_level(parameters, 2);
  X509_VERIFY_PARAM_set_purpose(
      parameters, side == PeerSide::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  const bool good = X509_verify_cert(context.get()) == 1;
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  // Whatever else is said, good is only what was verified.
  return good ? X509_V_OK : error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

Refusal RefusalOf(int error) {
  return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID
             ? Refusal::kExpired
             : Refusal::kAuthority;
}

}  // namespace

absl::StatusOr<KeyedCertificate> MakeAuthority(std::string_view site, const Validity& validity) {
  return Sign(
      {.site = std::string(site),
       .common_name = "Headwater control",
       .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                      {NID_key_usage, "critical,keyCertSign,cRLSign"},
                      {NID_subject_key_identifier, "hash"},
                      {NID_subject_alt_name, fmt::format("URI:{}{}", kAuthorityScheme, site)}},
       .validity = validity},
      nullptr, nullptr);
}

absl::StatusOr<KeyedCertificate> IssueCertificate(const KeyedCertificate& authority,
                                                  const PeerName& name, const Validity& validity) {
  RETURN_IF_ERROR(CheckKeyFits(authority.key, authority.certificate));
  const std::vector<OwnedCertificate> issuer = ReadAll(authority.certificate, 1);
  const OwnedKey issuer_key = ReadKey(authority.key);
  // Both ends' purposes: what a role may do is the policy's to say, in words.
  return Sign({.site = name.site,
               .common_name = fmt::format("{}/{}", name.role, name.instance),
               .extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                              {NID_key_usage, "critical,digitalSignature"},
                              {NID_ext_key_usage, "serverAuth,clientAuth"},
                              {NID_subject_key_identifier, "hash"},
                              {NID_authority_key_identifier, "keyid:always"},
                              {NID_subject_alt_name,
                               fmt::format("URI:{},DNS:{}", name.ToString(), kControlServerName)}},
               .validity = validity},
              issuer[0].get(), issuer_key.get());
}

absl::StatusOr<CertificateInfo> ReadCertificate(std::string_view pem) {
  const std::vector<OwnedCertificate> all = ReadAll(pem, 1);
  if (all.empty()) return absl::InvalidArgumentError("holds no certificate in PEM");
  X509* const certificate = all[0].get();
  std::optional<PeerName> name = NameOf(certificate);
  std::string site = name ? name->site : AuthoritySite(certificate);
  return CertificateInfo{.name = std::move(name),
                         .site = std::move(site),
                         .subject = SubjectOf(certificate),
                         .validity = ValidityOf(certificate),
                         .authority = X509_check_ca(certificate) > 0};
}

absl::Status CheckKeyFits(std::string_view key_pem, std::string_view certificate_pem) {
  const OwnedKey key = ReadKey(key_pem);
  if (!key) return OpenSslError("holds no private key in PEM without a password");
  const std::vector<OwnedCertificate> all = ReadAll(certificate_pem, 1);
  if (all.empty()) return absl::InvalidArgumentError("holds no certificate in PEM");
  if (X509_check_private_key(all[0].get(), key.get()) == 1) return absl::OkStatus();
  return OpenSslError("key and certificate do not belong together");
}

std::string_view ToString(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoCertificate:
      return "no_certificate";
    case Refusal::kAuthority:
      return "authority";
    case Refusal::kExpired:
      return "expired";
    case Refusal::kName:
      return "name";
    case Refusal::kRole:
      return "role";
  }
  return "";
}

PeerVerdict JudgePeer(std::string_view chain, std::string_view authorities, std::string_view site,
                      PeerSide side, absl::Time now) {
  const std::vector<OwnedCertificate> shown = ReadAll(chain, kChainMax);
  if (shown.empty()) return {.reason = "no certificate was shown"};
  const std::optional<PeerName> name = NameOf(shown[0].get());
  PeerVerdict verdict = {.subject = name ? name->ToString() : SubjectOf(shown[0].get())};
  const auto refuse = [&](Refusal refusal, std::string reason) {
    verdict.refusal = refusal;
    verdict.reason = std::move(reason);
    return verdict;
  };
  if (const int error = VerifyChain(shown, authorities, side, now); error != X509_V_OK)
    return refuse(RefusalOf(error), X509_verify_cert_error_string(error));
  if (!name) return refuse(Refusal::kName, "no name of the form spiffe://SITE/ROLE/INSTANCE");
  if (name->site != site)
    return refuse(Refusal::kName, fmt::format("of site {}, and not of {}", name->site, site));
  verdict.name = name;
  return verdict;
}

}  // namespace headwater
