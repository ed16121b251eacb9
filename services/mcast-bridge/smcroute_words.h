#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headwater::bridge {

// Something that smcrouted complains about.
struct Complaint {
  // A word for metrics: one of kComplaintKinds.
  std::string kind;
  // In words, with what helps.
  std::string text;
  bool operator==(const Complaint&) const = default;
};

inline constexpr std::string_view kComplaintKinds[] = {"add_route", "in_use", "interface", "join",
                                                       "config",    "kernel", "exit",      "other"};

// A line of smcrouted 2.5's log ("smcroute[17944]: ..."). Nothing for what is no complaint.
std::optional<Complaint> ParseSmcrouteLine(std::string_view line);

}  // namespace headwater::bridge
