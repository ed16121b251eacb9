#include "services/rtp-packager/source/http/hls_decryptor.h"

#include <climits>

#include "services/common/base/check.h"

namespace headwater {

HlsDecryptor::HlsDecryptor(const HlsDecryption& decryption) : context_(EVP_CIPHER_CTX_new()) {
  HW_CHECK(context_ != nullptr);
  HW_CHECK(EVP_DecryptInit_ex(context_.get(), EVP_aes_128_cbc(), nullptr, decryption.key.data(),
                              decryption.iv.data()) == 1);
}

Bytes HlsDecryptor::Update(Bytes bytes) {
  HW_CHECK(bytes.size() <= INT_MAX / 2);
  plain_.resize(bytes.size() + EVP_MAX_BLOCK_LENGTH);
  int size = 0;
  HW_CHECK(EVP_DecryptUpdate(context_.get(), plain_.data(), &size, bytes.data(),
                             static_cast<int>(bytes.size())) == 1);
  return Bytes(plain_).first(static_cast<size_t>(size));
}

bool HlsDecryptor::Finish(Bytes& last) {
  plain_.resize(EVP_MAX_BLOCK_LENGTH);
  int size = 0;
  const bool good = EVP_DecryptFinal_ex(context_.get(), plain_.data(), &size) == 1;
  last = good ? Bytes(plain_).first(static_cast<size_t>(size)) : Bytes();
  return good;
}

}  // namespace headwater
