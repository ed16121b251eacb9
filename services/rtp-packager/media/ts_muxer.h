#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/mpegts/psi.h"
#include "services/common/time/mono_time.h"
#include "services/rtp-packager/media/audio_format.h"

namespace headwater {

// What a transport stream calls the station: players and television sets list it so.
struct TsService {
  uint16_t id = 1;   // programme number and service id
  std::string name;  // UTF-8
};

// Whether there is a way to put this codec into a transport stream that players know.
bool FitsTransportStream(const AudioFormat& format);

// Wraps the frames of one audio stream in MPEG-TS packets (ISO 13818-1): one programme with one
// stream. Each PES packet begins with a PCR and a PTS, so that a PCR comes as often as there are
// PES packets; PAT and PMT come before one at least every kTablesInterval, an SDT (EN 300 468)
// every second. No null packets: the rate varies with the media. The clock is the position on the
// stream's timeline, and never jumps. Pure; allocates nothing once its buffers have grown, but for
// the tables.
class TsMuxer {
 public:
  static constexpr Duration kTablesInterval = 100ms;
  // From the time a frame is sent to the time it is to be heard: what a receiver may wait for
  // packets that are late. Players that buffer by themselves add their own.
  static constexpr Duration kDecodeDelay = 100ms;

  // `format` fits (FitsTransportStream); a later frame may differ in nothing but what its own
  // header tells.
  TsMuxer(const AudioFormat& format, const TsService& service);

  // Appends the frame as it stands in a PES packet: AAC with its ADTS header, Opus with its control
  // header. Left out: frames longer than ADTS or kPesMax allow (SizeOf says 0); no encoder makes
  // such.
  void AppendFrame(const AudioFrameView& frame, std::vector<uint8_t>& pes) const;
  // Bytes that this appends.
  size_t SizeOf(const AudioFrameView& frame) const;
  // Packets that Write makes of that much, tables included, `begin` and `end` as there.
  size_t PacketsOf(size_t pes_octets, Duration end) const;
  // Appends whole packets of frames that play from `begin` to `end`. At most kPesMax octets.
  static constexpr size_t kPesMax = 60000;
  void Write(Bytes pes, Duration begin, Duration end, std::vector<uint8_t>& out);

 private:
  bool TablesDue(Duration end) const;
  bool DescriptionDue(Duration end) const;
  void WriteTables(Duration end, Duration begin, std::vector<uint8_t>& out);
  void WritePesHeader(size_t octets, Duration begin);

  const AudioFormat format_;
  std::vector<uint8_t> association_;
  std::vector<uint8_t> map_;
  std::vector<uint8_t> description_;
  uint8_t association_continuity_ = 0;
  uint8_t map_continuity_ = 0;
  uint8_t description_continuity_ = 0;
  uint8_t audio_continuity_ = 0;
  std::optional<Duration> tables_at_;
  std::optional<Duration> description_at_;
  bool begun_ = false;
  std::vector<uint8_t> pes_;
};

}  // namespace headwater
