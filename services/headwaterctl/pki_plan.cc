#include "services/headwaterctl/pki_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

constexpr absl::Duration kClockSkew = absl::Minutes(10);

}  // namespace

std::string CertificateFile(std::string_view role, std::string_view instance) {
  return instance == "0" ? fmt::format("{}.pem", role) : fmt::format("{}@{}.pem", role, instance);
}

absl::StatusOr<Validity> PlanValidity(absl::Time now, double days, const Validity& authority) {
  if (authority.until <= now) {
    return absl::FailedPreconditionError(
        ToAbsl("the authority's certificate has expired: `pki init --force` makes another"));
  }
  return Validity{.from = std::max(now - kClockSkew, authority.from),
                  .until = std::min(now + absl::Hours(24) * days, authority.until)};
}

bool RenewalDue(const Validity& validity, absl::Time now) {
  return validity.until - now < (validity.until - validity.from) / 3;
}

std::string_view ValidityState(const Validity& validity, absl::Time now) {
  if (now < validity.from) return "not yet";
  if (now >= validity.until) return "expired";
  return RenewalDue(validity, now) ? "due" : "good";
}

}  // namespace headwater
