#include "services/mdns-zone-proxy/bus_connection_shell.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/time/clock.h"

namespace headwater::zone {
namespace {

constexpr size_t kOnTheirWayMax = 64;
// Calls that wait; beyond it the connection ends, for nobody reads what it asks.
constexpr size_t kWaitingMax = 65536;
constexpr uint64_t kCallTimeoutMicroseconds = 10'000'000;
constexpr Duration kGreetingTimeout = 10s;
// Messages handled in one turn: a zone that floods leaves the others their turn.
constexpr int kMessagesATurn = 64;

std::string EscapePath(std::string_view path) {
  std::string escaped;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '/' || c == '.';
    escaped += plain ? std::string(1, c)
                     : fmt::format("%{:02x}", static_cast<unsigned>(static_cast<uint8_t>(c)));
  }
  return escaped;
}

}  // namespace

BusConnection::BusConnection(EventLoop& loop, Callbacks callbacks)
    : loop_(loop), callbacks_(std::move(callbacks)) {}

BusConnection::~BusConnection() {
  Close();
  *alive_ = false;
}

absl::Status BusConnection::Open(const std::string& path) {
  const auto failed = [&](int error) {
    Close();
    return absl::UnavailableError(ToAbsl(fmt::format("{}: {}", path, std::strerror(-error))));
  };
  if (const int error = sd_bus_new(&bus_); error < 0) return failed(error);
  const std::string address = "unix:path=" + EscapePath(path);
  if (const int error = sd_bus_set_address(bus_, address.c_str()); error < 0) return failed(error);
  if (const int error = sd_bus_set_bus_client(bus_, 1); error < 0) return failed(error);
  if (const int error = sd_bus_start(bus_); error < 0) return failed(error);
  sd_bus_set_method_call_timeout(bus_, kCallTimeoutMicroseconds);
  fd_ = sd_bus_get_fd(bus_);
  if (fd_ < 0) return failed(fd_);
  loop_.AddFd(fd_, EPOLLIN, [this](uint32_t) { Process(); });
  greeting_timer_ = loop_.At(MonoNow() + kGreetingTimeout, [this] { OnGreetingTimeout(); });
  Rearm();
  return absl::OkStatus();
}

void BusConnection::OnGreetingTimeout() {
  greeting_timer_ = 0;
  if (!ready_) Fail("the bus does not answer");
}

void BusConnection::Close() {
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  if (greeting_timer_ != 0) loop_.Cancel(std::exchange(greeting_timer_, 0));
  if (fd_ >= 0) loop_.RemoveFd(std::exchange(fd_, -1));
  for (Pending& pending : pending_) sd_bus_slot_unref(pending.slot);
  pending_.clear();
  waiting_.clear();
  // Without sending what is left: a bus that hangs would be waited for.
  if (bus_ != nullptr) sd_bus_close_unref(std::exchange(bus_, nullptr));
  ready_ = false;
}

void BusConnection::Fail(const std::string& why) {
  if (failed_) return;
  failed_ = true;
  loop_.Post([this, alive = alive_, why] {
    if (!*alive || bus_ == nullptr) return;
    Close();
    callbacks_.on_down(why);
  });
}

void BusConnection::Match(const std::string& rule) {
  if (bus_ == nullptr) return;
  const int error = sd_bus_add_match_async(bus_, nullptr, rule.c_str(), OnSignal, nullptr, this);
  if (error < 0) Fail(fmt::format("match: {}", std::strerror(-error)));
}

BusMessage BusConnection::NewCall(const char* destination, const std::string& path,
                                  const char* interface, const char* member) {
  sd_bus_message* message = nullptr;
  if (bus_ == nullptr) return nullptr;
  if (sd_bus_message_new_method_call(bus_, &message, destination, path.c_str(), interface, member) <
      0) {
    return nullptr;
  }
  // Nothing is started by asking for it.
  sd_bus_message_set_auto_start(message, 0);
  return BusMessage(message);
}

void BusConnection::Call(BusMessage message, Reply reply) {
  if (bus_ == nullptr || failed_) return;
  if (message == nullptr) return reply(nullptr);
  if (waiting_.size() >= kWaitingMax) return Fail("too many calls wait");
  waiting_.push_back({std::move(message), std::move(reply)});
  SendWaiting();
}

void BusConnection::SendWaiting() {
  while (!waiting_.empty() && pending_.size() < kOnTheirWayMax && !failed_) {
    Waiting call = std::move(waiting_.front());
    waiting_.pop_front();
    Send(std::move(call));
  }
  if (!processing_) Rearm();
}

void BusConnection::Send(Waiting call) {
  Pending& pending = pending_.emplace_back(Pending{this, std::move(call.reply), nullptr, {}});
  pending.self = std::prev(pending_.end());
  const int error =
      sd_bus_call_async(bus_, &pending.slot, call.message.get(), OnReply, &pending, 0);
  if (error >= 0) return;
  pending_.pop_back();
  Fail(fmt::format("call: {}", std::strerror(-error)));
}

int BusConnection::OnReply(sd_bus_message* message, void* userdata, sd_bus_error*) {
  auto* pending = static_cast<Pending*>(userdata);
  BusConnection& connection = *pending->connection;
  const Reply reply = std::move(pending->reply);
  sd_bus_slot_unref(pending->slot);
  connection.pending_.erase(pending->self);
  const sd_bus_error* error = sd_bus_message_get_error(message);
  if (error != nullptr && sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) > 0) {
    connection.Fail("no answer within 10 s");
    return 0;
  }
  if (error != nullptr && sd_bus_error_has_name(error, "System.Error.ETIMEDOUT") > 0) {
    connection.Fail("no answer within 10 s");
    return 0;
  }
  reply(message);
  return 0;
}

int BusConnection::OnSignal(sd_bus_message* message, void* userdata, sd_bus_error*) {
  auto* connection = static_cast<BusConnection*>(userdata);
  if (!connection->failed_) connection->callbacks_.on_signal(message);
  return 0;
}

void BusConnection::Process() {
  if (bus_ == nullptr || failed_) return;
  processing_ = true;
  int done = 0;
  for (int i = 0; i < kMessagesATurn && !failed_; ++i) {
    done = sd_bus_process(bus_, nullptr);
    if (done <= 0) break;
  }
  processing_ = false;
  if (failed_) return;
  if (done < 0) return Fail(std::strerror(-done));
  if (!ready_ && sd_bus_is_ready(bus_) > 0) {
    ready_ = true;
    callbacks_.on_up();
  }
  SendWaiting();
}

void BusConnection::Rearm() {
  if (bus_ == nullptr || failed_ || fd_ < 0) return;
  if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  const int events = sd_bus_get_events(bus_);
  if (events < 0) return Fail(std::strerror(-events));
  loop_.ModifyFd(
      fd_, ((events & POLLIN) != 0 ? EPOLLIN : 0u) | ((events & POLLOUT) != 0 ? EPOLLOUT : 0u));
  // Absolute, on CLOCK_MONOTONIC, which is also the loop's; 0: there is something to do now.
  uint64_t microseconds = UINT64_MAX;
  if (sd_bus_get_timeout(bus_, &microseconds) < 0 || microseconds == UINT64_MAX) return;
  const MonoTime when{std::chrono::microseconds(microseconds)};
  timer_ = loop_.At(std::max(when, loop_.now()), [this] {
    timer_ = 0;
    Process();
  });
}

}  // namespace headwater::zone
