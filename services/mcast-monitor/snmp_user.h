#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater::monitor {

// RFC 3414 and RFC 7860.
enum class SnmpAuth : uint8_t { kMd5, kSha, kSha224, kSha256, kSha384, kSha512 };

// A user whose SNMPv3 notifications can be verified and read.
struct SnmpUser {
  std::string name;
  SnmpAuth auth = SnmpAuth::kSha;
  std::string auth_password;
  // AES-128 (RFC 3826); empty: nothing of this user's is decrypted.
  std::string privacy_password;
  bool operator==(const SnmpUser&) const = default;
};

// The keys of one user, made from passwords once (a megabyte is hashed for each).
class SnmpKeys {
 public:
  explicit SnmpKeys(const SnmpUser& user);

  const std::string& name() const { return name_; }
  bool has_privacy() const { return !privacy_.empty(); }
  // Bytes of the authenticator (RFC 3414 section 6, RFC 7860 section 4.2).
  size_t authenticator_size() const;
  // Whether the message was signed with this user's key at that engine. `offset` is where its
  // authenticator stands, of authenticator_size() bytes.
  bool Verify(Bytes message, size_t offset, Bytes engine_id) const;
  // Empty when it cannot be. `salt` is of 8 bytes.
  std::vector<uint8_t> Decrypt(Bytes encrypted, Bytes engine_id, uint32_t boots, uint32_t time,
                               Bytes salt) const;
  // The other ways: writes the authenticator to where zeros stand, and encrypts.
  void Sign(std::vector<uint8_t>& message, size_t offset, Bytes engine_id) const;
  std::vector<uint8_t> Encrypt(Bytes clear, Bytes engine_id, uint32_t boots, uint32_t time,
                               Bytes salt) const;

 private:
  std::vector<uint8_t> Authenticator(Bytes zeroed, Bytes engine_id) const;
  std::vector<uint8_t> Cipher(bool encrypt, Bytes bytes, Bytes engine_id, uint32_t boots,
                              uint32_t time, Bytes salt) const;
  std::vector<uint8_t> Localise(const std::vector<uint8_t>& key, Bytes engine_id) const;

  std::string name_;
  SnmpAuth auth_;
  std::vector<uint8_t> authentication_;
  std::vector<uint8_t> privacy_;
};

}  // namespace headwater::monitor
