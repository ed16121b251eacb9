// A feed with hostile bytes: whatever comes, what is sent are whole packets, no more than what came
// but for silence, which has its own pace; and no state is reached that the table does not have.
#include <algorithm>
#include <memory>

#include "services/common/base/check.h"
#include "services/common/wire/byte_reader.h"
#include "services/rtp-packager/fake_feed.h"
#include "services/rtp-packager/feed_stream.h"

namespace headwater::packager {
namespace {

class Machine : public FeedReceiver, public PayloadSink {
 public:
  explicit Machine(bool bare_pids) {
    environment_.now = [this] { return ClockPair{now_, absl::UnixEpoch()}; };
    environment_.wake = [] {};
    stream_ = std::make_unique<FeedStream>(options_,
                                           StreamConfig{.number = 0xcb5a1041,
                                                        .title = "Fuzz",
                                                        .urls = {},
                                                        .silence_limit = 60s,
                                                        .announced = {},
                                                        .feed_source = tuner_,
                                                        .bare_pids = bare_pids},
                                           environment_, opener_.Open(*this));
  }

  void Step(ByteReader& input) {
    const uint8_t operation = input.U8();
    if (operation == 0) return stream_->Transmit(false);
    if (operation < 32) return Advance(operation * 100ms);
    // Whole packets mostly, with their sync byte mended, so that the tables are reached.
    const size_t packets = operation % 8;
    const Bytes raw = input.Take(std::min(packets * mpegts::kPacketSize, input.remaining()));
    std::vector<uint8_t> bytes(raw.begin(), raw.end());
    const bool mend = operation < 240;
    if (mend) bytes.resize(packets * mpegts::kPacketSize);
    for (size_t at = 0; mend && at < bytes.size(); at += mpegts::kPacketSize) {
      bytes[at] = mpegts::kSync;
    }
    allowed_ = bytes.size();
    opener_.Deliver(operation == 255 ? IpAddress() : tuner_, bytes);
    allowed_ = 0;
  }

  void OnFeed(std::span<const FeedDatagram> batch) override { stream_->OnFeed(batch, *this); }
  void OnPayload(const RtpPayload& payload, MonoTime due) override {
    HW_CHECK(due == now_);
    HW_CHECK(!payload.bytes.empty() && payload.bytes.size() <= 7 * mpegts::kPacketSize);
    HW_CHECK(payload.bytes.size() % mpegts::kPacketSize == 0);
    HW_CHECK(payload.bytes.size() <= allowed_);
    allowed_ -= payload.bytes.size();
    HW_CHECK(stream_->state() == StreamState::kSending || stream_->state() == StreamState::kSilent);
  }

 private:
  void Advance(Duration time) {
    const MonoTime end = now_ + time;
    for (int turns = 0; stream_->NextDeadline() <= end; ++turns) {
      HW_CHECK(turns < 1000);
      now_ = std::max(now_, stream_->NextDeadline());
      // The tables of 64 programmes and the PAT.
      allowed_ = 100'000 * size_t{4};
      stream_->OnTime(*this);
      allowed_ = 0;
    }
    now_ = end;
  }

  const IpAddress tuner_ = *IpAddress::Parse("::1");
  Options options_;
  StreamEnvironment environment_;
  MonoTime now_ = MonoTime{} + 1000s;
  FakeFeedOpener opener_;
  std::unique_ptr<FeedStream> stream_;
  size_t allowed_ = 0;
};

}  // namespace
}  // namespace headwater::packager

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 65536) return 0;
  headwater::packager::Machine machine((data[0] & 1) != 0);
  headwater::ByteReader input(headwater::Bytes(data, size).subspan(1));
  for (int steps = 0; input.remaining() > 0 && steps < 1000; ++steps) machine.Step(input);
  return 0;
}
