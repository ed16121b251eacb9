// The bytes are a script: time steps, RTP, datagrams of any content from a few places, collisions,
// the end.
#include <cstddef>
#include <cstdint>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/rtp/rtcp_session.h"

namespace headwater {
namespace {

constexpr size_t kReceiversMax = 8;

class Script {
 public:
  explicit Script(Bytes bytes) : reader_(bytes), session_(Options(), 1) {}

  void Run() {
    while (reader_.ok() && reader_.remaining() > 0) Step(reader_.U8());
    session_.Close(Now(), actions_);
    Check();
    // Whatever happened, the session ends by itself.
    for (int i = 0; i < 4 && session_.NextDeadline() != kNever; ++i) {
      now_ = std::max(now_, session_.NextDeadline());
      session_.OnTime(Now(), actions_);
      Check();
    }
    HW_CHECK(session_.NextDeadline() == kNever);
    HW_CHECK(closed_ == 1);
  }

 private:
  static RtcpSessionOptions Options() {
    RtcpSessionOptions options;
    options.ssrc = Ssrc{0x0df00d01};
    options.cname = "fuzz";
    options.receivers_max = kReceiversMax;
    return options;
  }
  ClockPair Now() const { return {now_, absl::UnixEpoch() + absl::FromChrono(now_ - MonoTime{})}; }

  void Step(uint8_t command) {
    switch (command % 6) {
      case 0:
        now_ += std::chrono::milliseconds(reader_.U16());
        break;
      case 1:
        session_.OnRtpSent(RtpTimestamp(reader_.U32()), 100, now_ + 1s, Now(), actions_);
        break;
      case 2:
        Datagram(command);
        break;
      case 3:
        if (session_.NextDeadline() != kNever) now_ = std::max(now_, session_.NextDeadline());
        break;
      case 4:
        session_.OnOwnRtp(RtcpOrigin::kForeign, Now(), actions_);
        break;
      case 5:
        if (command > 240) session_.Close(Now(), actions_);
        break;
    }
    session_.OnTime(Now(), actions_);
    Check();
  }

  void Datagram(uint8_t command) {
    const size_t size = reader_.U8();
    const Bytes bytes = reader_.Take(std::min(size, reader_.remaining()));
    const IpAddress from = IpAddress::V4(0xc0000201u + (command >> 6));
    session_.OnDatagram(bytes, from, static_cast<RtcpOrigin>((command >> 3) % 3), Now(), actions_);
  }

  void Check() {
    for (const RtcpAction& action : actions_) {
      if (const auto* send = std::get_if<SendRtcp>(&action)) {
        HW_CHECK(closed_ == 0);
        HW_CHECK(ParseRtcp(send->bytes).ok());
      }
      if (std::holds_alternative<RtcpClosed>(action)) ++closed_;
    }
    actions_.clear();
    const ReceiverSummary summary = session_.Summary();
    HW_CHECK(summary.fraction_lost_mean <= summary.fraction_lost_max);
    HW_CHECK(summary.fraction_lost_max < 1);
    HW_CHECK(summary.jitter_max >= 0s);
    HW_CHECK(session_.NextDeadline() > now_);
  }

  ByteReader reader_;
  RtcpSession session_;
  MonoTime now_{};
  RtcpActions actions_;
  int closed_ = 0;
};

}  // namespace
}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  headwater::Script({data, size}).Run();
  return 0;
}
