#include "services/common/runtime/privileges.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "services/common/base/absl_text.h"

namespace headwater {

absl::Status DropPrivileges(std::span<const int> kept) {
  const auto failed = [](const char* what) {
    return absl::InternalError(
        ToAbsl(fmt::format("dropping privileges: {}: {}", what, std::strerror(errno))));
  };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  // Needs CAP_SETPCAP, which an unprivileged start does not have, nor anything in its bounding set
  // that it could reach.
  for (unsigned long capability = 0;; ++capability) {
    const int in_set = prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (in_set < 0) break;  // the kernel knows no more
    // A container's set has gaps.
    if (in_set == 0 || std::ranges::find(kept, static_cast<int>(capability)) != kept.end())
      continue;
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  for (const int capability : kept) {
    __user_cap_data_struct& set = sets[CAP_TO_INDEX(capability)];
    set.effective |= CAP_TO_MASK(capability);
    set.permitted = set.inheritable = set.effective;
  }
  if (syscall(SYS_capset, &header, sets) != 0) {
    if (errno != EPERM) return failed("capset");
    return absl::PermissionDeniedError("capabilities that are needed are missing (see README)");
  }
  for (const int capability : kept) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
      return failed("ambient capabilities");
  }
  return absl::OkStatus();
}

}  // namespace headwater
