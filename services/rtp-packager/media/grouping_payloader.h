#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "services/rtp-packager/media/payloader.h"

namespace headwater {

// What the payloads of both codecs have in common: whole frames are gathered until a packet is full
// or long enough; a frame too large for one packet is cut. The codec says what stands before the
// frames.
class GroupingPayloader : public Payloader {
 public:
  explicit GroupingPayloader(const PayloaderOptions& options);

  void Push(const AudioFrameView& frame, const MediaTime& time) final;
  void Flush() final { flush_ = true; }
  const RtpPayload* Next() final;
  void MarkDiscontinuity() final { discontinuity_ = true; }

 protected:
  // Bytes before `frames` whole frames; a fragment has as much as one frame.
  virtual size_t HeadSize(size_t frames) const = 0;
  // Appends that many bytes.
  virtual void WriteHead(const std::vector<size_t>& frame_sizes,
                         std::vector<uint8_t>& out) const = 0;
  virtual void WriteFragmentHead(size_t frame_size, size_t offset,
                                 std::vector<uint8_t>& out) const = 0;
  // `complete`: the payload ends a frame; `first`: it follows a discontinuity.
  virtual bool Marker(bool complete, bool first) const = 0;

 private:
  struct Held {
    AudioFrameView frame;
    MediaTime time;
    Duration length;
  };

  const RtpPayload* EmitGroup();
  const RtpPayload* EmitFragment();
  const RtpPayload* Emit(bool complete, const MediaTime& time, Duration length);

  const PayloaderOptions options_;
  std::optional<Held> held_;
  size_t fragment_offset_ = 0;  // within held_
  bool flush_ = false;
  bool discontinuity_ = true;

  std::vector<uint8_t> group_;  // frames without head
  std::vector<size_t> group_sizes_;
  MediaTime group_time_;
  Duration group_length_{};

  std::vector<uint8_t> out_;
  RtpPayload payload_;
};

}  // namespace headwater
