#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/sap-announcer/announcer.h"
#include "services/sap-announcer/rtsp_connection.h"

namespace headwater {

// All RTSP connections, and the questions that they raise: a station that is announced is described
// at once, another one by who watches the questions. Pure; not thread-safe.
//
// Limits: kConnectionsMax connections, kConnectionsPerPeer of one address; one more is refused.
// kQuestionsMax questions wait, each for kAnswerTime at most; then the player reads 503.
// Connections that ask the same share a question.
class RtspServer {
 public:
  static constexpr size_t kConnectionsMax = 512;
  static constexpr size_t kConnectionsPerPeer = 32;
  static constexpr size_t kQuestionsMax = 64;
  static constexpr Duration kAnswerTime = 3s;

  using ConnectionId = uint64_t;
  // Where a player comes from.
  struct Peer {
    std::string link;
    IpAddress address;
  };
  // What it asks of a station that is not announced; a number's group in the player's family.
  struct Question {
    RtspTarget target;
    bool ipv4 = false;
    auto operator<=>(const Question&) const = default;
  };
  struct NotFound {
    std::string reason;
  };
  struct Unavailable {
    std::string reason;
  };
  // A description's origin, where it has no id, is the moment of the answer.
  using Answer = std::variant<Announcement, NotFound, Unavailable>;

  struct Actions {
    struct Send {
      ConnectionId connection;
      std::string bytes;
    };
    std::vector<Send> sends;
    // After what is to be sent; OnClosed need not be called.
    std::vector<ConnectionId> closes;
    // To be told to who watches.
    std::vector<uint64_t> questions;
  };
  struct Stats {
    RtspCounts responses;
    uint64_t connections_refused = 0;
  };

  // `seed` begins the question ids, so that those of an earlier process are not met again.
  RtspServer(const Announcer& announcer, uint64_t seed);

  // False: there are too many, and it is to be closed.
  bool OnConnect(ConnectionId id, Peer peer, MonoTime now);
  void OnBytes(ConnectionId id, Bytes bytes, Announcer::Now now, Actions& out);
  // By the player. An id that is not known is nothing.
  void OnClosed(ConnectionId id);
  // Whether somebody watches the questions; if not, they are answered by 503 at once.
  void SetWatched(bool watched) { watched_ = watched; }
  // OK for one that is over.
  void OnAnswer(uint64_t question, Answer answer, Announcer::Now now, Actions& out);

  void OnTime(Announcer::Now now, Actions& out);
  MonoTime NextDeadline() const;

  struct Waiting {
    Question question;
    MonoTime deadline;
    std::vector<ConnectionId> connections;
  };
  const std::map<uint64_t, Waiting>& questions() const { return questions_; }
  size_t connections() const { return connections_.size(); }
  const Stats& stats() const { return stats_; }

 private:
  struct Connection {
    Peer peer;
    RtspConnection core;
  };
  void Perform(ConnectionId id, RtspConnection::Output output, Announcer::Now now, Actions& out);
  void Ask(ConnectionId id, const RtspTarget& target, Announcer::Now now, Actions& out);
  void Tell(ConnectionId id, const RtspDescription& description, Announcer::Now now, Actions& out);
  // The announcement of a live session; null when there is none.
  const Announcement* FindLive(const Question& question, const std::string& link) const;
  RtspDescription Describe(const Announcement& announcement, const std::string& link) const;

  const Announcer& announcer_;
  uint64_t next_question_;
  uint64_t next_seed_;
  bool watched_ = false;
  std::map<ConnectionId, Connection> connections_;
  std::map<uint64_t, Waiting> questions_;
  Stats stats_;
};

}  // namespace headwater
