#include "services/rtp-packager/media/ts_pes.h"

#include <algorithm>

#include "services/common/wire/byte_reader.h"

namespace headwater {
namespace {

using mpegts::kPacketSize;
using mpegts::kSync;

constexpr size_t kStrides[] = {kPacketSize, 192, 204};
constexpr size_t kStrideMax = 204;
// Start code, stream id, length, two bytes of flags, length of the rest of the header.
constexpr size_t kPesHeadSize = 9;
constexpr size_t kPesHeadBeforeLength = 6;

bool IsSyncAt(Bytes bytes, size_t offset, size_t stride) {
  for (size_t i = 0; i < 3; ++i, offset += stride) {
    if (offset >= bytes.size() || bytes[offset] != kSync) return false;
  }
  return true;
}

// Nothing: not at this offset.
std::optional<size_t> StrideAt(Bytes bytes, size_t offset) {
  for (const size_t stride : kStrides) {
    if (IsSyncAt(bytes, offset, stride)) return stride;
  }
  return std::nullopt;
}

}  // namespace

std::optional<size_t> TsPacketSync::Find(Bytes bytes) {
  for (size_t offset = 0; offset < bytes.size(); ++offset) {
    if (StrideAt(bytes, offset)) return offset;
  }
  return std::nullopt;
}

void TsPacketSync::Push(Bytes bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(position_));
  position_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Bytes TsPacketSync::Next() {
  while (true) {
    const size_t step = std::min(between_, buffer_.size() - position_);
    position_ += step;
    between_ -= step;
    if (between_ > 0 || (stride_ == 0 && !Search())) return {};
    const Bytes rest = Bytes(buffer_).subspan(position_);
    if (rest.size() < kPacketSize) return {};
    if (rest[0] != kSync) {
      stride_ = 0;
      continue;
    }
    position_ += kPacketSize;
    between_ = stride_ - kPacketSize;
    garbage_ = 0;
    return rest.first(kPacketSize);
  }
}

bool TsPacketSync::Search() {
  const Bytes rest = Bytes(buffer_).subspan(position_);
  for (size_t offset = 0; offset + 2 * kStrideMax < rest.size(); ++offset) {
    if (rest[offset] != kSync) continue;
    if (const std::optional<size_t> stride = StrideAt(rest, offset)) {
      Skip(offset);
      stride_ = *stride;
      return true;
    }
  }
  if (rest.size() > 2 * kStrideMax) Skip(rest.size() - 2 * kStrideMax);
  return false;
}

void TsPacketSync::Skip(size_t count) {
  position_ += count;
  garbage_ += count;
  skipped_total_ += count;
}

void TsPesReader::Reset() {
  continuity_ = {};
  state_ = State::kLost;
}

TsPesReader::Part TsPesReader::Push(const mpegts::Packet& packet) {
  using Verdict = mpegts::ContinuityCounter::Verdict;
  Part part;
  const Verdict verdict = continuity_.Check(packet);
  if (verdict == Verdict::kGap) state_ = State::kLost;
  if (!packet.has_payload || verdict == Verdict::kRepeated) return part;
  part.bytes = packet.payload;
  if (packet.unit_start) {
    state_ = State::kHeader;
    header_.clear();
  }
  if (state_ == State::kHeader) ReadHeader(part);
  if (state_ != State::kPayload) return {};
  if (!left_) return part;
  // Behind its end stands stuffing.
  part.bytes = part.bytes.first(std::min(part.bytes.size(), *left_));
  *left_ -= part.bytes.size();
  part.ends = *left_ == 0;
  if (part.ends) state_ = State::kLost;
  return part;
}

// It may be cut anywhere, even if nobody does so. The rest of `part` is payload, with kPayload.
void TsPesReader::ReadHeader(Part& part) {
  const auto take = [&](size_t wanted) {
    const size_t count = std::min(wanted - std::min(wanted, header_.size()), part.bytes.size());
    header_.insert(header_.end(), part.bytes.begin(),
                   part.bytes.begin() + static_cast<ptrdiff_t>(count));
    part.bytes = part.bytes.subspan(count);
    return header_.size() >= wanted;
  };
  if (!take(kPesHeadSize)) return;
  ByteReader reader(header_);
  const uint32_t start = reader.U32();
  const uint16_t length = reader.U16();
  const uint16_t flags = reader.U16();
  const size_t more = reader.U8();
  // Streams without such a header (padding, private 2) begin with other bits; scrambled ones are of
  // no use.
  if (start >> 8 != 1 || (flags & 0xc000) != 0x8000 || (flags & 0x3000) != 0) {
    state_ = State::kLost;
    return;
  }
  if (!take(kPesHeadSize + more)) return;
  const size_t read = kPesHeadSize - kPesHeadBeforeLength + more;
  left_.reset();
  if (length != 0) left_ = length > read ? length - read : 0;
  state_ = State::kPayload;
  part.begins = true;
}

}  // namespace headwater
