#include "services/mcast-bridge/bridge_shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "services/common/base/absl_text.h"
#include "services/common/base/status_macros.h"

namespace headwater::bridge {
namespace {

constexpr Duration kPollPeriod = 1s;

// Of this process: a file of the network namespace.
std::string ReadProc(const std::string& name) {
  std::ifstream file("/proc/self/net/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<BridgeShell>> BridgeShell::Open(EventLoop& loop, Logger& log,
                                                               const Options& options,
                                                               const std::vector<LegConfig>& legs,
                                                               const Paths& paths) {
  std::unique_ptr<BridgeShell> shell(new BridgeShell(loop, log, options, paths));
  for (const LegConfig& leg : legs) shell->interfaces_[leg.link] = leg.interface;
  ASSIGN_OR_RETURN(shell->nft_, Nft::Open());
  ASSIGN_OR_RETURN(shell->hygiene_,
                   HygieneShell::Open(*shell->nft_, log, paths.journal, paths.table));
  if (const size_t undone = shell->hygiene_->UndoAll(false); undone > 0) {
    log.Warning("undid what an instance before has left", {{"changes", undone}});
  }
  RETURN_IF_ERROR(shell->ApplyRuleset(options));
  BridgeShell* raw = shell.get();
  ASSIGN_OR_RETURN(shell->legs_, LegWatch::Open(loop, legs, [raw] {
                     raw->Route();
                     raw->CheckMachine();
                     raw->Changed();
                   }));
  shell->smcroute_ = std::make_unique<SmcrouteShell>(
      loop, log, SmcrouteShell::Files{options.smcrouted, paths.run}, [raw] { raw->Changed(); });
  return shell;
}

BridgeShell::~BridgeShell() { Stop(); }

void BridgeShell::Start() {
  Route();
  Look();
  Poll();
}

void BridgeShell::Stop() {
  loop_.Cancel(poll_);
  loop_.Cancel(check_);
  on_change_ = nullptr;
  smcroute_.reset();
  legs_.reset();
  if (hygiene_ == nullptr) return;
  const size_t undone = hygiene_->UndoAll(false);
  log_.Info("every change is undone", {{"changes", undone}});
  hygiene_.reset();
}

// In one transaction: there is no moment without rules.
absl::Status BridgeShell::ApplyRuleset(const Options& options) {
  Ruleset ruleset = BuildRuleset(options.plan, interfaces_, paths_.table, options.mark);
  RETURN_IF_ERROR(
      hygiene_->Make({.kind = Change::Kind::kTable, .subject = paths_.table}, options.mark));
  if (!ruleset_.text.empty()) ReadCounters();
  RETURN_IF_ERROR(nft_->Run(ruleset.text).status());
  ruleset_ = std::move(ruleset);
  sums_.BeginAnew();
  for (const auto& [name, meaning] : ruleset_.counters) state_.counters.try_emplace(meaning, 0);
  state_.plan = options.plan;
  ruleset_lost_ = false;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> BridgeShell::Reload(const Options& options) {
  RETURN_IF_ERROR(ApplyRuleset(options));
  // What is no longer wanted goes, the rest comes back at once.
  if (options.hygiene != options_.hygiene || options.mark != options_.mark) hygiene_->UndoAll(true);
  std::vector<std::string> restart;
  if (options.smcrouted != options_.smcrouted) restart.emplace_back("smcrouted");
  if (options.cache_timeout != options_.cache_timeout) restart.emplace_back("cache_timeout");
  options_ = options;
  // Counters of rules that are gone are nobody's.
  std::erase_if(state_.counters, [&](const auto& row) {
    return std::ranges::none_of(ruleset_.counters,
                                [&](const auto& one) { return one.second == row.first; });
  });
  Route();
  CheckMachine();
  Changed();
  return restart;
}

Interfaces BridgeShell::Present() const {
  Interfaces present;
  for (const Leg& leg : legs_->legs()) {
    if (leg.ifindex != 0) present[leg.link] = leg.interface;
  }
  return present;
}

void BridgeShell::Route() {
  SmcrouteShell::Config config = {.both = SmcrouteConfig(options_.plan, Present()),
                                  .ipv4 = SmcrouteConfig(options_.plan, Present(), false)};
  state_.links_up.clear();
  // An interface that comes back has another index, and smcrouted must hear of it.
  for (const Leg& leg : legs_->legs()) {
    if (leg.ifindex == 0) continue;
    for (std::string* text : {&config.both, &config.ipv4}) {
      *text += fmt::format("# {} is {}\n", leg.interface, leg.ifindex);
    }
    if (leg.up) state_.links_up.insert(leg.link);
  }
  smcroute_->Configure(std::move(config), options_.cache_timeout);
}

void BridgeShell::ReadCounters() {
  const auto list = nft_->Run("list counters table inet " + paths_.table);
  ruleset_lost_ = !list.ok();
  if (list.ok()) sums_.Update(ruleset_.counters, ParseCounters(*list), state_.counters);
}

void BridgeShell::ReadKernel() {
  std::map<std::string, std::string> links;
  for (const auto& [link, interface] : interfaces_) links[interface] = link;
  for (const bool v4 : {true, false}) {
    const auto family = v4 ? IpAddress::Family::kIpv4 : IpAddress::Family::kIpv6;
    const std::string prefix = v4 ? "ip" : "ip6";
    state_.routes.Update(family, ParseCache(ReadProc(prefix + "_mr_cache"), family),
                         ParseVirtualInterfaces(ReadProc(prefix + "_mr_vif")), links);
  }
}

void BridgeShell::Poll() {
  poll_ = loop_.At(loop_.now() + kPollPeriod, [this] { Poll(); });
  ReadCounters();
  // A firewall that was loaded anew with "flush ruleset" takes ours with it.
  if (ruleset_lost_) {
    log_.Warning("our nftables table is gone; making it again");
    ruleset_.text.clear();
    if (const absl::Status made = ApplyRuleset(options_); !made.ok()) {
      log_.Error("nftables", {{"error", FromAbsl(made.message())}});
    }
    CheckMachine();
  }
  ReadKernel();
  Changed();
}

void BridgeShell::Look() {
  check_ = loop_.At(loop_.now() + options_.check_period, [this] { Look(); });
  CheckMachine();
  Changed();
}

void BridgeShell::CheckMachine() {
  const Interfaces present = Present();
  const auto facts = hygiene_->Gather(present, options_.mark);
  if (!facts.ok()) {
    machine_ = {
        {"machine", "", CheckState::kWrong, std::string(FromAbsl(facts.status().message()))}};
    return;
  }
  Verdict verdict = Judge(options_.hygiene, present, *facts, hygiene_->journal(), options_.mark);
  for (const Change& change : verdict.changes) {
    const absl::Status made = hygiene_->Make(change, options_.mark);
    log_.Info("changed this machine",
              {{"what", change.subject},
               {"before", change.kind == Change::Kind::kRouteRemoved ? "a route" : change.before},
               {"error", FromAbsl(made.message())}});
    if (made.ok()) continue;
    verdict.checks.push_back(
        {"change", change.subject, CheckState::kWrong, std::string(FromAbsl(made.message()))});
  }
  machine_ = std::move(verdict.checks);
}

void BridgeShell::AddOwnChecks() {
  state_.checks.clear();
  state_.checks.push_back({"ruleset", paths_.table,
                           ruleset_lost_ ? CheckState::kWrong : CheckState::kApplied,
                           ruleset_lost_ ? "the table is gone" : "the table is in force"});
  for (const bool v4 : {true, false}) {
    const bool taken = smcroute_->taken(v4);
    const bool ours = v4 ? state_.smcroute.ipv4 : state_.smcroute.ipv6;
    state_.checks.push_back(
        {"owner", v4 ? "ipv4" : "ipv6", taken || !ours ? CheckState::kWrong : CheckState::kApplied,
         taken  ? fmt::format("multicast routing belongs to another program, probably {}: end it",
                              smcroute_->owners())
         : ours ? "multicast routing is ours"
                : "smcrouted does not run"});
  }
  for (const Leg& leg : legs_->legs()) {
    if (std::ranges::find(state_.plan.links, leg.link) == state_.plan.links.end()) continue;
    state_.checks.push_back({"interface", leg.interface,
                             leg.up ? CheckState::kGood : CheckState::kWrong,
                             leg.ifindex == 0 ? "is not there"
                             : leg.up         ? "is up"
                                              : "is down"});
  }
  state_.checks.insert(state_.checks.end(), machine_.begin(), machine_.end());
  for (const auto& [meaning, packets] : state_.counters) {
    if (meaning.kind != CounterMeaning::Kind::kLinkLocalSource || packets == 0) continue;
    state_.checks.push_back(
        {"link_local", meaning.from, CheckState::kWrong,
         fmt::format("{} searches came from a link-local address, which no answer from another "
                     "link can reach: give the searcher a global address",
                     packets)});
  }
}

void BridgeShell::Changed() {
  // While smcrouted is being made, its first word comes before anybody listens.
  if (smcroute_ == nullptr) return;
  state_.smcroute = smcroute_->state();
  AddOwnChecks();
  if (on_change_) on_change_();
}

}  // namespace headwater::bridge
