#include "services/common/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const Validity kYear = {kNow - absl::Hours(1), kNow + absl::Hours(24 * 365)};
const PeerName kPackager = {"house", "rtp-packager", "0"};

class CertificateTest : public ::testing::Test {
 protected:
  static KeyedCertificate Issued(const KeyedCertificate& authority, const PeerName& name,
                                 const Validity& validity = kYear) {
    auto issued = IssueCertificate(authority, name, validity);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.value_or(KeyedCertificate());
  }
  PeerVerdict Judge(std::string_view chain, absl::Time now = kNow) const {
    return JudgePeer(chain, authority_.certificate, "house", PeerSide::kClient, now);
  }

  const KeyedCertificate authority_ = MakeAuthority("house", kYear).value();
};

TEST_F(CertificateTest, AnIssuedOneIsReadAndTaken) {
  const KeyedCertificate packager = Issued(authority_, kPackager);
  EXPECT_TRUE(CheckKeyFits(packager.key, packager.certificate).ok());
  const auto info = ReadCertificate(packager.key + packager.certificate);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, kPackager);
  EXPECT_EQ(info->subject, "CN=rtp-packager/0,O=house");
  EXPECT_EQ(info->validity, kYear);
  EXPECT_FALSE(info->authority);
  EXPECT_TRUE(ReadCertificate(authority_.certificate)->authority);
  EXPECT_EQ(ReadCertificate(authority_.certificate)->site, "house");
  for (const PeerSide side : {PeerSide::kClient, PeerSide::kServer}) {
    const PeerVerdict verdict =
        JudgePeer(packager.certificate, authority_.certificate, "house", side, kNow);
    EXPECT_EQ(verdict.name, kPackager) << verdict.reason;
  }
}

TEST_F(CertificateTest, WithoutOneNobodyIsTaken) {
  for (const char* chain : {"", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    const PeerVerdict verdict = Judge(chain);
    EXPECT_EQ(verdict.name, std::nullopt);
    EXPECT_EQ(verdict.refusal, Refusal::kNoCertificate);
  }
}

TEST_F(CertificateTest, AnotherAuthoritysIsRefused) {
  const KeyedCertificate other = MakeAuthority("house", kYear).value();
  for (const std::string& chain :
       {Issued(other, kPackager).certificate,
        Issued(other, kPackager).certificate + other.certificate, other.certificate}) {
    const PeerVerdict verdict = Judge(chain);
    EXPECT_EQ(verdict.name, std::nullopt);
    EXPECT_EQ(verdict.refusal, Refusal::kAuthority) << verdict.reason;
  }
  const std::string chain = Issued(other, kPackager).certificate;
  EXPECT_EQ(Judge(chain).subject, kPackager.ToString());
  // While one authority takes another's place both are in the file.
  EXPECT_EQ(
      JudgePeer(chain, authority_.certificate + other.certificate, "house", PeerSide::kClient, kNow)
          .name,
      kPackager);
  EXPECT_EQ(JudgePeer(chain, "", "house", PeerSide::kClient, kNow).refusal, Refusal::kAuthority);
}

TEST_F(CertificateTest, NobodyIssuesWithAnIssuedOne) {
  const KeyedCertificate packager = Issued(authority_, kPackager);
  const KeyedCertificate forged = Issued(packager, {"house", "session-manager", "0"});
  const PeerVerdict verdict = Judge(forged.certificate + packager.certificate);
  EXPECT_EQ(verdict.name, std::nullopt);
  EXPECT_EQ(verdict.refusal, Refusal::kAuthority);
}

TEST_F(CertificateTest, TimeIsChecked) {
  const std::string chain =
      Issued(authority_, kPackager, {kNow, kNow + absl::Hours(1)}).certificate;
  EXPECT_EQ(Judge(chain, kNow + absl::Minutes(59)).name, kPackager);
  for (const absl::Duration when : {-absl::Minutes(1), absl::Minutes(61)}) {
    const PeerVerdict verdict = Judge(chain, kNow + when);
    EXPECT_EQ(verdict.name, std::nullopt);
    EXPECT_EQ(verdict.refusal, Refusal::kExpired);
  }
  EXPECT_THAT(Judge(chain, kNow + absl::Hours(2)).reason, HasSubstr("expired"));
}

TEST_F(CertificateTest, TheNameIsOfThisSiteAndARole) {
  const PeerVerdict foreign = Judge(Issued(authority_, {"away", "console", "0"}).certificate);
  EXPECT_EQ(foreign.name, std::nullopt);
  EXPECT_EQ(foreign.refusal, Refusal::kName);
  EXPECT_THAT(foreign.reason, HasSubstr("of site away, and not of house"));
  const PeerVerdict nobody = Judge(Issued(authority_, {"house", "root", "0"}).certificate);
  EXPECT_EQ(nobody.refusal, Refusal::kName);
  EXPECT_THAT(nobody.reason, HasSubstr("spiffe://SITE/ROLE/INSTANCE"));
}

TEST_F(CertificateTest, KeysAndCertificatesAreTold) {
  const KeyedCertificate one = Issued(authority_, kPackager);
  const KeyedCertificate other = Issued(authority_, kPackager);
  EXPECT_NE(one.key, other.key);
  EXPECT_THAT(std::string(CheckKeyFits(one.key, other.certificate).message()),
              HasSubstr("do not belong together"));
  EXPECT_THAT(std::string(CheckKeyFits("", one.certificate).message()),
              HasSubstr("no private key"));
  EXPECT_THAT(std::string(ReadCertificate(one.key).status().message()),
              HasSubstr("no certificate"));
}

}  // namespace
}  // namespace headwater
