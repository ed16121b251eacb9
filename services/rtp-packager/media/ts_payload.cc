#include "services/rtp-packager/media/ts_payload.h"

#include <algorithm>
#include <utility>

#include "services/common/base/check.h"
#include "services/common/mpegts/ts_packet.h"

namespace headwater {
namespace {

constexpr uint8_t kMp2tPayloadType = 33;
constexpr uint32_t kClockRate = 90000;
// As IPTV has it everywhere; receivers may have no larger buffers.
constexpr size_t kPacketsMax = 7;
// What tables, headers and stuffing add: about a quarter, and 188 * 2 bytes each 100 ms.
constexpr uint32_t kTablesBitsPerSecond = 30'000;

class TsPayloader final : public Payloader {
 public:
  TsPayloader(const AudioFormat& format, const TsService& service, const PayloaderOptions& options)
      : options_(options), muxer_(format, service), datagrams_(options.payload_max) {}

  void Push(const AudioFrameView& frame, const MediaTime& time) override {
    HW_CHECK(!held_ && frame.sample_rate != 0);
    if (frame.bytes.empty() || muxer_.SizeOf(frame) == 0) return;
    held_ = frame;
    held_time_ = time;
    held_length_ = Duration(int64_t{frame.samples} * 1'000'000'000 / frame.sample_rate);
  }

  void Flush() override { flush_ = true; }
  void MarkDiscontinuity() override {}

  const RtpPayload* Next() override {
    while (true) {
      if (const RtpPayload* payload = datagrams_.Next()) return payload;
      if (held_) {
        const size_t octets = muxer_.SizeOf(*held_);
        if (pes_.empty() || Fits(octets, held_length_)) {
          Take();
          // Another such frame would not fit: there is nothing to wait for.
          if (!Fits(octets, length_ / frames_)) Emit();
        } else {
          Emit();
        }
        continue;
      }
      if (!std::exchange(flush_, false) || pes_.empty()) return nullptr;
      Emit();
    }
  }

 private:
  bool Fits(size_t octets, Duration length) const {
    if (length_ + length > options_.group_max || pes_.size() + octets > TsMuxer::kPesMax) {
      return false;
    }
    return muxer_.PacketsOf(pes_.size() + octets, time_.position + length_ + length) <=
           datagrams_.packets_max();
  }

  void Take() {
    if (pes_.empty()) time_ = held_time_;
    muxer_.AppendFrame(*held_, pes_);
    length_ += held_length_;
    ++frames_;
    held_.reset();
  }

  void Emit() {
    packets_.clear();
    muxer_.Write(pes_, time_.position, time_.position + length_, packets_);
    datagrams_.Push(packets_, time_, length_);
    pes_.clear();
    length_ = Duration{};
    frames_ = 0;
  }

  const PayloaderOptions options_;
  TsMuxer muxer_;
  TsDatagrams datagrams_;
  std::optional<AudioFrameView> held_;
  MediaTime held_time_;
  Duration held_length_{};
  bool flush_ = false;

  // The PES packet that is being filled.
  std::vector<uint8_t> pes_;
  MediaTime time_;
  Duration length_{};
  int frames_ = 0;
  std::vector<uint8_t> packets_;
};

}  // namespace

RtpFormat InTransportStream(const RtpFormat& audio) {
  RtpFormat format;
  format.encoding = "MP2T";
  format.payload_type = kMp2tPayloadType;
  format.clock_rate = kClockRate;
  if (audio.bits_per_second > 0) {
    format.bits_per_second =
        audio.bits_per_second + audio.bits_per_second / 4 + kTablesBitsPerSecond;
  }
  format.description = "MPEG-TS with " + audio.description;
  return format;
}

TsDatagrams::TsDatagrams(size_t payload_max)
    : packets_max_(std::clamp(payload_max / mpegts::kPacketSize, size_t{1}, kPacketsMax)) {}

void TsDatagrams::Push(Bytes packets, const MediaTime& time, Duration length) {
  HW_CHECK(position_ == packets_.size() && packets.size() % mpegts::kPacketSize == 0);
  packets_.assign(packets.begin(), packets.end());
  position_ = 0;
  time_ = time;
  length_ = length;
}

const RtpPayload* TsDatagrams::Next() {
  if (position_ == packets_.size()) return nullptr;
  const Bytes bytes = Bytes(packets_).subspan(
      position_, std::min(packets_max_ * mpegts::kPacketSize, packets_.size() - position_));
  const auto all = static_cast<int64_t>(packets_.size());
  const Duration before = length_ * static_cast<int64_t>(position_) / all;
  position_ += bytes.size();
  const Duration after = length_ * static_cast<int64_t>(position_) / all;
  payload_ = {bytes, false,
              MediaTime{time_.timestamp + before.count() * 9 / 100'000, time_.position + before},
              after - before};
  return &payload_;
}

std::unique_ptr<Payloader> MakeTsPayloader(const AudioFormat& format, const TsService& service,
                                           const PayloaderOptions& options) {
  return std::make_unique<TsPayloader>(format, service, options);
}

}  // namespace headwater
