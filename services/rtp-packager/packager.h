#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/net/legs.h"
#include "services/common/time/deadline_queue.h"
#include "services/rtp-packager/feed.h"
#include "services/rtp-packager/feed_stream.h"
#include "services/rtp-packager/media_stream.h"
#include "services/rtp-packager/options.h"
#include "services/rtp-packager/outbox.h"
#include "services/rtp-packager/session.h"

namespace headwater::packager {

enum class SourceKind : uint8_t { kHttp, kTest, kDvb };

// The wanted state of a session, already of the right types; Apply checks the values.
struct SessionRequest {
  uint64_t epoch = 0;
  Channel channel;
  uint32_t number = 0;
  SourceKind kind = SourceKind::kHttp;
  std::string title;
  std::vector<std::string> urls;
  std::vector<std::string> links;
  bool transmit = false;
  bool local = false;
  uint32_t dscp = 0;
  uint32_t hop_limit = 1;
  // 0: the option's.
  Duration silence_limit{};
  // 0: choose.
  uint32_t ssrc = 0;
  // With ssrc: the first sequence number.
  uint16_t sequence = 0;
  // With ssrc: what its timestamps go on from.
  std::optional<SentTimestamp> sent_before;
  std::optional<RtpFormat> format;
  // Of a new stream: wrapped in MPEG-TS.
  bool transport_stream = false;
  // Of a DVB service: whose datagrams are taken; nothing: not known.
  std::optional<IpAddress> feed_source;
  // Of a DVB service: some PIDs as they are.
  bool bare_pids = false;
};

// One session as it stands.
struct SessionStatus {
  Channel channel;
  uint32_t number = 0;
  StreamState state = StreamState::kOpening;
  std::string error;
  std::string error_reason;
  std::optional<RtpFormat> format;
  // Stream::source_format.
  std::optional<RtpFormat> source_format;
  StreamTexts texts;
  uint32_t ssrc = 0;
  // Of the next RTP packet.
  uint16_t sequence = 0;
  std::optional<SentTimestamp> last_sent;
  std::vector<std::string> links;
  bool transmit = false;
  std::string source_url;
  MonoTime applied{};
  StreamTimes times;
  std::optional<MonoTime> first_rtp;
  ReceiverSummary receivers;
  uint64_t packets_total = 0;
  uint64_t octets_total = 0;
  uint64_t source_reopens_total = 0;
  // Of a DVB service: where its feed is awaited, and what is missing in it.
  std::optional<Endpoint> feed;
  uint64_t continuity_errors_total = 0;
};

// Where another packager goes on with a session.
struct SessionEnd {
  // Of the packet that would have been the next.
  uint16_t sequence = 0;
  // The same packet's; nothing: it has sent none.
  std::optional<SentTimestamp> next_sent;
};

// Sums over everything that lives or has lived.
struct PackagerStats {
  uint64_t packets_total = 0;
  uint64_t octets_total = 0;
  uint64_t reopens_total = 0;
  uint64_t silences_total = 0;
  uint64_t underruns_total = 0;
  uint64_t reports_total = 0;
  uint64_t forged_total = 0;
  uint64_t malformed_total = 0;
  uint64_t collisions_total = 0;
  uint64_t loops_total = 0;
  uint64_t epoch_refused_total = 0;
  FeedStats feeds;
};

struct PackagerEnvironment {
  SourceOpener* opener = nullptr;
  const TestTone* tone = nullptr;
  // Null: nothing is transcoded.
  TranscoderMaker* transcoders = nullptr;
  // Null: no DVB service is sent. Outlives the packager.
  FeedOpener* feeds = nullptr;
  std::function<ClockPair()> now;
  // Call OnTime soon. May be called from within any method.
  std::function<void()> wake;
  uint64_t seed = 0;
  std::string cname;
};

// All sessions and streams of one packager. It opens sources through the environment, and puts
// datagrams into outbox(): the shell sends and clears it after each call, and after a feed's.
//
// Limits: sessions_max; 32 URLs of 2048 bytes and 64 links for a session; sessions that are saying
// good-bye do not count (each lives bye_gap). Unwatched for unwatched_limit, all sessions end.
// Pure; loop thread only.
class Packager {
 public:
  Packager(const Options& options, std::vector<std::string> links,
           const PackagerEnvironment& environment);
  ~Packager();

  // For what happens from now on; streams that run follow, but for the size of their packets. The
  // ports stay as they are.
  void SetOptions(const Options& options);
  absl::Status Apply(const SessionRequest& request);
  // OK when there was none. FAILED_PRECONDITION: a lower epoch.
  absl::Status Stop(uint64_t epoch, const Channel& channel);
  // The same without BYE, for another packager goes on from what it answers; nothing: no session
  // was there.
  absl::StatusOr<std::optional<SessionEnd>> HandOver(uint64_t epoch, const Channel& channel);
  // The end of the service: BYE to all. Done when drained().
  void StopAll();
  bool drained() const { return sessions_.empty() && closing_.empty(); }

  // `leg` is the link's place in the constructor's list.
  void SetLeg(size_t leg, const Leg& state);
  // A datagram to a group's RTCP port.
  void OnGroupRtcp(size_t leg, const IpAddress& group, const IpAddress& from, Bytes bytes);
  // A datagram to a group's RTP port that this host has not just sent.
  void OnGroupRtp(size_t leg, const IpAddress& group, const IpAddress& from, Bytes bytes);
  // One to our own address (RFC 5760): meant for whichever session its reports name.
  void OnUnicastRtcp(size_t leg, const IpAddress& from, Bytes bytes);
  void SetWatchers(size_t count);
  void OnTime();
  MonoTime NextDeadline() const;

  Outbox& outbox() { return outbox_; }
  // Channels whose status changed or that are gone since the last call.
  std::set<Channel> TakeChanges();
  std::optional<SessionStatus> Status(const Channel& channel) const;
  std::vector<Channel> Channels() const;
  // Of all sessions, in the order of their channels; a change of one is among TakeChanges.
  std::vector<Ssrc> Ssrcs() const;
  PackagerStats Stats() const;
  // Deepest and total queue of the streams now.
  Duration queue_max() const;
  size_t streams() const { return streams_.size(); }

 private:
  struct StreamRecord;
  struct SessionRecord {
    std::unique_ptr<Session> session;
    StreamRecord* stream = nullptr;
    uint32_t number = 0;
    std::vector<std::string> links;
    std::vector<uint16_t> legs;
    uint8_t dscp = 0;
    uint8_t hop_limit = 1;
    uint64_t told_packets = 0;
  };
  struct StreamRecord {
    uint32_t number = 0;
    // Its stream's: `wake` names this record.
    StreamEnvironment environment;
    bool woken = false;
    // Of a DVB service; it outlives the stream, whose feed knows it.
    std::unique_ptr<FeedReceiver> tap;
    std::unique_ptr<MediaStream> stream;
    // The same, of a DVB service; else null.
    FeedStream* feed = nullptr;
    std::vector<SessionRecord*> sessions;
    uint64_t seen_revision = 0;
  };
  class Fanout;
  class Tap;

  absl::Status Validate(const SessionRequest& request) const;
  absl::Status CheckEpoch(uint64_t epoch);
  SessionRecord& Open(const SessionRequest& request, const ClockPair& now);
  StreamConfig ConfigOf(const SessionRequest& request) const;
  StreamRecord& FindOrOpenStream(const SessionRequest& request);
  void OpenFeed(StreamRecord& record, const StreamConfig& config);
  void Remove(const Channel& channel, const ClockPair& now);
  std::unique_ptr<Session> Take(const Channel& channel);
  void Detach(SessionRecord& record);
  void Deliver(SessionRecord& record);
  // The stream is looked at in the next OnTime.
  void Wake(StreamRecord& record);
  void Run(StreamRecord& record, const ClockPair& now);
  void Schedule(StreamRecord& record);
  void Schedule(SessionRecord& record);
  void RunClosing(const ClockPair& now);
  void TellCounters(MonoTime now);
  void Transmit(SessionRecord& record, const SessionRequest& request, const ClockPair& now);
  void FollowStream(StreamRecord& record, const ClockPair& now);
  void AddStats(const Session& session);
  static void AddStats(const StreamRecord& record, PackagerStats& sum);
  Ssrc ChooseSsrc(uint32_t wanted);
  RtcpOrigin OriginOf(size_t leg, const IpAddress& from) const;
  StreamState StateOf(const SessionRecord& record) const;

  // Streams and sessions refer to it.
  Options options_;
  const std::vector<std::string> links_;
  const PackagerEnvironment environment_;
  std::mt19937_64 random_;
  uint64_t epoch_ = 0;
  std::vector<Leg> legs_;
  std::map<Channel, SessionRecord> sessions_;
  std::list<StreamRecord> streams_;
  std::vector<std::unique_ptr<Session>> closing_;
  // Who has something to do, and when: a packet of one stream costs nothing for the others.
  std::vector<StreamRecord*> woken_;
  DeadlineQueue<StreamRecord*> stream_deadlines_;
  DeadlineQueue<SessionRecord*> session_deadlines_;
  // Reused in each OnTime.
  std::vector<StreamRecord*> due_;
  Outbox outbox_;
  std::set<Channel> changes_;
  size_t watchers_ = 0;
  MonoTime unwatched_since_{};
  MonoTime counters_at_ = kNever;
  // Of sessions and streams that are gone.
  PackagerStats past_;
};

}  // namespace headwater::packager
