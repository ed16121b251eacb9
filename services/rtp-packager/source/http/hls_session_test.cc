// HLS as a Source, from servers on the loopback.
#include "services/rtp-packager/source/http/hls_session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/common/time/clock.h"
#include "services/rtp-packager/source/http/http_source.h"
#include "services/rtp-packager/source/http/test_server.h"

namespace headwater {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The bodies of a server by path; what is not there is 404. "-> URL" redirects.
using Site = std::map<std::string, std::string, std::less<>>;

void Serve(const Site& site, TestConnection& connection) {
  const auto found = site.find(connection.path());
  if (found == site.end()) {
    connection.Write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  } else if (found->second.starts_with("-> ")) {
    connection.Write("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " +
                     found->second.substr(3) + "\r\n\r\n");
  } else {
    const bool list = found->second.starts_with("#EXTM3U");
    connection.Write(fmt::format(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
        list ? "application/vnd.apple.mpegurl" : "audio/aac", found->second.size(), found->second));
  }
}

std::string List(std::string_view body) {
  return fmt::format("#EXTM3U\n#EXT-X-TARGETDURATION:1\n{}#EXT-X-ENDLIST\n", body);
}

std::string Encrypt(std::string_view plain, const std::string& key, uint8_t iv_end) {
  std::string iv(15, '\0');
  iv += static_cast<char>(iv_end);
  std::string out(plain.size() + 32, '\0');
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const uint8_t*>(text.data());
  };
  int size = 0;
  int rest = 0;
  auto* to = reinterpret_cast<uint8_t*>(out.data());
  EVP_EncryptInit_ex(context, EVP_aes_128_cbc(), nullptr, bytes(key), bytes(iv));
  EVP_EncryptUpdate(context, to, &size, AsBytes(plain).data(), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context, to + size, &rest);
  EVP_CIPHER_CTX_free(context);
  out.resize(static_cast<size_t>(size + rest));
  return out;
}

// One run of a loop, until the source has closed or 10 s.
class HlsSessionTest : public testing::Test, public SourceObserver {
 protected:
  HlsSessionTest() {
    options_.answer_timeout = 300ms;
    options_.document_timeout = 300ms;
    loop_.At(MonoNow() + 10s, [this] {
      ADD_FAILURE() << "nothing came in 10 s";
      loop_.Stop();
    });
  }
  ~HlsSessionTest() override {
    source_.reset();
    opener_.reset();
  }

  void Run(std::vector<std::string> urls) {
    opener_ = std::make_unique<HttpSourceOpener>(loop_, options_);
    source_ = opener_->Open({.urls = std::move(urls), .first = 0, .local = true}, *this);
    loop_.Run();
  }
  static std::vector<std::string> PathsOf(const TestServer& server) {
    std::vector<std::string> paths;
    for (const std::string& request : server.requests()) {
      paths.push_back(request.substr(4, request.find(' ', 4) - 4));
    }
    return paths;
  }

  void OnRequested(MonoTime) override { ++requested_; }
  void OnAnswered(const SourceHead& head) override {
    EXPECT_FALSE(head_.has_value());
    EXPECT_TRUE(media_.empty());
    head_ = head;
  }
  void OnMedia(Bytes media) override {
    EXPECT_TRUE(head_.has_value());
    media_ += AsText(media);
    if (on_media_) on_media_();
  }
  void OnTitle(const StreamTitle& title) override { media_ += "<" + title.title + ">"; }
  void OnClosed(const SourceError& error) override {
    error_ = error;
    loop_.Stop();
  }

  EventLoop loop_;
  HttpSourceOptions options_;
  std::unique_ptr<HttpSourceOpener> opener_;
  std::unique_ptr<Source> source_;
  int requested_ = 0;
  std::function<void()> on_media_;
  std::optional<SourceHead> head_;
  std::string media_;  // titles in angle brackets
  std::optional<SourceError> error_;
};

TEST_F(HlsSessionTest, PlaysTheBestVariantWithOneRequestForEachThing) {
  const Site site = {
      {"/master.m3u8",
       "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000\nlow.m3u8\n"
       "#EXT-X-STREAM-INF:BANDWIDTH=128000\na/high.m3u8\n"},
      {"/a/high.m3u8", List("#EXT-X-MAP:URI=\"init\"\n#EXTINF:1,One\n1\n#EXTINF:1,One\n2\n"
                            "#EXT-X-MAP:URI=\"init2\"\n#EXTINF:1,Two\n3\n")},
      {"/a/init", "[init]"},
      {"/a/init2", "[init2]"},
      {"/a/1", "first,"},
      {"/a/2", "-> /b/second"},
      {"/b/second", "second,"},
      {"/a/3", "third"}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  Run({server.Url("/master.m3u8")});
  EXPECT_EQ(media_, "[init]<One>first,second,[init2]<Two>third");
  EXPECT_THAT(PathsOf(server), ElementsAre("/master.m3u8", "/a/high.m3u8", "/a/init", "/a/1",
                                           "/a/2", "/b/second", "/a/init2", "/a/3"));
  EXPECT_EQ(requested_, 1);
  ASSERT_TRUE(head_.has_value());
  EXPECT_EQ(head_->url, server.Url("/a/high.m3u8"));
  EXPECT_EQ(head_->hops,
            (std::vector<std::string>{server.Url("/master.m3u8"), server.Url("/a/high.m3u8")}));
  EXPECT_EQ(head_->content_type, "audio/aac");
  EXPECT_EQ(head_->bitrate_kbps, 128);
  EXPECT_GT(head_->pause_max, 10s);
  ASSERT_TRUE(error_.has_value());
  EXPECT_EQ(error_->reason, SourceErrorReason::kClosed);
  EXPECT_THAT(error_->text, HasSubstr("/master.m3u8: the playlist has come to its end"));
  EXPECT_EQ(opener_->stats().requests, 8u);
}

TEST_F(HlsSessionTest, TakesTheNextUrlWhereTheListCannotBePlayed) {
  const Site site = {{"/drm.m3u8", List("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"k\"\n#EXTINF:1,\n1\n")},
                     {"/gone.m3u8", List("#EXTINF:1,\ngone\n")},
                     {"/good.m3u8", List("#EXTINF:1,\n1\n")},
                     {"/1", "media"}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  Run({server.Url("/drm.m3u8"), server.Url("/gone.m3u8"), server.Url("/good.m3u8")});
  EXPECT_EQ(media_, "media");
  EXPECT_EQ(head_->url_index, 2u);
}

TEST_F(HlsSessionTest, TellsWhyNothingPlays) {
  const Site site = {{"/gone.m3u8", List("#EXTINF:1,\ngone\n")}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  Run({server.Url("/gone.m3u8")});
  EXPECT_FALSE(head_.has_value());
  EXPECT_EQ(error_->reason, SourceErrorReason::kHttpStatus);
  EXPECT_EQ(error_->text,
            fmt::format("{}: {}: 404 Not Found", server.Url("/gone.m3u8"), server.Url("/gone")));
}

TEST_F(HlsSessionTest, DecryptsWithTheKeyOfTheList) {
  const std::string key = "0123456789abcdef";
  const std::string plain(5000, 'p');
  const Site site = {
      {"/live.m3u8",
       List("#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-KEY:METHOD=AES-128,URI=\"/key\"\n#EXTINF:1,\n1\n"
            "#EXTINF:1,\n2\n")},
      {"/key", key},
      {"/1", Encrypt(plain, key, 7)},
      {"/2", Encrypt("end", key, 8)}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  Run({server.Url("/live.m3u8")});
  EXPECT_EQ(media_, plain + "end");
  EXPECT_THAT(PathsOf(server), ElementsAre("/live.m3u8", "/key", "/1", "/2"));
}

TEST_F(HlsSessionTest, AsksForTheRangesOfTheList) {
  TestServer server([](TestConnection& connection) {
    const std::string& request = connection.request();
    if (connection.path() == "/list.m3u8") {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n" +
                       List("#EXTINF:1,\n#EXT-X-BYTERANGE:3@1\nall\n#EXTINF:1,\n"
                            "#EXT-X-BYTERANGE:2\nall\n"));
    } else if (request.find("\r\nRange: bytes=1-3\r\n") != request.npos) {
      connection.Write("HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc");
    } else if (request.find("\r\nRange: bytes=4-5\r\n") != request.npos) {
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n-abcde--");
    }
  });
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(media_, "abcde");
}

TEST_F(HlsSessionTest, GoesOnInTheMiddleOfASegmentWhoseConnectionBroke) {
  int tries = 0;
  TestServer server([&](TestConnection& connection) {
    if (connection.path() == "/list.m3u8") {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n" + List("#EXTINF:1,\n1\n"));
    } else if (tries++ == 0) {
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
    } else {
      connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789");
    }
  });
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(media_, "0123456789");
}

TEST_F(HlsSessionTest, AServerThatStopsInTheMiddleOfASegmentIsAskedAgain) {
  int tries = 0;
  TestServer server([&](TestConnection& connection) {
    if (connection.path() == "/list.m3u8") {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n" + List("#EXTINF:1,\n1\n"));
      return;
    }
    connection.Write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234");
    if (tries++ == 0) return connection.WaitClosed();
    connection.Write("56789");
  });
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(media_, "0123456789");
}

TEST_F(HlsSessionTest, NoSegmentKeyOrRedirectLeadsWhereAStationMayNot) {
  const Site site = {
      {"/list.m3u8", List("#EXTINF:1,\nhttp://224.0.0.1/1\n#EXTINF:1,\n2\n"
                          "#EXT-X-KEY:METHOD=AES-128,URI=\"http://0.0.0.0/k\"\n#EXTINF:1,\n3\n"
                          "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1,\nfile:///etc/passwd\n")},
      {"/2", "-> http://239.1.1.1/"},
      {"/3", "plain"}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(media_, "");
  EXPECT_EQ(error_->reason, SourceErrorReason::kPolicy);
}

TEST_F(HlsSessionTest, PausedItAsksForNothing) {
  Site site = {{"/list.m3u8", List("#EXTINF:1,\n1\n#EXTINF:1,\n2\n")}, {"/1", "1"}, {"/2", "2"}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  size_t in_pause = 0;
  on_media_ = [&] {
    if (media_ != "1") return;
    source_->SetPaused(true);
    loop_.At(MonoNow() + 500ms, [&] {
      in_pause = server.requests().size();
      source_->SetPaused(false);
    });
  };
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(in_pause, 2u);
  EXPECT_EQ(media_, "12");
}

TEST_F(HlsSessionTest, MayBeDestroyedInACallback) {
  Site site = {{"/list.m3u8", List("#EXTINF:1,\n1\n#EXTINF:1,\n2\n")}, {"/1", "1"}, {"/2", "2"}};
  TestServer server([&](TestConnection& connection) { Serve(site, connection); });
  on_media_ = [&] {
    source_.reset();
    loop_.At(MonoNow() + 50ms, [this] { loop_.Stop(); });
  };
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(media_, "1");
  EXPECT_EQ(opener_->open_count(), 0u);
}

TEST_F(HlsSessionTest, RefusesAnEndlessPlaylist) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n#EXT-X-TARGETDURATION:1\n");
    while (connection.Write("#EXTINF:1,\nsegment\n")) {
    }
  });
  options_.document_timeout = 5s;
  Run({server.Url("/list.m3u8")});
  EXPECT_EQ(error_->reason, SourceErrorReason::kPlaylist);
  EXPECT_THAT(error_->text, HasSubstr("a playlist larger than 1048576 bytes"));
}

}  // namespace
}  // namespace headwater
