#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/statusor.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/common/process/line_cutter.h"

namespace headwater {

// A child process of ours with its two output streams as lines. It ends with us, whatever ends us
// (PR_SET_PDEATHSIG), has none of our descriptors, and is waited for. On the loop's thread, all of
// it: the kernel ends the child when the thread that started it ends.
class ChildProcess {
 public:
  struct Callbacks {
    absl::AnyInvocable<void(std::string_view line)> on_output;
    absl::AnyInvocable<void(std::string_view line)> on_error;
    // Once, after the last line: "dvblast ended with status 1", "dvblast ended by signal 9". The
    // process may be deleted in it.
    absl::AnyInvocable<void(const std::string& how)> on_exit;
  };

  // `program` without a slash is looked for by PATH. NOT_FOUND, UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      EventLoop& loop, const std::string& program, const std::vector<std::string>& arguments,
      Callbacks callbacks);
  // Kills it if it still runs, and waits: a program that holds no device in the kernel dies at
  // once.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Asks it to end; if it has not within two seconds, it is killed.
  void Stop();
  pid_t pid() const { return pid_; }

 private:
  ChildProcess(EventLoop& loop, std::string name, Callbacks callbacks)
      : loop_(loop), name_(std::move(name)), callbacks_(std::move(callbacks)) {}
  void Watch();
  void Read(int fd, LineCutter& lines, bool is_output);
  void OnExit();
  void Close();

  EventLoop& loop_;
  // For messages: the program without its path.
  const std::string name_;
  Callbacks callbacks_;
  pid_t pid_ = 0;
  int pid_fd_ = -1;
  int output_fd_ = -1;
  int error_fd_ = -1;
  LineCutter output_lines_;
  LineCutter error_lines_;
  EventLoop::TimerId kill_timer_ = 0;
};

}  // namespace headwater
