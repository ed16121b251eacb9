#include "services/rtp-packager/source/fake_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headwater {
namespace {

class MockObserver : public SourceObserver {
 public:
  MOCK_METHOD(void, OnRequested, (MonoTime), (override));
  MOCK_METHOD(void, OnAnswered, (const SourceHead&), (override));
  MOCK_METHOD(void, OnMedia, (Bytes), (override));
  MOCK_METHOD(void, OnTitle, (const StreamTitle&), (override));
  MOCK_METHOD(void, OnClosed, (const SourceError&), (override));
};

TEST(FakeSourceTest, TellsItsObserverUntilClosed) {
  testing::StrictMock<MockObserver> observer;
  FakeSourceOpener opener;
  auto source = opener.Open({.urls = {"http://a/"}}, observer);
  EXPECT_CALL(observer, OnTitle);
  EXPECT_CALL(observer, OnClosed);
  opener.latest().Title({.title = "A", .url = ""});
  opener.latest().Close({SourceErrorReason::kClosed, "end"});
  opener.latest().Title({.title = "B", .url = ""});
  EXPECT_FALSE(opener.latest().alive());
}

TEST(FakeSourceTest, IsSilentOnceDestroyedEvenFromACallback) {
  testing::StrictMock<MockObserver> observer;
  FakeSourceOpener opener;
  auto source = opener.Open({.urls = {"http://a/"}, .local = true}, observer);
  EXPECT_CALL(observer, OnMedia).WillOnce([&](Bytes) { source.reset(); });
  opener.latest().Media(AsBytes("x"));
  opener.latest().Media(AsBytes("y"));
  EXPECT_TRUE(opener.latest().request().local);
}

}  // namespace
}  // namespace headwater
