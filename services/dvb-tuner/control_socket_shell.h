#pragma once

#include <absl/functional/any_invocable.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "services/common/loop/event_loop.h"
#include "services/dvb-tuner/dvblast_control.h"

namespace headwater::tuner {

// Asks one dvblast by its control socket, one question at a time, in order. Nothing that it
// answers too late is taken for the answer to something else: after a timeout the questions go on
// from a socket with another name. At most kWaitingMax wait; one more is dropped unasked.
class ControlSocketShell {
 public:
  static constexpr size_t kWaitingMax = 256;
  // Empty: no answer in time, or the socket is not there (yet).
  using OnReply = absl::AnyInvocable<void(std::optional<ControlReply>)>;

  // `peer` is dvblast's socket, `own` what ours is called, with a number behind it.
  ControlSocketShell(EventLoop& loop, std::string peer, std::string own);
  ~ControlSocketShell();
  ControlSocketShell(const ControlSocketShell&) = delete;
  ControlSocketShell& operator=(const ControlSocketShell&) = delete;

  void Ask(std::vector<uint8_t> request, OnReply on_reply);
  size_t waiting() const { return waiting_.size(); }

 private:
  struct Question {
    std::vector<uint8_t> request;
    OnReply on_reply;
  };

  bool Open();
  void CloseSocket();
  void AskNext();
  void Read();
  void Answer(std::optional<ControlReply> reply);

  EventLoop& loop_;
  const std::string peer_;
  const std::string own_;
  int opened_ = 0;
  std::string bound_;
  int fd_ = -1;
  std::deque<Question> waiting_;  // the first has been asked when asking_
  bool asking_ = false;
  ControlReplyAssembler assembler_;
  EventLoop::TimerId timeout_ = 0;
};

}  // namespace headwater::tuner
