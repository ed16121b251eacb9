#include "services/rtp-packager/packager_shell.h"

#include <sys/epoll.h>

#include <random>
#include <utility>

#include "services/common/base/status_macros.h"
#include "services/common/time/clock.h"
#include "services/rtp-packager/udp_packet.h"

namespace headwater::packager {
namespace {

// Larger RTCP than this is no receiver report.
constexpr size_t kPacketMax = 2048;
// Until an address that could not be bound is tried again.
constexpr Duration kBindRetry = 500ms;
// Datagrams taken in one turn: a flood of them must not hold up our own RTP.
constexpr size_t kPacketsPerTurn = 64;

std::string RandomCname(std::mt19937_64& random) {
  // Not the host's name: listeners have no business with it (RFC 7022 section 4.2).
  return fmt::format("headwater-{:016x}", random());
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackagerShell>> PackagerShell::Open(EventLoop& loop, Logger& log,
                                                                   const Options& options,
                                                                   std::vector<LegConfig> legs,
                                                                   const FeedOptions& feeds) {
  std::unique_ptr<PackagerShell> shell(
      new PackagerShell(loop, log, options, std::move(legs), feeds));
  ASSIGN_OR_RETURN(
      shell->packets_,
      PacketSocket::Open(GroupFilter(options.rtcp_port, options.rtp_port, {}), kPacketMax));
  return shell;
}

PackagerShell::PackagerShell(EventLoop& loop, Logger& log, const Options& options,
                             std::vector<LegConfig> legs, const FeedOptions& feeds)
    : loop_(loop),
      log_(log),
      options_(options),
      leg_configs_(std::move(legs)),
      sender_(loop, options.rtp_port, options.rtcp_port,
              [this](size_t leg, const IpAddress& from, Bytes bytes) {
                core_->OnUnicastRtcp(leg, from, bytes);
                Perform();
              }),
      feeds_(loop, feeds, [this] { Perform(); }),
      listening_(leg_configs_.size()),
      told_legs_(leg_configs_.size()) {}

PackagerShell::~PackagerShell() {
  *alive_ = false;
  loop_.Cancel(timer_);
  loop_.Cancel(legs_timer_);
  if (packets_ && core_) loop_.RemoveFd(packets_->fd());
}

absl::Status PackagerShell::Start(SourceOpener& opener, TranscoderMaker* transcoders,
                                  Observer observer) {
  observer_ = std::move(observer);
  ASSIGN_OR_RETURN(tone_, MakeTestTone());
  std::random_device device;
  std::mt19937_64 random((uint64_t{device()} << 32) | device());
  std::vector<std::string> links;
  for (const LegConfig& leg : leg_configs_) links.push_back(leg.link);
  core_ = std::make_unique<Packager>(options_, std::move(links),
                                     PackagerEnvironment{.opener = &opener,
                                                         .tone = &*tone_,
                                                         .transcoders = transcoders,
                                                         .feeds = &feeds_,
                                                         .now = [] { return ReadClocks(); },
                                                         .wake = [this] { Wake(); },
                                                         .seed = random(),
                                                         .cname = RandomCname(random)});
  loop_.AddFd(packets_->fd(), EPOLLIN, [this](uint32_t) { OnPackets(); });
  ASSIGN_OR_RETURN(legs_, LegWatch::Open(loop_, leg_configs_, [this] {
                     ApplyLegs();
                     if (observer_.on_legs) observer_.on_legs();
                   }));
  ApplyLegs();
  return absl::OkStatus();
}

void PackagerShell::ApplyLegs() {
  bool all = true;
  for (size_t i = 0; i < legs().size(); ++i) {
    const Leg& leg = legs()[i];
    LegAddresses addresses;
    if (leg.up) addresses = {leg.ifindex, leg.service_ipv4, leg.service_ipv6, leg.link_local};
    all = sender_.SetLeg(i, addresses) && all;
    if (listening_[i] != leg.ifindex) {
      if (listening_[i] != 0) packets_->RemoveInterface(listening_[i]);
      listening_[i] = 0;
      if (leg.ifindex != 0) {
        const absl::Status status = packets_->AddInterface(leg.ifindex);
        if (status.ok()) listening_[i] = leg.ifindex;
        if (!status.ok()) {
          log_.Warning("no receiver reports from a leg",
                       {{"link", leg.link}, {"error", status.ToString()}});
        }
      }
    }
    core_->SetLeg(i, leg);
    if (std::exchange(told_legs_[i], leg) == leg) continue;
    log_.Info("leg", {{"link", leg.link},
                      {"interface", leg.interface},
                      {"up", leg.up},
                      {"ipv4", leg.service_ipv4 ? leg.service_ipv4->ToString() : ""},
                      {"ipv6", leg.service_ipv6 ? leg.service_ipv6->ToString() : ""}});
  }
  loop_.Cancel(legs_timer_);
  legs_timer_ = 0;
  if (!all) legs_timer_ = loop_.At(loop_.now() + kBindRetry, [this] { ApplyLegs(); });
  Perform();
}

void PackagerShell::OnPackets() {
  packets_->Receive(
      [this](const ReceivedPacket& packet) {
        const auto udp = ParseUdpPacket(packet.bytes, packet.checksum_unfilled);
        if (!udp) return;
        const bool is_rtcp = udp->port == options_.rtcp_port;
        // What waited when the filter changed.
        if (!is_rtcp && (udp->port != options_.rtp_port || packet.outgoing)) return;
        for (size_t leg = 0; leg < listening_.size(); ++leg) {
          if (listening_[leg] != packet.ifindex) continue;
          if (is_rtcp) {
            core_->OnGroupRtcp(leg, udp->group, udp->from, udp->payload);
          } else {
            core_->OnGroupRtp(leg, udp->group, udp->from, udp->payload);
          }
        }
      },
      kPacketsPerTurn);
  Perform();
}

void PackagerShell::Wake() {
  if (std::exchange(woken_, true)) return;
  loop_.Post([this, alive = alive_] {
    if (*alive) Tick();
  });
}

void PackagerShell::Tick() {
  woken_ = false;
  core_->OnTime();
  Perform();
}

void PackagerShell::UpdateFilter() {
  std::vector<Ssrc> ssrcs = core_->Ssrcs();
  if (ssrcs == filtered_) return;
  const absl::Status status =
      packets_->SetFilter(GroupFilter(options_.rtcp_port, options_.rtp_port, ssrcs));
  if (!status.ok()) log_.Warning("no SSRC collisions seen", {{"error", status.ToString()}});
  filtered_ = std::move(ssrcs);
}

void PackagerShell::Perform() {
  Outbox& outbox = core_->outbox();
  if (!outbox.empty()) sender_.Send(outbox);
  outbox.Clear();
  if (const std::set<Channel> changes = core_->TakeChanges(); !changes.empty()) {
    UpdateFilter();
    if (observer_.on_changes) observer_.on_changes(changes);
  }
  const MonoTime next = core_->NextDeadline();
  if (next == timer_at_ && timer_ != 0) return;
  loop_.Cancel(timer_);
  timer_at_ = next;
  timer_ = 0;
  if (next == kNever) return;
  timer_ = loop_.At(next, [this] {
    timer_ = 0;
    Tick();
  });
}

}  // namespace headwater::packager
