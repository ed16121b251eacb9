#pragma once

#include <curl/curl.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "services/common/base/bytes.h"
#include "services/common/loop/event_loop.h"

namespace headwater {

// What the requests of one opening have in common and no other sees: cookies, which some stations
// set with a redirect and ask for behind it, and libcurl's names, which say only what those
// requests may reach.
class CurlSession {
 public:
  CurlSession();
  ~CurlSession();
  CurlSession(const CurlSession&) = delete;
  CurlSession& operator=(const CurlSession&) = delete;

  CURLSH* share() const { return share_; }

 private:
  CURLSH* share_;
};

// One GET as libcurl is to make it.
struct CurlRequest {
  std::string url;  // http or https, without user name and password
  std::string user;
  std::string password;
  std::string range;  // "0-499"; empty for the whole
  // "name:port:address,[address]", so that libcurl resolves nothing: of the host or, where there is
  // one, of the proxy; empty where that is an address.
  std::string pin;
  // "http://host:port" to be asked for a tunnel; empty for none.
  std::string proxy;
  std::string proxy_user;
  std::string proxy_password;
  // "name:port:[address]:port": what the proxy is asked for instead of the name.
  std::string connect_to;
  std::string user_agent;
  std::string ca_file;
  Duration connect_timeout = 5s;
  std::shared_ptr<CurlSession> session;
};

// How a transfer ended.
struct CurlEnd {
  CURLcode code = CURLE_OK;
  int os_errno = 0;
  // TCP stood when it ended.
  bool connected = false;
  // The proxy's answer to the request for a tunnel; 0 for none.
  int proxy_status = 0;
  // libcurl's own words; may quote the server.
  std::string text;
};

// Hears of one transfer, on the loop's thread and never from inside Start, Cancel or SetPaused. It
// may cancel its transfer in any call.
class CurlObserver {
 public:
  virtual ~CurlObserver() = default;

  // A socket is about to be opened and connected to this address; no refuses it.
  virtual bool OnSocket(const sockaddr* address) = 0;
  // The connection stands, TLS included; the request goes out next.
  virtual void OnConnected() = 0;
  // A line of the header with its CRLF; no aborts the transfer. For a body without any header:
  // "HTTP/0.9 200 OK" and the empty line.
  virtual bool OnHeaderLine(std::string_view line) = 0;
  virtual void OnBody(Bytes body) = 0;
  // The last call.
  virtual void OnDone(const CurlEnd& end) = 0;
};

// libcurl's multi interface on an EventLoop: no thread, no wait of its own. Each transfer has a
// connection of its own: a kept one that the server has closed would mean a second request.
// Redirects are not followed; proxies are those of the request, never of the environment.
class CurlMulti {
 public:
  class Transfer;

  explicit CurlMulti(EventLoop& loop);
  // No transfer may be left.
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  // The transfer stays valid until Cancel or OnDone. The observer must outlive it.
  Transfer* Start(const CurlRequest& request, CurlObserver& observer);
  // The observer hears nothing more.
  void Cancel(Transfer* transfer);
  // Paused, nothing is read from the connection.
  void SetPaused(Transfer* transfer, bool paused);

 private:
  static int OnSocketChange(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
  static int OnTimer(CURLM* multi, long timeout_ms, void* self);

  void SetWatch(int fd, int what);
  void Act(curl_socket_t fd, int events);
  void TakeDone();
  // What may not be done inside one of libcurl's own calls: adding, removing, pausing.
  void Defer(Transfer* transfer);
  void RunDeferred();

  EventLoop& loop_;
  CURLM* multi_;
  EventLoop::TimerId timer_ = 0;
  EventLoop::TimerId deferred_timer_ = 0;
  std::unordered_map<int, uint32_t> watched_;
  std::unordered_map<Transfer*, std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> deferred_;
};

}  // namespace headwater
