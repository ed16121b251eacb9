#include "services/rtp-packager/source/http/curl_multi.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "services/common/base/check.h"
#include "services/common/time/clock.h"

namespace headwater {

class CurlMulti::Transfer {
 public:
  Transfer(const CurlRequest& request, CurlObserver& hears)
      : observer(&hears), session(request.session), easy(curl_easy_init()) {
    HW_CHECK(easy != nullptr && session != nullptr);
    if (!request.pin.empty()) pin = curl_slist_append(nullptr, request.pin.c_str());
    if (!request.connect_to.empty()) {
      connect_to = curl_slist_append(nullptr, request.connect_to.c_str());
    }
    headers = curl_slist_append(nullptr, "Icy-MetaData: 1");
    aliases = curl_slist_append(nullptr, "ICY ");
    SetRequest(request);
    SetLimits(request);
    SetProxy(request);
    SetCallbacks();
  }
  ~Transfer() {
    curl_easy_cleanup(easy);
    for (curl_slist* list : {pin, connect_to, headers, aliases}) curl_slist_free_all(list);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CurlEnd End(CURLcode code) const {
    CurlEnd end = {.code = code, .os_errno = 0, .connected = connected, .text = {}};
    long os_errno = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
    end.os_errno = static_cast<int>(os_errno);
    long proxy_status = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    end.proxy_status = static_cast<int>(proxy_status);
    end.text = error[0] != '\0' ? error.data() : curl_easy_strerror(code);
    return end;
  }

  CurlObserver* observer;                // nullptr once cancelled
  std::shared_ptr<CurlSession> session;  // must outlive the handle
  CURL* easy;
  curl_slist* pin = nullptr;
  curl_slist* connect_to = nullptr;
  curl_slist* headers = nullptr;
  curl_slist* aliases = nullptr;
  std::array<char, CURL_ERROR_SIZE> error = {};
  bool added = false;
  bool connected = false;  // TCP
  bool has_header = false;
  bool pause_wanted = false;
  bool paused = false;
  bool deferred = false;

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    HW_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
  }

  void SetRequest(const CurlRequest& request) {
    Set(CURLOPT_URL, request.url.c_str());
    Set(CURLOPT_PATH_AS_IS, 1L);
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    Set(CURLOPT_HTTPHEADER, headers);
    // Shoutcast, whose status is ours to read. Some servers have no header at all.
    Set(CURLOPT_HTTP200ALIASES, aliases);
    Set(CURLOPT_HTTP09_ALLOWED, 1L);
    Set(CURLOPT_USERAGENT, request.user_agent.c_str());
    if (!request.user.empty() || !request.password.empty()) {
      Set(CURLOPT_HTTPAUTH, long{CURLAUTH_BASIC});
      Set(CURLOPT_USERNAME, request.user.c_str());
      Set(CURLOPT_PASSWORD, request.password.c_str());
    }
    if (!request.range.empty()) Set(CURLOPT_RANGE, request.range.c_str());
    if (pin != nullptr) Set(CURLOPT_RESOLVE, pin);
    // A bad file shows itself as a TLS error of each transfer.
    if (!request.ca_file.empty()) Set(CURLOPT_CAINFO, request.ca_file.c_str());
  }

  void SetLimits(const CurlRequest& request) {
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(request.connect_timeout);
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(timeout.count()));
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_TCP_NODELAY, 1L);
    Set(CURLOPT_FRESH_CONNECT, 1L);
    Set(CURLOPT_FORBID_REUSE, 1L);
    Set(CURLOPT_SHARE, session->share());
    // Cookies are kept, and read from nowhere.
    Set(CURLOPT_COOKIEFILE, "");
  }

  void SetProxy(const CurlRequest& request) {
    // Empty: none, whatever the environment says.
    Set(CURLOPT_PROXY, request.proxy.c_str());
    if (request.proxy.empty()) return;
    Set(CURLOPT_HTTPPROXYTUNNEL, 1L);
    Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    Set(CURLOPT_CONNECT_TO, connect_to);
    if (request.proxy_user.empty() && request.proxy_password.empty()) return;
    Set(CURLOPT_PROXYAUTH, long{CURLAUTH_BASIC});
    Set(CURLOPT_PROXYUSERNAME, request.proxy_user.c_str());
    Set(CURLOPT_PROXYPASSWORD, request.proxy_password.c_str());
  }

  void SetCallbacks() {
    Set(CURLOPT_PRIVATE, static_cast<void*>(this));
    Set(CURLOPT_ERRORBUFFER, error.data());
    Set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::OpenSocket);
    Set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    Set(CURLOPT_PREREQFUNCTION, &Transfer::Connected);
    Set(CURLOPT_PREREQDATA, static_cast<void*>(this));
    Set(CURLOPT_HEADERFUNCTION, &Transfer::Header);
    Set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    Set(CURLOPT_WRITEFUNCTION, &Transfer::Body);
    Set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  }

  static curl_socket_t OpenSocket(void* self, curlsocktype, curl_sockaddr* address) {
    CurlObserver* observer = static_cast<Transfer*>(self)->observer;
    if (observer == nullptr || !observer->OnSocket(&address->addr)) return CURL_SOCKET_BAD;
    if (static_cast<Transfer*>(self)->observer == nullptr) return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  static int Connected(void* self, char*, char*, int, int) {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->observer != nullptr) transfer->observer->OnConnected();
    return transfer->observer != nullptr ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  }

  static size_t Header(char* data, size_t, size_t size, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->observer == nullptr) return 0;
    transfer->has_header = true;
    const bool go_on = transfer->observer->OnHeaderLine({data, size});
    return go_on && transfer->observer != nullptr ? size : 0;
  }

  static size_t Body(char* data, size_t, size_t size, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->observer == nullptr) return 0;
    if (transfer->pause_wanted) {
      // libcurl keeps these bytes and gives them again; it would read on for 100 buffers otherwise.
      transfer->paused = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    for (const std::string_view line : {"HTTP/0.9 200 OK\r\n", "\r\n"}) {
      if (transfer->has_header) break;
      if (!transfer->observer->OnHeaderLine(line) || transfer->observer == nullptr) return 0;
    }
    transfer->has_header = true;
    transfer->observer->OnBody(AsBytes({data, size}));
    return transfer->observer != nullptr ? size : 0;
  }
};

CurlSession::CurlSession() : share_(curl_share_init()) {
  HW_CHECK(share_ != nullptr);
  for (const curl_lock_data data : {CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_COOKIE}) {
    HW_CHECK(curl_share_setopt(share_, CURLSHOPT_SHARE, data) == CURLSHE_OK);
  }
}

CurlSession::~CurlSession() { HW_CHECK(curl_share_cleanup(share_) == CURLSHE_OK); }

CurlMulti::CurlMulti(EventLoop& loop) : loop_(loop) {
  // libcurl only does this itself without CURLOPT_NOSIGNAL; OpenSSL writes with write(2).
  std::signal(SIGPIPE, SIG_IGN);
  HW_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  multi_ = curl_multi_init();
  HW_CHECK(multi_ != nullptr);
  HW_CHECK(curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::OnSocketChange) ==
           CURLM_OK);
  HW_CHECK(curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this) == CURLM_OK);
  HW_CHECK(curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::OnTimer) == CURLM_OK);
  HW_CHECK(curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this) == CURLM_OK);
}

CurlMulti::~CurlMulti() {
  for (auto& [transfer, owned] : transfers_) {
    HW_CHECK(transfer->observer == nullptr);
    if (transfer->added) curl_multi_remove_handle(multi_, transfer->easy);
  }
  transfers_.clear();
  curl_multi_cleanup(multi_);
  for (const auto& [fd, events] : watched_) loop_.RemoveFd(fd);
  loop_.Cancel(timer_);
  loop_.Cancel(deferred_timer_);
  curl_global_cleanup();
}

CurlMulti::Transfer* CurlMulti::Start(const CurlRequest& request, CurlObserver& observer) {
  auto owned = std::make_unique<Transfer>(request, observer);
  Transfer* transfer = owned.get();
  transfers_.emplace(transfer, std::move(owned));
  Defer(transfer);
  return transfer;
}

void CurlMulti::Cancel(Transfer* transfer) {
  transfer->observer = nullptr;
  Defer(transfer);
}

void CurlMulti::SetPaused(Transfer* transfer, bool paused) {
  transfer->pause_wanted = paused;
  Defer(transfer);
}

void CurlMulti::Defer(Transfer* transfer) {
  if (!std::exchange(transfer->deferred, true)) deferred_.push_back(transfer);
  if (deferred_timer_ == 0) deferred_timer_ = loop_.At(loop_.now(), [this] { RunDeferred(); });
}

void CurlMulti::RunDeferred() {
  deferred_timer_ = 0;
  for (Transfer* transfer : std::exchange(deferred_, {})) {
    transfer->deferred = false;
    if (transfer->observer == nullptr) {
      if (transfer->added) curl_multi_remove_handle(multi_, transfer->easy);
      transfers_.erase(transfer);
      continue;
    }
    if (!std::exchange(transfer->added, true)) {
      HW_CHECK(curl_multi_add_handle(multi_, transfer->easy) == CURLM_OK);
    }
    if (transfer->paused != transfer->pause_wanted) {
      transfer->paused = transfer->pause_wanted;
      // May hand over what libcurl has read already.
      curl_easy_pause(transfer->easy, transfer->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
    }
  }
  TakeDone();
}

int CurlMulti::OnSocketChange(CURL* easy, curl_socket_t fd, int what, void* self, void*) {
  // A socket that is still connecting is waited for to become writable only.
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
    void* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    if (transfer != nullptr) static_cast<Transfer*>(transfer)->connected = true;
  }
  static_cast<CurlMulti*>(self)->SetWatch(fd, what);
  return 0;
}

void CurlMulti::SetWatch(int fd, int what) {
  if (what == CURL_POLL_REMOVE) {
    if (watched_.erase(fd) > 0) loop_.RemoveFd(fd);
    return;
  }
  uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
  const auto [watch, added] = watched_.emplace(fd, events);
  if (!added) {
    if (watch->second != events) loop_.ModifyFd(fd, events);
    watch->second = events;
    return;
  }
  loop_.AddFd(fd, events, [this, fd](uint32_t ready) {
    int action = 0;
    if ((ready & EPOLLIN) != 0) action |= CURL_CSELECT_IN;
    if ((ready & EPOLLOUT) != 0) action |= CURL_CSELECT_OUT;
    if ((ready & (EPOLLERR | EPOLLHUP)) != 0) action |= CURL_CSELECT_ERR;
    Act(fd, action);
  });
}

int CurlMulti::OnTimer(CURLM*, long timeout_ms, void* self) {
  auto* multi = static_cast<CurlMulti*>(self);
  multi->loop_.Cancel(std::exchange(multi->timer_, 0));
  if (timeout_ms < 0) return 0;
  multi->timer_ =
      multi->loop_.At(multi->loop_.now() + std::chrono::milliseconds(timeout_ms), [multi] {
        multi->timer_ = 0;
        multi->Act(CURL_SOCKET_TIMEOUT, 0);
      });
  return 0;
}

void CurlMulti::Act(curl_socket_t fd, int events) {
  int running = 0;
  HW_CHECK(curl_multi_socket_action(multi_, fd, events, &running) == CURLM_OK);
  TakeDone();
}

void CurlMulti::TakeDone() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    void* data = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &data);
    auto* transfer = static_cast<Transfer*>(data);
    const CurlEnd end = transfer->End(code);
    curl_multi_remove_handle(multi_, transfer->easy);
    transfer->added = false;
    if (CurlObserver* observer = std::exchange(transfer->observer, nullptr)) {
      Defer(transfer);
      observer->OnDone(end);
    }
  }
}

}  // namespace headwater
