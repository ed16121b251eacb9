#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

PlanConfig Options::ToPlan() const {
  PlanConfig plan;
  plan.ipv6_prefixes = ipv6_prefixes;
  plan.ipv6_scopes = ipv6_scopes;
  plan.ipv6_ssm = ipv6_ssm;
  plan.windows = ipv4_windows;
  plan.bindings = bindings;
  for (const DirectoryOptions& directory : directories) {
    plan.directories.push_back(directory.plan);
    plan.prefixes.push_back(directory.prefix);
  }
  if (test_tone) {
    PlanDirectory test;
    test.name = kTestDirectory;
    test.kind = StationKind::kTest;
    plan.directories.push_back(test);
    plan.prefixes.push_back({kTestToneNumber, 32, test.name});
  }
  return plan;
}

}  // namespace headwater::directory_resolver
