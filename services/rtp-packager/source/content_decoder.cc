#include "services/rtp-packager/source/content_decoder.h"

#include <zlib.h>

#include <algorithm>

#include "services/common/base/check.h"

namespace headwater {
namespace {

// inflateInit2's: the largest window, with a header of gzip's or zlib's, or none.
constexpr int kGzipWindow = 15 + 16;
constexpr int kZlibWindow = 15;
constexpr int kRawWindow = -15;

constexpr uint8_t kGzipFirst = 0x1f;

bool IsGzip(std::string_view encoding) { return encoding == "gzip" || encoding == "x-gzip"; }

}  // namespace

struct ContentDecoder::Inflater {
  explicit Inflater(int window) { HW_CHECK(inflateInit2(&stream, window) == Z_OK); }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream stream = {};
};

bool ContentDecoder::IsUnknown(std::string_view encoding) {
  return encoding.find(',') != std::string_view::npos || encoding == "br" || encoding == "zstd" ||
         encoding == "compress" || encoding == "x-compress";
}

ContentDecoder::ContentDecoder(std::string_view encoding)
    : gzip_(IsGzip(encoding)),
      state_(gzip_ || encoding == "deflate" ? State::kBeginning : State::kPlain) {}

ContentDecoder::~ContentDecoder() = default;

Result<Bytes, ContentDecodeError> ContentDecoder::Take(Bytes& input) {
  if (state_ == State::kBeginning && !input.empty()) Begin(input.front());
  if (state_ == State::kInflating) return Inflate(input);
  const Bytes all = state_ == State::kPlain ? input : Bytes();
  input = {};
  return all;
}

void ContentDecoder::Begin(uint8_t first) {
  if (gzip_ && first != kGzipFirst) {
    state_ = State::kPlain;
    return;
  }
  // RFC 1950 section 2.2: method 8, a window of at most 32 KiB. No encoder begins raw blocks so.
  const bool zlib = (first & 0x0f) == 8 && first >> 4 <= 7;
  inflater_ = std::make_unique<Inflater>(gzip_ ? kGzipWindow : zlib ? kZlibWindow : kRawWindow);
  state_ = State::kInflating;
}

Result<Bytes, ContentDecodeError> ContentDecoder::Inflate(Bytes& input) {
  z_stream& stream = inflater_->stream;
  stream.next_out = piece_.data();
  stream.avail_out = static_cast<uInt>(piece_.size());
  while (state_ == State::kInflating && stream.avail_out > 0) {
    const Bytes chunk = input.first(std::min(input.size(), kPieceBytesMax));
    const uInt space = stream.avail_out;
    // zlib does not write there.
    stream.next_in = const_cast<Bytef*>(chunk.data());
    stream.avail_in = static_cast<uInt>(chunk.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const size_t used = chunk.size() - stream.avail_in;
    input = input.subspan(used);
    taken_ += used;
    if (status == Z_STREAM_END) {
      EndMember(input);
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      state_ = State::kEnded;
      return ContentDecodeError::kCorrupt;
    } else if (used == 0 && stream.avail_out == space) {
      break;
    }
  }
  const size_t size = piece_.size() - stream.avail_out;
  given_ += size;
  if (given_ > kFreeBytesMax + kRatioMax * taken_) {
    state_ = State::kEnded;
    return ContentDecodeError::kBomb;
  }
  return Bytes(piece_).first(size);
}

void ContentDecoder::EndMember(Bytes& input) {
  // Another member may follow (RFC 1952 section 2.2); anything else is not ours to read.
  if (gzip_ && !input.empty() && input.front() == kGzipFirst) {
    HW_CHECK(inflateReset(&inflater_->stream) == Z_OK);
    return;
  }
  state_ = State::kEnded;
  input = {};
}

}  // namespace headwater
