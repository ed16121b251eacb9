#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/source/source.h"

namespace headwater {

// What one metadata block says, nothing when it names no StreamTitle:
//   StreamTitle='Artist - It's a song';StreamUrl='http://...';<zero padding>
// A title may hold quotes and semicolons: a value ends at "';" only where the block ends or another
// "Name=" follows.
std::optional<StreamTitle> ParseIcyMetadata(std::string_view block);

// Takes ICY metadata out of a stream: after every `metaint` bytes of media comes one length byte,
// and 16 times that many bytes of metadata (at most 4080). Chunks may end anywhere. It holds one
// block at most.
class IcySplitter {
 public:
  // `metaint` of 0: all is media.
  explicit IcySplitter(size_t metaint) : metaint_(metaint), media_left_(metaint) {}

  struct Piece {
    Bytes media;                       // a view into the input
    std::optional<StreamTitle> title;  // the title has changed to this
  };
  // Takes a piece off the front of `input`, which is not empty. Call it until the input is.
  Piece Take(Bytes& input);

 private:
  std::optional<StreamTitle> FinishBlock();

  size_t metaint_;
  size_t media_left_;
  bool in_block_ = false;
  size_t block_size_ = 0;
  size_t block_filled_ = 0;
  std::array<char, 16 * 255> block_;
  StreamTitle title_;
};

}  // namespace headwater
