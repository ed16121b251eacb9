#pragma once

#include "services/rtp-packager/media/grouping_payloader.h"

namespace headwater {

// AAC access units in RTP: RFC 3640 section 3.3.6, mode AAC-hbr with 13 bits of size and 3 of
// index. The marker is set where an access unit ends (section 3.1). No interleaving. A frame may
// have at most 8191 bytes, as ADTS has.
class AacPayloader final : public GroupingPayloader {
 public:
  using GroupingPayloader::GroupingPayloader;

 private:
  size_t HeadSize(size_t frames) const override;
  void WriteHead(const std::vector<size_t>& frame_sizes, std::vector<uint8_t>& out) const override;
  void WriteFragmentHead(size_t frame_size, size_t offset,
                         std::vector<uint8_t>& out) const override;
  bool Marker(bool complete, bool first) const override;
};

}  // namespace headwater
