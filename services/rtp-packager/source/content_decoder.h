#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"

namespace headwater {

enum class ContentDecodeError {
  kCorrupt,
  kBomb,  // unpacks to more than anything that we play could
};

// Undoes the Content-Encoding of a body as it comes (RFC 9110 section 8.4): gzip and deflate, the
// latter also without zlib's header, as some send it. We ask for none, but some servers compress
// whatever they send. A body that is not what its header says goes through as it is. Pure.
class ContentDecoder {
 public:
  // No unpacked piece is larger.
  static constexpr size_t kPieceBytesMax = 16 * 1024;
  // Output may be this much, and this many times the input beyond; then kBomb.
  static constexpr size_t kFreeBytesMax = 1024 * 1024;
  static constexpr size_t kRatioMax = 50;

  // Whether a header value in lower case names an encoding that we cannot undo. What names no
  // encoding at all ("utf-8") is no hindrance.
  static bool IsUnknown(std::string_view encoding);

  explicit ContentDecoder(std::string_view encoding);
  ~ContentDecoder();
  ContentDecoder(const ContentDecoder&) = delete;
  ContentDecoder& operator=(const ContentDecoder&) = delete;

  // Decodes from the front of `input`, which it shortens. An empty piece: it is all used up. The
  // piece is valid until the next call or as long as the input. After an error there is nothing
  // more.
  Result<Bytes, ContentDecodeError> Take(Bytes& input);

 private:
  enum class State { kBeginning, kInflating, kPlain, kEnded };
  struct Inflater;

  void Begin(uint8_t first);
  Result<Bytes, ContentDecodeError> Inflate(Bytes& input);
  void EndMember(Bytes& input);

  bool gzip_;
  State state_;
  std::unique_ptr<Inflater> inflater_;
  size_t taken_ = 0;
  size_t given_ = 0;
  std::array<uint8_t, kPieceBytesMax> piece_;
};

}  // namespace headwater
