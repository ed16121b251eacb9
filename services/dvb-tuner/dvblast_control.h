#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "services/common/base/bytes.h"

namespace headwater::tuner {

// The protocol of dvblast's control socket (comm.h of 3.4, the same in 3.5): datagrams in host byte
// order on one machine, a header of 8 bytes, then a body that is a C struct or whole PSI sections.
enum class ControlCommand : uint8_t {
  kReload = 1,
  kShutdown = 2,
  kFrontendStatus = 3,
  kPat = 10,
  kNit = 12,
  kSdt = 13,
  kPmt = 14,  // of a service
  kPids = 15,
  kPid = 16,                  // of one PID
  kEitPresentFollowing = 19,  // of a service
  kEitSchedule = 20,          // of a service
};

enum class ControlAnswer : uint8_t {
  kOk = 0,
  kError = 1,
  kFrontendStatus = 2,
  kNoData = 7,
  kPat = 8,
  kNit = 10,
  kSdt = 11,
  kPmt = 12,
  kPids = 13,
  kPid = 14,
  kEitPresentFollowing = 15,
  kEitSchedule = 16,
  kUnknownCommand = 255,
};

inline constexpr size_t kControlHeaderSize = 8;
// Of one datagram; longer answers come in several, and only the first has a header.
inline constexpr size_t kControlChunkMax = 4096;
// 256 sections of 4096 bytes and the header (COMM_BUFFER_SIZE).
inline constexpr size_t kControlAnswerMax = kControlHeaderSize + 4096 * 256;

std::vector<uint8_t> ControlRequest(ControlCommand command);
// With a service id or a PID.
std::vector<uint8_t> ControlRequest(ControlCommand command, uint16_t argument);

struct ControlReply {
  ControlAnswer answer = ControlAnswer::kError;
  std::vector<uint8_t> body;
};

// Puts an answer together from its datagrams. One that makes no sense is dropped, and what follows
// is taken for the beginning of the next.
class ControlReplyAssembler {
 public:
  std::optional<ControlReply> Push(Bytes datagram);

 private:
  std::vector<uint8_t> held_;
  size_t size_ = 0;  // of the answer being put together; 0: none
};

struct FrontendStatus {
  bool locked = false;
  // In units of the driver's own; 0 where it does not tell.
  uint32_t bit_errors = 0;
  uint16_t strength = 0;
  uint16_t snr = 0;
};
std::optional<FrontendStatus> ParseFrontendStatus(Bytes body);

struct PidStatus {
  uint64_t packets = 0;
  uint64_t continuity_errors = 0;
  uint64_t transport_errors = 0;
  uint64_t bytes_per_second = 0;
  bool scrambled = false;
};
std::optional<PidStatus> ParsePidStatus(Bytes body);

// The sections that stand one behind the other in an answer of tables; a broken end is left out.
std::vector<Bytes> SplitSections(Bytes body);

}  // namespace headwater::tuner
