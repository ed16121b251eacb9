#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/ogg_page.h"

namespace headwater {

enum class OggCodec : uint8_t { kOther, kOpus, kVorbis, kFlac, kSpeex };

// By the first packet of a logical stream.
OggCodec OggCodecOf(Bytes first_packet);

struct OggPacket {
  Bytes bytes;         // valid until the next Push or Next
  bool first = false;  // of its stream: its header
  bool cut = false;    // there was more than is held: these bytes are its beginning
  // Of the page where it ends.
  int64_t page_granule = -1;
  bool page_last = false;  // no other packet ends in that page
  bool page_ends_stream = false;
};

enum class OggStep : uint8_t {
  kNeedBytes,
  kPacket,
  kNoAudio,  // streams began, and none of them is audio that is known
};

// Takes the packets of one logical stream out of Ogg (RFC 3533): the first audio one of those that
// begin together. When that chain link is over, or another one begins without an end, the next
// link's first audio one is taken. What does not fit is passed over: bytes that are no page or fail
// their checksum, packets that a missing page tore, streams whose beginning was not seen.
//
// It holds what one Push brought, one page, and kPacketMax of a packet that goes over pages.
class OggDemuxer {
 public:
  // Any Opus packet without padding is smaller (RFC 7845 section 6: 61 440).
  static constexpr size_t kPacketMax = 65536;

  void Push(Bytes bytes);
  OggStep Next();
  const OggPacket& packet() const { return packet_; }

  // Bytes that were in no page, and of pages of streams that did not begin; the second counts since
  // the last packet.
  uint64_t skipped_total() const { return skipped_total_; }
  size_t garbage() const { return garbage_; }

 private:
  Bytes rest() const { return Bytes(buffer_).subspan(position_); }
  void Skip(size_t count);
  // Nothing: no whole page is there.
  std::optional<OggPageView> FindPage();
  // False: the page is of no interest.
  bool EnterPage(const OggPageView& page);
  bool BeginStream(const OggPageView& page);
  // False: no packet ends in what is left of the page.
  bool TakePacket();
  void Hold(Bytes part);

  std::vector<uint8_t> buffer_;
  size_t position_ = 0;
  uint64_t skipped_total_ = 0;
  size_t garbage_ = 0;

  // The page being taken apart, all of it still in the buffer.
  std::optional<OggPageView> page_;
  size_t segment_ = 0;
  size_t offset_ = 0;  // in its body

  std::optional<uint32_t> serial_;  // of the stream that is followed
  uint32_t sequence_ = 0;           // of its last page
  bool any_stream_ = false;         // one has begun
  // Pages that begin streams stand in front of all others of a link.
  bool in_heads_ = false;
  bool first_packet_ = false;

  std::vector<uint8_t> partial_;  // of a packet, from pages before this one
  bool has_partial_ = false;
  bool partial_cut_ = false;
  OggPacket packet_;
};

}  // namespace headwater
