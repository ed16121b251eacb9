#pragma once

#include <absl/container/flat_hash_map.h>

#include <bitset>
#include <cstdint>
#include <map>
#include <set>
#include <variant>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/mpegts/psi.h"
#include "services/common/mpegts/section.h"
#include "services/common/mpegts/si_table.h"

namespace headwater::tuner {

// A whole table, all its sections put together; of EIT each section by itself.
using SiTable = std::variant<mpegts::ProgramAssociation, mpegts::NetworkInformation,
                             mpegts::ServiceInformation, mpegts::EventInformation>;

// The tables of one carrier, from the packets of the PIDs in kPids and from sections. Each version
// is told once. Bounded whatever comes: what is held of unfinished tables has kBytesMax, of
// sections seen kSeenMax entries; at either limit all of that kind is forgotten and comes again.
class SiCollector {
 public:
  // Not the PAT's: dvblast 3.4 takes PID 0 among an output's PIDs for a clock that is incomplete,
  // and leaves out whatever of it has no PCR. Its sections come by the control socket.
  static constexpr uint16_t kPids[] = {0x0010, 0x0011, 0x0012};
  static constexpr size_t kBytesMax = 4 << 20;
  static constexpr size_t kSeenMax = 1 << 14;

  // A datagram of whole packets.
  void Push(Bytes datagram, std::vector<SiTable>& tables);
  // A section that has come by itself.
  void PushSection(Bytes section, std::vector<SiTable>& tables);

  // Programme numbers of the newest PAT; empty before there is one.
  const std::set<uint16_t>& programs() const { return programs_; }
  bool has_programs() const { return has_programs_; }
  bool has_services() const { return has_services_; }
  bool has_network() const { return has_network_; }
  uint64_t bad_sections() const { return bad_sections_; }

 private:
  struct Partial {
    uint8_t version = 0xff;
    bool done = false;
    size_t held = 0;
    std::vector<std::vector<uint8_t>> sections;
  };
  struct Seen {
    uint8_t version = 0xff;
    std::bitset<256> numbers;
  };

  void OnEvents(const mpegts::Section& section, std::vector<SiTable>& tables);
  void Collect(Bytes bytes, const mpegts::Section& section, std::vector<SiTable>& tables);
  void Finish(const Partial& partial, std::vector<SiTable>& tables);

  std::map<uint16_t, mpegts::SectionAssembler> assemblers_;
  // By table id and extension (and for SDT the network, which is behind them).
  std::map<uint32_t, Partial> partials_;
  size_t bytes_held_ = 0;
  absl::flat_hash_map<uint64_t, Seen> seen_;
  std::set<uint16_t> programs_;
  bool has_programs_ = false;
  bool has_services_ = false;
  bool has_network_ = false;
  uint64_t bad_sections_ = 0;
};

}  // namespace headwater::tuner
