// A playlist, and then a player that is served nothing but that list: it must hold its limits and
// come to an end.
#include <algorithm>
#include <cstdint>
#include <string>

#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/rtp-packager/source/hls/hls_player.h"

namespace headwater {
namespace {

constexpr HlsPlaylistLimits kLimits = {
    .bytes_max = 16 * 1024, .segments_max = 100, .others_max = 20};

void CheckList(const HlsMediaPlaylist& list) {
  HW_CHECK(list.segments.size() <= kLimits.segments_max);
  HW_CHECK(list.keys.size() <= kLimits.others_max && list.maps.size() <= kLimits.others_max);
  for (const HlsSegment& segment : list.segments) {
    HW_CHECK(segment.gap || !segment.uri.empty());
    HW_CHECK(segment.duration >= Duration{} && segment.duration <= list.target_duration);
    HW_CHECK(!segment.key || *segment.key < list.keys.size());
    HW_CHECK(!segment.map || *segment.map < list.maps.size());
    const std::string title = HlsTitle(segment.title);
    HW_CHECK(IsUtf8(title) && title.size() <= 512);
  }
}

void Play(std::string_view text) {
  const SourceUrl url = *SourceUrl::Parse("http://station.example/list.m3u8");
  HlsStats stats;
  HlsPlayer player({.limits = kLimits}, stats);
  MonoTime now{};
  if (player.Begin(url, text, now)) return;
  for (int step = 0; step < 400; ++step) {
    const HlsAction action = player.Next(now);
    if (std::holds_alternative<HlsEnd>(action)) return;
    if (const auto* wait = std::get_if<HlsWait>(&action)) {
      HW_CHECK(wait->until > now);
      now = wait->until;
      continue;
    }
    const auto& fetch = std::get<HlsFetch>(action);
    now += 1ms;
    // Some fetches fail, by what the list says of them.
    const size_t sum = fetch.url.target.size() + static_cast<size_t>(step);
    if (sum % 7 == 0) {
      player.OnFailure({SourceErrorReason::kHttpStatus, "404 Not Found"}, now);
    } else if (!fetch.is_media()) {
      player.OnDocument(fetch.url, fetch.what == HlsFetch::What::kKey ? "0123456789abcdef" : text,
                        now);
    } else {
      player.OnMediaHead(sum % 2 == 0);
      HW_CHECK(player.OnBytes(AsBytes(text.substr(0, 100)), now).size() <= 100);
      if (sum % 5 == 0) {
        player.OnFailure({SourceErrorReason::kClosed, "connection lost"}, now);
      } else {
        player.OnMediaEnd(now);
      }
    }
  }
}

}  // namespace
}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const std::string_view text = AsText({data, size});
  const auto list = ParseHlsPlaylist(text, kLimits);
  if (!list.ok()) return 0;
  if (const auto* media = std::get_if<HlsMediaPlaylist>(&*list)) CheckList(*media);
  if (const auto* master = std::get_if<HlsMasterPlaylist>(&*list)) {
    HW_CHECK(master->variants.size() <= kLimits.others_max);
    const auto choices = ChooseHlsVariants(*master, 384'000);
    HW_CHECK(!choices.empty() && choices.size() <= 32);
  }
  Play(text);
  return 0;
}
