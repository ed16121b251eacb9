#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headwater::bridge {

// A change of this machine that can be undone. What it changes things to follows from its kind.
struct Change {
  enum class Kind : uint8_t {
    kTable,         // nftables table `subject` of ours; undone: deleted
    kRule,          // our rule in the chain `subject` ("inet filter forward"); undone: deleted
    kSnooping,      // multicast snooping of the bridge `subject`, to 0; `before` as it was
    kSysctl,        // `subject` under /proc/sys, to 1; `before` as it was
    kRouteAdded,    // `subject` is one of kUnreachableRoutes; undone: deleted
    kRouteRemoved,  // `subject` for people, `before` the route's netlink message in hexadecimal
  };
  Kind kind = Kind::kTable;
  std::string subject;
  std::string before;
  bool operator==(const Change&) const = default;

  // Two routes may look alike (metrics): their messages tell them apart.
  bool SameThing(const Change& other) const {
    return kind == other.kind && subject == other.subject &&
           (kind != Kind::kRouteRemoved || before == other.before);
  }
};

// Where multicast leads that names no interface.
inline constexpr std::string_view kUnreachableRoutes[] = {"unreachable 224.0.0.0/4",
                                                          "unreachable ff00::/8"};

// What was changed, in order, and where: after a boot, or in another network namespace, there is
// nothing of it left. A line each; it is in the file, on disk, before the change is made, so that
// whoever starts next can undo it whatever happened in between.
struct Journal {
  std::string boot;
  std::string network;
  std::vector<Change> changes;

  bool Has(const Change& change) const;
};

// "boot <id> network <id>\n".
std::string JournalHead(const Journal& journal);
// "snooping\tbr0\t1\n".
std::string JournalLine(const Change& change);
// A last line that was cut off, or any that is not understood, is left out: it was never acted
// upon, or is another version's.
Journal ParseJournal(std::string_view text);

}  // namespace headwater::bridge
