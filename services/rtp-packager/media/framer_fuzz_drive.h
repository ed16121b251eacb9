#pragma once

// Linked by fuzzers only.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "services/common/base/check.h"
#include "services/rtp-packager/media/framer.h"
#include "services/rtp-packager/media/payloader.h"
#include "services/rtp-packager/media/silence.h"

namespace headwater {

inline constexpr size_t kFuzzPayloadMax = 200;

struct FuzzSink {
  std::unique_ptr<Payloader> payloader;
  MediaClock clock{90000, RtpTimestamp(0)};
  size_t frame_bytes = 0;

  void Format(const AudioFormat& format) {
    const RtpFormat rtp = ToRtpFormat(format);
    HW_CHECK(rtp.clock_rate != 0 && !rtp.description.empty());
    HW_CHECK(!MakeSilence(format).bytes.empty());
    payloader = MakePayloader(format.codec, {.payload_max = kFuzzPayloadMax});
  }
  void Frame(const AudioFrameView& frame) {
    HW_CHECK(payloader != nullptr && !frame.bytes.empty() && frame.samples > 0);
    frame_bytes += frame.bytes.size();
    payloader->Push(frame, clock.now());
    while (const RtpPayload* payload = payloader->Next()) {
      HW_CHECK(payload->bytes.size() <= kFuzzPayloadMax);
    }
    clock.Advance(frame.samples, frame.sample_rate);
  }
};

// Feeds a framer in pieces as the first byte says, and its frames to a payloader: the framer must
// hold its limits, and its frames must go into payloads of the size asked for.
inline void FuzzFramer(Bytes bytes) {
  if (bytes.empty()) return;
  // The first byte says how the rest is cut.
  const size_t chunk = size_t{bytes[0]} * bytes[0] + 1;
  bytes = bytes.subspan(1);
  const size_t total = bytes.size();
  const std::unique_ptr<Framer> framer =
      MakeFramer("audio/mpeg", {.garbage_max = 4096, .tag_max = 65536});
  FuzzSink sink;
  bool finished = false;
  while (!finished) {
    finished = bytes.empty();
    if (finished) {
      framer->Finish();
    } else {
      const size_t step = std::min(chunk, bytes.size());
      framer->Push(bytes.first(step));
      bytes = bytes.subspan(step);
    }
    FramerStep step;
    while ((step = framer->Next()) != FramerStep::kNeedBytes) {
      if (step == FramerStep::kFormat) sink.Format(framer->format());
      if (step == FramerStep::kFrame) sink.Frame(framer->frame());
      if (step == FramerStep::kError) {
        HW_CHECK(!framer->error().empty());
        return;
      }
    }
  }
  HW_CHECK(sink.frame_bytes + framer->skipped_total() <= total);
}

}  // namespace headwater
