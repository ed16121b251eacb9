#include "services/dvb-tuner/service.h"

#include <algorithm>
#include <string_view>

#include "services/common/mpegts/si_descriptor.h"
#include "services/common/mpegts/si_text.h"

namespace headwater::tuner {
namespace {

using mpegts::DescriptorTag;
using mpegts::ElementaryStream;

constexpr uint8_t kPrivatePes = 0x06;

// ISO 13818-1 table 2-34; empty for what is neither.
std::string_view VideoName(const ElementaryStream& stream) {
  switch (stream.type) {
    case 0x01:
      return "MPEG-1";
    case 0x02:
      return "MPEG-2";
    case 0x10:
      return "MPEG-4";
    case 0x1b:
      return "H.264";
    case 0x24:
      return "H.265";
    default:
      return {};
  }
}

std::string_view AudioName(const ElementaryStream& stream) {
  switch (stream.type) {
    case 0x03:
    case 0x04:
      return "MP2";
    case 0x0f:
    case 0x11:
      return "AAC";
    case 0x81:
      return "AC-3";
    case 0x87:
      return "E-AC-3";
    default:
      break;
  }
  if (stream.type != kPrivatePes) return {};
  if (Find(stream.descriptors, DescriptorTag::kAc3)) return "AC-3";
  if (Find(stream.descriptors, DescriptorTag::kEnhancedAc3)) return "E-AC-3";
  if (Find(stream.descriptors, DescriptorTag::kDts)) return "DTS";
  if (Find(stream.descriptors, DescriptorTag::kAac)) return "AAC";
  return {};
}

std::string Language(const ElementaryStream& stream) {
  const mpegts::Descriptor* descriptor = Find(stream.descriptors, DescriptorTag::kLanguage);
  if (descriptor == nullptr || descriptor->bytes.size() < 3) return {};
  const std::string code = mpegts::LanguageCode(Bytes(descriptor->bytes).first(3));
  return code.empty() ? "" : " (" + code + ")";
}

std::string DescribeStream(const ElementaryStream& stream) {
  if (IsVideo(stream)) return std::string(VideoName(stream)) + " video";
  if (IsAudio(stream)) return std::string(AudioName(stream)) + " audio" + Language(stream);
  if (Find(stream.descriptors, DescriptorTag::kSubtitling)) return "subtitles";
  if (Find(stream.descriptors, DescriptorTag::kTeletext)) return "teletext";
  return {};
}

}  // namespace

ServiceType ServiceTypeOf(uint8_t service_type) {
  switch (service_type) {
    case 0x01:  // MPEG-2 SD, and from 0x11 on its successors
    case 0x11:
    case 0x16:
    case 0x17:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
    case 0x20:
    case 0x04:
    case 0x05:
      return ServiceType::kTv;
    case 0x02:
    case 0x07:
    case 0x0a:
      return ServiceType::kRadio;
    case 0x00:
      return ServiceType::kUnknown;
    default:
      return ServiceType::kData;
  }
}

bool IsVideo(const ElementaryStream& stream) { return !VideoName(stream).empty(); }
bool IsAudio(const ElementaryStream& stream) { return !AudioName(stream).empty(); }

bool HasConditionalAccess(const mpegts::ProgramMap& map) {
  constexpr auto kTag = DescriptorTag::kConditionalAccess;
  return Find(map.descriptors, kTag) != nullptr ||
         std::ranges::any_of(map.streams, [](const ElementaryStream& stream) {
           return Find(stream.descriptors, kTag) != nullptr;
         });
}

std::string Describe(const mpegts::ProgramMap& map) {
  constexpr size_t kTextMax = 400;
  std::string text;
  for (const ElementaryStream& stream : map.streams) {
    const std::string one = DescribeStream(stream);
    if (one.empty() || text.size() > kTextMax) continue;
    if (!text.empty()) text += ", ";
    text += one;
  }
  return text;
}

}  // namespace headwater::tuner
