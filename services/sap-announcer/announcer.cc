#include "services/sap-announcer/announcer.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater {
namespace {

template <typename... Args>
absl::Status Refused(fmt::format_string<Args...> format, Args&&... args) {
  return absl::FailedPreconditionError(ToAbsl(fmt::format(format, std::forward<Args>(args)...)));
}

template <typename... Args>
absl::Status Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return absl::InvalidArgumentError(ToAbsl(fmt::format(format, std::forward<Args>(args)...)));
}

bool SameSession(const Announcement& before, const Announcement& wanted) {
  return wanted.origin.id == 0 || wanted.origin.id == before.origin.id;
}

}  // namespace

Announcer::Announcer(const AnnouncerOptions& options) : options_(options), random_(options.seed) {}

void Announcer::SetOptions(const AnnouncerOptions& options) {
  const bool well_known_groups = options_.well_known_groups;
  options_ = options;
  options_.well_known_groups = well_known_groups;
}

const Announcer::Status* Announcer::Find(const Channel& channel) const {
  const auto it = statuses_.find(channel);
  return it == statuses_.end() ? nullptr : &it->second;
}

const Leg* Announcer::FindLeg(const std::string& link) const {
  const auto it = legs_.find(link);
  return it == legs_.end() ? nullptr : &it->second;
}

std::optional<IpAddress> Announcer::SourceAddress(const Leg* leg, const Channel& channel) {
  if (leg == nullptr || !leg->up) return std::nullopt;
  const std::optional<IpAddress> address = leg->ServiceAddress(channel.group);
  // Who joined (S,G) hears S alone: an announcement from elsewhere would be lost.
  if (address && channel.source && *channel.source != *address) return std::nullopt;
  return address;
}

absl::Status Announcer::CheckEpoch(uint64_t epoch) {
  if (epoch < epoch_) return Refused("epoch {} is older than {}", epoch, epoch_);
  epoch_ = epoch;
  return absl::OkStatus();
}

absl::Status Announcer::CheckWanted(const Announcement& wanted) const {
  const Channel& channel = wanted.channel;
  if (!channel.group.IsMulticast()) {
    return Invalid("channel.group: {} is not multicast", channel.group.ToString());
  }
  if (channel.source && channel.source->family() != channel.group.family()) {
    return Invalid("channel.source: {} is not of the group's family", channel.source->ToString());
  }
  if (wanted.hop_limit == 0) return Invalid("hop_limit: must be 1..255");
  if (wanted.links.size() > options_.links_max) {
    return Invalid("links: {} are more than {}", wanted.links.size(), options_.links_max);
  }
  return absl::OkStatus();
}

absl::Status Announcer::CheckLinks(const Announcement& wanted) const {
  bool any = wanted.links.empty();
  std::string why;
  for (const auto& [link, joins] : wanted.links) {
    const Leg* leg = FindLeg(link);
    if (leg == nullptr) return Refused("links: no leg in link {}", link);
    any = any || SourceAddress(leg, wanted.channel).has_value();
    if (!leg->up) {
      why = fmt::format("leg {} in link {} is down", leg->interface, link);
    } else {
      why = fmt::format("leg {} in link {} has no service address for {}", leg->interface, link,
                        wanted.channel.ToString());
    }
  }
  return any ? absl::OkStatus() : Refused("links: {}", why);
}

absl::Status Announcer::CheckFits(const Announcement& wanted) const {
  for (const auto& [link, joins] : wanted.links) {
    const Leg* leg = FindLeg(link);
    const std::optional<IpAddress> source = SourceAddress(leg, wanted.channel);
    if (!source) continue;
    ASSIGN_OR_RETURN(const auto packet, AnnouncementPacket(wanted, *source));
    const uint64_t on_link = BitsOnLink(packet.size(), wanted.channel.group) / 8;
    if (leg->mtu != 0 && on_link > leg->mtu) {
      return Invalid(
          "format.fmtp: an announcement of {} bytes does not fit the MTU of {} of link {}", on_link,
          leg->mtu, link);
    }
    if (packet.size() > options_.packet_bytes_max) {
      return Invalid("format.fmtp: an announcement of {} bytes is longer than receivers read ({})",
                     packet.size(), options_.packet_bytes_max);
    }
  }
  return absl::OkStatus();
}

void Announcer::ChooseOrigin(const Announcement* before, uint64_t ntp_seconds,
                             Announcement& wanted) const {
  const Origin given = wanted.origin;
  Origin& origin = wanted.origin;
  if (before != nullptr && SameSession(*before, wanted)) {
    origin = before->origin;
    if (given.version > origin.version) {
      // Another announcer has gone further with this session.
      const std::vector<uint64_t> ours = origin.Versions();
      origin = given;
      origin.past_versions.insert(origin.past_versions.end(), ours.begin(), ours.end());
      origin.Normalise();
    }
    if (!before->SameContent(wanted)) origin.Raise(ntp_seconds);
    return;
  }
  if (given.id == 0) {
    // Two sessions that begin in one second still differ.
    origin = {.id = std::max(newest_origin_ + 1, ntp_seconds), .version = 0, .past_versions = {}};
    origin.version = origin.id;
    return;
  }
  // Taken over from an announcer that we know nothing of. A title that began after its last version
  // was not announced yet. Listeners may have read the deletion of a version that we have just
  // ended, so that one is not used again.
  if (origin.version == 0) origin.version = origin.id;
  origin.Normalise();
  const bool ended = std::any_of(endings_.begin(), endings_.end(), [&](const auto& entry) {
    return entry.first.first == wanted.channel && entry.second.origin_id == given.id;
  });
  if (ended || wanted.changed || wanted.began_ntp > origin.version) origin.Raise(ntp_seconds);
}

absl::Status Announcer::Apply(uint64_t epoch, Announcement wanted, Now now, Sends& out) {
  RETURN_IF_ERROR(CheckEpoch(epoch));
  Touch(now.mono);
  RETURN_IF_ERROR(CheckWanted(wanted));
  const Status* status = Find(wanted.channel);
  const Announcement* before = status == nullptr ? nullptr : &status->announcement;
  const bool goes_on = before != nullptr && SameSession(*before, wanted);
  if (goes_on && before->format != wanted.format) {
    return Refused("format: a session's announced format never changes; stop {} first",
                   wanted.channel.ToString());
  }
  if (before == nullptr && statuses_.size() >= options_.announcements_max) {
    return absl::ResourceExhaustedError(
        ToAbsl(fmt::format("{} announcements are the limit", options_.announcements_max)));
  }
  RETURN_IF_ERROR(CheckLinks(wanted));
  ChooseOrigin(before, now.ntp_seconds, wanted);
  RETURN_IF_ERROR(CheckFits(wanted));

  const Channel channel = wanted.channel;
  const bool content_changed = goes_on && before->origin != wanted.origin;
  const bool changed = !goes_on || content_changed || before->links != wanted.links;
  if (before != nullptr && !goes_on) Remove(channel, now, out);
  newest_origin_ = std::max(newest_origin_, wanted.origin.id);
  Status& stored = statuses_[channel];
  stored.announcement = std::move(wanted);
  if (changed) changed_.insert(channel);
  UpdateOutlets(stored, content_changed, now, out);
  return absl::OkStatus();
}

absl::Status Announcer::Stop(uint64_t epoch, const Channel& channel, Now now, Sends& out) {
  RETURN_IF_ERROR(CheckEpoch(epoch));
  Touch(now.mono);
  if (Find(channel) != nullptr) Remove(channel, now, out);
  return absl::OkStatus();
}

absl::Status Announcer::HandOver(uint64_t epoch, const Channel& channel, Now now) {
  RETURN_IF_ERROR(CheckEpoch(epoch));
  Touch(now.mono);
  if (statuses_.erase(channel) == 0) return absl::OkStatus();
  changed_.insert(channel);
  for (auto it = outlets_.lower_bound({channel, ""});
       it != outlets_.end() && it->first.first == channel;) {
    Schedule(it->first, it->second.due, kNever);
    it = outlets_.erase(it);
  }
  return absl::OkStatus();
}

void Announcer::Remove(const Channel& channel, Now now, Sends& out) {
  for (auto it = outlets_.lower_bound({channel, ""});
       it != outlets_.end() && it->first.first == channel;) {
    const OutletKey key = (it++)->first;
    EndOutlet(key, now, out);
  }
  statuses_.erase(channel);
  changed_.insert(channel);
}

void Announcer::EndOutlet(const OutletKey& key, Now now, Sends& out) {
  Outlet& outlet = outlets_.at(key);
  Schedule(key, outlet.due, kNever);
  const Announcement& announcement = statuses_.at(key.first).announcement;
  // Where nothing was announced there is nothing to delete.
  if (outlet.address) {
    endings_.insert_or_assign(key, Ending{.bucket = outlet.bucket,
                                          .hop_limit = announcement.hop_limit,
                                          .origin_id = announcement.origin.id,
                                          .versions = announcement.origin.Versions(),
                                          .began = now.mono});
  }
  outlets_.erase(key);
  Serve(key, now, out);
}

Announcer::Outlet Announcer::MakeOutlet(const OutletKey& key, const Status& status, MonoTime now) {
  const Announcement& announcement = status.announcement;
  const uint64_t rate = BitsPerSecond(announcement);
  // Two seconds' worth, and always one whole announcement: everything in it but fmtp is bounded by
  // the SDP library.
  const uint64_t depth =
      std::max(2 * rate, BitsOnLink(announcement.format.fmtp.size() + 1600, key.first.group));
  Outlet outlet = {
      .bucket = TokenBucket(rate, depth, now), .urgent = SendReason::kInitial, .address = {}};
  // Joined again: deletions still to be sent are dropped, and what they took is not given back.
  if (const auto ending = endings_.find(key); ending != endings_.end()) {
    outlet.bucket = ending->second.bucket;
    Schedule(key, ending->second.due, kNever);
    endings_.erase(ending);
  }
  if (options_.well_known_groups) outlet.next_well_known = now;
  return outlet;
}

void Announcer::UpdateOutlets(const Status& status, bool content_changed, Now now, Sends& out) {
  const Announcement& announcement = status.announcement;
  const Channel& channel = announcement.channel;
  for (auto it = outlets_.lower_bound({channel, ""});
       it != outlets_.end() && it->first.first == channel;) {
    const OutletKey key = (it++)->first;
    if (!announcement.links.contains(key.second)) EndOutlet(key, now, out);
  }
  for (const auto& [link, joins_total] : announcement.links) {
    const OutletKey key = {channel, link};
    auto it = outlets_.find(key);
    if (it == outlets_.end()) {
      it = outlets_.emplace(key, MakeOutlet(key, status, now.mono)).first;
    } else if (!it->second.urgent && (content_changed || joins_total > it->second.joins_total)) {
      it->second.urgent = content_changed ? SendReason::kChange : SendReason::kJoin;
    }
    it->second.joins_total = joins_total;
    Serve(key, now, out);
  }
}

void Announcer::RaiseVersion(Status& status, Now now, Sends& out) {
  status.announcement.origin.Raise(now.ntp_seconds);
  changed_.insert(status.announcement.channel);
  UpdateOutlets(status, true, now, out);
}

void Announcer::SetLegs(const std::vector<Leg>& legs, Now now, Sends& out) {
  legs_.clear();
  for (const Leg& leg : legs) legs_[leg.link] = leg;
  std::set<Channel> moved;
  for (auto& [key, outlet] : outlets_) {
    const std::optional<IpAddress> source = SourceAddress(FindLeg(key.second), key.first);
    if (!source) {
      outlet.urgent = SendReason::kInitial;
    } else if (outlet.address && *outlet.address != *source) {
      // The o= line has changed, which makes it another SDP.
      moved.insert(key.first);
    }
  }
  for (const Channel& channel : moved) RaiseVersion(statuses_.at(channel), now, out);
  std::vector<OutletKey> keys;
  for (const auto& [key, outlet] : outlets_) keys.push_back(key);
  for (const OutletKey& key : keys) Serve(key, now, out);
}

}  // namespace headwater
