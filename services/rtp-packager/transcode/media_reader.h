#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "services/rtp-packager/media/stream_title.h"
#include "services/rtp-packager/transcode/libav_handles.h"
#include "services/rtp-packager/transcode/source_codec.h"

namespace headwater::packager {

// Takes the packets of the first audio stream out of a container, by libavformat. It reads nothing
// but what `read` gives: no protocol, no file, no playlist is open to it, and of its demuxers only
// those that our own magic names (media_reader.cc has the list). There is no seeking and no
// analysis: what a decoder needs is in the headers and packets themselves.
//
// Limits: 32 streams, packets as large as libavcodec's max_alloc allows. Blocks in `read`; one
// thread.
class MediaReader {
 public:
  // Fills up to `size` bytes and returns how many: 0 at the end, negative when it is to stop.
  using Read = std::function<int(uint8_t* to, int size)>;

  // `stopped` is asked where libavformat would go on by itself.
  MediaReader(Read read, std::function<bool()> stopped)
      : read_(std::move(read)), stopped_(std::move(stopped)) {}

  // Reads the container's head. FAILED_PRECONDITION: no container that may be read.
  absl::Status Open();
  // Null: the end, or stopped. Errors of the container end it too.
  absl::StatusOr<AVPacket*> Next();

  // Of the stream that the last packet is from.
  const AVCodecParameters& parameters() const { return *stream().codecpar; }
  const AllowedDecoder& decoder() const { return *decoder_; }
  AVRational time_base() const { return stream().time_base; }
  // A title that the tags tell and that was not told before.
  std::optional<StreamTitle> TakeTitle();

 private:
  const AVStream& stream() const { return *format_->streams[stream_]; }
  const AVInputFormat* ChooseFormat();
  int ReadMore(uint8_t* to, int size);
  // Whether a packet of this stream is wanted.
  bool Choose(const AVPacket& packet);

  const Read read_;
  const std::function<bool()> stopped_;
  // Read to tell the container, and not yet given to libavformat.
  std::vector<uint8_t> head_;
  size_t head_given_ = 0;
  LibavPtr<AVIOContext> io_;
  LibavPtr<AVFormatContext> format_;
  LibavPtr<AVPacket> packet_;
  int stream_ = -1;
  const AllowedDecoder* decoder_ = nullptr;
  // Packets of other audio since the last of the chosen.
  int others_ = 0;
  StreamTitle title_;
};

}  // namespace headwater::packager
