#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/result.h"

namespace headwater::mpegts {

inline constexpr size_t kPacketSize = 188;
inline constexpr uint8_t kSync = 0x47;

// 13 bits (ISO 13818-1 section 2.4.3.3).
enum class Pid : uint16_t {
  kPat = 0x0000,
  // ETSI EN 300 468 section 5.1.3.
  kNit = 0x0010,
  kSdt = 0x0011,  // and BAT
  kEit = 0x0012,
  kNull = 0x1fff,
};

enum class PacketError : uint8_t { kTooShort, kNoSync, kBadAdaptationField };

// One transport packet (ISO 13818-1 section 2.4.3). What it does not hold is skipped when parsed.
struct Packet {
  Pid pid = Pid::kNull;
  bool error = false;       // transport_error_indicator: do not trust the rest
  bool unit_start = false;  // a PES packet begins with the payload, or a section within it
  bool scrambled = false;
  uint8_t continuity = 0;      // 4 bits
  bool has_payload = false;    // without one, the continuity does not rise
  bool discontinuity = false;  // of continuity, and of the clock if this is the PCR's PID
  bool random_access = false;
  std::optional<uint64_t> pcr;  // in 27 MHz, less than 300 * 2^33
  Bytes payload;

  // Appends 188 bytes with as much of the payload as fits; the adaptation field is stuffed when it
  // is less. Returns how much that was. A packet with PCR or flags holds up to 176 or 182 bytes,
  // any other 184.
  size_t SerializeTo(std::vector<uint8_t>& out) const;
};

// Of the first 188 bytes; the payload is a view of them.
Result<Packet, PacketError> ParsePacket(Bytes bytes);

// Tells whether packets of one PID are missing (ISO 13818-1 section 2.4.3.3).
class ContinuityCounter {
 public:
  enum class Verdict : uint8_t {
    kNext,
    kRepeated,  // the packet before once more: to be ignored
    kGap,       // something is missing before this one, or the stream says that it begins anew
  };
  Verdict Check(const Packet& packet);

 private:
  std::optional<uint8_t> last_;
  std::vector<uint8_t> last_payload_;
};

}  // namespace headwater::mpegts
