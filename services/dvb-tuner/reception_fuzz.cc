// Leases, releases, scans, lies and silence of dvblast in any order: no tuner has two processes, no
// lease a tuner that is tuned to something else, and everything ends when nobody wants anything.
#include <cstdint>
#include <map>

#include "services/common/base/check.h"
#include "services/dvb-tuner/reception.h"

namespace headwater::tuner {
namespace {

class World {
 public:
  World()
      : reception_({}, {{.name = "a", .systems = {DeliverySystem::kDvbs}},
                        {.name = "b", .systems = {DeliverySystem::kDvbs}}}) {}

  void Step(uint8_t what, uint8_t how) {
    Actions actions;
    const uint64_t run = runs_.contains(how & 1) ? runs_.at(how & 1) : 77;
    switch (what % 9) {
      case 0:
        static_cast<void>(reception_.Acquire(Request(how), CarrierOf(how >> 2), now_, actions));
        break;
      case 1:
        reception_.Release(how % 8, now_, actions);
        break;
      case 2:
        reception_.OnEvent(run, {DvblastEvent::Kind(how >> 1 & 7), how, "x"}, now_, actions);
        break;
      case 3:
        End(how & 1, actions);
        break;
      case 4:
        reception_.OnPid(run, how, {.packets = how, .scrambled = (how & 2) != 0}, now_, actions);
        break;
      case 5:
        reception_.OnPrograms(run, {1, 2}, now_);
        reception_.OnMap(run, 1, {.program = 1, .streams = {{0x1b, mpegts::Pid{how}, {}}}}, now_);
        break;
      case 6:
        static_cast<void>(reception_.TakeForScan(CarrierOf(how), now_, actions));
        break;
      case 7:
        reception_.SetWatched((how & 1) != 0, now_);
        break;
      default:
        now_ += how * 100ms;
        reception_.OnTime(now_, actions);
    }
    Do(actions);
    CheckState();
  }

  void Finish() {
    Actions actions;
    for (uint32_t number = 0; number < 8; ++number) reception_.Release(number, now_, actions);
    reception_.EndScan(now_, actions);
    Do(actions);
    for (int i = 0; i < 100; ++i) {
      now_ += 1s;
      actions.clear();
      reception_.OnTime(now_, actions);
      Do(actions);
      for (const size_t tuner : {size_t{0}, size_t{1}}) {
        actions.clear();
        if (stopped_.contains(tuner)) End(tuner, actions);
        Do(actions);
      }
    }
    HW_CHECK(runs_.empty());
  }

 private:
  static Carrier CarrierOf(int which) {
    return ParseCarrier("-f " + std::to_string(11'000'000 + which % 4 * 1000), {}).value();
  }
  static LeaseRequest Request(uint8_t how) {
    return {.number = how % 8u,
            .service = {.carrier = CarrierOf(how >> 2).id,
                        .service_id = static_cast<uint16_t>(how & 3)},
            .priority = how % 5u,
            .ttl = (how & 0x80) != 0 ? 5s : 0s};
  }
  void Do(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* start = std::get_if<StartRun>(&action)) {
        HW_CHECK(!runs_.contains(start->tuner));
        runs_[start->tuner] = start->run;
      } else if (const auto* stop = std::get_if<StopRun>(&action)) {
        HW_CHECK(runs_.contains(stop->tuner) && runs_.at(stop->tuner) == stop->run);
        stopped_[stop->tuner] = true;
      }
    }
  }
  void End(size_t tuner, Actions& actions) {
    if (!runs_.contains(tuner)) return;
    const uint64_t run = runs_.at(tuner);
    runs_.erase(tuner);
    stopped_.erase(tuner);
    reception_.OnExited(run, "ended", now_, actions);
  }
  void CheckState() {
    for (const auto& [number, lease] : reception_.leases()) {
      HW_CHECK((lease.state == LeaseState::kFailed) == !lease.tuner.has_value());
      if (!lease.tuner) continue;
      const Carrier* carrier = reception_.tuners()[*lease.tuner].carrier();
      HW_CHECK(carrier != nullptr && carrier->id == lease.request.service.carrier);
    }
    for (const Tuner& tuner : reception_.tuners()) {
      HW_CHECK(tuner.state() != TunerState::kFree || tuner.run() == 0);
    }
  }

  MonoTime now_{};
  Reception reception_;
  std::map<size_t, uint64_t> runs_;
  std::map<size_t, bool> stopped_;
};

}  // namespace
}  // namespace headwater::tuner

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::tuner::World world;
  for (size_t i = 0; i + 1 < size && i < 2000; i += 2) world.Step(data[i], data[i + 1]);
  world.Finish();
  return 0;
}
