#include "services/rtp-packager/rtp/rtp_types.h"

namespace headwater {

NtpTime NtpTime::From(absl::Time time) {
  // From 1900 to 1970: 70 years with 17 leap days (RFC 5905 figure 4).
  constexpr int64_t kUnixEpoch = 2'208'988'800;
  absl::Duration rest;
  const int64_t seconds = absl::IDivDuration(time - absl::UnixEpoch(), absl::Seconds(1), &rest);
  const int64_t nanos = absl::ToInt64Nanoseconds(rest);
  // Before 1970 the remainder is negative; borrow a second.
  const int64_t whole = nanos < 0 ? seconds - 1 : seconds;
  const uint64_t part = static_cast<uint64_t>(nanos < 0 ? nanos + 1'000'000'000 : nanos);
  const uint64_t fraction = (part << 32) / 1'000'000'000;
  return NtpTime((static_cast<uint64_t>(whole + kUnixEpoch) << 32) | fraction);
}

}  // namespace headwater
