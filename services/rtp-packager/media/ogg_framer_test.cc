#include "services/rtp-packager/media/ogg_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/media/ogg_samples.h"
#include "services/rtp-packager/media/vorbis_comment.h"

namespace headwater {
namespace {

using namespace std::string_literals;  // NOLINT: zero bytes
using ::testing::HasSubstr;

using Packet = std::vector<uint8_t>;

Packet FromText(const std::string& text) { return {text.begin(), text.end()}; }

Packet Head(char channels = 2, const std::string& family = "\0"s) {
  return FromText("OpusHead\1"s + channels + "\x38\1\x80\xbb\0\0\0\0"s + family);
}

std::string Counted(const std::string& text) {
  return static_cast<char>(text.size()) + "\0\0\0"s + text;
}

Packet Tags(const std::vector<std::string>& comments) {
  std::string text = "OpusTags" + Counted("me") + static_cast<char>(comments.size()) + "\0\0\0"s;
  for (const std::string& comment : comments) text += Counted(comment);
  return FromText(text);
}

// 20 ms of CELT, of which the bytes tell which one it is.
Packet Sound(uint8_t number, size_t size = 10) {
  Packet packet(size, number);
  packet[0] = 0xfc;
  return packet;
}

std::vector<int> Numbers(const Framed& framed) {
  std::vector<int> numbers;
  for (const AudioFrame& frame : framed.frames) numbers.push_back(frame.bytes.back());
  return numbers;
}

// The two pages that begin a link.
std::vector<uint8_t> Link(uint32_t serial, const std::vector<std::string>& comments = {}) {
  return Join({WriteOggPage({.packets = {Head()}, .serial = serial, .begins = true}),
               WriteOggPage({.packets = {Tags(comments)}, .serial = serial, .sequence = 1})});
}

TEST(OggPageTest, ReadsAPageOfFfmpeg) {
  const std::vector<uint8_t> bytes = ReadSample(kOpus);
  // OggS, begins, granule 0, serial 100, sequence 0, one segment of 19 bytes.
  const auto page = OggPageView::Parse(bytes);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->begins && page->intact && !page->ends && !page->continued);
  EXPECT_EQ(page->serial, 100u);
  EXPECT_EQ(page->size, 47u);
  EXPECT_EQ(page->body.size(), 19u);
  for (size_t length = 0; length < 47; ++length) {
    const auto cut = OggPageView::Parse(Bytes(bytes).first(length));
    ASSERT_FALSE(cut.ok());
    EXPECT_EQ(cut.error(), OggPageError::kTooFewBytes);
  }
}

TEST(OggFramerTest, FindsEveryPacketWhereverTheChunksEnd) {
  const std::vector<uint8_t> bytes = ReadSample(kOpus);
  for (const size_t chunk : {size_t{1}, size_t{7}, size_t{1000}, SIZE_MAX}) {
    const Framed framed = Frame(bytes, chunk);
    EXPECT_EQ(framed.error, "");
    ASSERT_EQ(framed.formats.size(), 1u);
    EXPECT_EQ(framed.formats[0].ToString(), "Opus 48 kHz stereo");
    EXPECT_EQ(framed.frames.size(), 26u);
    EXPECT_EQ(framed.titles, (std::vector<StreamTitle>{{"Hedwig Wäßer - First Song", ""}}));
    EXPECT_EQ(framed.title_frames, (std::vector<size_t>{0}));
    EXPECT_EQ(framed.skipped, 0u);
    for (const AudioFrame& frame : framed.frames) {
      EXPECT_EQ(frame.samples, 960u);
      EXPECT_EQ(frame.sample_rate, 48000u);
    }
  }
}

TEST(OggFramerTest, AChainGoesOnWithoutANewFormat) {
  // Stereo of 20 ms, mono of 60 ms, stereo again.
  const Framed framed = Frame(Join({ReadSample(kOpus), ReadSample(kOpusMono), ReadSample(kOpus)}));
  EXPECT_EQ(framed.error, "");
  EXPECT_EQ(framed.formats.size(), 1u);
  ASSERT_EQ(framed.frames.size(), 26u + 11 + 26);
  EXPECT_EQ(framed.frames[26].samples, 2880u);
  EXPECT_EQ(framed.titles, (std::vector<StreamTitle>{{"Hedwig Wäßer - First Song", ""},
                                                     {"Second Song", ""},
                                                     {"Hedwig Wäßer - First Song", ""}}));
  EXPECT_EQ(framed.title_frames, (std::vector<size_t>{0, 26, 37}));
}

TEST(OggFramerTest, ATruncatedStreamGivesThePagesBeforeTheCut) {
  const std::vector<uint8_t> bytes = ReadSample(kOpus);
  const auto whole = BytesOf(Frame(bytes).frames);
  for (size_t length = 0; length < bytes.size(); ++length) {
    const Framed cut = Frame(Bytes(bytes).first(length));
    EXPECT_EQ(cut.error, "") << length;
    ASSERT_LE(cut.frames.size(), whole.size());
    for (size_t i = 0; i < cut.frames.size(); ++i) ASSERT_EQ(cut.frames[i].bytes, whole[i]);
  }
}

TEST(OggFramerTest, ALinkWithoutEndOrTitleIsFollowed) {
  const Framed framed = Frame(Join({
      Link(1, {"TITLE=One"}),
      WriteOggPage({.packets = {Sound(1)}, .sequence = 2, .granule = 960}),
      Link(2),
      WriteOggPage({.packets = {Sound(2)}, .serial = 2, .sequence = 2, .granule = 960}),
      // The same serial again, as it happens after a restart of the encoder.
      Link(2, {"TITLE=Three"}),
      WriteOggPage({.packets = {Sound(3)}, .serial = 2, .sequence = 2, .granule = 960}),
  }));
  EXPECT_EQ(Numbers(framed), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(framed.titles, (std::vector<StreamTitle>{{"One", ""}, {"", ""}, {"Three", ""}}));
  EXPECT_EQ(framed.title_frames, (std::vector<size_t>{0, 1, 2}));
}

TEST(OggFramerTest, PacketsGoOverPages) {
  const Packet large = Sound(2, 600);
  const Packet first(large.begin(), large.begin() + 255);
  const Packet middle(large.begin() + 255, large.begin() + 510);
  const Packet last(large.begin() + 510, large.end());
  const std::vector<uint8_t> begin = Join({
      Link(1),
      WriteOggPage({.packets = {Sound(1), first}, .sequence = 2, .granule = 960, .open = true}),
  });
  const std::vector<uint8_t> between = WriteOggPage(
      {.packets = {middle}, .sequence = 3, .granule = -1, .continued = true, .open = true});
  const std::vector<uint8_t> end = WriteOggPage(
      {.packets = {last, Sound(3)}, .sequence = 4, .granule = 2880, .continued = true});
  const Framed whole = Frame(Join({begin, between, end}), 100);
  EXPECT_EQ(Numbers(whole), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(whole.frames[1].bytes, large);
  EXPECT_EQ(Numbers(Frame(Join({begin, end}), 100)), (std::vector<int>{1, 3})) << "a page lost";
  EXPECT_EQ(Numbers(Frame(Join({Link(1), end}), 100)), (std::vector<int>{3}));
  std::vector<uint8_t> not_continued = end;
  not_continued = WriteOggPage({.packets = {last, Sound(3)}, .sequence = 4, .granule = 2880});
  // The rest of the packet looks like one of its own, and is no valid one.
  EXPECT_EQ(Numbers(Frame(Join({begin, between, not_continued}))).back(), 3);
}

TEST(OggFramerTest, ADamagedPageIsPassedOver) {
  const auto page = [](uint32_t number) {
    return WriteOggPage({.packets = {Sound(static_cast<uint8_t>(number))},
                         .sequence = number + 1,
                         .granule = 960 * number});
  };
  std::vector<uint8_t> damaged = page(2);
  damaged.back() ^= 1;
  const Framed framed = Frame(Join({Link(1), page(1), damaged, page(3)}));
  EXPECT_EQ(Numbers(framed), (std::vector<int>{1, 3}));
  EXPECT_EQ(framed.skipped, damaged.size());
  for (const size_t chunk : {1, 1000}) {
    const Framed with_garbage =
        Frame(Join({Link(1), page(1), FromText("garbage with OggX and Og"), page(2)}), chunk);
    EXPECT_EQ(Numbers(with_garbage), (std::vector<int>{1, 2}));
    EXPECT_EQ(with_garbage.skipped, 24u);
  }
}

TEST(OggFramerTest, TakesTheFirstAudioStreamOfSeveral) {
  const auto begin = [](uint32_t serial, const Packet& packet) {
    return WriteOggPage({.packets = {packet}, .serial = serial, .begins = true});
  };
  const auto data = [](uint32_t serial, uint32_t sequence, const Packet& packet) {
    return WriteOggPage(
        {.packets = {packet}, .serial = serial, .sequence = sequence, .granule = 960});
  };
  const std::vector<uint8_t> link =
      Join({begin(7, FromText("fishead\0\3\0"s)), begin(8, FromText("\x80theora"s)),
            begin(1, Head()), begin(9, FromText("\1vorbis")), data(8, 1, Packet(40, 9)),
            data(1, 1, Tags({})), data(9, 1, Packet(40, 9)), data(1, 2, Sound(1)),
            data(8, 2, Packet(40, 9)), data(1, 3, Sound(2))});
  const Framed framed = Frame(Join({link, link}));
  EXPECT_EQ(framed.error, "");
  EXPECT_EQ(Numbers(framed), (std::vector<int>{1, 2, 1, 2}));
  EXPECT_EQ(framed.skipped, 0u);
}

TEST(OggFramerTest, PacketsBehindTheLastGranuleAreLeftOut) {
  const Framed framed = Frame(Join({
      Link(1),
      WriteOggPage({.packets = {Sound(1), Sound(2)}, .sequence = 2, .granule = 1920}),
      // 500 samples of the third are sound, the fourth is padding.
      WriteOggPage({.packets = {Sound(3), Sound(4)}, .sequence = 3, .granule = 2420, .ends = true}),
  }));
  EXPECT_EQ(Numbers(framed), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(framed.skipped, 10u);
}

TEST(OggFramerTest, DropsWhatIsNoOpusPacket) {
  const Framed framed = Frame(Join({
      Link(1),
      WriteOggPage({.packets = {Sound(1), {}, {0xff, 0}, Sound(2)}, .sequence = 2}),
  }));
  EXPECT_EQ(Numbers(framed), (std::vector<int>{1, 2}));
  EXPECT_EQ(framed.skipped, 2u);
}

TEST(OggFramerTest, RefusesWithItsNameWhatATranscoderTakes) {
  const auto error = [](const std::vector<uint8_t>& bytes) {
    const std::unique_ptr<Framer> framer = MakeFramer("application/ogg");
    framer->Push(bytes);
    framer->Finish();
    FramerStep step = framer->Next();
    while (step != FramerStep::kError && step != FramerStep::kNeedBytes) step = framer->Next();
    return step == FramerStep::kError && framer->unsupported() ? framer->error() : "";
  };
  const auto first = [](const Packet& packet) {
    return WriteOggPage({.packets = {packet}, .begins = true});
  };
  const std::vector<uint8_t> skeleton =
      WriteOggPage({.packets = {Packet(64, 'f')}, .serial = 5, .begins = true});
  for (const std::vector<uint8_t>& before : {std::vector<uint8_t>(), skeleton}) {
    EXPECT_THAT(error(Join({before, first(FromText("\1vorbis"))})), HasSubstr("Ogg Vorbis"));
    EXPECT_THAT(error(Join({before, first(FromText("\x7f"
                                                   "FLAC\1"))})),
                HasSubstr("Ogg FLAC"));
    EXPECT_THAT(error(Join({before, first(FromText("Speex   1.2"))})), HasSubstr("Ogg Speex"));
    EXPECT_THAT(error(Join({before, first(Head(6, "\1\4\2\0\4\1\2\3\5"s))})),
                HasSubstr("Ogg Opus of 6 channels"));
    EXPECT_THAT(error(Join({before, first(Head(2, "\1\2\0\0\1"s))})), HasSubstr("Ogg Opus of 2"));
    EXPECT_THAT(error(Join({before, first(FromText("OpusHead\x10"))})), HasSubstr("not known"));
  }
  EXPECT_THAT(error(Join({skeleton, WriteOggPage({.packets = {{1}}, .serial = 5, .sequence = 1})})),
              HasSubstr("without audio"));
  EXPECT_THAT(error(Join({Link(1), first(FromText("\1vorbis"))})), HasSubstr("Ogg Vorbis"))
      << "a chain that changes its codec";
  EXPECT_EQ(error(first(Head(2, "\1\1\1\0\1"s))), "") << "one stream, however it is mapped";
}

TEST(OggFramerTest, GarbageWithoutEndIsAnError) {
  const Framed torn = Frame(Join({WriteOggPage({.packets = {Sound(1)}, .sequence = 9}),
                                  std::vector<uint8_t>(70000, 'O')}),
                            1000);
  EXPECT_THAT(torn.error, HasSubstr("nothing of Ogg"));
  std::vector<uint8_t> late;
  for (uint32_t i = 0; i < 300; ++i) {
    late = Join({late, WriteOggPage({.packets = {Sound(1, 250)}, .sequence = i})});
  }
  EXPECT_THAT(Frame(late).error, HasSubstr("nothing of Ogg")) << "its beginning was not seen";
}

TEST(OggFramerTest, LargeTagsKeepTheirTitle) {
  // A picture of 90 000 bytes behind the title, over two pages.
  Packet tags = Tags({"title=Song", "METADATA_BLOCK_PICTURE="});
  tags.resize(255 * 400, 'x');
  const Packet one(tags.begin(), tags.begin() + 255 * 250);
  const Packet two(tags.begin() + 255 * 250, tags.end());
  const Framed framed = Frame(Join({
      WriteOggPage({.packets = {Head()}, .begins = true}),
      WriteOggPage({.packets = {one}, .sequence = 1, .open = true}),
      WriteOggPage({.packets = {two}, .sequence = 2, .continued = true}),
      WriteOggPage({.packets = {Sound(1)}, .sequence = 3}),
  }));
  EXPECT_EQ(framed.titles, (std::vector<StreamTitle>{{"Song", ""}}));
  EXPECT_EQ(framed.frames.size(), 1u);
}

TEST(VorbisCommentTest, TakesTheFirstArtistAndTitleInAnyCase) {
  const auto title = [](const std::string& text) {
    return ParseVorbisComment(AsBytes(text)).title;
  };
  const std::string start = Counted("vendor") + "\3\0\0\0"s;
  EXPECT_EQ(title(start + Counted("Artist=A") + Counted("tItLe=B=C") + Counted("TITLE=D")),
            "A - B=C");
  EXPECT_EQ(title(start + Counted("SUBTITLE=A") + Counted("TITLE")), "");
  EXPECT_EQ(title(start + Counted("TITLE=") + Counted("ARTIST=A")), "A");
  EXPECT_EQ(title(start + Counted("TITLE=A\r\n\xe9")), "A é") << "cleaned";
  EXPECT_EQ(title(start + "\xff\xff\xff\xff"s + Counted("TITLE=A")), "");
  EXPECT_EQ(title(""), "");
  const std::string whole = start + Counted("TITLE=Song") + Counted("ARTIST=Me");
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(title(whole.substr(0, length)), length < start.size() + 14 ? "" : "Song") << length;
  }
}

}  // namespace
}  // namespace headwater
