#include "services/membership-watcher/membership_shell.h"

#include <linux/filter.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>
#include <variant>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater::membership {
namespace {

// A report fills at most the link's MTU, a jumbo frame's.
constexpr size_t kPacketSizeMax = 9216;

// How long after a row of a bridge's database its whole is read again: while rows come, not for
// each of them.
constexpr Duration kReadSoon = 200ms;
constexpr Duration kReadLater = 2s;

// From the IP header on: IGMP; ICMPv6 behind a hop-by-hop header, or of an MLD type (then it lacks
// Router Alert, which is counted).
constexpr std::array<sock_filter, 19> kFilter = {{
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 3),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 12, 0),
    BPF_STMT(BPF_RET | BPF_K, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x60, 0, 11),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 6, 7),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 6),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 130, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 131, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 132, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 143, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
    BPF_STMT(BPF_RET | BPF_K, 0),
}};

LinkInterface InterfaceOf(const Leg& leg) {
  LinkInterface interface;
  interface.up = leg.up && leg.ifindex != 0;
  interface.mtu = leg.mtu;
  interface.link_local = leg.link_local;
  for (const IpAddress& address : leg.addresses) {
    if (address.is_v4() && !interface.ipv4) interface.ipv4 = address;
  }
  return interface;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MembershipShell>> MembershipShell::Open(
    EventLoop& loop, Logger& log, const WatcherOptions& options, std::vector<LegConfig> legs) {
  std::unique_ptr<MembershipShell> shell(new MembershipShell(loop, log, options, std::move(legs)));
  RETURN_IF_ERROR(shell->OpenSockets());
  return shell;
}

MembershipShell::MembershipShell(EventLoop& loop, Logger& log, const WatcherOptions& options,
                                 std::vector<LegConfig> legs)
    : loop_(loop), log_(log), configs_(std::move(legs)), clocks_(ReadClocks()) {
  for (const LegConfig& config : configs_) {
    links_.push_back(
        std::make_unique<WatchedLink>(options.For(config.link), std::random_device()()));
    links_.back()->leg.link = config.link;
    links_.back()->leg.interface = config.interface;
  }
}

MembershipShell::~MembershipShell() {
  if (timer_ != 0) loop_.Cancel(timer_);
  if (packets_ && observer_ != nullptr) loop_.RemoveFd(packets_->fd());
}

absl::Status MembershipShell::OpenSockets() {
  ASSIGN_OR_RETURN(packets_, PacketSocket::Open(kFilter, kPacketSizeMax));
  ASSIGN_OR_RETURN(sender_, QuerySender::Open());
  return absl::OkStatus();
}

absl::Status MembershipShell::Start(MembershipObserver& observer) {
  observer_ = &observer;
  loop_.AddFd(packets_->fd(), EPOLLIN, [this](uint32_t) {
    ReadPackets();
    Publish();
    Rearm();
  });
  const bool observes_mdb = std::any_of(links_.begin(), links_.end(), [](const auto& link) {
    return link->membership.observes_mdb();
  });
  if (observes_mdb) {
    ASSIGN_OR_RETURN(mdb_,
                     MdbWatch::Open(loop_, [this](const auto& events) { OnMdbEvents(events); }));
  }
  ASSIGN_OR_RETURN(legs_, LegWatch::Open(loop_, configs_, [this] { OnLegs(); }));
  OnLegs();
  return absl::OkStatus();
}

void MembershipShell::SetOptions(const WatcherOptions& options) {
  core_time_ = std::max(core_time_, MonoNow());
  for (const auto& link : links_) {
    link->membership.SetOptions(options.For(link->leg.link), core_time_);
  }
  Rearm();
}

void MembershipShell::End() {
  for (const auto& link : links_) {
    link->membership.OnEnd(actions_);
    Perform(*link);
  }
}

void MembershipShell::OnLegs() {
  // Not yet assigned while it is being opened; Start comes here again.
  if (!legs_) return;
  ReadPackets();
  for (size_t i = 0; i < links_.size(); ++i) UpdateLeg(*links_[i], legs_->legs()[i]);
  Publish();
  Rearm();
}

void MembershipShell::UpdateLeg(WatchedLink& link, const Leg& leg) {
  if (link.leg == leg) return;
  const Leg before = std::exchange(link.leg, leg);
  const MonoTime now = std::max(core_time_, MonoNow());
  if (before.ifindex != leg.ifindex) {
    // Another interface under the same name is another wire.
    link.membership.OnInterface({}, now, actions_);
    Perform(link);
  }
  if (link.membership.observes_mdb()) {
    // Now: a bridge that went and came between two looks has forgotten its rows without a word.
    read_mdb_at_ = std::min(read_mdb_at_, now);
  } else {
    ListenOn(before, leg);
  }
  if (before.up != leg.up || before.ifindex != leg.ifindex) {
    log_.Info(leg.up ? "link up" : "link down", {{"link", leg.link}, {"interface", leg.interface}});
  }
  link.membership.OnInterface(InterfaceOf(leg), now, actions_);
  Perform(link);
  Changed({&link, {}});
}

void MembershipShell::ListenOn(const Leg& before, const Leg& leg) {
  if (before.ifindex != leg.ifindex) {
    if (before.ifindex != 0) packets_->RemoveInterface(before.ifindex);
    if (leg.ifindex != 0) {
      const absl::Status added = packets_->AddInterface(leg.ifindex);
      if (!added.ok()) {
        log_.Error("cannot listen on link",
                   {{"link", leg.link}, {"error", FromAbsl(added.message())}});
      }
    }
  }
  if (leg.up && (!before.up || before.ifindex != leg.ifindex)) {
    const absl::Status joined = sender_->JoinAsRouter(leg.ifindex);
    if (!joined.ok()) {
      log_.Warning("cannot join as a router",
                   {{"link", leg.link}, {"error", FromAbsl(joined.message())}});
    }
  }
}

void MembershipShell::OnMdbEvents(const std::vector<MdbWatch::Event>& events) {
  const ClockPair clocks = ReadClocks();
  core_time_ = std::max(core_time_, MonoNow());
  for (const MdbWatch::Event& event : events) {
    // What a bridge derives changes when a source's time is over, of which its other rows say
    // nothing until they are read.
    if (event.rows.empty()) read_mdb_at_ = core_time_;
    for (const MdbRow& row : event.rows) {
      auto link = std::find_if(links_.begin(), links_.end(), [&](const auto& candidate) {
        return candidate->leg.ifindex == row.bridge && candidate->membership.observes_mdb();
      });
      if (link == links_.end()) continue;
      read_mdb_at_ = std::min(read_mdb_at_, core_time_ + (row.of_source ? kReadSoon : kReadLater));
      if (row.of_source) continue;
      PortReport report{PortAddress(row.port, row.vlan), row.record};
      if (event.gone) report.record = {RecordType::kIsInclude, row.record.group, {}};
      (*link)->membership.OnMdbChange(report, core_time_, clocks.wall, actions_);
      Perform(**link);
    }
  }
  Publish();
  Rearm();
}

void MembershipShell::ReadMdb() {
  read_mdb_at_ = kNever;
  const auto rows = mdb_->ReadAll();
  if (!rows.ok()) {
    log_.Warning("multicast database not read", {{"error", FromAbsl(rows.status().message())}});
    read_mdb_at_ = core_time_ + kReadLater;
    return;
  }
  const ClockPair clocks = ReadClocks();
  for (const auto& link : links_) {
    if (!link->membership.observes_mdb() || link->leg.ifindex == 0) continue;
    link->membership.OnMdb(Merge(*rows, link->leg.ifindex), core_time_, clocks.wall, actions_);
    Perform(*link);
  }
}

// Until none is waiting: what hosts have said comes before what time says.
void MembershipShell::ReadPackets() {
  constexpr size_t kAtOnce = 256;
  constexpr int kRounds = 256;
  for (int round = 0; round < kRounds; ++round) {
    clocks_ = ReadClocks();
    const size_t taken =
        packets_->Receive([this](const ReceivedPacket& packet) { OnPacket(packet); }, kAtOnce);
    if (taken < kAtOnce) return;
  }
}

void MembershipShell::OnPacket(const ReceivedPacket& packet) {
  auto link = std::find_if(links_.begin(), links_.end(), [&](const auto& candidate) {
    return candidate->leg.ifindex == packet.ifindex;
  });
  if (link == links_.end()) return;
  // Core time never goes back, whatever the wall clock does between two packets.
  const MonoTime received = std::min(clocks_.ToMono(packet.received), MonoNow());
  core_time_ = std::max(core_time_, received);
  (*link)->membership.OnPacket(packet.bytes, core_time_, packet.received, actions_);
  Perform(**link);
}

void MembershipShell::OnTimer() {
  timer_ = 0;
  timer_at_ = kNever;
  ReadPackets();
  core_time_ = std::max(core_time_, loop_.now());
  if (read_mdb_at_ <= core_time_) ReadMdb();
  for (const auto& link : links_) {
    link->membership.OnTime(core_time_, actions_);
    Perform(*link);
  }
  Publish();
  Rearm();
}

void MembershipShell::Perform(WatchedLink& link) {
  // Sending may fail and thereby add actions.
  for (size_t i = 0; i < actions_.size(); ++i) {
    if (std::holds_alternative<LinkChanged>(actions_[i])) Changed({&link, {}});
    if (const auto* changed = std::get_if<GroupChanged>(&actions_[i])) {
      Changed({&link, changed->group});
    }
    if (const auto* removed = std::get_if<GroupRemoved>(&actions_[i])) {
      Changed({&link, removed->group});
    }
    if (const auto* warning = std::get_if<QueryWarning>(&actions_[i])) {
      log_.Warning(Text(warning->fault),
                   {{"link", link.leg.link}, {"from", warning->from.ToString()}});
    }
    if (std::holds_alternative<SendQuery>(actions_[i])) {
      const SendQuery query = std::move(std::get<SendQuery>(actions_[i]));
      Send(link, query);
    }
  }
  actions_.clear();
}

void MembershipShell::Send(WatchedLink& link, const SendQuery& query) {
  const absl::Status sent = sender_->Send(query, link.leg.ifindex);
  if (sent.ok() != link.sending) {
    link.sending = sent.ok();
    if (sent.ok()) {
      log_.Info("queries are sent again", {{"link", link.leg.link}});
    } else {
      log_.Warning("query not sent",
                   {{"link", link.leg.link}, {"error", FromAbsl(sent.message())}});
    }
  }
  if (sent.ok()) return;
  ++link.send_failures;
  if (query.general) {
    link.membership.OnSendFailed(query.from.family(), core_time_, actions_);
  }
}

void MembershipShell::Changed(const Change& change) {
  if (changed_.insert(change).second) changes_.push_back(change);
}

// A link that is no longer known to be complete says so before its groups change; one that has
// become complete says so after them. So a reader never takes a group for absent that is merely not
// there yet.
void MembershipShell::Publish() {
  const auto is_link = [](const Change& change) { return change.group == IpAddress(); };
  const auto complete = [&](const Change& change) {
    return is_link(change) && change.link->membership.sync() == LinkSync::kSynced;
  };
  std::stable_partition(changes_.begin(), changes_.end(),
                        [&](const Change& change) { return is_link(change) && !complete(change); });
  std::stable_partition(changes_.begin(), changes_.end(),
                        [&](const Change& change) { return !complete(change); });
  for (const Change& change : changes_) {
    if (is_link(change)) {
      observer_->OnLink(*change.link);
    } else {
      observer_->OnGroup(*change.link, change.group);
    }
  }
  changes_.clear();
  changed_.clear();
}

void MembershipShell::Rearm() {
  MonoTime next = read_mdb_at_;
  for (const auto& link : links_) next = std::min(next, link->membership.NextDeadline());
  if (next == timer_at_) return;
  if (timer_ != 0) loop_.Cancel(timer_);
  timer_ = next == kNever ? 0 : loop_.At(next, [this] { OnTimer(); });
  timer_at_ = next;
}

}  // namespace headwater::membership
