#include "services/rtp-packager/media/ts_program.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headwater {
namespace {

using mpegts::Descriptor;
using mpegts::ElementaryStream;
using mpegts::Pid;

constexpr size_t kProgramsMax = 64;
// Times that one map has come while another has not.
constexpr int kRepeated = 3;

constexpr uint8_t kTypePrivate = 0x06;
constexpr uint8_t kTypeMetadata = 0x15;
constexpr uint8_t kRegistration = 0x05;
constexpr uint8_t kExtension = 0x7f;

struct TypeRow {
  uint8_t type;
  TsAudioCodec codec;
};
// ISO 13818-1 table 2-34; from 0x80 on as ATSC A/53 and A/52 have it.
constexpr std::array kTypes = {
    TypeRow{0x03, {TsAudioKind::kElementary, "MPEG-1 audio"}},
    TypeRow{0x04, {TsAudioKind::kElementary, "MPEG-2 audio"}},
    TypeRow{0x0f, {TsAudioKind::kElementary, "AAC"}},
    TypeRow{0x11, {TsAudioKind::kLatm, "AAC in LATM"}},
    TypeRow{0x1c, {TsAudioKind::kUnsupported, "MPEG-4 audio without framing"}},
    TypeRow{0x2d, {TsAudioKind::kUnsupported, "MPEG-H audio"}},
    TypeRow{0x2e, {TsAudioKind::kUnsupported, "MPEG-H audio"}},
    TypeRow{0x81, {TsAudioKind::kUnsupported, "AC-3"}},
    TypeRow{0x84, {TsAudioKind::kUnsupported, "E-AC-3"}},
    TypeRow{0x87, {TsAudioKind::kUnsupported, "E-AC-3"}},
};

struct NameRow {
  std::string_view word;
  std::string_view name;
};
// Registered format identifiers (smpte-ra.org).
constexpr std::array kRegistrations = {
    NameRow{"Opus", "Opus"}, NameRow{"AC-3", "AC-3"},       NameRow{"EAC3", "E-AC-3"},
    NameRow{"AC-4", "AC-4"}, NameRow{"BSSD", "SMPTE 302M"}, NameRow{"DTS1", "DTS"},
    NameRow{"DTS2", "DTS"},  NameRow{"DTS3", "DTS"},
};

struct TagRow {
  uint8_t tag;
  std::string_view name;
};
// EN 300 468 table 12, and below it by the extension's own tag (table 109).
constexpr std::array kTags = {TagRow{0x6a, "AC-3"}, TagRow{0x7a, "E-AC-3"}, TagRow{0x7b, "DTS"},
                              TagRow{0x7c, "AAC in private data"}};
constexpr std::array kExtensions = {TagRow{0x0e, "DTS-HD"}, TagRow{0x15, "AC-4"},
                                    TagRow{0x21, "DTS-UHD"}};

std::string_view NameByTag(const Descriptor& descriptor) {
  const auto find = [](const auto& rows, uint8_t tag) -> std::string_view {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const TagRow& each) { return each.tag == tag; });
    return row == rows.end() ? std::string_view() : row->name;
  };
  if (descriptor.tag != kExtension) return find(kTags, descriptor.tag);
  return descriptor.bytes.empty() ? std::string_view() : find(kExtensions, descriptor.bytes[0]);
}

std::string_view NameByDescriptors(const ElementaryStream& stream) {
  for (const Descriptor& each : stream.descriptors) {
    if (each.tag == kRegistration && each.bytes.size() >= 4) {
      const std::string_view word = AsText(Bytes(each.bytes).first(4));
      for (const NameRow& row : kRegistrations) {
        if (row.word == word) return row.name;
      }
    }
    if (const std::string_view name = NameByTag(each); !name.empty()) return name;
  }
  return {};
}

// Audio that can be sent goes before audio that cannot.
std::optional<TsChoice> ChoiceOf(const mpegts::ProgramMap& map) {
  std::optional<TsChoice> choice;
  std::optional<Pid> metadata;
  for (const ElementaryStream& stream : map.streams) {
    if (stream.type == kTypeMetadata && !metadata) metadata = stream.pid;
    const std::optional<TsAudioCodec> codec = AudioCodecOf(stream);
    if (!codec) continue;
    const bool better = !choice || (choice->kind == TsAudioKind::kUnsupported &&
                                    codec->kind != TsAudioKind::kUnsupported);
    if (better) choice = TsChoice{map.program, stream.pid, codec->kind, codec->name, {}};
  }
  if (choice) choice->metadata = metadata;
  return choice;
}

}  // namespace

std::optional<TsAudioCodec> AudioCodecOf(const ElementaryStream& stream) {
  for (const TypeRow& row : kTypes) {
    if (row.type == stream.type) return row.codec;
  }
  // Private data and user private types are audio if their descriptors say so.
  if (stream.type != kTypePrivate && stream.type < 0x80) return std::nullopt;
  const std::string_view name = NameByDescriptors(stream);
  if (name.empty()) return std::nullopt;
  return TsAudioCodec{TsAudioKind::kUnsupported, name};
}

bool TsProgramChooser::OnPacket(const mpegts::Packet& packet) {
  sections_.clear();
  if (packet.pid == Pid::kPat) {
    association_.Push(packet, sections_);
    for (const auto& bytes : sections_) {
      const auto section = mpegts::ParseSection(bytes);
      if (section.ok() && section->current) OnAssociation(*section);
    }
    return !sections_.empty() && Choose();
  }
  bool changed = false;
  for (Program& program : programs_) {
    if (program.row.map != packet.pid) continue;
    sections_.clear();
    program.assembler.Push(packet, sections_);
    for (const auto& bytes : sections_) {
      const auto section = mpegts::ParseSection(bytes);
      // Programmes may share a PID.
      if (!section.ok() || !section->current || section->extension != program.row.number) continue;
      OnMap(program, *section);
      changed = true;
    }
  }
  return changed && Choose();
}

void TsProgramChooser::OnAssociation(const mpegts::Section& section) {
  auto table = mpegts::ProgramAssociation::Parse(section);
  if (!table.ok()) return;
  if (table->version != version_ || table->transport_stream_id != transport_stream_id_ ||
      section.last_number != last_number_) {
    rows_.clear();
  }
  version_ = table->version;
  transport_stream_id_ = table->transport_stream_id;
  last_number_ = section.last_number;
  rows_[section.number] = std::move(table->programs);
  std::vector<mpegts::ProgramAssociation::Program> rows;
  for (const auto& [number, each] : rows_) rows.insert(rows.end(), each.begin(), each.end());
  if (rows.size() > kProgramsMax) rows.resize(kProgramsMax);
  SetPrograms(rows);
}

void TsProgramChooser::SetPrograms(const std::vector<mpegts::ProgramAssociation::Program>& rows) {
  const bool same =
      std::equal(rows.begin(), rows.end(), programs_.begin(), programs_.end(),
                 [](const auto& row, const Program& have) { return row == have.row; });
  if (same) return;
  std::vector<Program> before = std::exchange(programs_, {});
  for (const auto& row : rows) {
    const auto kept = std::find_if(before.begin(), before.end(),
                                   [&](const Program& each) { return each.row == row; });
    if (kept != before.end()) {
      programs_.push_back(std::move(*kept));
      before.erase(kept);
    } else {
      programs_.emplace_back().row = row;
    }
    programs_.back().seen = 0;
  }
  settled_ = false;
}

void TsProgramChooser::OnMap(Program& program, const mpegts::Section& section) {
  auto map = mpegts::ProgramMap::Parse(section);
  if (!map.ok()) return;
  program.map = std::move(map).value();
  program.seen = std::min(program.seen + 1, kRepeated);
}

bool TsProgramChooser::Choose() {
  const bool repeated = std::any_of(programs_.begin(), programs_.end(),
                                    [](const Program& each) { return each.seen >= kRepeated; });
  std::optional<TsChoice> best;
  bool waiting = false;
  for (const Program& program : programs_) {
    if (!program.map) {
      waiting = waiting || !repeated;
      continue;
    }
    std::optional<TsChoice> choice = ChoiceOf(*program.map);
    if (!choice) continue;
    if (choice_ && choice->program == choice_->program) {
      // What is being heard.
      best = choice;
      waiting = false;
      break;
    }
    // One before it may turn out to be better.
    if (waiting) continue;
    const bool better = !best || (best->kind == TsAudioKind::kUnsupported &&
                                  choice->kind != TsAudioKind::kUnsupported);
    if (better) best = choice;
  }
  settled_ = !programs_.empty() && !waiting;
  // Audio that cannot be sent is chosen only when nothing better can come.
  if (!best || (waiting && best->kind == TsAudioKind::kUnsupported) || best == choice_)
    return false;
  choice_ = best;
  return true;
}

}  // namespace headwater
