#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "services/common/log/logger.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/legs.h"
#include "services/sap-announcer/announcer_metrics.h"
#include "services/sap-announcer/rtsp_server.h"

namespace headwater {

// The RTSP server in the world: a TCP socket on each leg's interface, so that the link that a
// player is on is certain, and one on the loopback for players of this host. On the loop's thread.
class RtspShell {
 public:
  struct Options {
    uint16_t port = 0;
    uint64_t seed = 0;
    std::function<Announcer::Now()> now;
  };

  RtspShell(EventLoop& loop, Logger& log, AnnouncerMetrics& metrics, const Announcer& announcer,
            Options options);
  ~RtspShell();
  RtspShell(const RtspShell&) = delete;
  RtspShell& operator=(const RtspShell&) = delete;

  // All legs as they are now. Connections of an interface that has gone stay until they are idle. A
  // port that is taken is logged, and tried again with the next change.
  void SetLegs(const std::vector<Leg>& legs);
  // Told of each new question, after the call that raised it.
  void set_on_question(std::function<void(uint64_t)> on_question) {
    on_question_ = std::move(on_question);
  }
  void SetWatched(bool watched) { server_.SetWatched(watched); }
  void Answer(uint64_t question, RtspServer::Answer answer);

  const RtspServer& server() const { return server_; }

 private:
  using ConnectionId = RtspServer::ConnectionId;
  struct Listener {
    int fd = -1;
    uint32_t ifindex = 0;
  };
  struct Connection {
    int fd = -1;
    // What the kernel has not taken; nothing more is read meanwhile.
    std::string unsent;
  };

  void Listen(const std::string& link, uint32_t ifindex);
  void OnIncoming(const std::string& link);
  void Pause(int fd);
  // The link of a connection by the loopback: whose address the player has called.
  std::string LinkOf(const IpAddress& local) const;
  void OnReady(ConnectionId id, uint32_t events);
  void Read(ConnectionId id);
  // False: the connection has failed.
  bool Write(Connection& connection);
  void Perform(const RtspServer::Actions& actions);
  void Close(ConnectionId id);
  void Rearm();

  EventLoop& loop_;
  Logger& log_;
  AnnouncerMetrics& metrics_;
  const Options options_;
  RtspServer server_;
  std::function<void(uint64_t)> on_question_ = [](uint64_t) {};
  std::vector<Leg> legs_;
  // By link; the loopback's is "".
  std::map<std::string, Listener> listeners_;
  std::map<ConnectionId, Connection> connections_;
  ConnectionId next_id_ = 1;
  EventLoop::TimerId timer_ = 0;
  EventLoop::TimerId resume_ = 0;
};

}  // namespace headwater
