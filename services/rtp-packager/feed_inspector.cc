#include "services/rtp-packager/feed_inspector.h"

#include <algorithm>
#include <utility>

#include "services/common/base/check.h"

namespace headwater::packager {
namespace {

using mpegts::Pid;

constexpr size_t kProgramsMax = 64;
constexpr uint8_t kAssociationSectionsMax = 4;

// A PID's byte: the last continuity counter, whether there was one, whether it has come twice
// already, and what the PID is.
constexpr uint8_t kCounter = 0x0f;
constexpr uint8_t kKnown = 0x10;
constexpr uint8_t kRepeated = 0x20;
constexpr uint8_t kTable = 0x40;
constexpr uint8_t kMedia = 0x80;

// Of a packet's second to sixth byte (ISO 13818-1 section 2.4.3.2).
constexpr uint16_t kErrorIndicator = 0x8000;
constexpr uint16_t kPidMask = 0x1fff;
constexpr uint8_t kScrambled = 0xc0;
constexpr uint8_t kHasAdaptation = 0x20;
constexpr uint8_t kHasPayload = 0x10;
constexpr uint8_t kDiscontinuity = 0x80;

size_t Index(Pid pid) { return static_cast<size_t>(pid); }

}  // namespace

FeedInspector::FeedInspector() { MarkPids(); }

void FeedInspector::OnPacket(Bytes packet) {
  HW_CHECK(packet.size() == mpegts::kPacketSize);
  const auto head = static_cast<uint16_t>(packet[1] << 8 | packet[2]);
  const auto pid = Pid(head & kPidMask);
  // What the receiver has marked as broken tells nothing.
  if ((head & kErrorIndicator) != 0 || pid == Pid::kNull) return;
  any_ = true;
  uint8_t& state = pids_[Index(pid)];
  CheckContinuity(state, packet);
  // A clock alone, or what stays scrambled, is nothing to hear or see.
  const bool is_clear = (packet[3] & kHasPayload) != 0 && (packet[3] & kScrambled) == 0;
  if ((state & kMedia) != 0 && is_clear) media_ = true;
  if ((state & kTable) != 0) OnTable(pid, packet);
}

void FeedInspector::CheckContinuity(uint8_t& state, Bytes packet) {
  const bool has_adaptation = (packet[3] & kHasAdaptation) != 0 && packet[4] > 0;
  if (has_adaptation && (packet[5] & kDiscontinuity) != 0) {
    state &= static_cast<uint8_t>(~(kKnown | kRepeated));
  }
  if ((packet[3] & kHasPayload) == 0) return;
  const uint8_t counter = packet[3] & kCounter;
  const uint8_t roles = state & (kTable | kMedia);
  const auto ahead = static_cast<uint8_t>((counter - (state & kCounter)) & kCounter);
  const bool known = (state & kKnown) != 0;
  const bool repetition = known && ahead == 0 && (state & kRepeated) == 0;
  state = static_cast<uint8_t>(roles | kKnown | (repetition ? kRepeated : 0) | counter);
  if (known && !repetition) missing_total_ += static_cast<uint8_t>((ahead - 1) & kCounter);
}

bool FeedInspector::TakeMedia() { return std::exchange(media_, false); }

bool FeedInspector::TakeAny() { return std::exchange(any_, false); }

void FeedInspector::ForgetContinuity() {
  for (uint8_t& state : pids_) state &= kTable | kMedia;
}

void FeedInspector::OnTable(Pid pid, Bytes bytes) {
  const auto packet = mpegts::ParsePacket(bytes);
  if (!packet.ok()) return;
  sections_.clear();
  if (pid == Pid::kPat) {
    association_.Push(*packet, sections_);
    for (const auto& section : std::exchange(sections_, {})) OnAssociation(section);
    return;
  }
  for (Program& program : programs_) {
    if (program.row.map != pid) continue;
    sections_.clear();
    program.assembler.Push(*packet, sections_);
    for (const auto& section : sections_) OnMap(program, section);
  }
}

void FeedInspector::OnAssociation(const std::vector<uint8_t>& bytes) {
  const auto section = mpegts::ParseSection(bytes);
  if (!section.ok() || !section->current || section->number >= kAssociationSectionsMax) return;
  if (!mpegts::ProgramAssociation::Parse(*section).ok()) return;
  const auto known = association_sections_.find(section->number);
  if (known != association_sections_.end() && known->second == bytes) return;
  if (!association_sections_.empty()) {
    const auto before = mpegts::ParseSection(association_sections_.begin()->second);
    const bool same_table = before->extension == section->extension &&
                            before->version == section->version &&
                            before->last_number == section->last_number;
    if (!same_table) association_sections_.clear();
  }
  association_sections_[section->number] = bytes;
  SetPrograms();
}

void FeedInspector::SetPrograms() {
  std::vector<Program> before = std::exchange(programs_, {});
  for (const auto& [number, bytes] : association_sections_) {
    const auto table = mpegts::ProgramAssociation::Parse(*mpegts::ParseSection(bytes));
    for (const auto& row : table->programs) {
      if (programs_.size() >= kProgramsMax) break;
      const auto kept = std::find_if(before.begin(), before.end(),
                                     [&](const Program& each) { return each.row == row; });
      if (kept == before.end()) {
        programs_.emplace_back().row = row;
      } else {
        programs_.push_back(std::move(*kept));
        before.erase(kept);
      }
    }
  }
  MarkPids();
}

void FeedInspector::OnMap(Program& program, const std::vector<uint8_t>& bytes) {
  if (program.section == bytes) return;
  const auto section = mpegts::ParseSection(bytes);
  // Programmes may share a PID.
  if (!section.ok() || !section->current || section->extension != program.row.number) return;
  const auto map = mpegts::ProgramMap::Parse(*section);
  if (!map.ok()) return;
  program.section = bytes;
  program.streams.clear();
  for (const mpegts::ElementaryStream& stream : map->streams) program.streams.push_back(stream.pid);
  MarkPids();
}

void FeedInspector::MarkPids() {
  for (uint8_t& state : pids_) state &= static_cast<uint8_t>(~(kTable | kMedia));
  pids_[Index(Pid::kPat)] |= kTable;
  has_tables_ = false;
  for (const Program& program : programs_) {
    pids_[Index(program.row.map)] |= kTable;
    for (const Pid pid : program.streams) pids_[Index(pid)] |= kMedia;
    has_tables_ = has_tables_ || !program.section.empty();
  }
}

void FeedInspector::AppendSection(Pid pid, Bytes section, std::vector<uint8_t>& out) {
  uint8_t& state = pids_[Index(pid)];
  uint8_t next = (state & kKnown) != 0 ? (state + 1) & kCounter : 0;
  mpegts::PacketizeSection(section, pid, next, out);
  const auto last = static_cast<uint8_t>((next - 1) & kCounter);
  state = static_cast<uint8_t>((state & (kTable | kMedia)) | kKnown | last);
}

void FeedInspector::AppendTables(std::vector<uint8_t>& out) {
  for (const auto& [number, bytes] : association_sections_) AppendSection(Pid::kPat, bytes, out);
  for (const Program& program : programs_) {
    if (!program.section.empty()) AppendSection(program.row.map, program.section, out);
  }
}

}  // namespace headwater::packager
