#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "services/mcast-monitor/event_log.h"
#include "services/mcast-monitor/event_store_shell.h"

namespace headwater::monitor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'795'896'000);

class EventStoreTest : public ::testing::Test {
 protected:
  EventStoreTest() {
    std::string pattern = ::testing::TempDir() + "hw-store-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~EventStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<EventStore> Open(const StoreOptions& options = {}) {
    auto store = EventStore::Open(folder_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  Event Make(const std::string& datagram, absl::Duration after = absl::ZeroDuration(),
             const char* source = "192.0.2.1", const char* link = "mgmt") {
    const Arrival arrival = {.link = link,
                             .source = {*IpAddress::Parse(source), 514},
                             .destination = *IpAddress::Parse("234.192.168.1"),
                             .time = kNow + after};
    return log_.Add(SyslogEvent(
        arrival, Bytes(reinterpret_cast<const uint8_t*>(datagram.data()), datagram.size())));
  }
  std::vector<std::string> Texts(const EventFilter& filter, size_t limit = 100) {
    auto found = SearchStore(folder_, {.filter = filter, .limit = limit});
    EXPECT_TRUE(found.ok()) << found.status();
    std::vector<std::string> texts;
    for (const Event& event : *found) texts.push_back(event.text);
    return texts;
  }

  std::string folder_;
  EventLog log_;
};

TEST_F(EventStoreTest, GivesBackWhatWasWritten) {
  auto store = Open();
  std::vector<Event> events = {Make("<11>Nov 28 19:41:00 sw1 port: one"),
                               Make("no priority", absl::Seconds(1), "2001:db8::7")};
  events[1].authenticated = true;
  ASSERT_TRUE(store->Write(events, kNow).ok());
  auto found = SearchStore(folder_, {});
  ASSERT_TRUE(found.ok()) << found.status();
  std::reverse(found->begin(), found->end());
  EXPECT_EQ(*found, events);
  EXPECT_EQ(store->stats().events, 2u);
}

TEST_F(EventStoreTest, FindsByEverything) {
  auto store = Open({.segment_events_max = 2});
  const std::vector<Event> events = {
      Make("<11>Nov 28 19:41:00 sw1 port: Link DOWN g3"),
      Make("<14>Nov 28 19:41:01 sw1 port: link up g3", absl::Seconds(1)),
      Make("<130>voice base", absl::Seconds(2), "192.0.2.9", "voice"),
      Make("<14>words xxv0 xxk1 like the index's own", absl::Seconds(3)),
      Make("<14>\xe2\x82\xac uro", absl::Seconds(4))};
  // One at a time: three files.
  for (const Event& event : events) ASSERT_TRUE(store->Write({&event, 1}, kNow).ok());
  EXPECT_THAT(Texts({.words = SplitWords("LINK g3", true)}),
              ElementsAre("link up g3", "Link DOWN g3"));
  EXPECT_THAT(Texts({.words = SplitWords("lin* dow*", true)}), ElementsAre("Link DOWN g3"));
  EXPECT_THAT(Texts({.words = SplitWords("lin", true)}), IsEmpty());
  EXPECT_THAT(Texts({.severity_max = 3}), ElementsAre("voice base", "Link DOWN g3"));
  EXPECT_THAT(Texts({.severity_max = 0}), IsEmpty()) << "a text is no severity";
  EXPECT_THAT(Texts({.facility = 16}), ElementsAre("voice base"));
  EXPECT_THAT(Texts({.link = "voice"}), ElementsAre("voice base"));
  EXPECT_THAT(Texts({.source = IpAddress::Parse("192.0.2.9")}), ElementsAre("voice base"));
  EXPECT_THAT(Texts({.kind = EventKind::kTrap}), IsEmpty());
  EXPECT_THAT(Texts({.words = SplitWords("\xe2\x82\xac", true)}), ElementsAre("\xe2\x82\xac uro"));
  EXPECT_THAT(Texts({.words = SplitWords("\"link\" OR (g3) NEAR", true)}), IsEmpty())
      << "no language of the index's";
  EXPECT_THAT(Texts({.since = kNow + absl::Seconds(1), .until = kNow + absl::Seconds(3)}),
              ElementsAre("voice base", "link up g3"));
  EXPECT_EQ(Texts({}, 2).size(), 2u);
  const auto page = SearchStore(folder_, {.limit = 2, .before = events[2].id});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->back().text, "Link DOWN g3");
}

TEST_F(EventStoreTest, GoesOnAfterARestart) {
  {
    auto store = Open({.segment_events_max = 2});
    for (int i = 0; i < 5; ++i) {
      const Event event = Make("<14>number " + std::to_string(i));
      ASSERT_TRUE(store->Write({&event, 1}, kNow).ok());
    }
  }
  auto store = Open({.segment_events_max = 2});
  EXPECT_EQ(store->stats().events, 5u);
  const Event event = Make("<14>number 5");
  ASSERT_TRUE(store->Write({&event, 1}, kNow).ok());
  EXPECT_EQ(store->stats().events, 6u);
  EXPECT_EQ(Texts({.words = {"number"}}).size(), 6u);
}

TEST_F(EventStoreTest, IsBoundedBySizeAndAge) {
  auto store = Open({.bytes_max = 2 << 20, .age_max = 1h, .segment_events_max = 500});
  uint64_t most = 0;
  for (int i = 0; i < 100; ++i) {
    std::vector<Event> events;
    for (int j = 0; j < 100; ++j)
      events.push_back(
          Make("<14>some text to fill the file with " + std::string(300, 'x'), absl::Seconds(i)));
    ASSERT_TRUE(store->Write(events, kNow + absl::Seconds(i)).ok());
    most = std::max(most, store->stats().bytes);
  }
  EXPECT_LT(most, 3u << 20);
  EXPECT_LT(store->stats().events, 10000u);
  EXPECT_GT(store->stats().events, 1000u);
  const Event late = Make("<14>late", absl::Hours(2));
  ASSERT_TRUE(store->Write({&late, 1}, kNow + absl::Hours(2)).ok());
  EXPECT_LE(store->stats().events, 501u) << "all but the file that is being written";
}

TEST_F(EventStoreTest, SaysWhatItCannotWrite) {
  auto store = Open();
  Event event = Make("<14>one");
  ASSERT_TRUE(store->Write({&event, 1}, kNow).ok());
  const absl::Status twice = store->Write({&event, 1}, kNow);
  EXPECT_FALSE(twice.ok());
  event = Make("<14>two");
  EXPECT_TRUE(store->Write({&event, 1}, kNow).ok()) << "goes on";
  EXPECT_THAT(Texts({}), ElementsAre("two", "one"));
}

}  // namespace
}  // namespace headwater::monitor
