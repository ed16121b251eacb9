#pragma once

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <systemd/sd-bus.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "services/common/loop/event_loop.h"

namespace headwater::zone {

struct BusMessageDeleter {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using BusMessage = std::unique_ptr<sd_bus_message, BusMessageDeleter>;

// A connection to one message bus by its socket, on the loop: nothing waits, not for the socket,
// not for the greeting, not for an answer (docs/adr/0011). It ends once, by Close or with
// `on_down`, and is never used again after that. Loop thread.
class BusConnection {
 public:
  // The answer, or null and what kept it from coming. An answer that is an error has its name in
  // sd_bus_message_get_error.
  using Reply = std::function<void(sd_bus_message* answer)>;
  struct Callbacks {
    // Greeted: calls may be made.
    std::function<void()> on_up;
    // The bus is gone or does not answer. Called from the loop, never from within a call.
    std::function<void(const std::string& why)> on_down;
    std::function<void(sd_bus_message* signal)> on_signal;
  };

  BusConnection(EventLoop& loop, Callbacks callbacks);
  ~BusConnection();
  BusConnection(const BusConnection&) = delete;
  BusConnection& operator=(const BusConnection&) = delete;

  absl::Status Open(const std::string& path);
  // Signals that match are handed to on_signal.
  void Match(const std::string& rule);
  // Null when memory or the arguments are bad.
  BusMessage NewCall(const char* destination, const std::string& path, const char* interface,
                     const char* member);
  // In order. So many are on their way at once as every bus allows (a system bus: 128); the others
  // wait here. A call that is not answered in time ends the connection: who hangs once hangs.
  void Call(BusMessage message, Reply reply);
  // No call is answered any more.
  void Close();

  size_t waiting() const { return waiting_.size(); }

 private:
  struct Pending {
    BusConnection* connection;
    Reply reply;
    sd_bus_slot* slot = nullptr;
    std::list<Pending>::iterator self;
  };
  struct Waiting {
    BusMessage message;
    Reply reply;
  };

  static int OnReply(sd_bus_message* message, void* userdata, sd_bus_error*);
  static int OnSignal(sd_bus_message* message, void* userdata, sd_bus_error*);
  void Send(Waiting call);
  void SendWaiting();
  void Process();
  void Rearm();
  void Fail(const std::string& why);
  void OnGreetingTimeout();

  EventLoop& loop_;
  Callbacks callbacks_;
  sd_bus* bus_ = nullptr;
  int fd_ = -1;
  bool ready_ = false;
  bool processing_ = false;
  bool failed_ = false;
  std::list<Pending> pending_;
  std::deque<Waiting> waiting_;
  EventLoop::TimerId timer_ = 0;
  EventLoop::TimerId greeting_timer_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace headwater::zone
