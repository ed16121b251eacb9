#include "services/headwaterctl/signal_meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/common/text/clean_text.h"
#include "services/headwaterctl/dvb_views.h"

namespace headwater {
namespace {

namespace pb = tuner::v1;

constexpr size_t kGlyphRows = 5;
// A dot of a glyph is so many columns and rows: twice as many columns, since a column is half as
// wide as a row is high.
constexpr size_t kDotColumns = 4;
constexpr size_t kDotRows = 2;
constexpr size_t kBarCells = 40;
constexpr size_t kColumns = 76;
constexpr std::string_view kFull = "█";
constexpr std::string_view kEmpty = "░";

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kGreen = "\x1b[1;32m";
constexpr std::string_view kPlain = "\x1b[0m";

// What full bars stand for. 20 dB is more than any carrier needs (DVB-S2 32APSK: 16 dB); tuners
// see from -90 dBm to -20 dBm.
constexpr double kSnrFull = 20;
constexpr double kStrengthEmpty = -90;
constexpr double kStrengthFull = -20;

struct Glyph {
  char character;
  std::array<std::string_view, kGlyphRows> rows;
};
constexpr Glyph kGlyphs[] = {
    {'0', {"###", "# #", "# #", "# #", "###"}}, {'1', {" # ", "## ", " # ", " # ", "###"}},
    {'2', {"###", "  #", "###", "#  ", "###"}}, {'3', {"###", "  #", "###", "  #", "###"}},
    {'4', {"# #", "# #", "###", "  #", "  #"}}, {'5', {"###", "#  ", "###", "  #", "###"}},
    {'6', {"###", "#  ", "###", "# #", "###"}}, {'7', {"###", "  #", "  #", "  #", "  #"}},
    {'8', {"###", "# #", "###", "# #", "###"}}, {'9', {"###", "# #", "###", "  #", "###"}},
    {'.', {" ", " ", " ", " ", "#"}},           {'-', {"  ", "  ", "##", "  ", "  "}},
};

const Glyph* FindGlyph(char character) {
  const auto* found =
      std::find_if(std::begin(kGlyphs), std::end(kGlyphs),
                   [character](const Glyph& glyph) { return glyph.character == character; });
  return found == std::end(kGlyphs) ? nullptr : found;
}

// Rows of the figure; what has no glyph is left out.
std::array<std::string, kGlyphRows> BigText(std::string_view text) {
  std::array<std::string, kGlyphRows> rows;
  for (const char character : text) {
    const Glyph* glyph = FindGlyph(character);
    if (glyph == nullptr) continue;
    for (size_t row = 0; row < kGlyphRows; ++row) {
      for (const char dot : glyph->rows[row]) {
        for (size_t i = 0; i < kDotColumns; ++i) rows[row] += dot == '#' ? kFull : " ";
      }
      rows[row].append(kDotColumns, ' ');
    }
  }
  return rows;
}

std::string Bar(double share) {
  const double clamped = std::clamp(share, 0.0, 1.0);
  const auto full = static_cast<size_t>(clamped * kBarCells + 0.5);
  std::string bar;
  for (size_t i = 0; i < kBarCells; ++i) bar += i < full ? kFull : kEmpty;
  return bar;
}

double SnrShare(const pb::Signal& signal) {
  return signal.has_snr_db() ? signal.snr_db() / kSnrFull : signal.snr_ratio();
}

double StrengthShare(const pb::Signal& signal) {
  if (!signal.has_strength_dbm()) return signal.strength_ratio();
  return (signal.strength_dbm() - kStrengthEmpty) / (kStrengthFull - kStrengthEmpty);
}

// The figure that counts, with its unit after a space.
std::string Figure(const pb::Signal& signal) {
  const std::string snr = SnrText(signal);
  return snr.empty() ? StrengthText(signal) : snr;
}

std::string LockText(const pb::Tuner& tuner) {
  switch (tuner.state()) {
    case pb::TUNER_STATE_FREE:
      return "FREE, TUNED TO NOTHING";
    case pb::TUNER_STATE_TUNING:
      return "TUNING, NO LOCK YET";
    case pb::TUNER_STATE_LOCKED:
      return tuner.signal().locked() ? "LOCKED" : "NO LOCK";
    case pb::TUNER_STATE_LOST:
      return "LOCK LOST";
    case pb::TUNER_STATE_BACKOFF:
      return "DVBLAST IS DOWN, TRIED AGAIN SOON";
    case pb::TUNER_STATE_ABSENT:
      return "THE DEVICE IS NOT THERE";
    default:
      return "UNKNOWN";
  }
}

std::string_view LockColour(const pb::Tuner& tuner) {
  if (tuner.state() == pb::TUNER_STATE_LOCKED && tuner.signal().locked()) return kGreen;
  const bool waits =
      tuner.state() == pb::TUNER_STATE_TUNING || tuner.state() == pb::TUNER_STATE_FREE;
  return waits ? kYellow : kRed;
}

std::string Coloured(std::string_view text, std::string_view colour) {
  if (colour.empty() || text.empty()) return std::string(text);
  return fmt::format("{}{}{}", colour, text, kPlain);
}

std::string Fit(std::string_view text) { return CleanText(text, kColumns); }

std::string ErrorsText(const pb::Tuner& tuner) {
  const pb::Signal& signal = tuner.signal();
  std::string text;
  if (signal.has_bit_error_rate())
    text += fmt::format("bit errors {:.1e}, ", signal.bit_error_rate());
  if (signal.has_uncorrected_blocks_total())
    text += fmt::format("uncorrected {}, ", signal.uncorrected_blocks_total());
  if (tuner.bits_per_second() > 0)
    text += fmt::format("{:.1f} Mb/s, ", static_cast<double>(tuner.bits_per_second()) / 1e6);
  return text + fmt::format("continuity errors {}", tuner.continuity_errors_total());
}

}  // namespace

std::string DrawMeter(const pb::Tuner& tuner, bool colour) {
  const pb::Signal& signal = tuner.signal();
  const std::string_view lock = colour ? LockColour(tuner) : std::string_view();
  std::string out = Fit(fmt::format("{}   {}", tuner.name(), tuner.carrier())) + "\n";
  out += Coloured(LockText(tuner), lock) + "\n\n";
  const std::string figure = Figure(signal);
  const size_t space = std::min(figure.find(' '), figure.size());
  const std::array<std::string, kGlyphRows> rows =
      BigText(figure.empty() ? "--" : std::string_view(figure).substr(0, space));
  for (size_t row = 0; row < kGlyphRows; ++row) {
    for (size_t i = 0; i < kDotRows; ++i) {
      const bool last = row + 1 == kGlyphRows && i + 1 == kDotRows;
      out += Coloured(rows[row], lock) + (last ? figure.substr(space) : "") + "\n";
    }
  }
  out += "\n";
  out += fmt::format("quality   {}  {}\n", Bar(SnrShare(signal)), SnrText(signal));
  out += fmt::format("strength  {}  {}\n", Bar(StrengthShare(signal)), StrengthText(signal));
  out += Fit(tuner.error().empty() ? ErrorsText(tuner) : tuner.error()) + "\n";
  return out;
}

std::string MeterLine(const pb::Tuner& tuner) {
  std::string out = Fit(tuner.name() + "  " + tuner.carrier()) + "  " + LockText(tuner);
  const std::string snr = SnrText(tuner.signal());
  const std::string strength = StrengthText(tuner.signal());
  if (!snr.empty()) out += "  SNR " + snr;
  if (!strength.empty()) out += "  strength " + strength;
  out += "  " + (tuner.error().empty() ? ErrorsText(tuner) : Fit(tuner.error()));
  return out + "\n";
}

const pb::Tuner* TunerToShow(const pb::WatchTunersResponse& tuners, std::string_view name) {
  const pb::Tuner* found = nullptr;
  for (const pb::Tuner& tuner : tuners.tuners()) {
    if (!name.empty()) {
      if (tuner.name() == name) return &tuner;
    } else if (found == nullptr || (found->carrier().empty() && !tuner.carrier().empty())) {
      found = &tuner;
    }
  }
  return found;
}

}  // namespace headwater
