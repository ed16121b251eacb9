#include "services/rtp-packager/media/loas_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "services/rtp-packager/media/aac_config.h"
#include "services/rtp-packager/media/media_samples.h"

namespace headwater {
namespace {

using ::testing::HasSubstr;

// Bits as fields of {value, width}.
struct Field {
  uint64_t value;
  int width;
};

void AppendBits(const std::vector<Field>& fields, std::string& bits) {
  for (const Field& field : fields) {
    for (int i = field.width - 1; i >= 0; --i) bits += (field.value >> i & 1) != 0 ? '1' : '0';
  }
}

std::vector<uint8_t> ToBytes(std::string bits) {
  bits.resize((bits.size() + 7) / 8 * 8, '0');
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < bits.size(); i += 8) {
    bytes.push_back(static_cast<uint8_t>(std::stoi(bits.substr(i, 8), nullptr, 2)));
  }
  return bytes;
}

std::vector<uint8_t> Bits(const std::vector<Field>& fields) {
  std::string bits;
  AppendBits(fields, bits);
  return ToBytes(bits);
}

// LC at 44.1 kHz, stereo.
const std::vector<Field> kConfig = {{2, 5}, {4, 4}, {2, 4}, {0, 3}};

struct MuxToWrite {
  bool version1 = false;
  uint64_t sub_frames = 1;
  uint64_t programs = 1;
  uint64_t layers = 1;
  uint64_t length_type = 0;
  bool other_data = false;
  bool crc = false;
  std::vector<Field> config = kConfig;
};

std::vector<Field> MuxConfig(const MuxToWrite& mux) {
  std::vector<Field> out = {{mux.version1 ? 2u : 0u, mux.version1 ? 2 : 1}};
  // taraBufferFullness of two bytes
  if (mux.version1) out.insert(out.end(), {{1, 2}, {0xffff, 16}});
  out.insert(out.end(),
             {{1, 1}, {mux.sub_frames - 1, 6}, {mux.programs - 1, 4}, {mux.layers - 1, 3}});
  if (mux.version1) {
    uint64_t bits = 0;
    for (const Field& field : mux.config) bits += static_cast<uint64_t>(field.width);
    out.insert(out.end(), {{0, 2}, {bits, 8}});
  }
  out.insert(out.end(), mux.config.begin(), mux.config.end());
  out.insert(out.end(), {{mux.length_type, 3}, {0xff, 8}});
  out.push_back({mux.other_data ? 1u : 0u, 1});
  if (mux.other_data && mux.version1) out.insert(out.end(), {{0, 2}, {16, 8}});
  if (mux.other_data && !mux.version1) out.insert(out.end(), {{1, 1}, {1, 8}, {0, 1}, {0, 8}});
  out.push_back({mux.crc ? 1u : 0u, 1});
  if (mux.crc) out.push_back({0x5a, 8});
  return out;
}

// With a config, or leaning on the last one.
std::vector<uint8_t> Element(const std::optional<MuxToWrite>& mux,
                             const std::vector<std::vector<uint8_t>>& units) {
  std::string bits = mux ? "0" : "1";
  if (mux) AppendBits(MuxConfig(*mux), bits);
  for (const std::vector<uint8_t>& unit : units) {
    for (size_t i = 0; i < unit.size() / 255; ++i) AppendBits({{255, 8}}, bits);
    AppendBits({{unit.size() % 255, 8}}, bits);
    for (const uint8_t byte : unit) AppendBits({{byte, 8}}, bits);
  }
  const std::vector<uint8_t> element = ToBytes(bits);
  return Join({Bits({{0x2b7, 11}, {element.size(), 13}}), element});
}

std::vector<uint8_t> Unit(uint8_t fill, size_t size = 20) {
  return std::vector<uint8_t>(size, fill);
}

TEST(LoasFramerTest, GivesTheAccessUnitsThatAdtsHolds) {
  const Framed adts = Frame(ReadSample(kAac));
  for (const size_t chunk : {size_t{1}, size_t{100}, SIZE_MAX}) {
    const Framed loas = Frame(ReadSample(kLoas), chunk);
    EXPECT_EQ(loas.error, "");
    EXPECT_EQ(loas.skipped, 0u);
    EXPECT_EQ(BytesOf(loas.frames), BytesOf(adts.frames));
    ASSERT_EQ(loas.formats.size(), 1u);
    EXPECT_EQ(loas.formats, adts.formats);
  }
}

TEST(LoasFramerTest, TellsHeAacByItsConfig) {
  const Framed v1 = Frame(ReadSample(kHeAacLoas));
  ASSERT_EQ(v1.formats.size(), 1u);
  EXPECT_EQ(v1.formats[0].ToString(), "HE-AAC 44.1 kHz stereo");
  EXPECT_EQ(v1.formats[0].sample_rate, 22050u);
  EXPECT_EQ(v1.frames.size(), 29u);
  const Framed v2 = Frame(ReadSample(kHeAac2Loas));
  ASSERT_EQ(v2.formats.size(), 1u);
  EXPECT_EQ(v2.formats[0].ToString(), "HE-AAC v2 44.1 kHz stereo");
  EXPECT_EQ(v2.formats[0].channels, 1);
  EXPECT_EQ(v2.frames.size(), Frame(ReadSample(kHeAac2)).frames.size());
}

TEST(LoasFramerTest, HeAacIsAnnouncedAlikeHoweverItIsContained) {
  EXPECT_TRUE(ToRtpFormat(Frame(ReadSample(kHeAacLoas)).formats[0])
                  .SameAnnouncement(ToRtpFormat(Frame(ReadSample(kHeAac)).formats[0])));
  EXPECT_TRUE(ToRtpFormat(Frame(ReadSample(kHeAac2Loas)).formats[0])
                  .SameAnnouncement(ToRtpFormat(Frame(ReadSample(kHeAac2)).formats[0])));
}

TEST(LoasFramerTest, ATruncatedStreamGivesTheUnitsBeforeTheCut) {
  const std::vector<uint8_t> bytes = ReadSample(kLoas);
  const auto whole = BytesOf(Frame(bytes).frames);
  for (size_t length = 564; length < 2500; ++length) {
    const Framed cut = Frame(Bytes(bytes).first(length));
    EXPECT_EQ(cut.error, "") << length;
    ASSERT_LE(cut.frames.size(), whole.size());
    for (size_t i = 0; i < cut.frames.size(); ++i) ASSERT_EQ(cut.frames[i].bytes, whole[i]);
  }
}

TEST(LoasFramerTest, ReadsEveryFormOfTheMultiplex) {
  const std::vector<std::vector<uint8_t>> units = {Unit(1), Unit(2, 255), Unit(3, 600)};
  for (const bool version1 : {false, true}) {
    for (const bool other : {false, true}) {
      for (const bool crc : {false, true}) {
        const MuxToWrite mux = {
            .version1 = version1, .sub_frames = 3, .other_data = other, .crc = crc};
        const Framed framed = Frame(Join({Element(mux, units), Element({}, units)}), 50);
        EXPECT_EQ(framed.error, "");
        EXPECT_EQ(BytesOf(framed.frames),
                  (std::vector<std::vector<uint8_t>>{units[0], units[1], units[2], units[0],
                                                     units[1], units[2]}))
            << version1 << other << crc;
        ASSERT_EQ(framed.formats.size(), 1u);
        EXPECT_EQ(framed.formats[0].ToString(), "AAC-LC 44.1 kHz stereo");
      }
    }
  }
}

TEST(LoasFramerTest, TheBackwardCompatibleExtensionNeedsALength) {
  std::vector<Field> config = {{2, 5}, {7, 4}, {1, 4}, {0, 3},      {0x2b7, 11},
                               {5, 5}, {1, 1}, {4, 4}, {0x548, 11}, {1, 1}};
  const Framed framed =
      Frame(Join({Element(MuxToWrite{.version1 = true, .config = config}, {Unit(1)}),
                  Element({}, {Unit(2)})}));
  ASSERT_EQ(framed.formats.size(), 1u);
  EXPECT_EQ(framed.formats[0].ToString(), "HE-AAC v2 44.1 kHz stereo");
  EXPECT_EQ(framed.frames.size(), 2u);
}

TEST(LoasFramerTest, BeginsWithTheFirstConfigAndPassesOverWhatIsBroken) {
  std::vector<uint8_t> broken = Element({}, {Unit(3)});
  broken[4] = 0xff;  // a unit longer than its element
  const std::vector<uint8_t> begin =
      Join({Element({}, {Unit(1)}), Element(MuxToWrite{}, {Unit(2)})});
  const Framed framed = Frame(Join({begin, broken, Element({}, {Unit(4)}), Unit(0x56, 30),
                                    Element({}, {Unit(5)}), Element({}, {Unit(6)})}),
                              10);
  EXPECT_EQ(framed.error, "");
  // The fourth is not confirmed by what follows it.
  EXPECT_EQ(BytesOf(framed.frames), (std::vector<std::vector<uint8_t>>{Unit(2), Unit(5), Unit(6)}));
}

TEST(LoasFramerTest, RefusesWhatCannotBeSent) {
  const auto error = [](const MuxToWrite& mux) {
    const std::unique_ptr<Framer> framer = MakeFramer("audio/aacp");
    framer->Push(Join({Element(mux, {Unit(1)}), Element({}, {Unit(2)})}));
    framer->Finish();
    return framer->Next() == FramerStep::kError && framer->unsupported() ? framer->error() : "";
  };
  EXPECT_EQ(error({}), "");
  EXPECT_THAT(error({.programs = 2}), HasSubstr("several programs"));
  EXPECT_THAT(error({.layers = 2}), HasSubstr("several programs"));
  EXPECT_THAT(error({.length_type = 1}), HasSubstr("fixed length"));
  EXPECT_THAT(error({.config = {{2, 5}, {4, 4}, {0, 4}, {0, 3}}}), HasSubstr("program config"));
  EXPECT_THAT(error({.config = {{2, 5}, {4, 4}, {2, 4}, {4, 3}}}), HasSubstr("960"));
  EXPECT_THAT(error({.config = {{23, 5}, {4, 4}, {2, 4}, {0, 3}}}), HasSubstr("object type"));
}

TEST(LoasFramerTest, GarbageWithoutEndIsAnError) {
  std::vector<uint8_t> bytes = Join({Element({}, {Unit(1)}), Element({}, {Unit(1)})});
  while (bytes.size() < 70000) bytes = Join({bytes, bytes});
  EXPECT_THAT(Frame(bytes, 5000).error, HasSubstr("no AAC in LATM")) << "no config ever";
}

std::string Described(const std::vector<Field>& fields) {
  const std::optional<AacConfig> config = ParseAacConfig(Bits(fields));
  if (!config.has_value()) return "none";
  return config->unsupported != nullptr ? config->unsupported : config->format.ToString();
}

TEST(AacConfigTest, ReadsEveryWayOfTellingHeAac) {
  EXPECT_EQ(Described(kConfig), "AAC-LC 44.1 kHz stereo");
  EXPECT_EQ(Described({{2, 5}, {15, 4}, {44100, 24}, {2, 4}, {0, 3}}), "AAC-LC 44.1 kHz stereo");
  EXPECT_EQ(Described({{5, 5}, {7, 4}, {2, 4}, {4, 4}, {2, 5}, {0, 3}}), "HE-AAC 44.1 kHz stereo");
  EXPECT_EQ(Described({{5, 5}, {6, 4}, {1, 4}, {3, 4}, {2, 5}, {0, 3}}), "HE-AAC 48 kHz mono");
  EXPECT_EQ(Described({{29, 5}, {7, 4}, {1, 4}, {4, 4}, {2, 5}, {0, 3}}),
            "HE-AAC v2 44.1 kHz stereo");
  const std::vector<Field> extended = {{2, 5}, {7, 4}, {2, 4}, {0, 3}, {0x2b7, 11}, {5, 5}};
  const auto with = [&](std::vector<Field> more) {
    more.insert(more.begin(), extended.begin(), extended.end());
    return Described(more);
  };
  EXPECT_EQ(with({{1, 1}, {4, 4}}), "HE-AAC 44.1 kHz stereo");
  EXPECT_EQ(with({{0, 1}}), "AAC-LC 22.05 kHz stereo") << "it says that there is none";
  EXPECT_EQ(with({{1, 1}, {4, 4}, {0x548, 11}, {1, 1}}), "HE-AAC v2 44.1 kHz stereo");
  EXPECT_EQ(with({{1, 1}, {4, 4}, {0x548, 11}, {0, 1}}), "HE-AAC 44.1 kHz stereo");
  EXPECT_EQ(with({{1, 1}, {14, 4}}), "AAC-LC 22.05 kHz stereo") << "a reserved rate";
}

TEST(AacConfigTest, RefusesWhatIsCutOffOrReserved) {
  const std::vector<uint8_t> whole = Bits({{5, 5}, {7, 4}, {2, 4}, {4, 4}, {2, 5}, {0, 3}});
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ParseAacConfig(Bytes(whole).first(length)).has_value()) << length;
  }
  EXPECT_EQ(Described({{2, 5}, {13, 4}, {2, 4}, {0, 3}}), "none");
  EXPECT_EQ(Described({{5, 5}, {7, 4}, {2, 4}, {14, 4}, {2, 5}, {0, 3}}), "none");
  EXPECT_THAT(Described({{31, 5}, {10, 6}, {4, 4}, {2, 4}, {0, 8}}), HasSubstr("object type"));
  EXPECT_THAT(Described({{2, 5}, {15, 4}, {44101, 24}, {2, 4}, {0, 3}}), HasSubstr("no index"));
  EXPECT_THAT(Described({{2, 5}, {4, 4}, {8, 4}, {0, 3}}), HasSubstr("above 7"));
  EXPECT_THAT(Described({{2, 5}, {4, 4}, {2, 4}, {2, 3}}), HasSubstr("core coder"));
  EXPECT_THAT(Described({{2, 5}, {4, 4}, {2, 4}, {1, 3}}), HasSubstr("extension"));
}

TEST(AacConfigTest, WritesTheCoreAlone) {
  AudioFormat format = ParseAacConfig(Bits(kConfig))->format;
  EXPECT_EQ(WriteAacConfig(format), (std::vector<uint8_t>{0x12, 0x10}));
  format.sbr_rate = 88200;
  EXPECT_EQ(WriteAacConfig(format), (std::vector<uint8_t>{0x12, 0x10}));
}

}  // namespace
}  // namespace headwater
