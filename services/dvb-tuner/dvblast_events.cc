#include "services/dvb-tuner/dvblast_events.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"

namespace headwater::tuner {
namespace {

constexpr size_t kTextMax = 200;

// Of the first attribute with that name; empty when there is none.
std::string_view Attribute(std::string_view line, std::string_view name) {
  size_t at = 0;
  while ((at = line.find(name, at)) != std::string_view::npos) {
    const std::string_view rest = line.substr(at + name.size());
    const bool whole_name = at > 0 && line[at - 1] == ' ';
    if (whole_name && rest.starts_with("=\"")) return rest.substr(2, rest.find('"', 2) - 2);
    at += name.size();
  }
  return {};
}

uint64_t NumberAttribute(std::string_view line, std::string_view name) {
  uint64_t number = 0;
  return absl::SimpleAtoi(ToAbsl(Attribute(line, name)), &number) ? number : 0;
}

}  // namespace

std::optional<DvblastEvent> ParseDvblastOutput(std::string_view line) {
  using enum DvblastEvent::Kind;
  const std::string_view type = Attribute(line.substr(0, line.find('>')), "type");
  if (line.starts_with("<STATUS ")) {
    if (type == "lock") {
      const bool locked = Attribute(line, "status") == "1";
      return DvblastEvent{locked ? kLock : kUnlock, 0, ""};
    }
    if (type == "bitrate") return DvblastEvent{kBitrate, NumberAttribute(line, "value"), ""};
  } else if (line.starts_with("<EVENT ") && type == "reset") {
    const std::string_view cause = Attribute(line, "cause");
    return DvblastEvent{cause == "nolock" ? kNoLock : kReset, 0, CleanText(cause, kTextMax)};
  } else if (line.starts_with("<ERROR ")) {
    const uint64_t number = NumberAttribute(line, "number");
    if (type == "invalid_discontinuity") return DvblastEvent{kDiscontinuity, number, ""};
    if (type == "transport_error") return DvblastEvent{kTransportError, number, ""};
  }
  return std::nullopt;
}

std::optional<DvblastEvent> ParseDvblastMessage(std::string_view line) {
  using enum DvblastEvent::Kind;
  if (!line.starts_with("error: ")) return std::nullopt;
  line.remove_prefix(std::string_view("error: ").size());
  // Not "(Device or resource busy)", nor "(Value too large...": these pass.
  const auto has = [&](std::string_view what) {
    return absl::StrContains(ToAbsl(line), ToAbsl(what));
  };
  const bool opening = has("opening device ") && has("(No such ");
  const bool gone = has("(No such device") || (has("DVR device") && has("(Input/output error)"));
  return DvblastEvent{opening || gone ? kNoDevice : kMessage, 0, CleanText(line, kTextMax)};
}

}  // namespace headwater::tuner
