#include "services/mcast-monitor/monitor_service.h"

#include <absl/strings/numbers.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"
#include "services/common/rpc/server_calls.h"
#include "services/common/rpc/status_conversion.h"
#include "services/mcast-monitor/monitor_convert.h"

namespace headwater::monitor {
namespace {

// No event replaces another.
constexpr const char* kInOrder = "";
// Events that may wait for one reader.
constexpr size_t kPendingMax = 1 << 14;
constexpr size_t kPageDefault = 100, kPageMax = 1000;

v1::WatchEventsResponse Message(const Event& event) {
  v1::WatchEventsResponse message;
  *message.mutable_event() = ToProto(event);
  return message;
}

absl::StatusOr<SearchRequest> SearchFromProto(const v1::SearchEventsRequest& proto) {
  SearchRequest request;
  ASSIGN_OR_RETURN(request.filter, FilterFromProto(proto.filter()));
  request.limit =
      proto.page_size() == 0 ? kPageDefault : std::min<size_t>(proto.page_size(), kPageMax);
  if (!proto.page_token().empty()) {
    uint64_t before = 0;
    if (!absl::SimpleAtoi(proto.page_token(), &before))
      return absl::InvalidArgumentError("page_token: not from an answer");
    request.before = before;
  }
  return request;
}

// A stream that ends at once.
class RefusedStream final : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  explicit RefusedStream(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

MonitorServiceImpl::MonitorServiceImpl(EventLoop& loop, MonitorShell& shell)
    : loop_(loop),
      shell_(shell),
      hub_(
          loop,
          [this](auto& stream) {
            for (const Event& event : shell_.events().recent())
              stream.Push(kInOrder, Message(event));
            v1::WatchEventsResponse synced;
            synced.mutable_synced();
            stream.Push(kInOrder, synced);
          },
          kPendingMax) {
  shell_.SetObserver([this](const Event& event) { OnEvent(event); });
}

MonitorServiceImpl::~MonitorServiceImpl() { shell_.SetObserver(nullptr); }

void MonitorServiceImpl::OnEvent(const Event& event) {
  if (hub_.readers() > 0) hub_.Publish(kInOrder, Message(event));
}

uint64_t MonitorServiceImpl::FirstOf(const EventFilter& filter, size_t last) const {
  const auto& recent = shell_.events().recent();
  uint64_t first = recent.empty() ? 0 : recent.back().id + 1;
  for (auto it = recent.rbegin(); it != recent.rend() && last > 0; ++it) {
    if (!filter.Matches(*it)) continue;
    first = it->id;
    --last;
  }
  return first;
}

const Event* MonitorServiceImpl::Find(uint64_t id) const {
  const auto& recent = shell_.events().recent();
  const auto found =
      std::lower_bound(recent.begin(), recent.end(), id,
                       [](const Event& event, uint64_t at) { return event.id < at; });
  return found == recent.end() || found->id != id ? nullptr : &*found;
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* MonitorServiceImpl::WatchEvents(
    grpc::CallbackServerContext*, const v1::WatchEventsRequest* request) {
  absl::StatusOr<EventFilter> filter = FilterFromProto(request->filter());
  if (!filter.ok()) return new RefusedStream(filter.status());
  // Called by the hub on the loop's thread: first for the snapshot, which decides where the tail
  // begins.
  return hub_.Open(
      [this, filter = *std::move(filter), last = size_t{request->last()},
       first = std::optional<uint64_t>()](const v1::WatchEventsResponse& message) mutable {
        if (!message.has_event()) return true;
        if (!first) first = FirstOf(filter, last);
        const uint64_t id = message.event().id();
        const Event* event = id < *first ? nullptr : Find(id);
        return event != nullptr && filter.Matches(*event);
      });
}

grpc::ServerUnaryReactor* MonitorServiceImpl::SearchEvents(grpc::CallbackServerContext* context,
                                                           const v1::SearchEventsRequest* request,
                                                           v1::SearchEventsResponse* response) {
  return OnLoopLater(context, loop_, [this, request, response](FinishCall finish) {
    absl::StatusOr<SearchRequest> search = SearchFromProto(*request);
    if (!search.ok()) return finish(search.status());
    const size_t limit = search->limit;
    shell_.store().Search(*std::move(search),
                          [response, limit, finish = std::move(finish)](
                              absl::StatusOr<std::vector<Event>> found) mutable {
                            if (!found.ok()) return finish(found.status());
                            for (const Event& event : *found)
                              *response->add_events() = ToProto(event);
                            if (found->size() >= limit)
                              response->set_next_page_token(std::to_string(found->back().id));
                            finish(absl::OkStatus());
                          });
  });
}

grpc::ServerUnaryReactor* MonitorServiceImpl::GetNtp(grpc::CallbackServerContext* context,
                                                     const v1::GetNtpRequest*,
                                                     v1::GetNtpResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    *response = NtpToProto(shell_);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* MonitorServiceImpl::GetStatus(grpc::CallbackServerContext* context,
                                                        const v1::GetStatusRequest*,
                                                        v1::GetStatusResponse* response) {
  return OnLoop(context, loop_, [this, response] {
    *response = StatusToProto(shell_);
    return absl::OkStatus();
  });
}

void MonitorServiceImpl::Close() {
  hub_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the service is ending"));
}

}  // namespace headwater::monitor
