#include "services/directory-resolver/lineup_shell.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/directory-resolver/lineup.h"

namespace headwater::directory_resolver {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return absl::NotFoundError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  std::string text(kLineupBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::NotFoundError(fmt::format("{}: cannot be read", path));
  // One byte more than allowed is kept, so that the reader refuses the file as too large.
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

}  // namespace

absl::StatusOr<std::vector<DirectoryLineup>> ReadLineups(const Options& options) {
  std::vector<DirectoryLineup> lineups;
  for (const DirectoryOptions& directory : options.directories) {
    if (directory.lineup.empty()) continue;
    ASSIGN_OR_RETURN(const std::string text, ReadFile(directory.lineup));
    ASSIGN_OR_RETURN(std::vector<LineupStation> stations, ParseLineup(text, directory.lineup));
    lineups.push_back({directory.plan.name, std::move(stations)});
  }
  return lineups;
}

FileWatcher::FileWatcher(EventLoop& loop, Duration delay, std::function<void()> on_change)
    : loop_(loop),
      delay_(delay),
      on_change_(std::move(on_change)),
      fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ >= 0) loop_.AddFd(fd_, EPOLLIN, [this](uint32_t) { OnEvents(); });
}

FileWatcher::~FileWatcher() {
  loop_.Cancel(timer_);
  if (fd_ < 0) return;
  loop_.RemoveFd(fd_);
  close(fd_);
}

FileWatcher::Signature FileWatcher::SignatureOf(const std::string& file) {
  struct stat info;
  if (stat(file.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size,
          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

absl::Status FileWatcher::Watch(const std::vector<std::string>& files) {
  for (const int watch : watches_) inotify_rm_watch(fd_, watch);
  watches_.clear();
  files_.clear();
  std::set<std::string> folders;
  for (const std::string& file : files) {
    const std::string folder = std::filesystem::path(file).parent_path().string();
    folders.insert(folder.empty() ? "." : folder);
  }
  absl::Status status = absl::OkStatus();
  for (const std::string& folder : folders) {
    const int watch = inotify_add_watch(
        fd_, folder.c_str(),
        IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
    if (watch < 0) {
      status = absl::UnavailableError(
          fmt::format("{}: cannot be watched for changes: {}", folder, std::strerror(errno)));
    } else {
      watches_.push_back(watch);
    }
  }
  // After the watches: a change in between is seen by its event.
  for (const std::string& file : files) files_[file] = SignatureOf(file);
  return status;
}

void FileWatcher::OnEvents() {
  // What happened does not matter, only that something did: an overflow tells as much.
  std::array<char, 4096> buffer;
  while (read(fd_, buffer.data(), buffer.size()) > 0) {
  }
  loop_.Cancel(timer_);
  timer_ = loop_.At(loop_.now() + delay_, [this] { OnQuiet(); });
}

void FileWatcher::OnQuiet() {
  timer_ = 0;
  bool changed = false;
  for (auto& [file, signature] : files_) {
    const Signature now = SignatureOf(file);
    changed = changed || !(now == signature);
    signature = now;
  }
  if (changed) on_change_();
}

}  // namespace headwater::directory_resolver
