#include "services/headwaterctl/bridge_views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace headwater {
namespace {

namespace pb = bridge::v1;

std::string StateOf(const pb::Rule& rule) {
  return EnumText(pb::RuleState_Name(rule.state()), "RULE_STATE_");
}

std::string StateOf(const pb::Check& check) {
  return EnumText(pb::CheckState_Name(check.state()), "CHECK_STATE_");
}

// "lan > wlan 12, answers 3".
std::string WayText(const pb::Direction& way) {
  std::string text = fmt::format("{} > {} {}", way.from(), way.to(), way.packets_total());
  if (way.answers_total() > 0) text += fmt::format(" ({} answered)", way.answers_total());
  return text;
}

}  // namespace

Json ToJson(const pb::Rule& rule) {
  Json ways = Json::array();
  for (const pb::Direction& way : rule.directions()) {
    ways.push_back({{"from", way.from()},
                    {"to", way.to()},
                    {"up", way.up()},
                    {"packets", way.packets_total()},
                    {"answers", way.answers_total()}});
  }
  Json groups = Json::array();
  for (const std::string& group : rule.groups()) groups.push_back(group);
  return {{"name", rule.name()},
          {"state", StateOf(rule)},
          {"groups", groups},
          {"directions", ways},
          {"reason", rule.reason()}};
}

Row ToRow(const pb::Rule& rule) {
  std::vector<std::string> ways;
  for (const pb::Direction& way : rule.directions()) ways.push_back(WayText(way));
  return {rule.name(), StateOf(rule), fmt::format("{}", fmt::join(rule.groups(), " ")),
          fmt::format("{}", fmt::join(ways, ", ")), rule.reason()};
}

Json ToJson(const pb::Route& route) {
  Json to = Json::array();
  for (const std::string& link : route.to()) to.push_back(link);
  return {{"group", route.group()},       {"source", route.source()},
          {"from", route.from()},         {"to", to},
          {"rule", route.rule()},         {"packets", route.packets_total()},
          {"bytes", route.bytes_total()}, {"wrong_interface", route.wrong_interface_total()},
          {"present", route.present()}};
}

Row ToRow(const pb::Route& route) {
  return {route.group(),
          route.source(),
          route.from(),
          fmt::format("{}", fmt::join(route.to(), " ")),
          route.rule(),
          std::to_string(route.packets_total()),
          route.wrong_interface_total() == 0 ? "" : std::to_string(route.wrong_interface_total()),
          route.present() ? "now" : "gone"};
}

Json ToJson(const pb::Check& check) {
  return {{"name", check.name()},
          {"subject", check.subject()},
          {"state", StateOf(check)},
          {"detail", check.detail()}};
}

Row ToRow(const pb::Check& check) {
  return {check.name(), check.subject(), StateOf(check), check.detail()};
}

Json ToJson(const pb::Smcroute& smcroute) {
  Json errors = Json::array();
  for (const pb::SmcrouteError& error : smcroute.errors()) {
    errors.push_back({{"time", TimeText(error.time())},
                      {"kind", error.kind()},
                      {"text", error.text()},
                      {"count", error.count()}});
  }
  return {{"running", smcroute.running()},
          {"pid", smcroute.pid()},
          {"restarts", smcroute.restarts_total()},
          {"ipv4", smcroute.ipv4()},
          {"ipv6", smcroute.ipv6()},
          {"errors", errors}};
}

Row ToRow(const pb::Smcroute& smcroute) {
  const auto owned = [](bool ours) { return ours ? "ours" : "not ours"; };
  return {smcroute.running() ? "runs" : "does not run",
          smcroute.running() ? std::to_string(smcroute.pid()) : "",
          std::to_string(smcroute.restarts_total()), owned(smcroute.ipv4()),
          owned(smcroute.ipv6())};
}

Row ToRow(const pb::SmcrouteError& error) {
  return {TimeText(error.time()), error.kind(), std::to_string(error.count()), error.text()};
}

}  // namespace headwater
