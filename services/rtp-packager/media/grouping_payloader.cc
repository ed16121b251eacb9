#include "services/rtp-packager/media/grouping_payloader.h"

#include <algorithm>

#include "services/common/base/check.h"

namespace headwater {
namespace {

constexpr size_t kPayloadMin = 64;

}  // namespace

GroupingPayloader::GroupingPayloader(const PayloaderOptions& options) : options_(options) {
  HW_CHECK(options_.payload_max >= kPayloadMin);
  group_.reserve(options_.payload_max);
  out_.reserve(options_.payload_max);
}

void GroupingPayloader::Push(const AudioFrameView& frame, const MediaTime& time) {
  HW_CHECK(!held_.has_value() && frame.sample_rate != 0);
  if (frame.bytes.empty()) return;
  held_ = Held{frame, time, Duration(int64_t{frame.samples} * 1'000'000'000 / frame.sample_rate)};
}

const RtpPayload* GroupingPayloader::Next() {
  if (held_.has_value()) {
    const size_t size = held_->frame.bytes.size();
    const size_t with_it = HeadSize(group_sizes_.size() + 1) + group_.size() + size;
    if (!group_sizes_.empty() && with_it > options_.payload_max) return EmitGroup();
    // The group is empty now if the frame does not fit.
    if (with_it > options_.payload_max) return EmitFragment();
    if (group_sizes_.empty()) {
      group_time_ = held_->time;
      group_length_ = Duration{};
    }
    group_.insert(group_.end(), held_->frame.bytes.begin(), held_->frame.bytes.end());
    group_sizes_.push_back(size);
    group_length_ += held_->length;
    held_.reset();
    if (group_length_ >= options_.group_max) return EmitGroup();
  }
  if (flush_) {
    flush_ = false;
    if (!group_sizes_.empty()) return EmitGroup();
  }
  return nullptr;
}

const RtpPayload* GroupingPayloader::EmitGroup() {
  out_.clear();
  WriteHead(group_sizes_, out_);
  out_.insert(out_.end(), group_.begin(), group_.end());
  group_.clear();
  group_sizes_.clear();
  return Emit(/*complete=*/true, group_time_, group_length_);
}

const RtpPayload* GroupingPayloader::EmitFragment() {
  const Bytes frame = held_->frame.bytes;
  const size_t room = options_.payload_max - HeadSize(1);
  const Bytes part =
      frame.subspan(fragment_offset_, std::min(room, frame.size() - fragment_offset_));
  out_.clear();
  WriteFragmentHead(frame.size(), fragment_offset_, out_);
  out_.insert(out_.end(), part.begin(), part.end());
  fragment_offset_ += part.size();
  const bool complete = fragment_offset_ == frame.size();
  const Held held = *held_;
  if (complete) {
    held_.reset();
    fragment_offset_ = 0;
  }
  return Emit(complete, held.time, complete ? held.length : Duration{});
}

const RtpPayload* GroupingPayloader::Emit(bool complete, const MediaTime& time, Duration length) {
  payload_ = {out_, Marker(complete, discontinuity_), time, length};
  discontinuity_ = false;
  return &payload_;
}

}  // namespace headwater
