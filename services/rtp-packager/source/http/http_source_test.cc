#include "services/rtp-packager/source/http/http_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/common/time/clock.h"
#include "services/rtp-packager/source/http/test_server.h"

namespace headwater {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kMp3 = std::string("\xff\xfb\x90\x44", 4) + std::string(400, 'm');
const std::string kMediaHead = "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n";

// Media, and no end.
void ServeMedia(TestConnection& connection) {
  connection.Write(kMediaHead + kMp3);
  connection.WaitClosed();
}

void Redirect(TestConnection& connection, const std::string& location) {
  connection.Write("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n");
}

// Each test is one run of a loop: from Open until the test has seen what it waits for, or 10 s.
class HttpSourceTest : public testing::Test, public SourceObserver {
 protected:
  void SetUp() override {
    options_.answer_timeout = 300ms;
    options_.document_timeout = 300ms;
    options_.stall_timeout = 300ms;
    loop_.At(MonoNow() + 10s, [this] {
      ADD_FAILURE() << "nothing came in 10 s";
      loop_.Stop();
    });
  }

  void TearDown() override {
    source_.reset();
    opener_.reset();
  }

  void Open(std::vector<std::string> urls, bool local = true) {
    opener_ = std::make_unique<HttpSourceOpener>(loop_, options_);
    opened_at_ = MonoNow();
    source_ = opener_->Open({.urls = std::move(urls), .first = 0, .local = local}, *this);
    EXPECT_TRUE(events_.empty());
  }

  // Until closed.
  SourceError Failure(std::vector<std::string> urls, bool local = true) {
    Open(std::move(urls), local);
    loop_.Run();
    EXPECT_FALSE(head_.has_value()) << head_->url;
    return error_.value_or(SourceError{SourceErrorReason::kInternal, "not closed"});
  }

  // Until that many bytes of media.
  void Play(std::vector<std::string> urls, size_t bytes = 1, bool local = true) {
    wanted_ = bytes;
    Open(std::move(urls), local);
    loop_.Run();
    EXPECT_TRUE(head_.has_value()) << (error_ ? error_->text : "");
    EXPECT_GE(media_.size(), bytes) << (error_ ? error_->text : "");
  }

  void OnRequested(MonoTime time) override {
    events_.push_back("requested");
    requested_at_ = time;
  }
  void OnAnswered(const SourceHead& head) override {
    events_.push_back("answered");
    head_ = head;
  }
  void OnMedia(Bytes media) override {
    media_ += AsText(media);
    if (on_media_) on_media_();
    if (media_.size() >= wanted_) loop_.Stop();
  }
  void OnTitle(const StreamTitle& title) override { titles_.push_back(title.title); }
  void OnClosed(const SourceError& error) override {
    EXPECT_FALSE(error_.has_value());
    events_.push_back("closed");
    error_ = error;
    loop_.Stop();
  }

  EventLoop loop_;
  HttpSourceOptions options_;
  std::unique_ptr<HttpSourceOpener> opener_;
  std::unique_ptr<Source> source_;
  MonoTime opened_at_;
  MonoTime requested_at_;
  size_t wanted_ = SIZE_MAX;
  std::function<void()> on_media_;
  std::vector<std::string> events_;
  std::optional<SourceHead> head_;
  std::string media_;
  std::vector<std::string> titles_;
  std::optional<SourceError> error_;
};

TEST_F(HttpSourceTest, PlaysAStreamWithOneRequest) {
  TestServer server(ServeMedia);
  Play({server.Url("/live")}, kMp3.size());
  EXPECT_EQ(events_, (std::vector<std::string>{"requested", "answered"}));
  EXPECT_EQ(media_, kMp3);
  EXPECT_EQ(head_->content_type, "audio/mpeg");
  EXPECT_EQ(head_->url, server.Url("/live"));
  ASSERT_EQ(server.requests().size(), 1u);
  const std::string request = server.requests()[0];
  EXPECT_THAT(request, StartsWith("GET /live HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nIcy-MetaData: 1\r\n"));
  EXPECT_THAT(request, HasSubstr("\r\nUser-Agent: Headwater\r\n"));
  EXPECT_LT(requested_at_ - opened_at_, 100ms);
}

TEST_F(HttpSourceTest, ReadsShoutcastWithTitlesAcrossChunks) {
  TestServer server([](TestConnection& connection) {
    std::string block = "StreamTitle='Bj\xf6rk - It's';";
    block.resize(32, '\0');
    const std::string stream =
        "ICY 200 OK\r\nicy-name:Caf\xe9\r\nicy-br:128\r\nicy-metaint:404\r\n"
        "content-type:audio/mpeg\r\n\r\n" +
        kMp3 + '\x02' + block + kMp3;
    for (const char byte : stream) connection.Write({&byte, 1});
    connection.WaitClosed();
  });
  Play({server.Url("/;")}, 2 * kMp3.size());
  EXPECT_EQ(media_, kMp3 + kMp3);
  EXPECT_EQ(head_->icy_name, "Café");
  EXPECT_EQ(head_->bitrate_kbps, 128);
  EXPECT_EQ(titles_, std::vector<std::string>{"Björk - It's"});
}

TEST_F(HttpSourceTest, FollowsM3uToPlsToStreamWithOneGetEach) {
  TestServer server([](TestConnection& connection) {
    const std::string path = connection.path();
    if (path == "/a/list.m3u") {
      connection.Write(
          "HTTP/1.1 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n#EXTM3U\r\n../b.pls\r\n");
    } else if (path == "/b.pls") {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n[playlist]\nFile1=/live\nNumberOfEntries=1\n");
    } else {
      ServeMedia(connection);
    }
  });
  Play({server.Url("/a/list.m3u")});
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_EQ(head_->hops, (std::vector<std::string>{server.Url("/a/list.m3u"), server.Url("/b.pls"),
                                                   server.Url("/live")}));
  EXPECT_EQ(opener_->stats().playlists, 2u);
}

TEST_F(HttpSourceTest, FollowsARedirectAndForgetsThePassword) {
  TestServer target(ServeMedia);
  TestServer server([&](TestConnection& connection) { Redirect(connection, target.Url("/live")); });
  Play({fmt::format("http://me:secret@127.0.0.1:{}/", server.port())});
  EXPECT_EQ(head_->url, target.Url("/live"));
  EXPECT_THAT(server.requests()[0], HasSubstr("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"));
  EXPECT_THAT(target.requests()[0], testing::Not(HasSubstr("Authorization")));
}

TEST_F(HttpSourceTest, TakesTheNextUrlWhenOneFails) {
  TestServer server(ServeMedia);
  Play({fmt::format("http://127.0.0.1:{}/", ClosedPort()), server.Url("/live")});
  EXPECT_EQ(head_->url_index, 1u);
}

TEST_F(HttpSourceTest, TellsOfAnHttpError) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  });
  const SourceError error = Failure({fmt::format("http://u:secret@127.0.0.1:{}/x", server.port())});
  EXPECT_EQ(error.reason, SourceErrorReason::kHttpStatus);
  EXPECT_EQ(error.text, server.Url("/x") + ": 404 Not Found");
}

TEST_F(HttpSourceTest, TellsOfARefusedConnection) {
  const std::string url = fmt::format("http://127.0.0.1:{}/", ClosedPort());
  const SourceError error = Failure({url});
  EXPECT_EQ(error.reason, SourceErrorReason::kConnect);
  EXPECT_EQ(error.text, url + ": cannot connect: Connection refused");
}

TEST_F(HttpSourceTest, TellsOfANameThatNoServerAnswers) {
  options_.name_servers = fmt::format("127.0.0.1:{}", ClosedPort());
  const SourceError error = Failure({"http://station.invalid/"});
  EXPECT_EQ(error.reason, SourceErrorReason::kDns);
  EXPECT_EQ(error.text,
            "http://station.invalid/: the name station.invalid is answered by no name server");
  EXPECT_LT(MonoNow() - opened_at_, 2s);
}

TEST_F(HttpSourceTest, TellsOfANameThatDoesNotExist) {
  TestNameServer names({""});
  options_.name_servers = names.name();
  const SourceError error = Failure({"http://station.invalid/"});
  EXPECT_EQ(error.reason, SourceErrorReason::kDns);
  EXPECT_THAT(error.text, HasSubstr("does not exist"));
}

TEST_F(HttpSourceTest, ResolvesOnceForSeveralStarts) {
  TestNameServer names({std::string("\x7f\0\0\x01", 4)});
  TestServer server(ServeMedia);
  options_.name_servers = names.name();
  int starts = 1;
  on_media_ = [&] {
    if (starts++ == 2) return;
    source_ = opener_->Open({.urls = {server.Url("/2", "station.test")}, .first = 0, .local = true},
                            *this);
  };
  Play({server.Url("/1", "station.test")}, 2 * kMp3.size());
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_THAT(server.requests()[0],
              HasSubstr(fmt::format("Host: station.test:{}\r\n", server.port())));
  EXPECT_LE(names.queries(), 2);
}

TEST_F(HttpSourceTest, RefusesPrivateAddressesUnlessLocal) {
  const SourceError error = Failure({"http://127.0.0.1:1/"}, false);
  EXPECT_EQ(error.reason, SourceErrorReason::kPolicy);
  EXPECT_EQ(error.text,
            "http://127.0.0.1:1/: 127.0.0.1 is not a public address, and the directory is not "
            "marked local");
  EXPECT_EQ(events_, std::vector<std::string>{"closed"});
}

TEST_F(HttpSourceTest, RefusesNamesOfPrivateAddresses) {
  TestNameServer names({std::string("\x7f\0\0\x01", 4)});
  TestServer server(ServeMedia);
  options_.name_servers = names.name();
  const SourceError error = Failure({server.Url("/", "station.test")}, false);
  EXPECT_EQ(error.reason, SourceErrorReason::kPolicy);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpSourceTest, EndsARedirectLoop) {
  TestServer server([](TestConnection& connection) {
    Redirect(connection, connection.path() == "/a" ? "/b" : "/a");
  });
  const SourceError error = Failure({server.Url("/a")});
  EXPECT_EQ(error.reason, SourceErrorReason::kRedirect);
  EXPECT_THAT(error.text, HasSubstr("redirect loop, back to " + server.Url("/a")));
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(HttpSourceTest, NamesThePagesTitle) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n<!DOCTYPE html><html>");
    connection.Write("<head><title>Radio\n One</title><body>");
    connection.WaitClosed();
  });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kHtml);
  EXPECT_EQ(error.text, server.Url("/") + ": a web page, \"Radio One\"");
}

TEST_F(HttpSourceTest, FollowsAPageThatNamesItsStream) {
  TestServer server([](TestConnection& connection) {
    const std::string path = connection.path();
    if (path == "/") {
      connection.Write("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body>");
      connection.Write(std::string(40'000, ' ') + "<a href='/listen.asx'>Listen</a>");
      connection.WaitClosed();
    } else if (path == "/listen.asx") {
      connection.Write("HTTP/1.1 200 OK\r\n\r\n<ASX><Base href='/x/'><Entry><Ref href=live>");
    } else {
      ServeMedia(connection);
    }
  });
  Play({server.Url("/")});
  EXPECT_EQ(head_->hops, (std::vector<std::string>{server.Url("/"), server.Url("/listen.asx"),
                                                   server.Url("/x/live")}));
}

TEST_F(HttpSourceTest, KeepsCookiesForItsOwnTimeOnly) {
  TestServer server([](TestConnection& connection) {
    if (connection.request().find("Cookie: pass=1\r\n") != std::string::npos) {
      return ServeMedia(connection);
    }
    connection.Write("HTTP/1.1 302 Found\r\nSet-Cookie: pass=1; Path=/; HttpOnly\r\n");
    connection.Write("Content-Length: 0\r\nLocation: /live\r\n\r\n");
  });
  bool again = false;
  on_media_ = [&] {
    if (std::exchange(again, true)) return;
    source_ = opener_->Open({.urls = {server.Url("/")}, .first = 0, .local = true}, *this);
  };
  Play({server.Url("/")}, 2 * kMp3.size());
  ASSERT_EQ(server.requests().size(), 4u);
  EXPECT_THAT(server.requests()[2], testing::Not(HasSubstr("Cookie")));
}

TEST_F(HttpSourceTest, PlaysABodyWithoutAnyHeader) {
  TestServer server([](TestConnection& connection) {
    connection.Write(kMp3);
    connection.Write(kMp3);
    connection.WaitClosed();
  });
  Play({server.Url("/")}, 2 * kMp3.size());
  EXPECT_EQ(media_, kMp3 + kMp3);
}

TEST_F(HttpSourceTest, ReadsShoutcastsRefusals) {
  TestServer server([](TestConnection& connection) {
    connection.Write("ICY 400 Server Full\nicy-name: x\n\n");
    connection.WaitClosed();
  });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kHttpStatus);
  EXPECT_EQ(error.text, server.Url("/") + ": 400 Server Full");
}

// Names that lead to one place when they are checked and to another afterwards.
TEST_F(HttpSourceTest, ChecksTheAddressOfEveryRequestAnew) {
  TestNameServer names({std::string("\x7f\0\0\x01", 4), std::string("\0\0\0\0", 4)});
  TestServer server([](TestConnection& connection) { Redirect(connection, "/live"); });
  options_.name_servers = names.name();
  const SourceError error = Failure({server.Url("/", "station.test")});
  EXPECT_EQ(error.reason, SourceErrorReason::kPolicy);
  EXPECT_THAT(error.text, HasSubstr("/live: 0.0.0.0 is no host's address"));
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(names.queries(), 2 * 2);  // A and AAAA, once for each request
}

// A proxy that answers CONNECT and then is the server itself.
class ProxySourceTest : public HttpSourceTest {
 protected:
  void UseProxy(const TestServer& proxy, std::vector<std::string> no_proxy = {}) {
    std::string fault;
    const std::string url = fmt::format("http://me:pw@localhost:{}", proxy.port());
    options_.proxy = ProxyRules::Parse(url, no_proxy, fault).value();
  }
};

TEST_F(ProxySourceTest, AsksTheProxyForTheCheckedAddress) {
  TestNameServer names({std::string("\x09\x09\x09\x09", 4)});
  TestServer proxy([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n");
    if (connection.ReadRequest()) ServeMedia(connection);
  });
  options_.name_servers = names.name();
  UseProxy(proxy);
  Play({"http://station.test/live"}, 1, false);
  ASSERT_FALSE(proxy.requests().empty());
  EXPECT_THAT(proxy.requests()[0], StartsWith("CONNECT 9.9.9.9:80 HTTP/1.1\r\n"));
  EXPECT_THAT(proxy.requests()[0], HasSubstr("Proxy-Authorization: Basic bWU6cHc=\r\n"));
  EXPECT_EQ(head_->url, "http://station.test/live");
}

TEST_F(ProxySourceTest, NeverAsksTheProxyForAPrivateAddress) {
  TestServer proxy([](TestConnection&) {});
  UseProxy(proxy);
  EXPECT_EQ(Failure({"http://10.0.0.1/"}, false).reason, SourceErrorReason::kPolicy);
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(ProxySourceTest, ReachesALocalServerDirectly) {
  TestServer proxy([](TestConnection&) {});
  TestServer server(ServeMedia);
  UseProxy(proxy);
  Play({server.Url("/live")});
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(ProxySourceTest, TellsOfAProxyThatRefuses) {
  TestServer proxy([](TestConnection& connection) {
    connection.Write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  });
  UseProxy(proxy);
  const SourceError error = Failure({"http://9.9.9.9:8000/live"}, false);
  EXPECT_EQ(error.reason, SourceErrorReason::kConnect);
  EXPECT_EQ(error.text, "http://9.9.9.9:8000/live: the proxy answers 403 for 9.9.9.9");
}

TEST_F(ProxySourceTest, DropsAProxyThatGivesNoTunnel) {
  TestServer proxy([](TestConnection& connection) { connection.WaitClosed(); });
  UseProxy(proxy);
  options_.connect_timeout = 300ms;
  const SourceError error = Failure({"http://9.9.9.9:8000/live"}, false);
  EXPECT_EQ(error.reason, SourceErrorReason::kConnect);
  EXPECT_THAT(error.text, HasSubstr("no tunnel by the proxy within 0.3 s"));
}

TEST_F(HttpSourceTest, DropsAnEndlessHeader) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\n");
    while (connection.Write("X-Header: again and again\r\n")) {
    }
  });
  EXPECT_EQ(Failure({server.Url("/")}).reason, SourceErrorReason::kHeader);
}

TEST_F(HttpSourceTest, DropsAnEndlessHeaderLine) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nX-Header: ");
    while (connection.Write(std::string(1000, 'x'))) {
    }
  });
  EXPECT_EQ(Failure({server.Url("/")}).reason, SourceErrorReason::kHeader);
}

TEST_F(HttpSourceTest, DropsAHeaderThatDrips) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nX-He");
    connection.WaitClosed();
  });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kHeader);
  EXPECT_THAT(error.text, HasSubstr("no end within 0.3 s"));
}

TEST_F(HttpSourceTest, DropsWhatIsNotHttp) {
  TestServer server([](TestConnection& connection) {
    connection.Write("SSH-2.0-OpenSSH_9.2\r\n");
    connection.WaitClosed();
  });
  EXPECT_EQ(Failure({server.Url("/")}).reason, SourceErrorReason::kHeader);
}

TEST_F(HttpSourceTest, DropsAServerThatHangsUpWithoutAnAnswer) {
  TestServer server([](TestConnection&) {});
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kConnect);
  EXPECT_THAT(error.text, HasSubstr("closed without an answer"));
}

TEST_F(HttpSourceTest, DropsAServerThatNeverAnswers) {
  TestServer server([](TestConnection& connection) { connection.WaitClosed(); });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kSilence);
  EXPECT_THAT(error.text, HasSubstr("no answer within 0.3 s"));
}

TEST_F(HttpSourceTest, DropsAHeaderWithoutMedia) {
  TestServer server([](TestConnection& connection) {
    connection.Write(kMediaHead);
    connection.WaitClosed();
  });
  EXPECT_EQ(Failure({server.Url("/")}).reason, SourceErrorReason::kSilence);
}

TEST_F(HttpSourceTest, EndsWhenMediaStopsComing) {
  TestServer server(ServeMedia);
  Open({server.Url("/live")});
  loop_.Run();
  EXPECT_EQ(media_, kMp3);
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->reason, SourceErrorReason::kSilence);
  EXPECT_EQ(error_->text, server.Url("/live") + ": no data for 0.3 s");
  EXPECT_EQ(opener_->stats().closed[static_cast<size_t>(SourceErrorReason::kSilence)], 1u);
}

TEST_F(HttpSourceTest, EndsWhenTheMediaEnds) {
  TestServer server([](TestConnection& connection) { connection.Write(kMediaHead + kMp3); });
  Open({server.Url("/live")});
  loop_.Run();
  EXPECT_EQ(media_, kMp3);
  ASSERT_TRUE(error_);
  EXPECT_EQ(error_->reason, SourceErrorReason::kClosed);
}

TEST_F(HttpSourceTest, RefusesAListTooLarge) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n#EXTM3U\r\n");
    const std::string comments(64 * 1024, '#');
    while (connection.Write(comments)) {
    }
  });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kPlaylist);
  EXPECT_THAT(error.text, HasSubstr("larger than 262144 bytes"));
}

TEST_F(HttpSourceTest, RefusesWhatCannotBePlayed) {
  TestServer server([](TestConnection& connection) {
    connection.Write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"error\": 1}");
  });
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kCodec);
  EXPECT_EQ(error.text, server.Url("/") + ": application/json is nothing to play");
}

TEST_F(HttpSourceTest, MayBeDestroyedInACallback) {
  TestServer server(ServeMedia);
  on_media_ = [this] {
    source_.reset();
    loop_.At(MonoNow() + 20ms, [this] { loop_.Stop(); });
  };
  Open({server.Url("/live")});
  loop_.Run();
  EXPECT_EQ(media_, kMp3);
  EXPECT_FALSE(error_.has_value());
  EXPECT_EQ(opener_->open_count(), 0u);
}

TEST_F(HttpSourceTest, HoldsTheServerBackWhilePaused) {
  constexpr size_t kTotal = 64 * 1024 * 1024;
  TestServer server([](TestConnection& connection) {
    connection.Write(kMediaHead + kMp3);
    const std::string block(1 << 20, 'z');
    for (size_t sent = 0; sent < kTotal && connection.Write(block); sent += block.size()) {
    }
    connection.WaitClosed();
  });
  size_t at_pause = 0;
  on_media_ = [&] {
    if (std::exchange(on_media_, nullptr) == nullptr) return;
    source_->SetPaused(true);
    // Longer than the time allowed for silence, which does not run.
    loop_.At(MonoNow() + 2 * options_.stall_timeout, [&] {
      at_pause = media_.size();
      source_->SetPaused(false);
    });
  };
  Play({server.Url("/file")}, kTotal);
  EXPECT_GT(at_pause, 0u);
  EXPECT_LT(at_pause, size_t{1} << 20);
}

TEST_F(HttpSourceTest, LimitsOpenSources) {
  options_.sources_max = 0;
  const SourceError error = Failure({"http://127.0.0.1:1/"});
  EXPECT_EQ(error.reason, SourceErrorReason::kInternal);
}

// A certificate for 127.0.0.1 that nobody has signed but itself.
class HttpsSourceTest : public HttpSourceTest {
 protected:
  static void SetUpTestSuite() {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("headwater-tls-{}", getpid());
    std::filesystem::create_directories(directory_);
    const std::string command = fmt::format(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=headwater-test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout {0}/key -out {0}/cert 2>/dev/null && "
        "cat {0}/key {0}/cert > {0}/pem",
        directory_.string());
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(directory_); }
  static std::string File(const char* name) { return (directory_ / name).string(); }

 private:
  static inline std::filesystem::path directory_;
};

TEST_F(HttpsSourceTest, RefusesACertificateOfUnknownOrigin) {
  TestServer server(ServeMedia, File("pem"));
  const SourceError error = Failure({server.Url("/")});
  EXPECT_EQ(error.reason, SourceErrorReason::kTls);
  EXPECT_THAT(error.text, HasSubstr("certificate"));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(HttpsSourceTest, PlaysFromATrustedServer) {
  TestServer server(ServeMedia, File("pem"));
  options_.ca_file = File("cert");
  Play({server.Url("/")});
  EXPECT_THAT(head_->url, StartsWith("https://"));
}

TEST_F(HttpsSourceTest, RefusesACertificateOfAnotherName) {
  TestNameServer names({std::string("\x7f\0\0\x01", 4)});
  TestServer server(ServeMedia, File("pem"));
  options_.ca_file = File("cert");
  options_.name_servers = names.name();
  EXPECT_EQ(Failure({server.Url("/", "station.test")}).reason, SourceErrorReason::kTls);
}

TEST_F(HttpsSourceTest, NeverGoesFromHttpsToHttp) {
  TestServer plain(ServeMedia);
  TestServer server([&](TestConnection& connection) { Redirect(connection, plain.Url("/")); },
                    File("pem"));
  options_.ca_file = File("cert");
  EXPECT_THAT(Failure({server.Url("/")}).text, HasSubstr("redirects from https to http://"));
  EXPECT_TRUE(plain.requests().empty());
}

TEST_F(HttpsSourceTest, DropsAPlainServerThatWasSaidToBeTls) {
  TestServer server(ServeMedia);
  options_.connect_timeout = 300ms;
  EXPECT_EQ(Failure({fmt::format("https://127.0.0.1:{}/", server.port())}).reason,
            SourceErrorReason::kTls);
}

}  // namespace
}  // namespace headwater
