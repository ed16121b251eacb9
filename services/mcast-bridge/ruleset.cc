#include "services/mcast-bridge/ruleset.h"

#include <absl/strings/numbers.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "services/common/base/absl_text.h"

namespace headwater::bridge {
namespace {

using Kind = CounterMeaning::Kind;

// "M-SEARCH", the first eight bytes after the UDP header.
constexpr std::string_view kIsSearch = "@th,64,64 0x4d2d534541524348";
constexpr std::string_view kLinkLocal = "fe80::/10";

struct Family {
  std::string_view ip;
  std::string_view hops;
  std::string_view answers;
};
constexpr Family kFamilies[] = {{"ip", "ttl", "answers4"}, {"ip6", "hoplimit", "answers6"}};

bool IsOf(const Family& family, const IpAddress& address) {
  return address.is_v4() == (family.ip == "ip");
}

std::string Quoted(std::string_view word) { return fmt::format("\"{}\"", word); }

template <typename Words>
std::string Set(const Words& words) {
  return fmt::format("{{ {} }}", fmt::join(words, ", "));
}

std::string BlockText(const AddressBlock& block) { return GroupSpec{block}.ToString(); }

std::string PortText(const PortRange& ports) {
  return ports.first == ports.last ? fmt::format("{}", ports.first)
                                   : fmt::format("{}-{}", ports.first, ports.last);
}

// Matches on addresses of one family, one each for any source and for each (S,G).
std::vector<std::string> GroupMatches(const Rule& rule, const Family& family) {
  std::set<std::string> any;
  std::vector<std::string> matches;
  for (const GroupSpec& group : rule.options.groups) {
    if (!IsOf(family, group.group.base)) continue;
    if (!group.source) {
      any.insert(BlockText(group.group));
    } else {
      matches.push_back(fmt::format("{} saddr {} {} daddr {}", family.ip, group.source->ToString(),
                                    family.ip, BlockText(group.group)));
    }
  }
  if (!any.empty()) matches.push_back(fmt::format("{} daddr {}", family.ip, Set(any)));
  return matches;
}

class Builder {
 public:
  Builder(const Plan& plan, const Interfaces& interfaces, uint32_t mark)
      : plan_(plan), interfaces_(interfaces) {
    accept_ = fmt::format("meta mark set meta mark | {:#x} accept", mark);
  }

  Ruleset Build(const std::string& table) {
    for (size_t i = 0; i < plan_.rules.size(); ++i) AddPrerouting(plan_.rules[i]);
    AddDropCounters();
    for (size_t i = 0; i < plan_.rules.size(); ++i) AddForward(i);
    for (const ControlOptions& control : plan_.controls) AddControl(control);
    result_.text = DeleteTable(table) + fmt::format("table inet {} {{\n", table);
    for (const Family& family : kFamilies) {
      result_.text += fmt::format(
          "  set {} {{ type {}_addr . inet_service; size 65535; flags dynamic,timeout; "
          "timeout 6s; }}\n",
          family.answers, family.ip == "ip" ? "ipv4" : "ipv6");
    }
    for (const auto& [name, meaning] : result_.counters) {
      result_.text += fmt::format("  counter {} {{ }}\n", name);
    }
    AddChain("prerouting { type filter hook prerouting priority -310; policy accept;", prerouting_);
    AddPairs();
    result_.text += "}\n";
    return std::move(result_);
  }

 private:
  const std::string& Interface(const std::string& link) const { return interfaces_.at(link); }

  std::string Counter(std::string name, CounterMeaning meaning) {
    result_.counters[name] = std::move(meaning);
    return fmt::format("counter name {}", name);
  }

  void AddPrerouting(const Rule& rule) {
    std::set<std::string> from;
    for (const Direction& direction : rule.directions)
      from.insert(Quoted(Interface(direction.from)));
    const std::string incoming = "iifname " + Set(from);
    if (rule.broadcast_group) {
      prerouting_.push_back(fmt::format(
          "{} meta nfproto ipv4 fib daddr . iif type broadcast udp dport {} ip daddr set {}",
          incoming, Set(rule.options.broadcast_ports), rule.broadcast_group->ToString()));
    }
    if (rule.ssdp_v6) {
      prerouting_.push_back(
          fmt::format("{} ip6 daddr {} udp dport {} ip6 saddr != {} ip6 daddr set {}", incoming,
                      kSsdpLinkLocal, kSsdpPort, kLinkLocal, kSsdpSiteLocal));
    }
    if (rule.options.hops_min == 0) return;
    for (const Family& family : kFamilies) {
      for (const std::string& match : GroupMatches(rule, family)) {
        // UDP alone: a membership report to the group must stay on its link.
        prerouting_.push_back(fmt::format("{0} {1} meta l4proto udp {2} {3} < {4} {2} {3} set {4}",
                                          incoming, match, family.ip, family.hops,
                                          rule.options.hops_min));
      }
    }
  }

  void AddDropCounters() {
    std::map<std::string, std::set<std::string>> matches;
    std::set<std::string> ssdp;
    for (const Rule& rule : plan_.rules) {
      for (const Direction& direction : rule.directions) {
        for (const Family& family : kFamilies) {
          for (const std::string& match : GroupMatches(rule, family)) {
            matches[direction.from].insert(
                fmt::format("{} meta l4proto udp {} {} < 2", match, family.ip, family.hops));
          }
        }
        if (rule.ssdp_v6) ssdp.insert(direction.from);
      }
    }
    size_t number = 0;
    for (const auto& [link, lines] : matches) {
      const std::string incoming = fmt::format("iifname \"{}\"", Interface(link));
      const std::string counter = Counter(fmt::format("t{}", number), {Kind::kTtl, "", link, ""});
      for (const std::string& line : lines) {
        prerouting_.push_back(fmt::format("{} {} {}", incoming, line, counter));
      }
      if (ssdp.contains(link)) {
        prerouting_.push_back(fmt::format(
            "{} ip6 daddr {} udp dport {} ip6 saddr {} {} {}", incoming, kSsdpLinkLocal, kSsdpPort,
            kLinkLocal, kIsSearch,
            Counter(fmt::format("l{}", number), {Kind::kLinkLocalSource, "", link, ""})));
      }
      ++number;
    }
  }

  void AddForward(size_t index) {
    const Rule& rule = plan_.rules[index];
    for (size_t i = 0; i < rule.directions.size(); ++i) {
      const Direction& direction = rule.directions[i];
      std::vector<std::string>& lines = pairs_[direction];
      const std::string counter =
          Counter(fmt::format("p{}_{}", index, i),
                  {Kind::kPackets, rule.options.name, direction.from, direction.to});
      for (const Family& family : kFamilies) {
        for (const std::string& match : GroupMatches(rule, family)) {
          for (const uint16_t port : rule.options.answer_ports) {
            lines.push_back(fmt::format("{} udp dport {}{}{} update @{} {{ {} saddr . udp sport }}",
                                        match, port, port == kSsdpPort ? " " : "",
                                        port == kSsdpPort ? kIsSearch : "", family.answers,
                                        family.ip));
          }
          lines.push_back(fmt::format("{} {} {}", match, counter, accept_));
        }
      }
      if (!rule.options.answer_ports.empty()) AddAnswers(index, i);
    }
  }

  void AddAnswers(size_t index, size_t i) {
    const Rule& rule = plan_.rules[index];
    const Direction& direction = rule.directions[i];
    std::vector<std::string>& back = pairs_[{direction.to, direction.from}];
    const std::string counter =
        Counter(fmt::format("a{}_{}", index, i),
                {Kind::kAnswers, rule.options.name, direction.from, direction.to});
    for (const Family& family : kFamilies) {
      back.push_back(fmt::format("{} daddr . udp dport @{} {} {}", family.ip, family.answers,
                                 counter, accept_));
    }
  }

  void AddControl(const ControlOptions& control) {
    for (const Family& family : kFamilies) {
      std::set<std::string> hosts;
      for (const AddressBlock& host : control.hosts) {
        if (IsOf(family, host.base)) hosts.insert(BlockText(host));
      }
      if (hosts.empty()) continue;
      const auto add = [&](const Direction& pair, std::string_view side,
                           const std::vector<PortRange>& ports) {
        if (ports.empty()) return;
        std::vector<std::string> texts;
        for (const PortRange& range : ports) texts.push_back(PortText(range));
        pairs_[pair].push_back(fmt::format("{} {} {} tcp dport {} {}", family.ip, side, Set(hosts),
                                           Set(texts), accept_));
      };
      add({control.from, control.to}, "daddr", control.ports);
      add({control.to, control.from}, "saddr", control.callback_ports);
    }
  }

  void AddChain(std::string_view head, const std::vector<std::string>& lines) {
    result_.text += fmt::format("  chain {}\n", head);
    for (const std::string& line : lines) result_.text += fmt::format("    {}\n", line);
    result_.text += "  }\n";
  }

  // A chain for each pair of interfaces, so that a packet is held against its own rules alone.
  void AddPairs() {
    std::vector<std::string> jumps;
    for (const auto& [pair, lines] : pairs_) {
      const std::string name = fmt::format("pair{}", jumps.size());
      AddChain(name + " {", lines);
      jumps.push_back(
          fmt::format("\"{}\" . \"{}\" : jump {}", Interface(pair.from), Interface(pair.to), name));
    }
    std::vector<std::string> forward;
    if (!jumps.empty()) forward.push_back("iifname . oifname vmap " + Set(jumps));
    AddChain("forward { type filter hook forward priority -5; policy accept;", forward);
  }

  const Plan& plan_;
  const Interfaces& interfaces_;
  std::string accept_;
  Ruleset result_;
  std::vector<std::string> prerouting_;
  std::map<Direction, std::vector<std::string>> pairs_;
};

}  // namespace

Ruleset BuildRuleset(const Plan& plan, const Interfaces& interfaces, const std::string& table,
                     uint32_t mark) {
  return Builder(plan, interfaces, mark).Build(table);
}

// Deleting what is not there fails the whole transaction: it is made first.
std::string DeleteTable(const std::string& table) {
  return fmt::format("table inet {0}\ndelete table inet {0}\n", table);
}

std::map<std::string, CounterValue> ParseCounters(std::string_view text) {
  std::map<std::string, CounterValue> counters;
  std::string name;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of("\t "), line.size()));
    constexpr std::string_view kCounter = "counter ", kPackets = "packets ", kBytes = " bytes ";
    if (line.starts_with(kCounter)) {
      line.remove_prefix(kCounter.size());
      name = line.substr(0, line.find(' '));
    } else if (line.starts_with(kPackets) && !name.empty()) {
      line.remove_prefix(kPackets.size());
      const size_t bytes = line.find(kBytes);
      CounterValue value;
      if (bytes != std::string_view::npos &&
          absl::SimpleAtoi(ToAbsl(line.substr(0, bytes)), &value.packets) &&
          absl::SimpleAtoi(ToAbsl(line.substr(bytes + kBytes.size())), &value.bytes)) {
        counters[name] = value;
      }
      name.clear();
    }
  }
  return counters;
}

}  // namespace headwater::bridge
