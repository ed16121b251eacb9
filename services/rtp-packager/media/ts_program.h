#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "services/common/mpegts/psi.h"

namespace headwater {

enum class TsAudioKind : uint8_t {
  kElementary,  // MPEG audio, or AAC in ADTS
  kLatm,        // AAC in LATM, framed as LOAS
  kUnsupported,
};

// Which part of a transport stream is to be heard.
struct TsChoice {
  uint16_t program = 0;
  mpegts::Pid audio = mpegts::Pid::kNull;
  TsAudioKind kind = TsAudioKind::kUnsupported;
  std::string_view codec;  // what a person calls it
  // ID3 tags beside it (stream type 0x15, as in HLS).
  std::optional<mpegts::Pid> metadata;
  bool operator==(const TsChoice&) const = default;
};

// What a stream of the programme map is, if it is audio.
struct TsAudioCodec {
  TsAudioKind kind;
  std::string_view name;
};
std::optional<TsAudioCodec> AudioCodecOf(const mpegts::ElementaryStream& stream);

// Reads PAT and PMT and chooses the first programme of the PAT with audio that can be sent, else
// the first with any audio, and in it the first audio stream. Programmes whose PMT does not come
// are passed over once another PMT has been repeated: many streams are cut out of larger ones and
// kept their PAT. A choice stands as long as its programme is in the PAT and has audio; tables may
// change at any time, in version or without. Limits: 64 programmes, what is beyond is not looked
// at.
class TsProgramChooser {
 public:
  // Of any PID. True: choice() is another one.
  bool OnPacket(const mpegts::Packet& packet);
  const std::optional<TsChoice>& choice() const { return choice_; }
  // Every programme has been seen or waited for: without a choice, there is no audio.
  bool settled() const { return settled_; }
  size_t programs() const { return programs_.size(); }

 private:
  struct Program {
    mpegts::ProgramAssociation::Program row;
    mpegts::SectionAssembler assembler;
    std::optional<mpegts::ProgramMap> map;
    int seen = 0;  // times that the map has come, kRepeated at most
  };

  void OnAssociation(const mpegts::Section& section);
  void OnMap(Program& program, const mpegts::Section& section);
  void SetPrograms(const std::vector<mpegts::ProgramAssociation::Program>& rows);
  bool Choose();

  mpegts::SectionAssembler association_;
  // By section number; of one version and transport stream.
  std::map<uint8_t, std::vector<mpegts::ProgramAssociation::Program>> rows_;
  uint8_t version_ = 0;
  uint16_t transport_stream_id_ = 0;
  uint8_t last_number_ = 0;
  std::vector<Program> programs_;
  std::vector<std::vector<uint8_t>> sections_;
  std::optional<TsChoice> choice_;
  bool settled_ = false;
};

}  // namespace headwater
