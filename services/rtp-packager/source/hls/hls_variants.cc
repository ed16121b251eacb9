#include "services/rtp-packager/source/hls/hls_variants.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "services/common/playlist/line_scanner.h"

namespace headwater {
namespace {

constexpr size_t kChoicesMax = 32;

struct Codecs {
  bool video = false;
  bool transcoded = false;  // there is audio, and none of it is sent as it is
};

// CODECS (RFC 6381).
Codecs ReadCodecs(std::string_view list) {
  Codecs codecs;
  bool audio = false;
  bool sent = false;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view codec = TrimAscii(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    const auto is_any_of = [&](std::initializer_list<std::string_view> names) {
      return std::any_of(names.begin(), names.end(),
                         [&](std::string_view name) { return StartsWithNoCase(codec, name); });
    };
    if (is_any_of({"avc", "hvc", "hev", "vp0", "vp8", "vp9", "av01", "dvh", "mp4v"})) {
      codecs.video = true;
    } else if (is_any_of({"mp4a", "mp3", "opus", ".mp3"})) {
      audio = sent = true;
    } else if (!codec.empty()) {
      audio = true;
    }
  }
  codecs.transcoded = audio && !sent;
  return codecs;
}

// What the group's listeners hear who choose nothing (section 4.3.4.1).
const HlsRendition* FindRendition(const HlsMasterPlaylist& master, const std::string& group) {
  if (group.empty()) return nullptr;
  const HlsRendition* found = nullptr;
  const auto rank = [](const HlsRendition& each) {
    return each.is_default ? 2 : each.autoselect ? 1 : 0;
  };
  for (const HlsRendition& each : master.renditions) {
    if (each.group == group && (found == nullptr || rank(each) > rank(*found))) found = &each;
  }
  return found;
}

enum Rank : uint8_t { kAudio, kAudioOverLimit, kRenditionOfVideo, kVideo };

struct Ranked {
  HlsChoice choice;
  Rank rank = kAudio;
  bool transcoded = false;

  // Smaller is better; equal ones stay in the list's order (backups follow what they back up).
  std::tuple<int, bool, int64_t> Key() const {
    const auto bits = static_cast<int64_t>(choice.bits_per_second);
    return {rank, transcoded, rank == kAudio || rank == kRenditionOfVideo ? -bits : bits};
  }
};

Ranked RankVariant(const HlsVariant& variant, const HlsMasterPlaylist& master,
                   uint64_t audio_bits_max) {
  const Codecs codecs = ReadCodecs(variant.codecs);
  const bool video = codecs.video || variant.has_resolution;
  const uint64_t bits =
      variant.average_bandwidth != 0 ? variant.average_bandwidth : variant.bandwidth;
  const HlsRendition* rendition = FindRendition(master, variant.audio_group);
  Ranked ranked;
  ranked.transcoded = codecs.transcoded;
  if (rendition != nullptr && !rendition->uri.empty()) {
    // Its rate is not in the list when the variant's holds video too.
    ranked.choice = {rendition->uri, video ? 0 : bits, false};
    ranked.rank = video ? kRenditionOfVideo : bits > audio_bits_max ? kAudioOverLimit : kAudio;
  } else {
    ranked.choice = {variant.uri, bits, video};
    ranked.rank = video ? kVideo : bits > audio_bits_max ? kAudioOverLimit : kAudio;
  }
  return ranked;
}

}  // namespace

std::vector<HlsChoice> ChooseHlsVariants(const HlsMasterPlaylist& master, uint64_t audio_bits_max) {
  std::vector<Ranked> ranked;
  for (const HlsVariant& variant : master.variants) {
    ranked.push_back(RankVariant(variant, master, audio_bits_max));
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.Key() < b.Key(); });
  std::vector<HlsChoice> choices;
  for (const Ranked& each : ranked) {
    const bool is_new = std::none_of(choices.begin(), choices.end(), [&](const HlsChoice& known) {
      return known.uri == each.choice.uri;
    });
    if (is_new && choices.size() < kChoicesMax) choices.push_back(each.choice);
  }
  return choices;
}

}  // namespace headwater
