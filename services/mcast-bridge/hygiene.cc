#include "services/mcast-bridge/hygiene.h"

#include <fmt/format.h>

#include <algorithm>

namespace headwater::bridge {
namespace {

using Kind = Change::Kind;

constexpr std::string_view kAllIpv6 = "net/ipv6/conf/all/forwarding";

bool Has(const std::vector<std::string>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

class Judgement {
 public:
  Judgement(const HygieneOptions& options, const Interfaces& present, const Facts& facts,
            const Journal& journal, uint32_t mark)
      : options_(options), present_(present), facts_(facts), journal_(journal), mark_(mark) {}

  Verdict Give() {
    JudgeSnooping();
    JudgeForwarding();
    JudgeRoutes(true);
    JudgeRoutes(false);
    JudgeFirewall();
    return std::move(verdict_);
  }

 private:
  void Add(std::string_view name, std::string subject, CheckState state, std::string detail) {
    verdict_.checks.push_back({std::string(name), std::move(subject), state, std::move(detail)});
  }
  void Apply(Kind kind, std::string subject, std::string before) {
    verdict_.changes.push_back({kind, std::move(subject), std::move(before)});
  }
  bool Ours(Kind kind, std::string_view subject) const {
    return journal_.Has({.kind = kind, .subject = std::string(subject)});
  }

  void JudgeSnooping() {
    for (const auto& [link, interface] : present_) {
      const auto found = facts_.snooping.find(interface);
      if (found == facts_.snooping.end()) continue;
      const bool wanted_off = Has(options_.snooping_off, link);
      if (!found->second) {
        const bool ours = Ours(Kind::kSnooping, interface);
        Add("snooping", interface, ours ? CheckState::kApplied : CheckState::kGood,
            ours ? "switched off" : "is off");
      } else if (wanted_off) {
        Apply(Kind::kSnooping, interface, "1");
        Add("snooping", interface, CheckState::kApplied, "switched off");
      } else {
        Add("snooping", interface, CheckState::kGood,
            "is on: groups reach only who reports them; where that is broken, snooping_off");
      }
    }
  }

  void JudgeForwarding() {
    std::vector<std::string> off;
    for (const auto& [link, interface] : present_) {
      const std::string key = fmt::format("net/ipv4/conf/{}/forwarding", interface);
      const auto found = facts_.sysctls.find(key);
      if (found != facts_.sysctls.end() && found->second == "0") off.push_back(key);
    }
    AddForwarding("ipv4", off, [&] {
      for (const std::string& key : off) Apply(Kind::kSysctl, key, "0");
    });
    const auto all = facts_.sysctls.find(std::string(kAllIpv6));
    off.clear();
    if (all != facts_.sysctls.end() && all->second == "0") off.emplace_back(kAllIpv6);
    AddForwarding("ipv6", off, [&] {
      // `all` sets every other one, and is therefore undone first.
      for (const auto& [key, value] : facts_.sysctls) {
        if (key.starts_with("net/ipv6/") && key != kAllIpv6) Apply(Kind::kSysctl, key, value);
      }
      Apply(Kind::kSysctl, std::string(kAllIpv6), "0");
    });
  }

  template <typename ApplyAll>
  void AddForwarding(const char* family, const std::vector<std::string>& off, ApplyAll apply) {
    const bool ours = std::ranges::any_of(journal_.changes, [&](const Change& change) {
      return change.kind == Kind::kSysctl && change.subject.find(family) != std::string::npos;
    });
    if (off.empty()) {
      Add("forwarding", family, ours ? CheckState::kApplied : CheckState::kGood,
          ours ? "switched on" : "is on");
    } else if (options_.forwarding) {
      apply();
      Add("forwarding", family, CheckState::kApplied, "switched on");
    } else {
      Add("forwarding", family, CheckState::kWrong,
          fmt::format("{} is 0: answers and control cannot cross; forwarding = true", off.front()));
    }
  }

  void JudgeRoutes(bool v4) {
    const std::string_view unreachable = kUnreachableRoutes[v4 ? 0 : 1];
    const std::string family = v4 ? "ipv4" : "ipv6";
    std::vector<const MulticastRoute*> routes;
    for (const MulticastRoute& route : facts_.routes) {
      if (route.is_v4 == v4) routes.push_back(&route);
    }
    const bool carved = Has(facts_.unreachable, unreachable);
    if (!options_.carve_routes) {
      if (routes.empty()) {
        Add("routes", family, CheckState::kGood,
            carved ? "multicast without an interface is unreachable" : "none for multicast");
      } else {
        Add("routes", family, CheckState::kWrong,
            fmt::format("{}: multicast that names no interface goes there; carve_routes = true",
                        routes.front()->text));
      }
      return;
    }
    for (const MulticastRoute* route : routes) {
      Apply(Kind::kRouteRemoved, route->text, route->message);
    }
    if (!carved) Apply(Kind::kRouteAdded, std::string(unreachable), "");
    const bool ours = !carved || !routes.empty() || Ours(Kind::kRouteAdded, unreachable);
    Add("routes", family, ours ? CheckState::kApplied : CheckState::kGood,
        "multicast without an interface is unreachable");
  }

  void JudgeFirewall() {
    for (const ForwardChain& chain : facts_.chains) {
      const bool wanted = Has(options_.firewall_chains, chain.name);
      if (chain.ours && wanted) {
        Add("firewall", chain.name, CheckState::kApplied, "accepts what the bridge marks");
      } else if (wanted) {
        Apply(Kind::kRule, chain.name, "");
        Add("firewall", chain.name, CheckState::kApplied, "accepts what the bridge marks");
      } else if (chain.drops && !chain.accepts_mark) {
        Add("firewall", chain.name, CheckState::kWrong,
            fmt::format("drops what nobody accepts: give it `{}`, or name it in firewall_chains",
                        AcceptRule(mark_)));
      } else {
        Add("firewall", chain.name, CheckState::kGood,
            chain.drops ? "accepts what the bridge marks" : "drops nothing by its policy");
      }
    }
    for (const std::string& name : options_.firewall_chains) {
      if (std::ranges::none_of(facts_.chains, [&](const auto& one) { return one.name == name; })) {
        Add("firewall", name, CheckState::kWrong, "there is no such chain of the forward hook");
      }
    }
  }

  const HygieneOptions& options_;
  const Interfaces& present_;
  const Facts& facts_;
  const Journal& journal_;
  const uint32_t mark_;
  Verdict verdict_;
};

// Calls `visit(chain, line)` for every line inside a chain, with "family table chain".
template <typename Visit>
void ForEachChainLine(std::string_view text, Visit visit) {
  std::string table, chain;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t indent = std::min(line.find_first_not_of('\t'), line.size());
    line.remove_prefix(indent);
    constexpr std::string_view kTable = "table ", kChain = "chain ";
    if (indent == 0 && line.starts_with(kTable)) {
      line.remove_prefix(kTable.size());
      table = line.substr(0, line.find(" {"));
    } else if (indent == 1 && line.starts_with(kChain)) {
      line.remove_prefix(kChain.size());
      chain = fmt::format("{} {}", table, line.substr(0, line.find(" {")));
    } else if (indent <= 1) {
      chain.clear();
    } else if (!chain.empty()) {
      visit(chain, line);
    }
  }
}

}  // namespace

std::string AcceptRule(uint32_t mark) {
  return fmt::format("meta mark & {0:#x} == {0:#x} accept", mark);
}

std::vector<ForwardChain> ParseForwardChains(std::string_view text, std::string_view own_table,
                                             uint32_t mark) {
  const std::string own = fmt::format("inet {} ", own_table);
  // nft prints a mask with eight digits.
  const std::string accepts = fmt::format("meta mark & {0:#010x} == {0:#010x}", mark);
  std::vector<ForwardChain> chains;
  ForEachChainLine(text, [&](const std::string& chain, std::string_view line) {
    if (chain.starts_with(own)) return;
    if (line.starts_with("type filter hook forward ")) {
      chains.push_back(
          {.name = chain, .drops = line.find("policy drop") != std::string_view::npos});
    } else if (!chains.empty() && chains.back().name == chain) {
      const bool accept = line.find(accepts) != std::string_view::npos &&
                          line.find(" accept") != std::string_view::npos;
      chains.back().accepts_mark |= accept;
      chains.back().ours |= accept && line.find(kRuleComment) != std::string_view::npos;
    }
  });
  return chains;
}

std::vector<std::string> OwnRuleHandles(std::string_view text, std::string_view chain) {
  std::vector<std::string> handles;
  ForEachChainLine(text, [&](const std::string& in, std::string_view line) {
    constexpr std::string_view kHandle = "# handle ";
    const size_t handle = line.rfind(kHandle);
    if (in == chain && line.find(kRuleComment) != std::string_view::npos &&
        handle != std::string_view::npos) {
      handles.emplace_back(line.substr(handle + kHandle.size()));
    }
  });
  return handles;
}

Verdict Judge(const HygieneOptions& options, const Interfaces& present, const Facts& facts,
              const Journal& journal, uint32_t mark) {
  return Judgement(options, present, facts, journal, mark).Give();
}

}  // namespace headwater::bridge
