#include "services/common/process/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace headwater {
namespace {

constexpr Duration kKillAfter = 2s;

std::string FindProgram(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + program;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// In the child, between fork and exec: other threads' locks are as they were, so there are system
// calls here and nothing else.
[[noreturn]] void BecomeProgram(const char* path, char* const* arguments, pid_t parent, int input,
                                int output, int error) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(error, STDERR_FILENO);
  syscall(SYS_close_range, 3u, ~0u, 0u);
  execve(path, arguments, environ);
  _exit(127);
}

void CloseFd(int& fd) {
  if (fd >= 0) close(std::exchange(fd, -1));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    EventLoop& loop, const std::string& program, const std::vector<std::string>& arguments,
    Callbacks callbacks) {
  const std::string path = FindProgram(program);
  if (path.empty()) return absl::NotFoundError(program + " is not installed");
  std::vector<std::string> words = {path};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::unique_ptr<ChildProcess> process(
      new ChildProcess(loop, path.substr(path.rfind('/') + 1), std::move(callbacks)));
  std::array<int, 2> output = {-1, -1}, error = {-1, -1};
  int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (input < 0 || pipe2(output.data(), O_CLOEXEC) != 0 || pipe2(error.data(), O_CLOEXEC) != 0) {
    const std::string reason = std::strerror(errno);
    for (int* fd : {&input, &output[0], &output[1], &error[0], &error[1]}) CloseFd(*fd);
    return absl::UnavailableError(fmt::format("no pipes for {}: {}", program, reason));
  }
  process->output_fd_ = output[0];
  process->error_fd_ = error[0];
  const pid_t parent = getpid();
  process->pid_ = fork();
  if (process->pid_ == 0) {
    BecomeProgram(path.c_str(), argv.data(), parent, input, output[1], error[1]);
  }
  const int fork_error = errno;
  for (int* fd : {&input, &output[1], &error[1]}) CloseFd(*fd);
  if (process->pid_ < 0) {
    process->pid_ = 0;
    return absl::UnavailableError(
        fmt::format("no process for {}: {}", program, std::strerror(fork_error)));
  }
  process->Watch();
  return process;
}

void ChildProcess::Watch() {
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  for (const int fd : {output_fd_, error_fd_}) fcntl(fd, F_SETFL, O_NONBLOCK);
  loop_.AddFd(output_fd_, EPOLLIN, [this](uint32_t) { Read(output_fd_, output_lines_, true); });
  loop_.AddFd(error_fd_, EPOLLIN, [this](uint32_t) { Read(error_fd_, error_lines_, false); });
  loop_.AddFd(pid_fd_, EPOLLIN, [this](uint32_t) { OnExit(); });
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Close();
}

void ChildProcess::Close() {
  loop_.Cancel(kill_timer_);
  for (int* fd : {&output_fd_, &error_fd_, &pid_fd_}) {
    if (*fd < 0) continue;
    loop_.RemoveFd(*fd);
    CloseFd(*fd);
  }
}

void ChildProcess::Stop() {
  if (pid_ <= 0 || kill_timer_ != 0) return;
  kill(pid_, SIGTERM);
  kill_timer_ = loop_.At(loop_.now() + kKillAfter, [this] {
    if (pid_ > 0) kill(pid_, SIGKILL);
  });
}

// Not more than is there in one turn: a child that never stops talking must not hold the loop.
void ChildProcess::Read(int fd, LineCutter& lines, bool is_output) {
  std::array<uint8_t, 16384> buffer;
  const ssize_t size = read(fd, buffer.data(), buffer.size());
  if (size <= 0) {
    if (size == 0) loop_.RemoveFd(fd);
    return;
  }
  lines.Push(Bytes(buffer).first(static_cast<size_t>(size)), [&](std::string_view line) {
    is_output ? callbacks_.on_output(line) : callbacks_.on_error(line);
  });
}

void ChildProcess::OnExit() {
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return;
  pid_ = 0;
  // Its last words say why.
  for (int i = 0; i < 16; ++i) Read(error_fd_, error_lines_, false);
  Close();
  const std::string how = WIFSIGNALED(status)
                              ? fmt::format("{} ended by signal {}", name_, WTERMSIG(status))
                              : fmt::format("{} ended with status {}", name_, WEXITSTATUS(status));
  auto on_exit = std::move(callbacks_.on_exit);
  on_exit(how);
}

}  // namespace headwater
