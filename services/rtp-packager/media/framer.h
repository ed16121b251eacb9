#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

struct FramerOptions {
  // Bytes in a row that are no audio before the stream is given up: reason "codec".
  size_t garbage_max = 64 * 1024;
  // An ID3v2 tag longer than this is an error (cover art may be large; it is skipped, not stored).
  size_t tag_max = 4 * 1024 * 1024;
};

enum class FramerStep : uint8_t {
  kNeedBytes,  // push more
  kFormat,  // format() is new: before the first frame, and when the stream becomes another one (not
            // when only its bit rate changes)
  kFrame,   // frame() is one
  kTitle,   // title() is new: it begins with the next frame
  kError,   // error() says why in one line; final
};

// Cuts a byte stream into frames, wherever its chunks begin and end. A frame is given out when what
// follows it confirms it (another header, a tag, or the end), so each lags by the four to seven
// first bytes of the next one. Skipped without a word: ID3v1 and APE tags, Xing/Info/VBRI frames,
// garbage up to a limit, ID3v2 tags but for their title. It holds at most what one Push brought,
// one frame and the beginning of one tag. Use: Push, then Next until kNeedBytes or kError.
class Framer {
 public:
  virtual ~Framer() = default;

  virtual void Push(Bytes bytes) = 0;
  // No more bytes will come: in sync, the last frame needs no confirmation.
  virtual void Finish() = 0;
  virtual FramerStep Next() = 0;

  // After the first kFormat.
  virtual const AudioFormat& format() const = 0;
  // After kFrame, until the next Push, Next or Finish.
  virtual const AudioFrameView& frame() const = 0;
  // After kTitle. From tags and comments in the stream: UTF-8, without control characters.
  virtual StreamTitle title() const { return {}; }
  // After kError.
  virtual const std::string& error() const = 0;
  // After kError: it is a known container or codec that has no RTP payload here, so that a
  // transcoder, given all bytes from the first one on, may take it.
  virtual bool unsupported() const { return false; }
  // Bytes that were neither frames nor tags.
  virtual uint64_t skipped_total() const = 0;
};

// A framer that finds out by itself what it is fed, container and codec: the bytes decide, and the
// content type, which may lie, serves the error's text.
std::unique_ptr<Framer> MakeFramer(std::string_view content_type,
                                   const FramerOptions& options = {});

}  // namespace headwater
