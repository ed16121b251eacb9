#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace headwater {

// At most 1 MiB. NOT_FOUND, PERMISSION_DENIED and others name the file.
absl::StatusOr<std::string> ReadPemFile(const std::string& path);

struct PemFileOptions {
  mode_t mode = 0600;
  // ALREADY_EXISTS otherwise; nothing is changed then.
  bool replace = false;
  // Whose it becomes; without one that of the file which is replaced, else ours.
  std::optional<uid_t> owner;
  std::optional<gid_t> group;
};

// In one step, so that no reader sees half of it, and with its mode from the first moment.
absl::Status WritePemFile(const std::string& path, std::string_view text,
                          const PemFileOptions& options);

}  // namespace headwater
