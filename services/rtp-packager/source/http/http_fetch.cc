#include "services/rtp-packager/source/http/http_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/common/text/clean_text.h"
#include "services/common/time/clock.h"

namespace headwater {
namespace {

// More would only make a failing start longer.
constexpr size_t kPinnedMax = 6;
constexpr size_t kTextBytesMax = 200;

std::string Seconds(Duration duration) {
  return fmt::format("{:g} s", std::chrono::duration<double>(duration).count());
}

std::string Bracketed(const IpAddress& address) {
  return address.is_v6() ? fmt::format("[{}]", address.ToString()) : address.ToString();
}

// Empty for an address, which needs none.
std::string Pin(const SourceUrl& url, const NameResolver::Addresses& addresses) {
  if (url.literal) return "";
  std::string pin = fmt::format("{}:{}:", url.host, url.port);
  for (size_t i = 0; i < std::min(addresses.size(), kPinnedMax); ++i) {
    if (i > 0) pin += ',';
    pin += Bracketed(addresses[i]);
  }
  return pin;
}

std::string Forbidden(const IpAddress& address, bool local) {
  if (local) return fmt::format("{} is no host's address", address.ToString());
  return fmt::format("{} is not a public address, and the directory is not marked local",
                     address.ToString());
}

bool IsTlsError(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CLIENTCERT:
      return true;
    default:
      return false;
  }
}

}  // namespace

HttpFetch::HttpFetch(HttpClient client, const SourceUrl& url, bool local,
                     HttpFetchObserver& observer, std::string range)
    : client_(client), url_(url), local_(local), observer_(observer), range_(std::move(range)) {
  if (url.literal) {
    Start({*url.literal});
    return;
  }
  if (const auto* cached = client_.resolver.Cached(url.host)) {
    Start(*cached);
    return;
  }
  Resolve(url.host, [this](const auto& result) {
    lookup_ = 0;
    ClearTimer();
    if (!result.ok()) return FailLookup(url_.host, result.error());
    Start(*result);
  });
}

HttpFetch::~HttpFetch() {
  if (lookup_ != 0) client_.resolver.Cancel(lookup_);
  if (transfer_ != nullptr) client_.multi.Cancel(transfer_);
  ClearTimer();
}

void HttpFetch::SetPaused(bool paused) {
  paused_ = paused;
  if (transfer_ != nullptr) client_.multi.SetPaused(transfer_, paused);
}

void HttpFetch::Resolve(const std::string& host, NameResolver::Callback callback) {
  FailAfter(client_.options.lookup_timeout, SourceErrorReason::kDns,
            fmt::format("no answer for the name {} within {}", host,
                        Seconds(client_.options.lookup_timeout)));
  lookup_ = client_.resolver.Resolve(host, std::move(callback));
}

void HttpFetch::FailLookup(const std::string& host, LookupError error) {
  std::string_view why = "does not exist or has no address";
  if (error == LookupError::kUnanswered) why = "is answered by no name server";
  if (error == LookupError::kOverloaded) why = "waits behind too many others";
  Fail({SourceErrorReason::kDns, fmt::format("the name {} {}", host, why)});
}

void HttpFetch::Start(const NameResolver::Addresses& addresses) {
  NameResolver::Addresses allowed;
  std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(allowed),
               [this](const IpAddress& address) { return IsAddressAllowed(address, local_); });
  if (allowed.empty()) {
    return FailAfter(Duration::zero(), SourceErrorReason::kPolicy,
                     Forbidden(addresses.front(), local_));
  }
  // Nobody knows what the proxy can reach; it is less likely to lack IPv4.
  const auto v4 = std::find_if(allowed.begin(), allowed.end(),
                               [](const IpAddress& address) { return address.is_v4(); });
  const IpAddress& target = v4 == allowed.end() ? allowed.front() : *v4;
  const SourceUrl* proxy = client_.options.proxy.For(url_.host, target);
  if (proxy == nullptr) return StartDirect(allowed);
  target_ = target;
  ResolveProxy(*proxy);
}

void HttpFetch::StartDirect(const NameResolver::Addresses& allowed) {
  CurlRequest request = MakeRequest();
  request.pin = Pin(url_, allowed);
  transfer_ = client_.multi.Start(request, *this);
  if (paused_) client_.multi.SetPaused(transfer_, true);
}

void HttpFetch::ResolveProxy(const SourceUrl& proxy) {
  if (proxy.literal) return StartByProxy(proxy, {*proxy.literal});
  if (const auto* cached = client_.resolver.Cached(proxy.host)) {
    return StartByProxy(proxy, NameResolver::Addresses(*cached));
  }
  Resolve(proxy.host, [this, &proxy](const auto& result) {
    lookup_ = 0;
    ClearTimer();
    if (!result.ok()) return FailLookup(proxy.host, result.error());
    StartByProxy(proxy, *result);
  });
}

void HttpFetch::StartByProxy(const SourceUrl& proxy, const NameResolver::Addresses& addresses) {
  proxy_addresses_ = addresses;
  CurlRequest request = MakeRequest();
  request.pin = Pin(proxy, addresses);
  request.proxy = fmt::format("http://{}:{}",
                              proxy.literal ? Bracketed(*proxy.literal) : proxy.host, proxy.port);
  request.proxy_user = proxy.user;
  request.proxy_password = proxy.password;
  request.connect_to =
      fmt::format("{}:{}:{}:{}", url_.literal ? Bracketed(*url_.literal) : url_.host, url_.port,
                  Bracketed(*target_), url_.port);
  transfer_ = client_.multi.Start(request, *this);
  if (paused_) client_.multi.SetPaused(transfer_, true);
}

CurlRequest HttpFetch::MakeRequest() const {
  return {.url = url_.ToString(),
          .user = url_.user,
          .password = url_.password,
          .range = range_,
          .user_agent = client_.options.user_agent,
          .ca_file = client_.options.ca_file,
          .connect_timeout = client_.options.connect_timeout,
          .session = client_.session};
}

bool HttpFetch::OnSocket(const sockaddr* address) {
  // The pin has seen to this; here it is seen to for good, whatever libcurl made of the pin.
  const auto checked = IpAddress::FromSockaddr(address);
  const bool is_proxy = checked && std::find(proxy_addresses_.begin(), proxy_addresses_.end(),
                                             *checked) != proxy_addresses_.end();
  const bool allowed = target_ ? is_proxy : checked && IsAddressAllowed(*checked, local_);
  if (!allowed) {
    own_error_ =
        SourceError{SourceErrorReason::kPolicy, Forbidden(checked.value_or(IpAddress()), local_)};
    return false;
  }
  if (!std::exchange(requested_, true)) observer_.OnFetchRequested(MonoNow());
  return true;
}

void HttpFetch::OnConnected() {
  // No error of an address tried earlier.
  own_error_.reset();
  FailAfter(client_.options.answer_timeout, SourceErrorReason::kSilence,
            fmt::format("no answer within {}", Seconds(client_.options.answer_timeout)));
}

bool HttpFetch::OnHeaderLine(std::string_view line) {
  // What follows the body of a chunked response is no header of ours.
  if (head_.complete()) return true;
  if (lines_++ == 0) {
    FailAfter(client_.options.answer_timeout, SourceErrorReason::kHeader,
              fmt::format("the answer's header has no end within {}",
                          Seconds(client_.options.answer_timeout)));
  }
  if (!head_.AddLine(line)) {
    own_error_ = SourceError{SourceErrorReason::kHeader,
                             fmt::format("the answer's header is longer than {} lines or {} bytes",
                                         ResponseHead::kLinesMax, ResponseHead::kBytesMax)};
    return false;
  }
  if (!head_.complete()) return true;
  ClearTimer();
  observer_.OnFetchHead(head_);
  return true;
}

void HttpFetch::OnBody(Bytes body) {
  // The body of an informational answer, or one without a header, is nobody's.
  if (head_.complete()) observer_.OnFetchBody(body);
}

void HttpFetch::OnDone(const CurlEnd& end) {
  transfer_ = nullptr;
  ClearTimer();
  if (own_error_) return Fail(*std::move(own_error_));
  if (end.code != CURLE_OK) return Fail(ErrorOf(end));
  if (!head_.complete()) return Fail({SourceErrorReason::kHeader, "not an HTTP answer"});
  observer_.OnFetchEnd(std::nullopt);
}

SourceError HttpFetch::ErrorOf(const CurlEnd& end) const {
  const std::string text = CleanText(end.text, kTextBytesMax);
  if (head_.complete())
    return {SourceErrorReason::kClosed, fmt::format("connection lost: {}", text)};
  if (target_ && end.proxy_status != 0 && end.proxy_status / 100 != 2) {
    return {SourceErrorReason::kConnect,
            fmt::format("the proxy answers {} for {}", end.proxy_status, target_->ToString())};
  }
  if (IsTlsError(end.code)) return {SourceErrorReason::kTls, fmt::format("TLS failed: {}", text)};
  switch (end.code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
      return ConnectErrorOf(end);
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return {SourceErrorReason::kConnect, "the connection closed without an answer"};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return {SourceErrorReason::kHeader, "not an HTTP answer"};
    case CURLE_OUT_OF_MEMORY:
      // libcurl's own limit for one line.
      if (end.connected)
        return {SourceErrorReason::kHeader, "the answer's header has an endless line"};
      break;
    default:
      break;
  }
  return {SourceErrorReason::kInternal, text};
}

SourceError HttpFetch::ConnectErrorOf(const CurlEnd& end) const {
  const std::string limit = Seconds(client_.options.connect_timeout);
  if (end.code == CURLE_OPERATION_TIMEDOUT && end.connected && target_) {
    return {SourceErrorReason::kConnect, fmt::format("no tunnel by the proxy within {}", limit)};
  }
  if (end.code == CURLE_OPERATION_TIMEDOUT && end.connected) {
    return {SourceErrorReason::kTls, fmt::format("no TLS handshake within {}", limit)};
  }
  if (end.code == CURLE_OPERATION_TIMEDOUT) {
    return {SourceErrorReason::kConnect, fmt::format("no connection within {}", limit)};
  }
  const std::string why = end.os_errno != 0 ? std::strerror(end.os_errno) : end.text;
  return {SourceErrorReason::kConnect,
          fmt::format("cannot connect{}: {}", target_ ? " to the proxy" : "",
                      CleanText(why, kTextBytesMax))};
}

void HttpFetch::FailAfter(Duration delay, SourceErrorReason reason, std::string text) {
  ClearTimer();
  timer_ = client_.loop.At(client_.loop.now() + delay, [this, reason, text = std::move(text)] {
    timer_ = 0;
    Fail({reason, text});
  });
}

void HttpFetch::ClearTimer() { client_.loop.Cancel(std::exchange(timer_, 0)); }

void HttpFetch::Fail(SourceError error) {
  if (lookup_ != 0) client_.resolver.Cancel(std::exchange(lookup_, 0));
  if (transfer_ != nullptr) client_.multi.Cancel(std::exchange(transfer_, nullptr));
  ClearTimer();
  observer_.OnFetchEnd(std::move(error));
}

}  // namespace headwater
