#pragma once

#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "services/session-manager/media.h"

// Looks at the sources of stations that nobody plays.
namespace headwater::session_manager {

// Sources of a station that are tried.
inline constexpr size_t kProbedUrlsMax = 3;

// What a probe has found.
struct Probed {
  MediaFormat format;
  StreamInfo info;
};

// Have the sender's packager look at a source; answer with OnProbed. An empty URL is the test tone.
struct ProbeSource {
  uint32_t number = 0;
  size_t sender = 0;
  std::string url;
  bool local = false;
};
// Tell the directory-resolver what a probe has shown.
struct ReportCheck {
  uint32_t number = 0;
  std::optional<MediaFormat> format;
  std::string error;
};

// Whether a probe's error is the source's: a packager that had no room for the probe has seen none.
inline bool IsOfSource(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsFailedPrecondition(error);
}

}  // namespace headwater::session_manager
