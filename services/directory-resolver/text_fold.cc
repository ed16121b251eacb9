#include "services/directory-resolver/text_fold.h"

#include <cstdint>

namespace headwater::directory_resolver {
namespace {

// The code point of a two-byte sequence at `at`, which is where all bicameral letters folded here
// live; 0 for anything else.
uint32_t TwoByteAt(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  if (first < 0xc2 || first > 0xdf || at + 1 >= text.size()) return 0;
  const auto second = static_cast<uint8_t>(text[at + 1]);
  return (second & 0xc0) == 0x80 ? (first & 0x1fu) << 6 | (second & 0x3fu) : 0;
}

bool Between(uint32_t point, uint32_t first, uint32_t last) {
  return point >= first && point <= last;
}

// Lower case by the Unicode tables of these blocks: either a fixed distance, or pairs of
// neighbours.
uint32_t Lower(uint32_t point) {
  if (Between(point, 0xc0, 0xde) && point != 0xd7) return point + 32;  // Latin-1
  if (point == 0x130) return 'i';                                      // capital I with dot
  if (point == 0x178) return 0xff;
  if (Between(point, 0x139, 0x148) || Between(point, 0x179, 0x17e))
    return point % 2 == 1 ? point + 1 : point;
  if (Between(point, 0x100, 0x177) || Between(point, 0x1de, 0x1ef) ||
      Between(point, 0x1f8, 0x21f) || Between(point, 0x222, 0x233)) {
    return point % 2 == 0 && point != 0x138 ? point + 1 : point;
  }
  if (point == 0x386) return 0x3ac;
  if (Between(point, 0x388, 0x38a)) return point + 37;
  if (point == 0x38c) return 0x3cc;
  if (Between(point, 0x38e, 0x38f)) return point + 63;
  if (Between(point, 0x391, 0x3ab) && point != 0x3a2) return point + 32;
  if (point == 0x3c2) return 0x3c3;  // final sigma
  if (Between(point, 0x400, 0x40f)) return point + 80;
  if (Between(point, 0x410, 0x42f)) return point + 32;
  if (Between(point, 0x460, 0x481) || Between(point, 0x48a, 0x4bf) || Between(point, 0x4d0, 0x52f))
    return point | 1;
  if (Between(point, 0x531, 0x556)) return point + 48;
  return point;
}

}  // namespace

std::string FoldCase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  AppendFolded(text, out);
  return out;
}

void AppendFolded(std::string_view text, std::string& out) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const uint32_t point = TwoByteAt(text, at);
    if (point == 0) {
      out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
      continue;
    }
    ++at;
    const uint32_t lower = Lower(point);
    if (point == 0xdf) {
      out.append("ss");
    } else if (lower < 0x80) {
      out.push_back(static_cast<char>(lower));
    } else {
      out.push_back(static_cast<char>(0xc0 | lower >> 6));
      out.push_back(static_cast<char>(0x80 | (lower & 0x3f)));
    }
  }
}

}  // namespace headwater::directory_resolver
