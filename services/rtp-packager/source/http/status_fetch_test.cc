// Titles from beside the stream, of servers on the loopback.
#include "services/rtp-packager/source/http/status_fetch.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/common/time/clock.h"
#include "services/rtp-packager/source/http/http_source.h"
#include "services/rtp-packager/source/http/test_server.h"

namespace headwater {
namespace {

using testing::ElementsAre;

constexpr std::string_view kIcecastPage =
    R"({"icestats":{"source":{"listenurl":"http://x:8000/live","title":"A - B"}}})";

std::string Answer(std::string_view type, std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", type,
                     body.size(), body);
}

// One run of a loop, until a title, or as long as said. /live plays; other paths have `pages_`' raw
// answers, or 404.
class StatusFetchTest : public testing::Test, public SourceObserver {
 protected:
  StatusFetchTest() {
    options_.status = {.first = 50ms, .period = 50ms, .period_max = 100ms, .failures_max = 2};
    options_.document_timeout = 300ms;
  }
  ~StatusFetchTest() override {
    source_.reset();
    opener_.reset();
  }

  void Play(Duration at_most) {
    loop_.At(MonoNow() + at_most, [this] { loop_.Stop(); });
    opener_ = std::make_unique<HttpSourceOpener>(loop_, options_);
    source_ = opener_->Open({.urls = {server_.Url("/live")}, .first = 0, .local = true}, *this);
    loop_.Run();
  }
  std::vector<std::string> Asked() const {
    std::vector<std::string> paths;
    for (const std::string& request : server_.requests()) {
      const std::string path = request.substr(4, request.find(' ', 4) - 4);
      if (path != "/live") paths.push_back(path);
    }
    return paths;
  }
  uint64_t Count(StatusResult result) const {
    return opener_->stats().status[static_cast<size_t>(result)];
  }

  void Serve(TestConnection& connection) {
    if (connection.path() == "/live") {
      connection.Write(live_);
      return connection.WaitClosed();
    }
    const auto page = pages_.find(connection.path());
    if (page == pages_.end()) {
      connection.Write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    } else {
      connection.Write(page->second);
    }
  }

  void OnRequested(MonoTime) override {}
  void OnAnswered(const SourceHead&) override { answered_at_ = MonoNow(); }
  void OnMedia(Bytes) override {
    if (on_media_) on_media_();
  }
  void OnTitle(const StreamTitle& title) override {
    titles_.push_back(title.title);
    title_at_ = MonoNow();
    if (on_title_) on_title_();
  }
  void OnClosed(const SourceError& error) override {
    ADD_FAILURE() << error.text;
    loop_.Stop();
  }

  std::string live_ = "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n\xff\xfb\x90\x44mmmm";
  std::map<std::string, std::string> pages_;
  TestServer server_{[this](TestConnection& connection) { Serve(connection); }};
  EventLoop loop_;
  HttpSourceOptions options_;
  std::unique_ptr<HttpSourceOpener> opener_;
  std::unique_ptr<Source> source_;
  std::function<void()> on_media_;
  std::function<void()> on_title_ = [this] { loop_.Stop(); };
  std::vector<std::string> titles_;
  MonoTime answered_at_;
  MonoTime title_at_;
};

TEST_F(StatusFetchTest, TellsATitleThatTheStreamDoesNot) {
  pages_["/status-json.xsl"] = Answer("application/json", kIcecastPage);
  Play(10s);
  EXPECT_THAT(titles_, ElementsAre("A - B"));
  EXPECT_GE(title_at_ - answered_at_, 50ms);
  EXPECT_THAT(Asked(), ElementsAre("/status-json.xsl"));
  EXPECT_EQ(Count(StatusResult::kTitle), 1u);
}

TEST_F(StatusFetchTest, AsksShoutcastWhereThereIsNoIcecast) {
  pages_["/stats?sid=1&json=1"] = Answer("application/json", R"({"songtitle":"C"})");
  Play(10s);
  EXPECT_THAT(titles_, ElementsAre("C"));
  EXPECT_EQ(Count(StatusResult::kFailed), 1u);
}

TEST_F(StatusFetchTest, AsksNothingOfAStreamThatTellsTitlesItself) {
  pages_["/status-json.xsl"] = Answer("application/json", kIcecastPage);
  live_ =
      "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nicy-metaint: 8\r\n\r\n\xff\xfb\x90\x44mmmm";
  std::string block = "\x02StreamTitle='Own';";
  block.resize(33, '\0');
  live_ += block;
  on_title_ = nullptr;
  Play(300ms);
  EXPECT_THAT(titles_, ElementsAre("Own"));
  EXPECT_THAT(Asked(), ElementsAre());
}

TEST_F(StatusFetchTest, NorOfOneWhoseMediaHoldThem) {
  pages_["/status-json.xsl"] = Answer("application/json", kIcecastPage);
  on_media_ = [this] { source_->SetTitled(); };
  Play(300ms);
  EXPECT_THAT(titles_, ElementsAre());
  EXPECT_THAT(Asked(), ElementsAre());
}

TEST_F(StatusFetchTest, NorWhereItIsTurnedOff) {
  pages_["/status-json.xsl"] = Answer("application/json", kIcecastPage);
  options_.station_json = false;
  Play(300ms);
  EXPECT_THAT(Asked(), ElementsAre());
}

TEST_F(StatusFetchTest, GivesUpOnAServerWithoutPages) {
  Play(600ms);
  EXPECT_EQ(Asked().size(), 4u);
  EXPECT_EQ(Count(StatusResult::kFailed), 4u);
}

// Of the page of Icecast; that of Shoutcast is not there.
class BadStatusTest : public StatusFetchTest, public testing::WithParamInterface<std::string> {};

TEST_P(BadStatusTest, TellsNothing) {
  pages_["/status-json.xsl"] = GetParam();
  pages_["/elsewhere"] = Answer("application/json", kIcecastPage);
  options_.status.failures_max = 1;
  Play(500ms);
  EXPECT_THAT(titles_, ElementsAre());
  EXPECT_THAT(Asked(), ElementsAre("/status-json.xsl", "/stats?sid=1&json=1"));
  EXPECT_EQ(Count(StatusResult::kFailed), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Answers, BadStatusTest,
    testing::Values(Answer("audio/mpeg", kIcecastPage), Answer("text/html", kIcecastPage),
                    "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /elsewhere\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"songtitle\":\"" +
                        std::string(kStatusBytesMax, 'x'),
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip", "not HTTP"));

TEST_F(StatusFetchTest, MayBeDestroyedByItsTitle) {
  pages_["/status-json.xsl"] = Answer("application/json", kIcecastPage);
  on_title_ = [this] {
    source_.reset();
    loop_.Stop();
  };
  Play(10s);
  EXPECT_THAT(titles_, ElementsAre("A - B"));
}

}  // namespace
}  // namespace headwater
