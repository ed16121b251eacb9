// A line for each row of a plan as an operator writes it, and then the plan: what Build takes must
// hold together in both directions.
//   p BLOCK      an IPv6 prefix
//   s N          a scope
//   S            the SSM form
//   n NUMBER/LENGTH DIRECTORY
//   w BLOCK NUMBER
//   b GROUP NUMBER
//   d DIRECTORY
//   g CHANNEL    to be found
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/plan/dvb_number.h"
#include "services/common/plan/number_plan.h"
#include "services/common/plan/plan_text.h"

namespace headwater {
namespace {

constexpr size_t kRowsMax = 200;

void CheckTexts(std::string_view text) {
  if (const auto number = ParseNumber(text); number.ok()) {
    const auto again = ParseNumber(NumberText(*number));
    HW_CHECK(again.ok() && *again == *number);
    if (const auto dvb = DvbNumber::Decode(*number)) {
      const auto encoded = dvb->Encode();
      HW_CHECK(encoded.ok() && *encoded == *number && !dvb->ToString().empty());
    }
  }
  if (const auto prefix = ParseNumberPrefix(text); prefix.ok()) {
    HW_CHECK(prefix->second >= 0 && prefix->second <= 32);
  }
  if (const auto block = ParseAddressBlock(text); block.ok()) {
    const auto again = ParseAddressBlock(block->ToString());
    HW_CHECK(again.ok() && *again == *block);
  }
  if (const auto channel = ParseChannel(text); channel.ok()) {
    HW_CHECK(channel->group.IsMulticast());
    HW_CHECK(!channel->source || !channel->source->IsMulticast());
  }
}

struct Rows {
  PlanConfig config;
  std::vector<Channel> channels;
  std::vector<uint32_t> numbers = {kTestToneNumber};

  void Add(char kind, std::string_view first, std::string_view second) {
    const auto number = ParseNumber(second);
    const auto block = ParseAddressBlock(first);
    const auto channel = ParseChannel(first);
    const auto prefix = ParseNumberPrefix(first);
    if (kind == 'p' && block.ok()) config.ipv6_prefixes.push_back(*block);
    if (kind == 's' && !first.empty()) {
      config.ipv6_scopes.push_back(static_cast<uint8_t>(first[0] - '0'));
    }
    if (kind == 'S') config.ipv6_ssm = true;
    if (kind == 'n' && prefix.ok()) {
      config.prefixes.push_back({prefix->first, prefix->second, std::string(second)});
      numbers.push_back(prefix->first);
      if (prefix->second < 32) numbers.push_back(prefix->first | (~0u >> prefix->second));
    }
    if (kind == 'w' && block.ok() && number.ok()) {
      config.windows.push_back({*block, *number});
      numbers.push_back(*number);
    }
    if (kind == 'b' && channel.ok() && number.ok()) {
      config.bindings.push_back({channel->group, *number});
      numbers.push_back(*number);
      channels.push_back(*channel);
    }
    if (kind == 'd') config.directories.push_back({.name = std::string(first)});
    if (kind == 'g' && channel.ok()) channels.push_back(*channel);
  }
};

void CheckMatch(const NumberPlan& plan, const NumberPlan::Match& match) {
  const PlanDirectory* directory = plan.DirectoryOf(match.number);
  HW_CHECK(directory != nullptr && directory->name == match.directory);
  HW_CHECK(plan.FindDirectory(match.directory) == directory);
  const NumberPrefix* prefix = plan.PrefixOf(match.number);
  HW_CHECK(prefix != nullptr && prefix->Contains(match.number));
}

void CheckPlan(const NumberPlan& plan, const Rows& rows) {
  HW_CHECK(plan.warnings().size() <= 64);
  const auto ours = [](const IpAddress&) { return true; };
  const auto not_ours = [](const IpAddress&) { return false; };
  for (const Channel& channel : rows.channels) {
    const auto group = plan.FindGroup(channel.group);
    if (group) CheckMatch(plan, *group);
    const auto found = plan.Find(channel, ours);
    if (found) HW_CHECK(group && *found == *group);
    // A foreign source is never served.
    if (channel.source) HW_CHECK(!plan.Find(channel, not_ours));
  }
  for (const uint32_t number : rows.numbers) {
    // The groups that we hand out lead back to their number.
    for (const auto& group :
         {plan.GroupV6(number), plan.GroupV6(number, {.ssm = true}), plan.GroupV4(number)}) {
      if (!group || plan.DirectoryOf(number) == nullptr) continue;
      const auto match = plan.FindGroup(*group);
      HW_CHECK(match && match->number == number);
      CheckMatch(plan, *match);
    }
  }
}

}  // namespace
}  // namespace headwater

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  std::string_view rest = AsText({data, size});
  Rows rows;
  for (size_t i = 0; i < kRowsMax && !rest.empty(); ++i) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.size() < 3) {
      if (!line.empty()) rows.Add(line[0], "", "");
      continue;
    }
    const std::string_view words = line.substr(2);
    const size_t space = std::min(words.find(' '), words.size());
    const std::string_view second = words.substr(std::min(space + 1, words.size()));
    CheckTexts(words.substr(0, space));
    CheckTexts(second);
    rows.Add(line[0], words.substr(0, space), second);
  }
  const auto plan = NumberPlan::Build(rows.config);
  if (!plan.ok()) {
    HW_CHECK(!plan.status().message().empty());
    return 0;
  }
  CheckPlan(*plan, rows);
  return 0;
}
