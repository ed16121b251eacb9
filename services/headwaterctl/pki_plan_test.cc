#include "services/headwaterctl/pki_plan.h"

#include <gtest/gtest.h>

namespace headwater {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TEST(PkiPlanTest, FilesAreNamedAsSocketsAre) {
  EXPECT_EQ(CertificateFile("rtp-packager", "0"), "rtp-packager.pem");
  EXPECT_EQ(CertificateFile("rtp-packager", "attic"), "rtp-packager@attic.pem");
}

TEST(PkiPlanTest, NothingOutlivesItsAuthority) {
  const Validity authority = {kNow - absl::Hours(48), kNow + absl::Hours(48)};
  EXPECT_EQ(*PlanValidity(kNow, 1, authority),
            (Validity{kNow - absl::Minutes(10), kNow + absl::Hours(24)}));
  EXPECT_EQ(PlanValidity(kNow, 90, authority)->until, authority.until);
  EXPECT_EQ(PlanValidity(kNow, 90, {kNow, authority.until})->from, kNow);
  EXPECT_EQ(PlanValidity(authority.until, 90, authority).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(PkiPlanTest, ACertificateIsDueInItsLastThird) {
  const Validity validity = {kNow, kNow + absl::Hours(3)};
  EXPECT_EQ(ValidityState(validity, kNow - absl::Seconds(1)), "not yet");
  EXPECT_EQ(ValidityState(validity, kNow + absl::Hours(2)), "good");
  EXPECT_FALSE(RenewalDue(validity, kNow + absl::Hours(2)));
  EXPECT_EQ(ValidityState(validity, kNow + absl::Hours(2) + absl::Seconds(1)), "due");
  EXPECT_TRUE(RenewalDue(validity, kNow + absl::Hours(4)));
  EXPECT_EQ(ValidityState(validity, validity.until), "expired");
}

}  // namespace
}  // namespace headwater
