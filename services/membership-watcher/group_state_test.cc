#include "services/membership-watcher/group_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "services/membership-watcher/testing/packet_builder.h"

namespace headwater::membership {
namespace {

using enum RecordType;

constexpr Duration kInterval = 270s;
constexpr Duration kLastMember = 2s;

// Sources are the letters of a text: "ab" is {a, b}.
std::vector<IpAddress> Letters(const std::string& letters) {
  std::vector<IpAddress> sources;
  for (char letter : letters) {
    sources.push_back(IpAddress::V6(
        {0x20, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(letter)}));
  }
  return sources;
}

std::string Text(const std::vector<IpAddress>& sources) {
  std::string letters;
  for (const IpAddress& source : sources) letters += static_cast<char>(source.bytes()[15]);
  return letters;
}

// A group brought into a state, and what one more record does to it.
class Group {
 public:
  explicit Group(bool querier) {
    timing_.querier = querier;
    timing_.complete = true;
    limits_.immediate_leave = false;  // the table of the RFC, without tracking
  }

  void Record(RecordType type, const std::string& sources, const char* host = "fe80::a") {
    RecordContext context{.host = Address(host),
                          .version = Version::kMldV2,
                          .now = now_,
                          .received = absl::Time(),
                          .timing = timing_,
                          .limits = limits_,
                          .room = 1000,
                          .counts = counts_};
    state_.OnRecord({type, state_.group(), Letters(sources)}, context);
    state_.OnTime(now_, timing_, queries_);
  }
  void Advance(Duration duration) {
    const MonoTime until = now_ + duration;
    while (state_.NextDeadline() <= until) {
      now_ = state_.NextDeadline();
      state_.OnTime(now_, timing_, queries_);
    }
    now_ = until;
  }
  // "I(ab)", or "X(a,b)": a is wanted, b refused.
  std::string State() {
    if (!state_.present()) return "-";
    const std::string listed = Text(state_.sources());
    if (state_.mode() == FilterMode::kInclude) return "I(" + listed + ")";
    return "X(" + Text(state_.requested()) + "," + listed + ")";
  }
  // "*" for the group's query, the letters for the sources' one.
  std::string Queries() {
    std::string text;
    for (const SpecificQuery& query : queries_) {
      if (!text.empty()) text += ' ';
      text += query.sources.empty() ? "*" : Text(query.sources);
    }
    queries_.clear();
    return text;
  }

 private:
  GroupState state_{Address("ff3e:40::1")};
  Timing timing_;
  TableOptions limits_;
  GroupCounts counts_;
  MonoTime now_{};
  std::vector<SpecificQuery> queries_;
};

struct Row {
  const char* from;  // the state before: "I(ab)" or "X(a,b)"
  RecordType type;
  const char* sources;
  const char* to;
  const char* queries;
};

// RFC 9777 sections 7.4.1 and 7.4.2, RFC 9776 sections 6.4.1 and 6.4.2: every state and record. A
// is {a, b}, X is {a, b}, Y is {c, d}; B overlaps each.
constexpr Row kRows[] = {
    {"I(ab)", kIsInclude, "be", "I(abe)", ""},
    {"I(ab)", kIsExclude, "be", "X(b,e)", ""},
    {"I(ab)", kAllow, "be", "I(abe)", ""},
    {"I(ab)", kBlock, "be", "I(ab)", "b"},
    {"I(ab)", kToExclude, "be", "X(b,e)", "b"},
    {"I(ab)", kToInclude, "be", "I(abe)", "a"},
    {"X(ab,cd)", kIsInclude, "bce", "X(abce,d)", ""},
    {"X(ab,cd)", kIsExclude, "bce", "X(be,c)", ""},
    {"X(ab,cd)", kAllow, "bce", "X(abce,d)", ""},
    {"X(ab,cd)", kBlock, "bce", "X(abe,cd)", "be"},
    {"X(ab,cd)", kToExclude, "bce", "X(be,c)", "be"},
    {"X(ab,cd)", kToInclude, "bce", "X(abce,d)", "* a"},
    {"-", kIsExclude, "", "X(,)", ""},
    {"-", kToExclude, "", "X(,)", ""},
    {"-", kAllow, "a", "I(a)", ""},
    {"X(,)", kToInclude, "", "X(,)", "*"},
};

void BringTo(Group& group, const std::string& state) {
  if (state == "I(ab)") group.Record(kAllow, "ab");
  if (state == "X(,)") group.Record(kIsExclude, "");
  if (state == "X(ab,cd)") {
    group.Record(kAllow, "ab");
    group.Record(kIsExclude, "abcd", "fe80::b");
  }
  EXPECT_EQ(group.State(), state);
  group.Queries();
}

std::string Describe(const Row& row) {
  return std::string(row.from) + " type " + std::to_string(static_cast<int>(row.type)) + " (" +
         row.sources + ")";
}

TEST(GroupStateTest, FollowsTheActionTable) {
  for (const Row& row : kRows) {
    Group group(true);
    BringTo(group, row.from);
    group.Record(row.type, row.sources, "fe80::c");
    EXPECT_EQ(group.State(), row.to) << Describe(row);
    EXPECT_EQ(group.Queries(), row.queries) << Describe(row);
  }
}

TEST(GroupStateTest, ANonQuerierAsksNothing) {
  for (const Row& row : kRows) {
    Group group(false);
    BringTo(group, row.from);
    group.Record(row.type, row.sources, "fe80::c");
    group.Advance(kLastMember);
    EXPECT_EQ(group.State(), row.to) << Describe(row);
    EXPECT_EQ(group.Queries(), "") << Describe(row);
  }
}

TEST(GroupStateTest, UnansweredSourceQueriesAreRepeatedAndEndTheSource) {
  Group group(true);
  BringTo(group, "I(ab)");
  group.Record(kBlock, "b");
  EXPECT_EQ(group.Queries(), "b");
  group.Advance(1s);
  EXPECT_EQ(group.Queries(), "b");
  group.Advance(999ms);
  EXPECT_EQ(group.State(), "I(ab)");
  group.Advance(1ms);
  EXPECT_EQ(group.State(), "I(a)");
  EXPECT_EQ(group.Queries(), "");
}

TEST(GroupStateTest, AnUnansweredSourceInExcludeModeIsRefused) {
  Group group(true);
  BringTo(group, "X(ab,cd)");
  group.Record(kBlock, "b", "fe80::c");
  group.Advance(kLastMember);
  EXPECT_EQ(group.State(), "X(a,bcd)");
}

TEST(GroupStateTest, WhenTheLastExcluderGoesTheWantedSourcesRemain) {
  Group group(true);
  BringTo(group, "X(ab,cd)");
  group.Advance(100s);
  group.Record(kIsInclude, "a");
  group.Advance(kInterval - 100s);
  EXPECT_EQ(group.State(), "I(a)");
  group.Advance(100s);
  EXPECT_EQ(group.State(), "-");
}

TEST(GroupStateTest, ManyLeavesAtOnceMakeOneRoundOfQueries) {
  Group group(true);
  BringTo(group, "X(,)");
  for (const char* host : {"fe80::1", "fe80::2", "fe80::3"}) group.Record(kToInclude, "", host);
  group.Advance(kLastMember);
  EXPECT_EQ(group.Queries(), "* *");
  EXPECT_EQ(group.State(), "-");
}

}  // namespace
}  // namespace headwater::membership
