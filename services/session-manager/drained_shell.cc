#include "services/session-manager/drained_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "services/common/base/absl_text.h"

namespace headwater::session_manager {
namespace {

constexpr uintmax_t kBytesMax = 1 << 20;

absl::Status Failed(const std::string& path, int error) {
  return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", path, std::strerror(error))));
}

}  // namespace

absl::StatusOr<std::set<std::string>> LoadDrained(const std::string& path) {
  std::set<std::string> names;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  if (error) return Failed(path, error.value());
  if (size > kBytesMax) return absl::DataLossError(ToAbsl(path + ": too large"));
  std::ifstream file(path);
  for (std::string name; std::getline(file, name);) {
    if (!name.empty()) names.insert(name);
  }
  return names;
}

absl::Status SaveDrained(const std::string& path, const std::set<std::string>& names) {
  const std::string text = fmt::format("{}{}", fmt::join(names, "\n"), names.empty() ? "" : "\n");
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return Failed(fresh, errno);
  const ssize_t size = write(fd, text.data(), text.size());
  const bool written = size == static_cast<ssize_t>(text.size()) && fdatasync(fd) == 0;
  const int error = size >= 0 && !written && errno == 0 ? ENOSPC : errno;
  close(fd);
  if (!written) return Failed(fresh, error);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return Failed(path, errno);
  return absl::OkStatus();
}

}  // namespace headwater::session_manager
