#pragma once

#include "services/rtp-packager/media/grouping_payloader.h"

namespace headwater {

// MPEG audio in RTP: RFC 2250 section 3.5. The marker is set behind a discontinuity (section 3.3,
// "talk-spurt").
class MpaPayloader final : public GroupingPayloader {
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
