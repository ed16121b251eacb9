#include "services/headwaterctl/signal_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace headwater {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

tuner::v1::Tuner Locked() {
  tuner::v1::Tuner tuner;
  tuner.set_name("adapter0");
  tuner.set_carrier("28.2E 11426.5H");
  tuner.set_state(tuner::v1::TUNER_STATE_LOCKED);
  tuner.set_bits_per_second(35'100'000);
  tuner.mutable_signal()->set_locked(true);
  tuner.mutable_signal()->set_snr_db(14.2);
  tuner.mutable_signal()->set_strength_dbm(-38);
  tuner.mutable_signal()->set_bit_error_rate(1.2e-6);
  return tuner;
}

std::string Text(const std::string& meter) {
  std::string text;
  for (size_t at = 0; at < meter.size();) {
    const bool full = meter.compare(at, 3, "█") == 0;
    const bool empty = meter.compare(at, 3, "░") == 0;
    text += full ? '#' : empty ? '.' : meter[at];
    at += full || empty ? 3 : 1;
  }
  return text;
}

TEST(SignalMeterTest, CanBeReadFromARoof) {
  EXPECT_EQ(Text(DrawMeter(Locked(), false)),
            "adapter0 28.2E 11426.5H\n"
            "LOCKED\n"
            "\n"
            "    ####        ####    ####            ############    \n"
            "    ####        ####    ####            ############    \n"
            "########        ####    ####                    ####    \n"
            "########        ####    ####                    ####    \n"
            "    ####        ############            ############    \n"
            "    ####        ############            ############    \n"
            "    ####                ####            ####            \n"
            "    ####                ####            ####            \n"
            "############            ####    ####    ############    \n"
            "############            ####    ####    ############     dB\n"
            "\n"
            "quality   ############################............  14.2 dB\n"
            "strength  ##############################..........  -38.0 dBm\n"
            "bit errors 1.2e-06, 35.1 Mb/s, continuity errors 0\n");
}

TEST(SignalMeterTest, SaysInWordsWhatIsWrong) {
  tuner::v1::Tuner tuner = Locked();
  tuner.set_state(tuner::v1::TUNER_STATE_LOST);
  tuner.set_error("no lock for 3 s\x1b[2J");
  tuner.clear_signal();
  const std::string meter = Text(DrawMeter(tuner, false));
  EXPECT_THAT(meter, AllOf(HasSubstr("\nLOCK LOST\n"), HasSubstr("no lock for 3 s"),
                           HasSubstr("########    ########")));
  EXPECT_THAT(meter, Not(HasSubstr("\x1b")));
  tuner.set_state(tuner::v1::TUNER_STATE_TUNING);
  EXPECT_THAT(DrawMeter(tuner, false), HasSubstr("TUNING, NO LOCK YET"));
}

TEST(SignalMeterTest, ShowsRatiosWhereTheDriverTellsNoDecibels) {
  tuner::v1::Tuner tuner = Locked();
  tuner.clear_signal();
  tuner.mutable_signal()->set_locked(true);
  tuner.mutable_signal()->set_snr_ratio(0.5);
  tuner.mutable_signal()->set_strength_ratio(2);
  const std::string meter = Text(DrawMeter(tuner, false));
  EXPECT_THAT(meter, HasSubstr("quality   " + std::string(20, '#') + std::string(20, '.')));
  // Absurd figures do not overflow the bar.
  EXPECT_THAT(meter, HasSubstr("strength  " + std::string(40, '#') + "  200 %"));
}

TEST(SignalMeterTest, IsColouredOnlyWhereWanted) {
  EXPECT_THAT(DrawMeter(Locked(), false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(DrawMeter(Locked(), true), HasSubstr("\x1b[1;32mLOCKED\x1b[0m"));
  tuner::v1::Tuner tuner = Locked();
  tuner.mutable_signal()->set_locked(false);
  EXPECT_THAT(DrawMeter(tuner, true), HasSubstr("\x1b[1;31mNO LOCK\x1b[0m"));
}

TEST(SignalMeterTest, HasAlwaysTheSameHeight) {
  const auto lines = [](const tuner::v1::Tuner& tuner) {
    const std::string meter = DrawMeter(tuner, true);
    return std::count(meter.begin(), meter.end(), '\n');
  };
  EXPECT_EQ(lines(Locked()), 17);
  EXPECT_EQ(lines(tuner::v1::Tuner()), 17);
}

TEST(SignalMeterTest, IsOneLineWhereThereIsNoTerminal) {
  EXPECT_EQ(MeterLine(Locked()),
            "adapter0 28.2E 11426.5H  LOCKED  SNR 14.2 dB  strength -38.0 dBm  bit errors 1.2e-06, "
            "35.1 Mb/s, continuity errors 0\n");
}

TEST(SignalMeterTest, PicksTheTunerThatReceives) {
  tuner::v1::WatchTunersResponse tuners;
  EXPECT_EQ(TunerToShow(tuners, ""), nullptr);
  tuners.add_tuners()->set_name("free");
  EXPECT_EQ(TunerToShow(tuners, "")->name(), "free");
  *tuners.add_tuners() = Locked();
  tuners.add_tuners()->set_carrier("another");
  EXPECT_EQ(TunerToShow(tuners, "")->name(), "adapter0");
  EXPECT_EQ(TunerToShow(tuners, "free")->name(), "free");
  EXPECT_EQ(TunerToShow(tuners, "adapter9"), nullptr);
}

}  // namespace
}  // namespace headwater
