#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/directory-resolver/catalogue.h"
#include "services/directory-resolver/options.h"

namespace headwater::directory_resolver {

// Reads the lineup file of every directory that has one. Errors name file, line and what is
// allowed; NOT_FOUND a file that cannot be read.
absl::StatusOr<std::vector<DirectoryLineup>> ReadLineups(const Options& options);

// Tells when one of some files has changed: written, replaced, or a link in its folder turned
// elsewhere. It watches the folders, since editors write a new file and rename it. On the loop's
// thread.
class FileWatcher {
 public:
  // `on_change` runs once, `delay` after the last of some changes.
  FileWatcher(EventLoop& loop, Duration delay, std::function<void()> on_change);
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Watches these files instead of those before, as they are now. UNAVAILABLE names the folder that
  // cannot be watched; the others are.
  absl::Status Watch(const std::vector<std::string>& files);

 private:
  // What tells one content of a file from another without reading it.
  struct Signature {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = -1;
    int64_t modified_ns = 0;
    bool operator==(const Signature&) const = default;
  };
  static Signature SignatureOf(const std::string& file);
  void OnEvents();
  void OnQuiet();

  EventLoop& loop_;
  Duration delay_;
  std::function<void()> on_change_;
  int fd_ = -1;
  EventLoop::TimerId timer_ = 0;
  std::vector<int> watches_;
  std::map<std::string, Signature> files_;
};

}  // namespace headwater::directory_resolver
