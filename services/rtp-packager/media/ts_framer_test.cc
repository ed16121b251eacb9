#include "services/rtp-packager/media/ts_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "services/common/mpegts/psi.h"
#include "services/rtp-packager/media/media_samples.h"
#include "services/rtp-packager/media/ts_payload.h"
#include "services/rtp-packager/media/ts_pes.h"
#include "services/rtp-packager/media/ts_program.h"

namespace headwater {
namespace {

using mpegts::ElementaryStream;
using mpegts::kPacketSize;
using mpegts::Pid;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTsAac = "ts_aac.ts";                    // what kAac holds
constexpr const char* kTsProgrammes = "ts_two_programmes.ts";  // AC-3 in 10; what kMp2 holds in 20
constexpr const char* kTsLatm = "ts_latm.ts";
constexpr const char* kTsOpus = "ts_opus.ts";

// Writes a transport stream packet by packet.
class TsWriter {
 public:
  explicit TsWriter(uint8_t continuity = 0) : start_(continuity) {}

  TsWriter& Association(std::vector<mpegts::ProgramAssociation::Program> programs,
                        uint8_t version = 0) {
    std::vector<uint8_t> section;
    mpegts::ProgramAssociation{.version = version, .programs = std::move(programs)}.SerializeTo(
        section);
    mpegts::PacketizeSection(section, Pid::kPat, Counter(Pid::kPat), out_);
    return *this;
  }
  TsWriter& Map(Pid pid, uint16_t program, std::vector<ElementaryStream> streams,
                uint8_t version = 0) {
    std::vector<uint8_t> section;
    mpegts::ProgramMap{.program = program, .version = version, .streams = std::move(streams)}
        .SerializeTo(section);
    mpegts::PacketizeSection(section, pid, Counter(pid), out_);
    return *this;
  }
  // `length_told`: as audio does; else as video may.
  TsWriter& Pes(Pid pid, Bytes payload, bool length_told = true, bool scrambled = false) {
    std::vector<uint8_t> unit = {0, 0, 1, 0xc0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1};
    if (length_told) {
      unit[4] = static_cast<uint8_t>((payload.size() + 8) >> 8);
      unit[5] = static_cast<uint8_t>(payload.size() + 8);
    }
    unit.insert(unit.end(), payload.begin(), payload.end());
    mpegts::Packet packet = {
        .pid = pid, .unit_start = true, .scrambled = scrambled, .has_payload = true};
    for (Bytes rest = unit; !rest.empty();) {
      uint8_t& counter = Counter(pid);
      packet.continuity = counter;
      counter = (counter + 1) & 15;
      packet.payload = rest;
      rest = rest.subspan(packet.SerializeTo(out_));
      packet.unit_start = false;
    }
    return *this;
  }
  const std::vector<uint8_t>& bytes() const { return out_; }

 private:
  uint8_t& Counter(Pid pid) { return counters_.try_emplace(pid, start_).first->second; }

  const uint8_t start_;
  std::map<Pid, uint8_t> counters_;
  std::vector<uint8_t> out_;
};

constexpr Pid kMap = Pid(0x1000);
constexpr Pid kAudio = Pid(0x100);

std::vector<ElementaryStream> One(uint8_t type, Pid pid = kAudio) {
  return {{.type = type, .pid = pid, .descriptors = {}}};
}

// A segment as HLS cuts them: tables, then whole frames.
std::vector<uint8_t> Segment(Bytes media, uint8_t continuity, Pid map = kMap, Pid audio = kAudio,
                             uint8_t type = 0x0f) {
  TsWriter writer(continuity);
  writer.Association({{1, map}}).Map(map, 1, One(type, audio));
  for (; media.size() > 900; media = media.subspan(900)) writer.Pes(audio, media.first(900));
  return writer.Pes(audio, media).bytes();
}

// All steps of a framer over these bytes, titles and errors too.
struct Steps : Framed {
  std::vector<std::string> titles;
  bool unsupported = false;
};

Steps Cut(Bytes bytes, size_t chunk = SIZE_MAX, const FramerOptions& options = {}) {
  Steps out;
  const auto framer = MakeTsFramer("video/mp2t", options);
  bool open = true;
  while (open) {
    const size_t size = std::min(chunk, bytes.size());
    open = size > 0;
    if (open) framer->Push(bytes.first(size));
    if (!open) framer->Finish();
    bytes = bytes.subspan(size);
    for (FramerStep step = framer->Next(); step != FramerStep::kNeedBytes; step = framer->Next()) {
      if (step == FramerStep::kFormat) out.formats.push_back(framer->format());
      if (step == FramerStep::kTitle) out.titles.push_back(framer->title().title);
      if (step == FramerStep::kFrame) {
        const AudioFrameView& view = framer->frame();
        out.frames.push_back(
            {{view.bytes.begin(), view.bytes.end()}, view.samples, view.sample_rate});
      }
      if (step == FramerStep::kError) {
        out.error = framer->error();
        out.unsupported = framer->unsupported();
        return out;
      }
    }
  }
  out.skipped = framer->skipped_total();
  return out;
}

TEST(TsFramerTest, GivesOutWhatWasPutIn) {
  for (const auto& [ts, elementary] :
       {std::pair{kTsAac, kAac}, std::pair{kTsProgrammes, kMp2}, std::pair{kTsLatm, kAacMono}}) {
    SCOPED_TRACE(ts);
    const Framed wanted = Frame(ReadSample(elementary));
    const std::vector<uint8_t> bytes = ReadSample(ts);
    for (const size_t chunk : {size_t{1}, size_t{7}, size_t{188}, size_t{1400}, SIZE_MAX}) {
      const Steps got = Cut(bytes, chunk);
      EXPECT_EQ(got.error, "");
      EXPECT_EQ(got.formats, wanted.formats);
      EXPECT_EQ(BytesOf(got.frames), BytesOf(wanted.frames));
      EXPECT_EQ(got.skipped, 0u);
    }
  }
}

TEST(TsFramerTest, IsChosenByTheBytesAndByTheWordOfAServerThatBeginsAnywhere) {
  const size_t wanted = Frame(ReadSample(kAac)).frames.size();
  const std::vector<uint8_t> bytes = ReadSample(kTsAac);
  EXPECT_EQ(Frame(bytes, 100, true, {}, "audio/mpeg").frames.size(), wanted);
  const Bytes cut = Bytes(bytes).subspan(kPacketSize * 3 / 2);
  // Its tables come again within the file, so it loses what was before them.
  const Framed joined = Frame(cut, 100, true, {}, "video/MP2T; charset=x");
  EXPECT_EQ(joined.error, "");
  EXPECT_GT(joined.frames.size(), wanted / 2);
  EXPECT_EQ(Frame(ReadSample(kMp3), 100, true, {}, "video/mp2t").frames.size(), 40u)
      << "a content type that lies";
}

TEST(TsFramerTest, ReadsPacketsOf192And204Bytes) {
  const std::vector<uint8_t> bytes = ReadSample(kTsAac);
  const size_t wanted = Frame(ReadSample(kAac)).frames.size();
  for (const auto& [before, behind] : {std::pair{4, 0}, std::pair{0, 16}}) {
    std::vector<uint8_t> larger;
    for (size_t i = 0; i < bytes.size(); i += kPacketSize) {
      larger.resize(larger.size() + static_cast<size_t>(before), 0x11);
      const auto at = bytes.begin() + static_cast<ptrdiff_t>(i);
      larger.insert(larger.end(), at, at + kPacketSize);
      larger.resize(larger.size() + static_cast<size_t>(behind), 0x22);
    }
    for (const size_t chunk : {size_t{1}, size_t{100}, SIZE_MAX}) {
      const Framed framed = Frame(larger, chunk, true, {}, "");
      EXPECT_EQ(framed.frames.size(), wanted) << before << " " << chunk << framed.error;
    }
  }
}

TEST(TsFramerTest, SegmentsMayChangeCountersTablesAndPids) {
  const std::vector<uint8_t> media = ReadSample(kAac);
  const size_t wanted = Frame(media).frames.size();
  for (const auto& second :
       {Segment(media, 0), Segment(media, 9), Segment(media, 3, Pid(0x200)),
        Segment(media, 3, kMap, Pid(0x321)), Segment(media, 15, Pid(0x20), Pid(0x30))}) {
    std::vector<uint8_t> both = Segment(media, 0);
    both.insert(both.end(), second.begin(), second.end());
    const Steps got = Cut(both, 1000);
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.formats.size(), 1u);
    EXPECT_EQ(got.frames.size(), 2 * wanted);
    EXPECT_EQ(got.skipped, 0u);
  }
}

TEST(TsFramerTest, ASegmentCutWithinAPacketCostsItsLastFramesOnly) {
  const std::vector<uint8_t> media = ReadSample(kAac);
  const size_t wanted = Frame(media).frames.size();
  std::vector<uint8_t> both = Segment(media, 0);
  both.resize(both.size() - 300);
  const std::vector<uint8_t> second = Segment(media, 0);
  both.insert(both.end(), second.begin(), second.end());
  const Steps got = Cut(both);
  EXPECT_EQ(got.error, "");
  EXPECT_GE(got.frames.size(), 2 * wanted - 6);
}

TEST(TsFramerTest, AnotherCodecIsAnotherFormat) {
  std::vector<uint8_t> both = Segment(ReadSample(kAac), 0);
  const std::vector<uint8_t> second = Segment(ReadSample(kMp2), 0, kMap, kAudio, 0x03);
  both.insert(both.end(), second.begin(), second.end());
  const Steps got = Cut(both);
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.formats.size(), 2u);
  EXPECT_EQ(got.formats[1].codec, AudioCodec::kMpegAudio);
}

TEST(TsFramerTest, LostPacketsCostTheirFrames) {
  const std::vector<uint8_t> bytes = ReadSample(kTsAac);
  const Steps whole = Cut(bytes);
  std::vector<std::vector<uint8_t>> frames = BytesOf(whole.frames);
  for (size_t lost = 4; lost < bytes.size() / kPacketSize; ++lost) {
    std::vector<uint8_t> left = bytes;
    const auto at = left.begin() + static_cast<ptrdiff_t>(lost * kPacketSize);
    left.erase(at, at + kPacketSize);
    const Steps got = Cut(left);
    EXPECT_EQ(got.error, "");
    // A PES packet of FFmpeg has up to 2930 bytes: 16 frames.
    EXPECT_GE(got.frames.size() + 18, frames.size()) << lost;
    for (const auto& frame : BytesOf(got.frames)) {
      EXPECT_THAT(frames, ::testing::Contains(frame)) << "no frame is put together from two";
    }
  }
}

TEST(TsFramerTest, EndsAtEveryLengthWithoutHarm) {
  const std::vector<uint8_t> bytes = ReadSample(kTsProgrammes);
  size_t before = 0;
  for (size_t size = 0; size <= bytes.size(); size += 37) {
    const Steps got = Cut(Bytes(bytes).first(size));
    EXPECT_EQ(got.error, "") << size;
    EXPECT_GE(got.frames.size() + 1, before) << size;
    before = got.frames.size();
  }
}

TEST(TsFramerTest, FindsPacketsAgainBehindGarbage) {
  const std::vector<uint8_t> media = ReadSample(kAac);
  const std::vector<uint8_t> segment = Segment(media, 0);
  std::vector<uint8_t> bytes = segment;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<uint8_t>(i * 7 % 71));
  bytes.insert(bytes.end(), segment.begin(), segment.end());
  const Steps got = Cut(bytes, 500);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.skipped, 5000u);
  EXPECT_GE(got.frames.size(), 2 * Frame(media).frames.size() - 2);

  std::vector<uint8_t> endless = segment;
  endless.resize(200'000, 0x55);
  EXPECT_THAT(Cut(endless).error, HasSubstr("no transport packets in"));
}

TEST(TsFramerTest, NamesWhatItCannotSend) {
  const auto with = [](uint8_t type, std::vector<mpegts::Descriptor> descriptors) {
    TsWriter writer;
    writer.Association({{1, kMap}});
    for (int i = 0; i < 4; ++i) {
      writer.Map(kMap, 1, {{.type = type, .pid = kAudio, .descriptors = descriptors}});
    }
    return Cut(writer.bytes());
  };
  EXPECT_EQ(with(0x81, {}).error, "AC-3 in an MPEG transport stream cannot be sent");
  EXPECT_TRUE(with(0x81, {}).unsupported);
  EXPECT_THAT(with(0x06, {{0x6a, {0}}}).error, HasSubstr("AC-3"));
  EXPECT_THAT(with(0x06, {{0x7a, {0}}}).error, HasSubstr("E-AC-3"));
  EXPECT_THAT(with(0x06, {{0x05, {'D', 'T', 'S', '1'}}}).error, HasSubstr("DTS"));
  EXPECT_THAT(Cut(ReadSample(kTsOpus)).error, HasSubstr("Opus"));
  EXPECT_TRUE(Cut(ReadSample(kTsOpus)).unsupported);
  const Steps video = with(0x1b, {});
  EXPECT_THAT(video.error, HasSubstr("without audio"));
  EXPECT_FALSE(video.unsupported) << "no transcoder finds any either";
}

TEST(TsFramerTest, ScrambledAudioIsGivenUp) {
  TsWriter writer;
  writer.Association({{1, kMap}}).Map(kMap, 1, One(0x0f));
  const std::vector<uint8_t> noise(1000, 0x5a);
  for (int i = 0; i < 300; ++i) writer.Pes(kAudio, noise, true, true);
  EXPECT_THAT(Cut(writer.bytes()).error, HasSubstr("scrambled"));
}

TEST(TsFramerTest, AStreamWithoutTablesIsGivenUp) {
  TsWriter writer;
  const std::vector<uint8_t> noise(60000, 0x5a);
  while (writer.bytes().size() < 5 * 1024 * 1024) writer.Pes(kAudio, noise);
  EXPECT_THAT(Cut(writer.bytes(), 65536).error, HasSubstr("without a programme"));
}

std::vector<uint8_t> TitleTag(const std::string& title) {
  std::vector<uint8_t> tag = {'I', 'D', '3', 4, 0, 0, 0, 0, 0, 0, 'T',
                              'I', 'T', '2', 0, 0, 0, 0, 0, 0, 3};
  tag[9] = static_cast<uint8_t>(11 + title.size());
  tag[17] = static_cast<uint8_t>(1 + title.size());
  tag.insert(tag.end(), title.begin(), title.end());
  return tag;
}

TEST(TsFramerTest, TellsTitlesOfTimedMetadata) {
  constexpr Pid kTags = Pid(0x102);
  const std::vector<uint8_t> media = ReadSample(kAac);
  TsWriter writer;
  const auto tables = [&] {
    writer.Association({{1, kMap}})
        .Map(kMap, 1, {{.type = 0x0f, .pid = kAudio}, {.type = 0x15, .pid = kTags}});
  };
  tables();
  writer.Pes(kTags, TitleTag("One")).Pes(kAudio, media).Pes(kTags, TitleTag("One"));
  tables();
  writer.Pes(kTags, TitleTag("Two"), false).Pes(kTags, TitleTag("Three"), false);
  // Longer than what is held, and no tag at all.
  writer.Pes(kTags, std::vector<uint8_t>(40'000, 7)).Pes(kAudio, media);
  const Steps got = Cut(writer.bytes(), 300);
  EXPECT_EQ(got.error, "");
  EXPECT_THAT(got.titles, ::testing::ElementsAre("One", "Two", "Three"));
  EXPECT_EQ(got.frames.size(), 2 * Frame(media).frames.size());
}

TEST(TsFramerTest, ReadsWhatOurMuxerWrites) {
  for (const char* name : {kMp3, kMp3Mono, kMp2, kAac, kAacMono}) {
    const Framed wanted = Frame(ReadSample(name));
    const auto payloader = MakeTsPayloader(wanted.formats[0], {.id = 1, .name = "x"});
    MediaClock clock(90000, RtpTimestamp(0));
    std::vector<uint8_t> ts;
    for (const AudioFrame& frame : wanted.frames) {
      payloader->Push(frame.view(), clock.now());
      clock.Advance(frame.samples, frame.sample_rate);
      while (const RtpPayload* payload = payloader->Next()) {
        ts.insert(ts.end(), payload->bytes.begin(), payload->bytes.end());
      }
    }
    payloader->Flush();
    while (const RtpPayload* payload = payloader->Next()) {
      ts.insert(ts.end(), payload->bytes.begin(), payload->bytes.end());
    }
    const Steps got = Cut(ts);
    EXPECT_EQ(got.error, "");
    ASSERT_EQ(got.formats.size(), 1u);
    EXPECT_TRUE(got.formats[0].SameStream(wanted.formats[0]));
    EXPECT_EQ(BytesOf(got.frames), BytesOf(wanted.frames)) << name;
  }
}

class TsProgramTest : public ::testing::Test {
 protected:
  // Whether the choice has changed.
  bool Feed(const TsWriter& writer) {
    bool changed = false;
    for (Bytes rest = writer.bytes(); !rest.empty(); rest = rest.subspan(kPacketSize)) {
      changed = chooser_.OnPacket(mpegts::ParsePacket(rest).value()) || changed;
    }
    return changed;
  }
  std::optional<uint16_t> program() const {
    return chooser_.choice() ? std::optional(chooser_.choice()->program) : std::nullopt;
  }

  TsProgramChooser chooser_;
  const std::vector<mpegts::ProgramAssociation::Program> kTwo = {{1, Pid(0x20)}, {2, Pid(0x21)}};
};

TEST_F(TsProgramTest, TheFirstOfTheTableGoesBeforeTheFirstToCome) {
  TsWriter writer;
  writer.Association(kTwo).Map(Pid(0x21), 2, One(0x0f));
  EXPECT_FALSE(Feed(writer));
  EXPECT_FALSE(chooser_.settled());
  TsWriter other;
  other.Map(Pid(0x20), 1, One(0x03));
  EXPECT_TRUE(Feed(other));
  EXPECT_EQ(program(), 1);
}

TEST_F(TsProgramTest, AProgrammeThatNeverComesIsPassedOver) {
  TsWriter writer;
  writer.Association(kTwo);
  for (int i = 0; i < 3; ++i) writer.Map(Pid(0x21), 2, One(0x0f));
  EXPECT_TRUE(Feed(writer));
  EXPECT_EQ(program(), 2);
  EXPECT_TRUE(chooser_.settled());
}

TEST_F(TsProgramTest, ProgrammesWithoutAudioOrWithOtherAudioAreTheLastChoice) {
  TsWriter writer;
  writer.Association({{1, Pid(0x20)}, {2, Pid(0x21)}, {3, Pid(0x22)}})
      .Map(Pid(0x20), 1, One(0x1b))
      .Map(Pid(0x21), 2, One(0x81))
      .Map(Pid(0x22), 3, {{.type = 0x81, .pid = Pid(5)}, {.type = 0x0f, .pid = Pid(6)}});
  EXPECT_TRUE(Feed(writer));
  EXPECT_EQ(program(), 3);
  EXPECT_EQ(chooser_.choice()->audio, Pid(6));
}

TEST_F(TsProgramTest, AChoiceStandsWhileItsProgrammeDoes) {
  TsWriter writer;
  writer.Association({{2, Pid(0x21)}})
      .Map(Pid(0x21), 2, One(0x0f))
      .Association(kTwo, 1)
      .Map(Pid(0x20), 1, One(0x0f));
  EXPECT_TRUE(Feed(writer));
  EXPECT_EQ(program(), 2);
  TsWriter gone;
  gone.Association({{1, Pid(0x20)}}, 2);
  EXPECT_TRUE(Feed(gone));
  EXPECT_EQ(program(), 1);
}

TEST_F(TsProgramTest, LooksAtALimitedNumberOfProgrammes) {
  std::vector<mpegts::ProgramAssociation::Program> programs;
  for (uint16_t i = 1; i <= 250; ++i) programs.push_back({i, Pid(0x20 + i)});
  TsWriter writer;
  writer.Association(programs);
  Feed(writer);
  EXPECT_EQ(chooser_.programs(), 64u);
}

TEST(TsPesReaderTest, ReadsAHeaderThatIsCutAnywhere) {
  std::vector<uint8_t> unit = {0, 0, 1, 0xc0, 0,  13, 0x80, 0x80, 5,  0x21,
                               0, 1, 0, 1,    10, 11, 12,   13,   14, 99};
  for (size_t cut = 1; cut < unit.size(); ++cut) {
    TsPesReader reader;
    std::vector<uint8_t> got;
    bool ended = false;
    for (int part = 0; part < 2; ++part) {
      const Bytes bytes = part == 0 ? Bytes(unit).first(cut) : Bytes(unit).subspan(cut);
      const auto taken = reader.Push({.unit_start = part == 0,
                                      .continuity = static_cast<uint8_t>(part),
                                      .has_payload = true,
                                      .payload = bytes});
      got.insert(got.end(), taken.bytes.begin(), taken.bytes.end());
      ended = ended || taken.ends;
    }
    EXPECT_EQ(got, (std::vector<uint8_t>{10, 11, 12, 13, 14})) << cut;
    EXPECT_TRUE(ended);
  }
}

}  // namespace
}  // namespace headwater
