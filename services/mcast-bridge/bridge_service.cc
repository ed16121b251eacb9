#include "services/mcast-bridge/bridge_service.h"

#include "services/common/rpc/proto_convert.h"

namespace headwater::bridge {
namespace {

using Kind = CounterMeaning::Kind;

constexpr char kKey[] = "bridge";

v1::RuleState ToProto(RuleState state) {
  switch (state) {
    case RuleState::kActive:
      return v1::RULE_STATE_ACTIVE;
    case RuleState::kPartial:
      return v1::RULE_STATE_PARTIAL;
    case RuleState::kDown:
      return v1::RULE_STATE_DOWN;
  }
  return v1::RULE_STATE_UNSPECIFIED;
}

v1::CheckState ToProto(CheckState state) {
  switch (state) {
    case CheckState::kGood:
      return v1::CHECK_STATE_GOOD;
    case CheckState::kApplied:
      return v1::CHECK_STATE_APPLIED;
    case CheckState::kWrong:
      return v1::CHECK_STATE_WRONG;
  }
  return v1::CHECK_STATE_UNSPECIFIED;
}

void AddRule(const BridgeState& state, const Rule& rule, v1::WatchBridgeResponse& out) {
  v1::Rule& proto = *out.add_rules();
  const std::string& name = rule.options.name;
  proto.set_name(name);
  for (const GroupSpec& group : rule.options.groups) proto.add_groups(group.ToString());
  for (const Direction& direction : rule.directions) {
    v1::Direction& way = *proto.add_directions();
    way.set_from(direction.from);
    way.set_to(direction.to);
    way.set_packets_total(state.Count({Kind::kPackets, name, direction.from, direction.to}));
    way.set_answers_total(state.Count({Kind::kAnswers, name, direction.from, direction.to}));
    way.set_up(state.links_up.contains(direction.from) && state.links_up.contains(direction.to));
  }
  const RuleStatus status = state.StatusOf(rule);
  proto.set_state(ToProto(status.state));
  proto.set_reason(status.reason);
}

void AddRoutes(const BridgeState& state, v1::WatchBridgeResponse& out) {
  for (const auto& [key, totals] : state.routes.routes()) {
    v1::Route& route = *out.add_routes();
    route.set_group(key.group.ToString());
    route.set_source(key.source.ToString());
    route.set_from(key.from);
    for (const std::string& to : totals.to) route.add_to(to);
    route.set_packets_total(totals.packets);
    route.set_bytes_total(totals.bytes);
    route.set_wrong_interface_total(totals.wrong_interface);
    route.set_rule(state.RuleOf(key));
    route.set_present(totals.present);
  }
}

void AddDrops(const BridgeState& state, v1::WatchBridgeResponse& out) {
  for (const auto& [meaning, packets] : state.counters) {
    if (meaning.kind != Kind::kTtl && meaning.kind != Kind::kLinkLocalSource) continue;
    v1::Drop& drop = *out.add_drops();
    drop.set_reason(meaning.kind == Kind::kTtl ? "ttl" : "link_local_source");
    drop.set_link(meaning.from);
    drop.set_packets_total(packets);
  }
}

void FillSmcroute(const SmcrouteState& state, v1::Smcroute& out) {
  out.set_running(state.running);
  out.set_pid(static_cast<uint32_t>(state.pid));
  out.set_restarts_total(state.restarts);
  out.set_ipv4(state.ipv4);
  out.set_ipv6(state.ipv6);
  for (const LoggedComplaint& logged : state.complaints) {
    v1::SmcrouteError& error = *out.add_errors();
    *error.mutable_time() = headwater::ToProto(logged.time);
    error.set_kind(logged.complaint.kind);
    error.set_text(logged.complaint.text);
    error.set_count(logged.count);
  }
}

}  // namespace

BridgeServiceImpl::BridgeServiceImpl(EventLoop& loop, BridgeShell& shell)
    : shell_(shell), watch_(loop, [this](auto& stream) { stream.Push(kKey, Message()); }) {
  shell_.SetOnChange([this] {
    ++revision_;
    if (watch_.readers() > 0) watch_.Publish(kKey, Message());
  });
}

BridgeServiceImpl::~BridgeServiceImpl() { shell_.SetOnChange(nullptr); }

grpc::ServerWriteReactor<v1::WatchBridgeResponse>* BridgeServiceImpl::WatchBridge(
    grpc::CallbackServerContext*, const v1::WatchBridgeRequest*) {
  return watch_.Open();
}

v1::WatchBridgeResponse BridgeServiceImpl::Message() const {
  const BridgeState& state = shell_.state();
  v1::WatchBridgeResponse message;
  message.set_revision(revision_);
  for (const Rule& rule : state.plan.rules) AddRule(state, rule, message);
  AddRoutes(state, message);
  for (const Check& check : state.checks) {
    v1::Check& proto = *message.add_checks();
    proto.set_name(check.name);
    proto.set_subject(check.subject);
    proto.set_state(ToProto(check.state));
    proto.set_detail(check.detail);
  }
  FillSmcroute(state.smcroute, *message.mutable_smcroute());
  AddDrops(state, message);
  return message;
}

void BridgeServiceImpl::Close() {
  watch_.Close(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the service is ending"));
}

}  // namespace headwater::bridge
