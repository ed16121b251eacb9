#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "services/common/base/bytes.h"
#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/stream_title.h"

namespace headwater {

// Why a stream is transcoded: a label of its metrics.
enum class TranscodeReason : uint8_t {
  kNoPayload,      // its codec or container has no RTP payload here
  kFormatChanged,  // it is not what was announced
};

struct TranscodeRequest {
  // What to make. Where sample_rate or channels are 0, the source's, or the nearest that the codec
  // has; where bits_per_second is 0, the configured ones.
  AudioFormat target;
  TranscodeReason reason = TranscodeReason::kNoPayload;
};

// What comes next out of something that gives frames in its own time.
enum class MediaStep : uint8_t {
  kNothing,  // for now
  kFormat,   // format() is known: before the first frame, and when the source becomes another
  kFrame,    // frame() is one
  kTitle,    // title() is new: it begins with the next frame
  kEnd,      // after Finish: all has been given out; final
  kError,    // error() says why in one line; final
};

// Makes frames of one format of whatever it is given: either all bytes of a stream (Push), or
// frames of a framer (PushFrame), never both. It works elsewhere; what is done comes out of Next
// some time later. Nothing here waits.
class Transcoder {
 public:
  virtual ~Transcoder() = default;  // ends it; `ready` is called no more

  virtual void Push(Bytes bytes) = 0;
  virtual void PushFrame(const AudioFormat& format, const AudioFrameView& frame) = 0;
  // No more will come.
  virtual void Finish() = 0;
  // What it was given waits to be worked on: give it no more until this is over, which `ready`
  // tells. Also while Next is not called and what came out waits.
  virtual bool full() const = 0;

  // Nothing: until `ready`.
  virtual MediaStep Next() = 0;
  // After kFormat: of the frames, and what the source is, "FLAC 44.1 kHz stereo".
  virtual const AudioFormat& format() const = 0;
  virtual const std::string& source() const = 0;
  // After kFrame, until the next call of Next.
  virtual const AudioFrameView& frame() const = 0;
  // After kTitle: UTF-8, without control characters.
  virtual const StreamTitle& title() const = 0;
  // After kError.
  virtual const std::string& error() const = 0;
};

class TranscoderMaker {
 public:
  virtual ~TranscoderMaker() = default;

  // `ready` is called on the loop's thread, never from within another call, when Next may have
  // something or full() is over. Nothing: as many run as may (transcoders_max).
  virtual std::unique_ptr<Transcoder> Make(const TranscodeRequest& request,
                                           std::function<void()> ready) = 0;
};

}  // namespace headwater
