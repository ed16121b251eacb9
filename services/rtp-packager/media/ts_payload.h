#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/ts_muxer.h"

namespace headwater {

// MP2T at 90 kHz, payload type 33 (RFC 3551), of what carries such audio; its bit rate with all
// that the wrapping adds, roughly.
RtpFormat InTransportStream(const RtpFormat& audio);

// Whole transport packets in RTP: RFC 2250 section 2. Takes packets from wherever they come, seven
// to a payload (or as many as fit it).
class TsDatagrams {
 public:
  explicit TsDatagrams(size_t payload_max);

  size_t packets_max() const { return packets_max_; }
  // `packets` is a multiple of 188 bytes that are to be sent evenly from `time` on for `length`.
  // Not before Next has given nullptr.
  void Push(Bytes packets, const MediaTime& time, Duration length);
  const RtpPayload* Next();

 private:
  const size_t packets_max_;
  std::vector<uint8_t> packets_;
  size_t position_ = 0;
  MediaTime time_;
  Duration length_{};
  RtpPayload payload_;
};

// Frames in a transport stream in RTP. A PES packet has the frames of one datagram, tables included
// where they are due: each datagram begins with a PES packet or with tables, and one that is lost
// costs no more than its own frames. Frames too large for that are cut, and their datagrams leave
// evenly. The marker is never set, since the timeline never jumps.
std::unique_ptr<Payloader> MakeTsPayloader(const AudioFormat& format, const TsService& service,
                                           const PayloaderOptions& options = {});

}  // namespace headwater
