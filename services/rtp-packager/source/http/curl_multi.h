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

// One GET as libcurl is to make it.
struct CurlRequest {
  std::string url;  // http or https, without user name and password
  std::string user;
  std::string password;
  // "name:port:address,[address]", so that libcurl resolves nothing; empty where the host is an
  // address.
  std::string pin;
  std::string user_agent;
  std::string ca_file;
  Duration connect_timeout = 5s;
};

// How a transfer ended.
struct CurlEnd {
  CURLcode code = CURLE_OK;
  int os_errno = 0;
  // TCP stood when it ended.
  bool connected = false;
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
  // A line of the header with its CRLF; no aborts the transfer.
  virtual bool OnHeaderLine(std::string_view line) = 0;
  virtual void OnBody(Bytes body) = 0;
  // The last call.
  virtual void OnDone(const CurlEnd& end) = 0;
};

// libcurl's multi interface on an EventLoop: no thread, no wait of its own. Each transfer has a
// connection and a name cache of its own: what one source may reach says nothing about another's,
// and a kept connection that the server has closed would mean a second request. Redirects are not
// followed; proxies are not used.
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
