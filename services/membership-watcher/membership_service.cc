#include "services/membership-watcher/membership_service.h"

#include <memory>
#include <utility>

#include "services/common/rpc/proto_convert.h"

namespace headwater::membership {
namespace {

using v1::WatchMembershipResponse;
using Stream = WatchStream<WatchMembershipResponse>;

// Of a group's members; the count is exact all the same.
constexpr int kMembersListedMax = 64;
// Of these members' sources together: a group's message stays below a quarter of a mebibyte.
constexpr int kMemberSourcesListedMax = 1024;
// Of a snapshot's message, less one group: gRPC's limit for a message is 4 MiB.
constexpr size_t kChunkBytesMax = 512 << 10;

v1::LinkSync ToProto(LinkSync sync) {
  switch (sync) {
    case LinkSync::kDown:
      return v1::LINK_SYNC_DOWN;
    case LinkSync::kWarming:
      return v1::LINK_SYNC_WARMING;
    case LinkSync::kSynced:
      return v1::LINK_SYNC_SYNCED;
  }
  return v1::LINK_SYNC_UNSPECIFIED;
}

v1::FilterMode ToProto(FilterMode mode) {
  return mode == FilterMode::kInclude ? v1::FILTER_MODE_INCLUDE : v1::FILTER_MODE_EXCLUDE;
}

v1::LinkState ToProto(const WatchedLink& link) {
  v1::LinkState state;
  *state.mutable_leg() = headwater::ToProto(link.leg);
  state.set_sync(ToProto(link.membership.sync()));
  const Querier& ipv4 = link.membership.querier(IpAddress::Family::kIpv4);
  const Querier& ipv6 = link.membership.querier(IpAddress::Family::kIpv6);
  if (const auto querier = ipv4.querier()) state.set_querier_ipv4(querier->ToString());
  if (const auto querier = ipv6.querier()) state.set_querier_ipv6(querier->ToString());
  state.set_we_are_querier_ipv4(ipv4.is_querier());
  state.set_we_are_querier_ipv6(ipv6.is_querier());
  return state;
}

v1::GroupMembership ToProto(const std::string& link, const GroupState& group) {
  v1::GroupMembership membership;
  membership.set_link(link);
  membership.set_group(group.group().ToString());
  membership.set_filter_mode(ToProto(group.mode()));
  for (const IpAddress& source : group.sources()) membership.add_sources(source.ToString());
  int sources_left = kMemberSourcesListedMax;
  for (const Member& member : group.members()) {
    if (membership.members_size() == kMembersListedMax) break;
    v1::Member& listed = *membership.add_members();
    listed.set_address(member.host.ToString());
    listed.set_filter_mode(ToProto(member.mode));
    for (const IpAddress& source : member.sources) {
      if (sources_left-- <= 0) break;
      listed.add_sources(source.ToString());
    }
    *listed.mutable_joined() = headwater::ToProto(member.joined);
  }
  membership.set_member_count(static_cast<uint32_t>(group.members().size()));
  membership.set_joins_total(group.joins_total());
  *membership.mutable_last_join() = headwater::ToProto(group.last_join());
  return membership;
}

// Link states keep their place: "synced" must not overtake the groups before it.
constexpr const char* kInOrder = "";
std::string KeyOf(const std::string& link, const IpAddress& group) {
  return link + " " + group.ToString();
}

const std::string* LinkOf(const WatchMembershipResponse& response) {
  switch (response.event_case()) {
    case WatchMembershipResponse::kLink:
      return &response.link().leg().link();
    case WatchMembershipResponse::kGroup:
      return &response.group().link();
    case WatchMembershipResponse::kRemoved:
      return &response.removed().link();
    case WatchMembershipResponse::kGroups:
      // All of one link, and never none.
      return &response.groups().groups(0).link();
    default:
      return nullptr;
  }
}

}  // namespace

MembershipServiceImpl::MembershipServiceImpl(EventLoop& loop, const MembershipShell& shell)
    : loop_(loop), shell_(shell), hub_(loop, [this](Stream& stream) { Snapshot(stream); }) {
  for (const auto& link : shell.links()) link_names_.insert(link->leg.link);
}

grpc::ServerWriteReactor<WatchMembershipResponse>* MembershipServiceImpl::WatchMembership(
    grpc::CallbackServerContext*, const v1::WatchMembershipRequest* request) {
  std::set<std::string> wanted(request->links().begin(), request->links().end());
  for (const std::string& link : wanted) {
    if (link_names_.contains(link)) continue;
    auto* refused = new Stream(0, nullptr, [&loop = loop_](Stream* done) {
      loop.Post([owned = std::unique_ptr<Stream>(done)] {});
    });
    refused->Close({grpc::StatusCode::NOT_FOUND, "no link \"" + link + "\" here"});
    return refused;
  }
  if (wanted.empty()) return hub_.Open();
  return hub_.Open([wanted = std::move(wanted)](const WatchMembershipResponse& response) {
    const std::string* link = LinkOf(response);
    return link == nullptr || wanted.contains(*link);
  });
}

void MembershipServiceImpl::Snapshot(Stream& stream) const {
  WatchMembershipResponse response;
  response.set_revision(revision_);
  for (const auto& link : shell_.links()) {
    *response.mutable_link() = ToProto(*link);
    stream.Push(kInOrder, response);
  }
  // Chunks: as single messages a large table would be more than may wait for a reader.
  for (const auto& link : shell_.links()) {
    size_t bytes = 0;
    link->membership.table().ForEach([&](const GroupState& group) {
      v1::GroupMembership& added = *response.mutable_groups()->add_groups();
      added = ToProto(link->leg.link, group);
      bytes += added.ByteSizeLong();
      if (bytes < kChunkBytesMax) return;
      stream.Push(kInOrder, response);
      response.clear_groups();
      bytes = 0;
    });
    if (bytes > 0) stream.Push(kInOrder, response);
    response.clear_groups();
  }
  response.mutable_synced();
  stream.Push(kInOrder, response);
}

void MembershipServiceImpl::OnLink(const WatchedLink& link) {
  ++revision_;
  if (hub_.readers() == 0) return;
  WatchMembershipResponse response;
  response.set_revision(revision_);
  *response.mutable_link() = ToProto(link);
  hub_.Publish(kInOrder, response);
}

void MembershipServiceImpl::OnGroup(const WatchedLink& link, const IpAddress& group) {
  ++revision_;
  if (hub_.readers() == 0) return;
  WatchMembershipResponse response;
  response.set_revision(revision_);
  if (const GroupState* state = link.membership.table().Find(group)) {
    *response.mutable_group() = ToProto(link.leg.link, *state);
  } else {
    response.mutable_removed()->set_link(link.leg.link);
    response.mutable_removed()->set_group(group.ToString());
  }
  hub_.Publish(KeyOf(link.leg.link, group), response);
}

void MembershipServiceImpl::Close() {
  hub_.Close({grpc::StatusCode::UNAVAILABLE, "the service is ending"});
}

}  // namespace headwater::membership
