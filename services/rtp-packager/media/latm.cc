#include "services/rtp-packager/media/latm.h"

#include <vector>

namespace headwater {
namespace {

// LatmGetValue, table 1.43: up to four bytes.
uint32_t ReadValue(BitReader& reader) {
  const size_t bytes = reader.Read(2) + 1;
  return reader.Read(8 * bytes);
}

// PayloadLengthInfo for frameLengthType 0, table 1.44: bytes are summed up to one below 255.
size_t ReadUnitSize(BitReader& reader) {
  size_t size = 0;
  uint32_t byte = 0;
  do {
    byte = reader.Read(8);
    size += byte;
  } while (byte == 255);
  return size;
}

// Data of others; how long they are is told for the receiver who skips them, at the element's end.
void SkipOtherDataLength(BitReader& reader, bool version1) {
  if (version1) {
    ReadValue(reader);
    return;
  }
  bool more = false;
  do {
    more = reader.Flag();
    reader.Read(8);
  } while (more && reader.ok());
}

// False: broken.
bool ReadLayer(BitReader& reader, bool version1, AacConfig& out) {
  std::optional<AacConfig> config;
  if (version1) {
    // It has its own length, so what stands behind it in the config can be told from what follows.
    const size_t bits = ReadValue(reader);
    if (!reader.ok() || bits > reader.remaining()) return false;
    std::vector<uint8_t> bytes;
    reader.ReadBytes(bits / 8, bytes);
    if (bits % 8 != 0) {
      bytes.push_back(static_cast<uint8_t>(reader.Read(bits % 8) << (8 - bits % 8)));
    }
    config = ParseAacConfig(bytes);
  } else {
    config = ParseAacConfig(reader);
  }
  if (!config.has_value()) return false;
  out = *config;
  if (out.unsupported != nullptr) return true;
  if (reader.Read(3) != 0) out.unsupported = "frames of fixed length";
  reader.Read(8);  // latmBufferFullness
  return reader.ok();
}

}  // namespace

// same config: 1| version: 1| versionA: 1, in version 1 alone| same time framing: 1| sub-frames -
// 1: 6| programs - 1: 4| layers - 1: 3| layer| frame length type: 3| buffer fullness: 8| other
// data: 1
// ...| CRC: 1 ...
std::optional<LatmConfig> ReadLatmConfig(BitReader& reader) {
  LatmConfig config;
  if (reader.Flag()) return std::nullopt;
  const bool version1 = reader.Flag();
  if (version1 && reader.Flag()) {
    config.aac.unsupported = "a version of its multiplex that is not known";
    return config;
  }
  if (version1) ReadValue(reader);  // taraBufferFullness
  const bool same_time_framing = reader.Flag();
  config.sub_frames = reader.Read(6) + 1;
  const uint32_t programs = reader.Read(4) + 1;
  const uint32_t layers = reader.Read(3) + 1;
  if (!reader.ok()) return std::nullopt;
  if (!same_time_framing || programs != 1 || layers != 1) {
    config.aac.unsupported = "several programs or layers";
    return config;
  }
  if (!ReadLayer(reader, version1, config.aac)) return std::nullopt;
  if (config.aac.unsupported != nullptr) return config;
  if (reader.Flag()) SkipOtherDataLength(reader, version1);
  if (reader.Flag()) reader.Read(8);  // a checksum of the config; TCP has its own
  if (!reader.ok()) return std::nullopt;
  return config;
}

LatmStep LatmReader::Read(Bytes element) {
  BitReader reader(element);
  unit_count_ = 0;
  if (!element.empty() && (element[0] & 0x80) == 0) {
    const std::optional<LatmConfig> config = ReadLatmConfig(reader);
    has_config_ = config.has_value();
    if (!has_config_) return LatmStep::kBroken;
    config_ = *config;
  } else {
    reader.Flag();
  }
  if (!has_config_) return LatmStep::kNoConfig;
  if (config_.aac.unsupported != nullptr) return LatmStep::kUnsupported;
  return ReadUnits(reader) ? LatmStep::kUnits : LatmStep::kBroken;
}

bool LatmReader::ReadUnits(BitReader& reader) {
  for (size_t i = 0; i < config_.sub_frames; ++i) {
    const size_t size = ReadUnitSize(reader);
    if (units_.size() == unit_count_) units_.emplace_back();
    std::vector<uint8_t>& unit = units_[unit_count_];
    unit.clear();
    reader.ReadBytes(size, unit);
    if (!reader.ok()) return false;
    if (!unit.empty()) ++unit_count_;
  }
  return true;
}

}  // namespace headwater
