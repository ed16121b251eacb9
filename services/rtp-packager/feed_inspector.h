#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/mpegts/psi.h"

namespace headwater::packager {

// Looks at the packets of a transport stream as they pass: which tables have come, whether media
// does, and what is missing by the continuity counters (ISO 13818-1 section 2.4.3.3). One byte a
// PID; a packet that is no table costs a look at its header. Limits: 64 programmes and four
// sections of the PAT, what is beyond is not looked at. Pure.
class FeedInspector {
 public:
  FeedInspector();

  // Exactly one packet, that begins with the sync byte.
  void OnPacket(Bytes packet);

  // The PAT, and the map of a programme in it.
  bool has_tables() const { return has_tables_; }
  // Since the last call: a packet of a stream that a map names.
  bool TakeMedia();
  // The same, whatever maps say: anything but a null packet.
  bool TakeAny();
  // Packets missing so far. One that comes twice is none (a repetition is allowed once).
  uint64_t missing_total() const { return missing_total_; }
  // What comes next follows nothing.
  void ForgetContinuity();
  // Appends the newest PAT and maps as packets that go on from the feed's own.
  void AppendTables(std::vector<uint8_t>& out);

 private:
  struct Program {
    mpegts::ProgramAssociation::Program row;
    mpegts::SectionAssembler assembler;
    // Of its newest map; empty before.
    std::vector<uint8_t> section;
    std::vector<mpegts::Pid> streams;
  };

  void CheckContinuity(uint8_t& state, Bytes packet);
  void OnTable(mpegts::Pid pid, Bytes bytes);
  void OnAssociation(const std::vector<uint8_t>& bytes);
  void OnMap(Program& program, const std::vector<uint8_t>& bytes);
  void SetPrograms();
  void MarkPids();
  void AppendSection(mpegts::Pid pid, Bytes section, std::vector<uint8_t>& out);

  // See the constants in the source.
  std::array<uint8_t, 0x2000> pids_ = {};
  mpegts::SectionAssembler association_;
  // By number; of one version.
  std::map<uint8_t, std::vector<uint8_t>> association_sections_;
  std::vector<Program> programs_;
  std::vector<std::vector<uint8_t>> sections_;
  bool has_tables_ = false;
  bool media_ = false;
  bool any_ = false;
  uint64_t missing_total_ = 0;
};

}  // namespace headwater::packager
