#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/source/hls/hls_player.h"

namespace headwater {

// AES-128 in CBC mode with PKCS7 padding over one resource, as its bytes come.
class HlsDecryptor {
 public:
  explicit HlsDecryptor(const HlsDecryption& decryption);

  // The plain bytes that can be told so far, valid until the next call.
  Bytes Update(Bytes bytes);
  // The last of them; nothing when length or padding are wrong: the key is another one.
  bool Finish(Bytes& last);

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
  std::vector<uint8_t> plain_;
};

}  // namespace headwater
