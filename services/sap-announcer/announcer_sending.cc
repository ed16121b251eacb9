// When each datagram leaves: the half of Announcer that its deadlines drive.
#include <algorithm>

#include "services/common/base/fault.h"
#include "services/sap-announcer/announcer.h"

namespace headwater {
namespace {

// RFC 2974 section 3: so that the well-known groups' own scope decides how far they reach.
constexpr uint8_t kWellKnownHopLimit = 255;

}  // namespace

void Announcer::OnTime(Now now, Sends& out) {
  if (!statuses_.empty() && contact_ + options_.orphan_timeout <= now.mono) {
    stats_.orphaned += statuses_.size();
    while (!statuses_.empty()) {
      const Channel channel = statuses_.begin()->first;
      Remove(channel, now, out);
    }
  }
  // Serve moves each key behind `now` or takes it out.
  while (!queue_.empty() && queue_.begin()->first <= now.mono) {
    const OutletKey key = queue_.begin()->second;
    Serve(key, now, out);
  }
}

MonoTime Announcer::NextDeadline() const {
  const MonoTime orphaned = statuses_.empty() ? kNever : contact_ + options_.orphan_timeout;
  return queue_.empty() ? orphaned : std::min(orphaned, queue_.begin()->first);
}

void Announcer::Schedule(const OutletKey& key, MonoTime& due, MonoTime when) {
  if (due != kNever) queue_.erase({due, key});
  due = when;
  if (due != kNever) queue_.insert({due, key});
}

void Announcer::Serve(const OutletKey& key, Now now, Sends& out) {
  if (const auto outlet = outlets_.find(key); outlet != outlets_.end()) {
    ServeOutlet(key, outlet->second, now, out);
  } else if (const auto ending = endings_.find(key); ending != endings_.end()) {
    if (ServeEnding(key, ending->second, now, out)) return;
    Schedule(key, ending->second.due, kNever);
    endings_.erase(ending);
  }
}

void Announcer::ServeOutlet(const OutletKey& key, Outlet& outlet, Now now, Sends& out) {
  const Announcement& announcement = statuses_.at(key.first).announcement;
  const Leg* leg = FindLeg(key.second);
  const std::optional<IpAddress> source = SourceAddress(leg, key.first);
  // SetLegs comes back to it.
  if (!source) return Schedule(key, outlet.due, kNever);
  auto packet = AnnouncementPacket(announcement, *source);
  const uint64_t on_link = packet.ok() ? BitsOnLink(packet->size(), key.first.group) / 8 : 0;
  if (!packet.ok() || (leg->mtu != 0 && on_link > leg->mtu)) {
    ++stats_.unfit;
    return Schedule(key, outlet.due, now.mono + options_.interval_max);
  }
  outlet.address = source;
  const SendDatagram datagram = {.channel = key.first,
                                 .link = key.second,
                                 .group = key.first.group,
                                 .source = *source,
                                 .hop_limit = announcement.hop_limit,
                                 .bytes = *std::move(packet)};
  ServeGroup(key, outlet, datagram, now, out);
  ServeWellKnown(outlet, datagram, now, out);
}

void Announcer::ServeGroup(const OutletKey& key, Outlet& outlet, SendDatagram datagram, Now now,
                           Sends& out) {
  const Announcement& announcement = statuses_.at(key.first).announcement;
  const size_t bytes = datagram.bytes.size();
  const uint64_t bits = BitsOnLink(bytes, datagram.group);
  MonoTime next = outlet.next_periodic;
  if (outlet.urgent || now.mono >= outlet.next_periodic) {
    // RTP waits for the first announcement, so that waits for nothing.
    const bool initial = outlet.urgent == SendReason::kInitial;
    if (initial) outlet.bucket.Drain(bits, now.mono);
    if (initial || outlet.bucket.Take(bits, now.mono)) {
      datagram.reason = outlet.urgent.value_or(SendReason::kPeriodic);
      outlet.urgent.reset();
      outlet.deferred = false;
      outlet.next_periodic = now.mono + Interval(announcement, bytes);
      next = outlet.next_periodic;
      Emit(std::move(datagram), now.mono, out);
    } else {
      if (outlet.urgent && !outlet.deferred) ++stats_.deferred;
      outlet.deferred = outlet.urgent.has_value();
      next = outlet.bucket.When(bits, now.mono);
    }
  }
  Schedule(key, outlet.due, std::min(next, outlet.next_well_known));
}

void Announcer::ServeWellKnown(Outlet& outlet, SendDatagram datagram, Now now, Sends& out) {
  if (now.mono < outlet.next_well_known) return;
  datagram.group = WellKnownSapGroup(datagram.group);
  datagram.hop_limit = kWellKnownHopLimit;
  datagram.reason = SendReason::kWellKnown;
  outlet.next_well_known = now.mono + WellKnownInterval(datagram);
  const OutletKey key = {datagram.channel, datagram.link};
  Emit(std::move(datagram), now.mono, out);
  Schedule(key, outlet.due, std::min(outlet.next_periodic, outlet.next_well_known));
}

bool Announcer::ServeEnding(const OutletKey& key, Ending& ending, Now now, Sends& out) {
  const std::optional<IpAddress> source = SourceAddress(FindLeg(key.second), key.first);
  if (!source || FaultInjected("deletion")) return false;
  for (; ending.round < options_.deletion_times.size(); ++ending.round) {
    const MonoTime start = ending.began + options_.deletion_times[ending.round];
    if (now.mono < start) {
      Schedule(key, ending.due, start);
      return true;
    }
    for (; ending.position < ending.versions.size(); ++ending.position) {
      const uint64_t version = ending.versions[ending.position];
      const size_t bytes = DeletionPacket(ending.origin_id, version, *source).size();
      const uint64_t bits = BitsOnLink(bytes, key.first.group);
      if (!ending.bucket.Take(bits, now.mono)) {
        Schedule(key, ending.due, ending.bucket.When(bits, now.mono));
        return true;
      }
      SendDeletion(key, ending, *source, version, out);
    }
    ending.position = 0;
  }
  return false;
}

void Announcer::SendDeletion(const OutletKey& key, const Ending& ending, const IpAddress& source,
                             uint64_t version, Sends& out) {
  SendDatagram datagram = {.channel = key.first,
                           .link = key.second,
                           .group = key.first.group,
                           .source = source,
                           .hop_limit = ending.hop_limit,
                           .reason = SendReason::kDeletion,
                           .bytes = DeletionPacket(ending.origin_id, version, source)};
  // The well-known groups' listeners know the newest version alone, or have forgotten it by the
  // RFC's rules.
  if (options_.well_known_groups && version == ending.versions.front()) {
    SendDatagram well_known = datagram;
    well_known.group = WellKnownSapGroup(datagram.group);
    well_known.hop_limit = kWellKnownHopLimit;
    Count(well_known);
    out.push_back(std::move(well_known));
  }
  Count(datagram);
  out.push_back(std::move(datagram));
}

void Announcer::Emit(SendDatagram datagram, MonoTime now, Sends& out) {
  Count(datagram);
  Status& status = statuses_.at(datagram.channel);
  if (!status.first_sent) status.first_sent = now;
  status.last_sent = now;
  ++status.sent_total;
  out.push_back(std::move(datagram));
}

void Announcer::Count(const SendDatagram& datagram) {
  ++stats_.sent[static_cast<size_t>(datagram.reason)];
  stats_.bytes += datagram.bytes.size();
}

uint64_t Announcer::BitsPerSecond(const Announcement& announcement) const {
  const uint64_t share =
      uint64_t{announcement.media_bits_per_second} * options_.media_percent / 100;
  return std::max<uint64_t>(options_.bits_per_second_min, share);
}

Duration Announcer::Interval(const Announcement& announcement, size_t packet_bytes) const {
  // Half of the bandwidth is for the steady pace, so that a change or a latecomer finds some left.
  const uint64_t bits = BitsOnLink(packet_bytes, announcement.channel.group);
  const Duration pace = std::chrono::microseconds(bits * 2'000'000 / BitsPerSecond(announcement));
  return std::clamp(pace, options_.interval, options_.interval_max);
}

Duration Announcer::WellKnownInterval(const SendDatagram& datagram) {
  // RFC 2974 section 3.1, with the announcements that we make ourselves: we do not join the group
  // to count those of others.
  const auto same = [&](const auto& entry) {
    return entry.first.second == datagram.link &&
           WellKnownSapGroup(entry.first.first.group) == datagram.group;
  };
  const auto count = static_cast<uint64_t>(std::count_if(outlets_.begin(), outlets_.end(), same));
  const uint64_t bits = 8 * datagram.bytes.size() * count;
  const Duration pace =
      std::chrono::microseconds(bits * 1'000'000 / options_.well_known_bits_per_second);
  const Duration interval = std::max(options_.well_known_interval_min, pace);
  const int64_t third = interval.count() / 3;
  std::uniform_int_distribution<int64_t> offset(-third, third);
  return interval + Duration(offset(random_));
}

}  // namespace headwater
