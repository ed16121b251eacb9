#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/rtp-packager/media/audio_format.h"
#include "services/rtp-packager/media/framer.h"
#include "services/rtp-packager/media/transcoder.h"

namespace headwater::packager {

struct IntakeOptions {
  std::string content_type;
  // What listeners were told; nothing: what comes will be announced.
  std::optional<RtpFormat> announced;
  // Of the frames that were sent as this, where there were any.
  std::optional<AudioFormat> audio;
  // What to make of a source that has no RTP payload, where nothing is announced.
  AudioFormat fallback = OpusFormat(0);
  // Null: nothing is transcoded.
  TranscoderMaker* transcoders = nullptr;
  // Next may have something. As TranscoderMaker's.
  std::function<void()> ready;
};

// What one opening of a source gives, in frames that may be sent: cut by a framer as they are, or
// made by a transcoder when there is no RTP payload for what comes, or when it is not what was
// announced. A source that changes is followed both ways, in the order of its media:
// when it returns to what was announced, its frames pass through again as soon as the transcoder
// has given out all before them.
//
// Limits: kHeldMax bytes of the stream are kept until its format is known, for a transcoder needs
// all; what comes after without a format has none. While full(), another kBacklogMax is taken and
// the rest thrown away. Pure; loop thread only.
class Intake {
 public:
  static constexpr size_t kHeldMax = 512 * 1024;
  static constexpr size_t kBacklogMax = 1024 * 1024;

  enum class Fault : uint8_t {
    kUnusable,  // no media, or of no kind that can be sent: another source may do
    kFormat,    // another format than announced, and no way to make the announced one
    kLimit,     // too many are being transcoded
  };

  explicit Intake(IntakeOptions options);
  ~Intake();

  void Push(Bytes bytes);
  // No more bytes will come.
  void Finish();
  MediaStep Next();
  // Take nothing more from the source for now.
  bool full() const;
  // More may come out although nothing goes in.
  bool transcoding() const { return transcoder_ != nullptr; }

  // After kFormat: of the frames, as they are to be announced; and in words what they come from.
  const AudioFormat& format() const { return audio_; }
  const RtpFormat& rtp() const { return rtp_; }
  // What the source would be announced as if nothing had been, where that differs from rtp(): what
  // its next session should be. Of kFormat too.
  const std::optional<RtpFormat>& source_format() const { return source_format_; }
  // After kFrame, until the next call.
  const AudioFrameView& frame() const { return frame_; }
  const StreamTitle& title() const { return title_; }
  // After kError.
  const std::string& error() const { return error_; }
  Fault fault() const { return fault_; }
  uint64_t dropped_octets_total() const { return dropped_; }

 private:
  enum class Phase : uint8_t {
    kFraming,    // the framer's frames pass through
    kStream,     // the transcoder has all bytes, or all that there will be
    kFrames,     // the transcoder has the framer's frames
    kReturning,  // the transcoder gives out its last; the framer waits
    kOver,
  };

  std::optional<MediaStep> NextTranscoded();
  std::optional<MediaStep> NextFramed();
  std::optional<MediaStep> OnFramerFormat();
  // Nothing: it goes on.
  std::optional<MediaStep> BeginStream();
  std::optional<MediaStep> BeginFrames(const RtpFormat& native);
  bool MakeTranscoder(const AudioFormat& target, TranscodeReason reason);
  void OnTranscodedFormat();
  std::optional<AudioFormat> Target() const;
  MediaStep Fail(Fault fault, std::string error);
  std::string Mismatch(const std::string& now) const;

  IntakeOptions options_;
  Phase phase_ = Phase::kFraming;
  std::unique_ptr<Framer> framer_;
  std::unique_ptr<Transcoder> transcoder_;
  bool finished_ = false;
  // All bytes so far, as long as a transcoder may yet need them.
  bool holding_ = true;
  std::vector<uint8_t> held_;
  size_t backlog_ = 0;
  uint64_t dropped_ = 0;

  AudioFormat audio_;
  RtpFormat rtp_;
  std::optional<RtpFormat> source_format_;
  AudioFrameView frame_;
  StreamTitle title_;
  std::string error_;
  Fault fault_ = Fault::kUnusable;
};

}  // namespace headwater::packager
