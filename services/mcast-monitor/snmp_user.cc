#include "services/mcast-monitor/snmp_user.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <memory>

#include "services/common/base/check.h"
#include "services/common/wire/byte_writer.h"

namespace headwater::monitor {
namespace {

constexpr size_t kPasswordBytes = 1 << 20;
constexpr size_t kAesKeySize = 16;

const EVP_MD* Digest(SnmpAuth auth) {
  switch (auth) {
    case SnmpAuth::kMd5:
      return EVP_md5();
    case SnmpAuth::kSha:
      return EVP_sha1();
    case SnmpAuth::kSha224:
      return EVP_sha224();
    case SnmpAuth::kSha256:
      return EVP_sha256();
    case SnmpAuth::kSha384:
      return EVP_sha384();
    case SnmpAuth::kSha512:
      return EVP_sha512();
  }
  return EVP_sha1();
}

std::vector<uint8_t> Hash(SnmpAuth auth, Bytes bytes) {
  std::vector<uint8_t> out(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &length, Digest(auth), nullptr) != 1)
    return {};
  out.resize(length);
  return out;
}

// RFC 3414 appendix A.2: the hash of a megabyte of the password, over and over.
std::vector<uint8_t> PasswordKey(SnmpAuth auth, const std::string& password) {
  if (password.empty()) return {};
  std::vector<uint8_t> repeated(kPasswordBytes);
  for (size_t i = 0; i < repeated.size(); ++i)
    repeated[i] = static_cast<uint8_t>(password[i % password.size()]);
  return Hash(auth, repeated);
}

}  // namespace

SnmpKeys::SnmpKeys(const SnmpUser& user)
    : name_(user.name),
      auth_(user.auth),
      authentication_(PasswordKey(user.auth, user.auth_password)),
      privacy_(PasswordKey(user.auth, user.privacy_password)) {}

size_t SnmpKeys::authenticator_size() const {
  constexpr std::array<size_t, 6> kSizes = {12, 12, 16, 24, 32, 48};
  return kSizes[static_cast<size_t>(auth_)];
}

std::vector<uint8_t> SnmpKeys::Localise(const std::vector<uint8_t>& key, Bytes engine_id) const {
  std::vector<uint8_t> all(key);
  all.insert(all.end(), engine_id.begin(), engine_id.end());
  all.insert(all.end(), key.begin(), key.end());
  return Hash(auth_, all);
}

// Empty when there is no key.
std::vector<uint8_t> SnmpKeys::Authenticator(Bytes zeroed, Bytes engine_id) const {
  if (authentication_.empty()) return {};
  const std::vector<uint8_t> key = Localise(authentication_, engine_id);
  std::vector<uint8_t> mac(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  if (HMAC(Digest(auth_), key.data(), static_cast<int>(key.size()), zeroed.data(), zeroed.size(),
           mac.data(), &length) == nullptr ||
      length < authenticator_size()) {
    return {};
  }
  mac.resize(authenticator_size());
  return mac;
}

bool SnmpKeys::Verify(Bytes message, size_t offset, Bytes engine_id) const {
  const size_t size = authenticator_size();
  if (offset > message.size() || message.size() - offset < size) return false;
  std::vector<uint8_t> zeroed(message.begin(), message.end());
  std::fill_n(zeroed.begin() + static_cast<ptrdiff_t>(offset), size, uint8_t{0});
  const std::vector<uint8_t> mac = Authenticator(zeroed, engine_id);
  return !mac.empty() && CRYPTO_memcmp(mac.data(), message.data() + offset, size) == 0;
}

void SnmpKeys::Sign(std::vector<uint8_t>& message, size_t offset, Bytes engine_id) const {
  const std::vector<uint8_t> mac = Authenticator(message, engine_id);
  HW_CHECK(offset + mac.size() <= message.size());
  std::copy(mac.begin(), mac.end(), message.begin() + static_cast<ptrdiff_t>(offset));
}

std::vector<uint8_t> SnmpKeys::Decrypt(Bytes encrypted, Bytes engine_id, uint32_t boots,
                                       uint32_t time, Bytes salt) const {
  return Cipher(false, encrypted, engine_id, boots, time, salt);
}

std::vector<uint8_t> SnmpKeys::Encrypt(Bytes clear, Bytes engine_id, uint32_t boots, uint32_t time,
                                       Bytes salt) const {
  return Cipher(true, clear, engine_id, boots, time, salt);
}

std::vector<uint8_t> SnmpKeys::Cipher(bool encrypt, Bytes bytes, Bytes engine_id, uint32_t boots,
                                      uint32_t time, Bytes salt) const {
  if (privacy_.empty() || salt.size() != 8 || bytes.empty()) return {};
  const std::vector<uint8_t> key = Localise(privacy_, engine_id);
  if (key.size() < kAesKeySize) return {};
  // RFC 3826 section 3.1.2.1.
  std::vector<uint8_t> start;
  ByteWriter writer(start);
  writer.U32(boots);
  writer.U32(time);
  writer.Append(salt);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::vector<uint8_t> out(bytes.size() + EVP_MAX_BLOCK_LENGTH);
  int length = 0;
  if (!context ||
      EVP_CipherInit_ex(context.get(), EVP_aes_128_cfb128(), nullptr, key.data(), start.data(),
                        encrypt ? 1 : 0) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &length, bytes.data(),
                       static_cast<int>(bytes.size())) != 1) {
    return {};
  }
  out.resize(static_cast<size_t>(length));
  return out;
}

}  // namespace headwater::monitor
