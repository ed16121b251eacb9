#include "services/rtp-packager/source/hls/hls_playlist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/rtp-packager/source/hls/hls_player.h"
#include "services/rtp-packager/source/hls/hls_variants.h"

namespace headwater {
namespace {

using testing::ElementsAre;

HlsMediaPlaylist Media(std::string_view text, const HlsPlaylistLimits& limits = {}) {
  const auto list = ParseHlsPlaylist(text, limits);
  EXPECT_TRUE(list.ok());
  return list.ok() && std::holds_alternative<HlsMediaPlaylist>(*list)
             ? std::get<HlsMediaPlaylist>(*list)
             : HlsMediaPlaylist{};
}

std::vector<std::string> Choices(std::string_view text, uint64_t audio_bits_max = 384'000) {
  const auto list = ParseHlsPlaylist(text);
  EXPECT_TRUE(list.ok() && std::holds_alternative<HlsMasterPlaylist>(*list));
  std::vector<std::string> uris;
  if (!list.ok()) return uris;
  for (const auto& each : ChooseHlsVariants(std::get<HlsMasterPlaylist>(*list), audio_bits_max)) {
    uris.push_back(each.uri);
  }
  return uris;
}

TEST(HlsPlaylistTest, ReadsALiveList) {
  const HlsMediaPlaylist list = Media(
      "#EXTM3U\r\n#EXT-X-VERSION:3\r\n#EXT-X-TARGETDURATION:6\r\n#EXT-X-MEDIA-SEQUENCE:2680\r\n"
      "#EXT-X-DISCONTINUITY-SEQUENCE:4\r\n\r\n"
      "#EXT-X-PROGRAM-DATE-TIME:2026-11-23T03:00:00.500+01:00\r\n"
      "#EXTINF:5.005,Björk - It's, oh so quiet\r\nhttps://media.example/2680.ts\r\n"
      "# a comment\r\n#EXT-X-UNKNOWN:x\r\n#EXT-X-PROGRAM-DATE-TIME:2026-11-23T02:00:05.505+0000\r\n"
      "#EXTINF:6\r\n2681.ts?token=a,b\r\n"
      "#EXT-X-DISCONTINUITY\r\n#EXTINF:3.003,\r\nad/1.ts\r\n");
  EXPECT_EQ(list.target_duration, 6s);
  EXPECT_EQ(list.media_sequence, 2680u);
  EXPECT_EQ(list.discontinuity_sequence, 4u);
  EXPECT_FALSE(list.end_list);
  ASSERT_EQ(list.segments.size(), 3u);
  EXPECT_EQ(list.segments[0].uri, "https://media.example/2680.ts");
  EXPECT_EQ(list.segments[0].title, "Björk - It's, oh so quiet");
  EXPECT_EQ(list.segments[0].duration, 5005ms);
  EXPECT_EQ(list.segments[0].date_time,
            absl::FromUnixMillis(1795399200500));  // 2026-11-23T02:00:00.5Z
  EXPECT_EQ(list.segments[1].date_time, absl::FromUnixMillis(1795399205505));
  EXPECT_FALSE(list.segments[0].discontinuity);
  EXPECT_EQ(list.segments[1].uri, "2681.ts?token=a,b");
  EXPECT_EQ(list.segments[1].title, "");
  EXPECT_TRUE(list.segments[2].discontinuity);
  EXPECT_EQ(list.segments[2].uri, "ad/1.ts");
}

TEST(HlsPlaylistTest, ReadsByteRangesMapsAndKeys) {
  const HlsMediaPlaylist list = Media(
      "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"all.mp4\",BYTERANGE=\"720@0\"\n"
      "#EXTINF:2,\n#EXT-X-BYTERANGE:1000@720\nall.mp4\n"
      "#EXTINF:2,\n#EXT-X-BYTERANGE:500\nall.mp4\n"
      "#EXT-X-KEY:METHOD=AES-128,URI=\"k?a=1,2\",IV=0x0000000000000000000000000000aBc\n"
      "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://x\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n"
      "#EXT-X-MAP:URI=\"two.mp4\"\n#EXTINF:2,\nseg3.m4s\n"
      "#EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\nseg4.m4s\n#EXT-X-ENDLIST\n");
  ASSERT_EQ(list.segments.size(), 4u);
  EXPECT_TRUE(list.end_list);
  EXPECT_EQ(list.segments[0].range, (HlsByteRange{720, 1000}));
  EXPECT_EQ(list.segments[1].range, (HlsByteRange{1720, 500}));
  ASSERT_EQ(list.maps.size(), 2u);
  EXPECT_EQ(list.maps[*list.segments[1].map].uri, "all.mp4");
  EXPECT_EQ(list.maps[0].range, (HlsByteRange{0, 720}));
  EXPECT_FALSE(list.maps[0].key.has_value());
  EXPECT_EQ(list.maps[*list.segments[2].map].uri, "two.mp4");
  ASSERT_TRUE(list.segments[2].key.has_value());
  const HlsKey& key = list.keys[*list.segments[2].key];
  EXPECT_EQ(key.method, "AES-128");
  EXPECT_EQ(key.uri, "k?a=1,2");
  EXPECT_EQ((*key.iv)[15], 0xbc);
  EXPECT_EQ((*key.iv)[14], 0x0a);
  EXPECT_TRUE(list.maps[1].key.has_value());
  EXPECT_FALSE(list.segments[3].key.has_value());
}

TEST(HlsPlaylistTest, KeepsTheNumberOfASegmentThatCannotBeUsed) {
  const HlsMediaPlaylist list = Media(
      "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:nan,\na.ts\n#EXTINF:-3,\n#EXT-X-GAP\nb.ts\n"
      "#EXTINF:4,\n#EXT-X-BYTERANGE:18446744073709551615@1\nc.ts\n#EXTINF:1e99,\n" +
      std::string(5000, 'x') + "\nno-info.ts\n#EXTINF:2,\ne.ts\n");
  ASSERT_EQ(list.segments.size(), 5u);
  EXPECT_EQ(list.segments[0].duration, 0s);
  EXPECT_FALSE(list.segments[0].gap);
  EXPECT_TRUE(list.segments[1].gap);
  EXPECT_TRUE(list.segments[2].gap);
  EXPECT_TRUE(list.segments[3].gap);
  EXPECT_EQ(list.segments[3].duration, 1h);
  EXPECT_EQ(list.segments[4].uri, "e.ts");
  EXPECT_FALSE(list.segments[4].gap);
  EXPECT_EQ(list.target_duration, 1h);
}

TEST(HlsPlaylistTest, RefusesWhatIsTooMuchOrNoList) {
  const auto error = [](std::string_view text, HlsPlaylistLimits limits = {}) {
    const auto list = ParseHlsPlaylist(text, limits);
    return list.ok() ? "ok" : std::string(ToString(list.error()));
  };
  EXPECT_EQ(error(""), "not an HLS playlist");
  EXPECT_EQ(error("#EXTM3U\nhttp://a/b.mp3\n"), "not an HLS playlist");
  EXPECT_EQ(error("<html>#EXTINF:1,\na\n"), "not an HLS playlist");
  EXPECT_EQ(error("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"), "not an HLS playlist");
  EXPECT_EQ(error(std::string("#EXTM3U\n#EXTINF:1,\na\0b\n", 22)), "not text");
  EXPECT_EQ(error("#EXTM3U\n#EXTINF:1,\na\n", {.bytes_max = 10}), "longer than allowed");
  EXPECT_EQ(error("#EXTM3U\n#EXTINF:1,\na\n#EXTINF:1,\nb\n", {.segments_max = 1}),
            "of more entries than allowed");
  EXPECT_EQ(error("#EXTM3U\n#EXT-X-MAP:URI=\"a\"\n#EXT-X-MAP:URI=\"a\"\n", {.others_max = 1}),
            "of more entries than allowed");
}

TEST(HlsPlaylistTest, HoldsAtEveryLengthOfItsText) {
  const std::string text =
      "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x12\n"
      "#EXT-X-MAP:URI=\"i\",BYTERANGE=\"7@1\"\n#EXTINF:2,t\n#EXT-X-BYTERANGE:4@2\na\n";
  for (size_t length = 0; length <= text.size(); ++length) {
    const auto list = ParseHlsPlaylist(std::string_view(text).substr(0, length));
    if (!list.ok()) continue;
    for (const auto& segment : std::get<HlsMediaPlaylist>(*list).segments) {
      EXPECT_EQ(segment.uri, "a");
    }
  }
}

TEST(HlsVariantsTest, PrefersTheBestAudioWithinTheLimit) {
  EXPECT_THAT(Choices("#EXTM3U\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.5\"\nlow\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS=\"avc1.4d,mp4a.40.2\"\nvideo\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=1500000,CODECS=\"fLaC\"\nlossless\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=350000,CODECS=\"mp4a.40.2\"\nhigh\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=500000,CODECS=\"mp4a.40.2\"\nover\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=360000,CODECS=\"ec-3\"\nsurround\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS=\"mp4a.40.5\"\nlow-backup\n"),
              ElementsAre("high", "low", "low-backup", "surround", "over", "lossless", "video"));
}

TEST(HlsVariantsTest, GoesByTheAverageWhereItIsNamed) {
  EXPECT_THAT(Choices("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\na\n"
                      "#EXT-X-STREAM-INF:BANDWIDTH=500000,AVERAGE-BANDWIDTH=256000\nb\n"),
              ElementsAre("b", "a"));
}

TEST(HlsVariantsTest, TakesTheAudioRenditionOfAVideo) {
  EXPECT_THAT(
      Choices("#EXTM3U\n"
              "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"fr\",AUTOSELECT=YES,URI=\"fr\"\n"
              "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"hi\",NAME=\"en\",DEFAULT=YES,URI=\"en\"\n"
              "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"hi\",DEFAULT=YES,URI=\"subtitles\"\n"
              "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"in\",NAME=\"en\",DEFAULT=YES\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=2000000,RESOLUTION=640x360,AUDIO=\"hi\"\nv1\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=4000000,RESOLUTION=1280x720,AUDIO=\"hi\"\nv2\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=640x360,AUDIO=\"in\"\nv3\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=320x180\nv4\n"),
      ElementsAre("en", "v4", "v3"));
}

TEST(HlsTitleTest, ShowsWhatIsATitle) {
  EXPECT_EQ(HlsTitle("Die Ärzte - Junge"), "Die Ärzte - Junge");
  EXPECT_EQ(HlsTitle("title=\"Junge\",artist=\"Die Ärzte\",url=\"x\""), "Die Ärzte - Junge");
  EXPECT_EQ(HlsTitle("title=\"News\",artist=\"\""), "News");
  for (const char* none : {"", " ", "no desc", "No-Desc", "segment_12.ts", "offset=0,adContext=''",
                           "12345", "live", "2026-11-23"}) {
    EXPECT_EQ(HlsTitle(none), "") << none;
  }
}

}  // namespace
}  // namespace headwater
