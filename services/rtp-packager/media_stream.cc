#include "services/rtp-packager/media_stream.h"

#include <algorithm>

namespace headwater::packager {

std::string_view StreamStateName(StreamState state) {
  switch (state) {
    case StreamState::kOpening:
      return "Opening";
    case StreamState::kReady:
      return "Ready";
    case StreamState::kSending:
      return "Sending";
    case StreamState::kSilent:
      return "Silent";
    case StreamState::kFailed:
      break;
  }
  return "Failed";
}

std::string_view StreamEventName(StreamEvent event) {
  switch (event) {
    case StreamEvent::kFormatKnown:
      return "format known";
    case StreamEvent::kTransmit:
      return "transmit";
    case StreamEvent::kSourceGone:
      return "source gone";
    case StreamEvent::kMediaBack:
      return "media back";
    case StreamEvent::kGivenUp:
      break;
  }
  return "given up";
}

std::optional<StreamState> NextState(StreamState from, StreamEvent event) {
  const auto row = std::find_if(
      kStreamTransitions.begin(), kStreamTransitions.end(),
      [&](const StreamTransition& each) { return each.from == from && each.event == event; });
  if (row == kStreamTransitions.end()) return std::nullopt;
  return row->to;
}

}  // namespace headwater::packager
