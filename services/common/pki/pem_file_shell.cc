#include "services/common/pki/pem_file_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "services/common/base/absl_text.h"

namespace headwater {
namespace {

constexpr size_t kSizeMax = 1 << 20;

absl::Status FileError(const std::string& path) {
  const int error = errno;
  const std::string text = fmt::format("{}: {}", path, std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(ToAbsl(text));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(ToAbsl(text));
    case EEXIST:
      return absl::AlreadyExistsError(ToAbsl(text));
    default:
      return absl::UnavailableError(ToAbsl(text));
  }
}

// All of `text` into a new file of that mode, on the disk when it returns.
bool WriteAll(int fd, std::string_view text, const PemFileOptions& options) {
  const uid_t owner = options.owner.value_or(static_cast<uid_t>(-1));
  const gid_t group = options.group.value_or(static_cast<gid_t>(-1));
  if ((options.owner || options.group) && fchown(fd, owner, group) != 0) return false;
  // The process's umask does not count.
  if (fchmod(fd, options.mode) != 0) return false;
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0;
}

}  // namespace

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path);
  std::string text(kSizeMax + 1, '\0');
  size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = read(fd, text.data() + size, text.size() - size)) > 0)
    size += static_cast<size_t>(got);
  absl::Status status = got < 0 ? FileError(path) : absl::OkStatus();
  close(fd);
  if (!status.ok()) return status;
  if (size > kSizeMax)
    return absl::InvalidArgumentError(ToAbsl(fmt::format("{}: larger than 1 MiB", path)));
  text.resize(size);
  return text;
}

absl::Status WritePemFile(const std::string& path, std::string_view text,
                          const PemFileOptions& options) {
  PemFileOptions wanted = options;
  struct stat before = {};
  if (options.replace && stat(path.c_str(), &before) == 0) {
    if (!wanted.owner && before.st_uid != geteuid()) wanted.owner = before.st_uid;
    if (!wanted.group && before.st_gid != getegid()) wanted.group = before.st_gid;
  }
  const std::string fresh = fmt::format("{}.new.{}", path, getpid());
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(fresh);
  absl::Status status = WriteAll(fd, text, wanted) ? absl::OkStatus() : FileError(fresh);
  close(fd);
  if (status.ok() && renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str(),
                               options.replace ? 0 : RENAME_NOREPLACE) != 0) {
    status = FileError(path);
  }
  if (!status.ok()) unlink(fresh.c_str());
  return status;
}

}  // namespace headwater
