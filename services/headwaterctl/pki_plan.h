#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <string>
#include <string_view>

#include "services/common/pki/certificate.h"

namespace headwater {

// "rtp-packager.pem"; for another instance than "0" "rtp-packager@attic.pem", as sockets are named.
std::string CertificateFile(std::string_view role, std::string_view instance);

// From a little before now, for clocks that are behind, and no longer than the authority is good.
// FAILED_PRECONDITION when that is over.
absl::StatusOr<Validity> PlanValidity(absl::Time now, double days, const Validity& authority);

// Whether a certificate should be renewed: less than a third of its time is left.
bool RenewalDue(const Validity& validity, absl::Time now);

// "good", "due", "expired", "not yet".
std::string_view ValidityState(const Validity& validity, absl::Time now);

}  // namespace headwater
