#include "services/common/runtime/privileges.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "services/common/base/absl_text.h"

namespace headwater {

absl::Status DropPrivileges() {
  const auto failed = [](const char* what) {
    return absl::InternalError(
        ToAbsl(fmt::format("dropping privileges: {}: {}", what, std::strerror(errno))));
  };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  // Needs CAP_SETPCAP, which an unprivileged start does not have, nor anything in its bounding set
  // that it could reach.
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1;
       ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return failed("capset");
  return absl::OkStatus();
}

}  // namespace headwater
