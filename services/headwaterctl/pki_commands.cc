#include "services/headwaterctl/pki_commands.h"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/pki/certificate.h"
#include "services/common/pki/pem_file_shell.h"
#include "services/common/time/clock.h"
#include "services/headwaterctl/pki_plan.h"
#include "services/headwaterctl/print.h"

namespace headwater {
namespace {

// 10 years, and 90 days of which the last 30 are for the renewal.
constexpr double kAuthorityDays = 3650;
constexpr double kIssuedDays = 90;
constexpr char kAuthority[] = "ca.pem";
constexpr char kAuthorityKey[] = "ca.key";

// One certificate in a file, or why it cannot be read.
struct Listed {
  std::string file;
  absl::StatusOr<CertificateInfo> info;
};

absl::Status At(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  return {status.code(), ToAbsl(fmt::format("{}: {}", path, FromAbsl(status.message())))};
}

absl::StatusOr<CertificateInfo> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadPemFile(path));
  absl::StatusOr<CertificateInfo> info = ReadCertificate(text);
  if (!info.ok()) return At(path, info.status());
  return info;
}

void PrintListed(const std::vector<Listed>& all, bool json) {
  const absl::Time now = WallNow();
  std::vector<Row> rows;
  for (const auto& [file, info] : all) {
    std::string name, until, state(FromAbsl(info.status().message()));
    if (info.ok()) {
      name = info->name ? info->name->ToString() : info->subject;
      until = absl::FormatTime(absl::RFC3339_sec, info->validity.until, absl::UTCTimeZone());
      state = ValidityState(info->validity, now);
    }
    if (json) {
      PrintJson({{"file", file}, {"name", name}, {"until", until}, {"state", state}});
    } else {
      rows.push_back({file, name, until, state});
    }
  }
  if (!json) PrintTable({"FILE", "NAME", "UNTIL", "STATE"}, rows);
}

// What is there with --force alone: told in words before anything is made.
absl::Status RefuseToReplace(const std::string& path, bool force, std::string_view what) {
  if (force || !std::filesystem::exists(path)) return absl::OkStatus();
  return absl::AlreadyExistsError(ToAbsl(fmt::format("{}: exists; {}", path, what)));
}

absl::StatusOr<KeyedCertificate> ReadAuthority(const std::string& folder) {
  KeyedCertificate authority;
  ASSIGN_OR_RETURN(authority.key, ReadPemFile(folder + "/" + kAuthorityKey));
  ASSIGN_OR_RETURN(authority.certificate, ReadPemFile(folder + "/" + kAuthority));
  RETURN_IF_ERROR(
      At(folder + "/" + kAuthorityKey, CheckKeyFits(authority.key, authority.certificate)));
  return authority;
}

// A new key and a certificate over it into `path`, both in one file: they change in one step.
absl::Status Issue(const std::string& folder, const PeerName& name, double days,
                   const std::string& path, const PemFileOptions& options) {
  ASSIGN_OR_RETURN(const KeyedCertificate authority, ReadAuthority(folder));
  ASSIGN_OR_RETURN(const CertificateInfo info, ReadCertificate(authority.certificate));
  if (info.site != name.site) {
    return absl::FailedPreconditionError(
        ToAbsl(fmt::format("{}: is for site {}, and the authority for {}", path, name.site,
                           info.site.empty() ? "none" : info.site)));
  }
  ASSIGN_OR_RETURN(const Validity validity, PlanValidity(WallNow(), days, info.validity));
  ASSIGN_OR_RETURN(const KeyedCertificate made, IssueCertificate(authority, name, validity));
  return WritePemFile(path, made.key + made.certificate, options);
}

// Every certificate in the folder, by name.
absl::StatusOr<std::vector<std::string>> CertificatePaths(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".pem") paths.push_back(it->path());
  }
  if (error) return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", folder, error.message())));
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

absl::Status PkiInit(HeadendClient&, const Invocation& invocation) {
  const std::string& folder = invocation.pki_dir;
  if (!IsSiteName(invocation.site)) {
    return absl::InvalidArgumentError(ToAbsl(
        fmt::format("--site {}: must be 1 to 64 of a-z, 0-9, '-', '_' and '.'", invocation.site)));
  }
  const std::string key = folder + "/" + kAuthorityKey;
  const std::string certificate = folder + "/" + kAuthority;
  for (const std::string& path : {key, certificate}) {
    RETURN_IF_ERROR(RefuseToReplace(path, invocation.force,
                                    "--force makes a new authority, and every certificate has to "
                                    "be issued anew"));
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", folder, error.message())));
  const absl::Time now = WallNow();
  const double days = invocation.days > 0 ? invocation.days : kAuthorityDays;
  ASSIGN_OR_RETURN(const Validity validity,
                   PlanValidity(now, days, {absl::InfinitePast(), absl::InfiniteFuture()}));
  ASSIGN_OR_RETURN(const KeyedCertificate made, MakeAuthority(invocation.site, validity));
  RETURN_IF_ERROR(WritePemFile(key, made.key, {.mode = 0600, .replace = invocation.force}));
  RETURN_IF_ERROR(
      WritePemFile(certificate, made.certificate, {.mode = 0644, .replace = invocation.force}));
  PrintListed({{certificate, ReadFile(certificate)}}, invocation.json);
  return absl::OkStatus();
}

absl::Status PkiIssue(HeadendClient&, const Invocation& invocation) {
  const std::string& folder = invocation.pki_dir;
  PeerName name = {.role = invocation.argument, .instance = invocation.instance};
  if (!IsRole(name.role)) {
    return absl::InvalidArgumentError(
        ToAbsl(fmt::format("role {}: must be one of {}", name.role, RolesText())));
  }
  if (!IsInstanceName(name.instance)) {
    return absl::InvalidArgumentError(ToAbsl(
        fmt::format("instance {}: must be 1 to 64 of a-z, 0-9, '-', '_' and '.'", name.instance)));
  }
  const std::string path = folder + "/" + CertificateFile(name.role, name.instance);
  RETURN_IF_ERROR(RefuseToReplace(path, invocation.force,
                                  "`pki renew` renews it, --force makes another in its place"));
  PemFileOptions options = {.replace = invocation.force};
  if (!invocation.owner.empty()) {
    const passwd* const owner = getpwnam(invocation.owner.c_str());
    if (owner == nullptr) {
      return absl::InvalidArgumentError(
          ToAbsl(fmt::format("--owner {}: there is no such user", invocation.owner)));
    }
    options.owner = owner->pw_uid;
    options.group = owner->pw_gid;
  }
  ASSIGN_OR_RETURN(const CertificateInfo authority, ReadFile(folder + "/" + kAuthority));
  name.site = authority.site;
  RETURN_IF_ERROR(
      Issue(folder, name, invocation.days > 0 ? invocation.days : kIssuedDays, path, options));
  PrintListed({{path, ReadFile(path)}}, invocation.json);
  return absl::OkStatus();
}

absl::Status PkiRenew(HeadendClient&, const Invocation& invocation) {
  std::vector<std::string> paths = invocation.words;
  const bool named = !paths.empty();
  if (!named) {
    ASSIGN_OR_RETURN(paths, CertificatePaths(invocation.pki_dir));
  }
  std::vector<Listed> renewed;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const CertificateInfo info, ReadFile(path));
    if (!info.name) {
      if (!named) continue;
      return absl::InvalidArgumentError(
          ToAbsl(path + ": holds no certificate that `pki issue` makes"));
    }
    if (!named && !invocation.all && !RenewalDue(info.validity, WallNow())) continue;
    RETURN_IF_ERROR(Issue(invocation.pki_dir, *info.name,
                          invocation.days > 0 ? invocation.days : kIssuedDays, path,
                          {.replace = true}));
    renewed.push_back({path, ReadFile(path)});
  }
  if (renewed.empty()) {
    fmt::print(stderr, "headwaterctl: nothing is due\n");
  } else {
    PrintListed(renewed, invocation.json);
  }
  return absl::OkStatus();
}

absl::Status PkiList(HeadendClient&, const Invocation& invocation) {
  ASSIGN_OR_RETURN(const auto paths, CertificatePaths(invocation.pki_dir));
  std::vector<Listed> all;
  for (const std::string& path : paths) all.push_back({path, ReadFile(path)});
  PrintListed(all, invocation.json);
  return absl::OkStatus();
}

}  // namespace headwater
