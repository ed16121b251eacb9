#include "services/directory-resolver/feed_fetch_shell.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include "services/common/base/absl_text.h"
#include "services/common/base/check.h"
#include "services/common/base/status_macros.h"
#include "services/common/net/source_url.h"
#include "services/common/playlist/line_scanner.h"
#include "services/common/text/clean_text.h"
#include "services/directory-resolver/entry_store.h"

namespace headwater::directory_resolver {
namespace {

constexpr long kRedirectsMax = 8;
constexpr size_t kValidatorMax = 256;
constexpr int kNice = 10;

// One GET, blocking.
class Download {
 public:
  Download(const FeedJob& job, const std::stop_token& stop)
      : job_(job), stop_(stop), easy_(curl_easy_init()) {
    HW_CHECK(easy_ != nullptr);
    SetRequest();
    SetCallbacks();
  }
  ~Download() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  absl::Status Run() {
    const CURLcode code = curl_easy_perform(easy_);
    if (!own_error_.empty()) return Failed(own_error_);
    if (code != CURLE_OK)
      return Failed(
          fmt::format("{} ({})", CleanText(error_.data(), 200), curl_easy_strerror(code)));
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &http_status_);
    if (http_status_ == 200 || http_status_ == 304) return absl::OkStatus();
    return Failed(fmt::format("HTTP status {}", http_status_));
  }

  bool not_modified() const { return http_status_ == 304; }
  const std::string& body() const { return body_; }
  const std::string& etag() const { return etag_; }
  const std::string& last_modified() const { return last_modified_; }

 private:
  template <typename Value>
  void Set(CURLoption option, Value value) {
    HW_CHECK(curl_easy_setopt(easy_, option, value) == CURLE_OK);
  }

  void SetRequest() {
    const std::string url = RequestUrl(job_.source, job_.options);
    // icy:// is http to us.
    Set(CURLOPT_URL, url.starts_with("icy:") ? ("http" + url.substr(3)).c_str() : url.c_str());
    const bool tls = StartsWithNoCase(url, "https:");
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
    Set(CURLOPT_FOLLOWLOCATION, 1L);
    Set(CURLOPT_MAXREDIRS, kRedirectsMax);
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_USERAGENT, "Headwater");
    Set(CURLOPT_ACCEPT_ENCODING, "");
    const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(job_.options.timeout);
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    Set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min<int64_t>(timeout.count(), 10'000)));
    if (!job_.etag.empty()) AddHeader("If-None-Match: " + job_.etag);
    if (!job_.last_modified.empty()) AddHeader("If-Modified-Since: " + job_.last_modified);
    if (headers_ != nullptr) Set(CURLOPT_HTTPHEADER, headers_);
  }

  void SetCallbacks() {
    Set(CURLOPT_ERRORBUFFER, error_.data());
    Set(CURLOPT_WRITEFUNCTION, &Download::OnBody);
    Set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    Set(CURLOPT_HEADERFUNCTION, &Download::OnHeader);
    Set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    Set(CURLOPT_OPENSOCKETFUNCTION, &Download::OnSocket);
    Set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
    Set(CURLOPT_NOPROGRESS, 0L);
    Set(CURLOPT_XFERINFOFUNCTION, &Download::OnProgress);
    Set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
  }

  void AddHeader(const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); }

  absl::Status Failed(const std::string& why) const {
    return absl::UnavailableError(fmt::format("{}: {}", ShownUrl(job_.options), why));
  }

  static size_t OnBody(char* data, size_t, size_t size, void* self) {
    auto* download = static_cast<Download*>(self);
    if (download->body_.size() + size > download->job_.options.bytes_max) {
      download->own_error_ = fmt::format("larger than {} bytes", download->job_.options.bytes_max);
      return 0;
    }
    download->body_.append(data, size);
    return size;
  }

  static size_t OnHeader(char* data, size_t, size_t size, void* self) {
    auto* download = static_cast<Download*>(self);
    const std::string_view line = TrimAscii({data, size});
    // Each response on the way has a header; the last one counts.
    if (line.starts_with("HTTP/")) {
      download->etag_.clear();
      download->last_modified_.clear();
      download->body_.clear();
    }
    download->Keep(line, "etag:", download->etag_);
    download->Keep(line, "last-modified:", download->last_modified_);
    return size;
  }

  // What is sent back later, so nothing that would make a header of its own.
  void Keep(std::string_view line, std::string_view name, std::string& out) const {
    if (!StartsWithNoCase(line, name)) return;
    const std::string_view value = TrimAscii(line.substr(name.size()));
    const bool printable =
        std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (printable && value.size() <= kValidatorMax) out = value;
  }

  // Here the address is known that the connection goes to, whatever a name server says next.
  static curl_socket_t OnSocket(void* self, curlsocktype, curl_sockaddr* to) {
    auto* download = static_cast<Download*>(self);
    const std::optional<IpAddress> address = IpAddress::FromSockaddr(&to->addr);
    if (!address || !IsAddressAllowed(*address, download->job_.local)) {
      download->own_error_ =
          fmt::format("leads to {}, and only a directory with local = true may lead there",
                      address ? address->ToString() : "an address of another family");
      return CURL_SOCKET_BAD;
    }
    download->own_error_.clear();
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  }

  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Download*>(self)->stop_.stop_requested() ? 1 : 0;
  }

  const FeedJob& job_;
  const std::stop_token& stop_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_ = {};
  std::string own_error_;
  std::string body_;
  std::string etag_;
  std::string last_modified_;
  long http_status_ = 0;
};

FetchedFeed FetchAndRead(const FeedJob& job, const std::stop_token& stop) {
  FetchedFeed fetched;
  Download download(job, stop);
  fetched.status = download.Run();
  if (!fetched.status.ok()) return fetched;
  fetched.not_modified = download.not_modified();
  fetched.etag = download.etag();
  fetched.last_modified = download.last_modified();
  if (fetched.not_modified) return fetched;
  absl::StatusOr<Feed> feed = ParseFeed(job.source, download.body(), job.options);
  if (feed.ok()) {
    fetched.counts = feed->counts;
    fetched.diff.after = std::move(feed->stations);
  } else {
    fetched.status = absl::InvalidArgumentError(
        ToAbsl(fmt::format("{}: {}", ShownUrl(job.options), FromAbsl(feed.status().message()))));
  }
  return fetched;
}

// With the stations in force.
absl::Status Compare(const std::string& database, const std::string& directory, FeedDiff& diff) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> store, Database::Open(database));
  ASSIGN_OR_RETURN(diff.before, EntryStore(*store).Load(directory, EntryStore::Kind::kFetched));
  diff.changes = DiffStations(diff.before, diff.after);
  return absl::OkStatus();
}

}  // namespace

FeedFetcher::FeedFetcher(EventLoop& loop, std::string database)
    : loop_(loop), database_(std::move(database)) {
  // OpenSSL writes with write(2).
  std::signal(SIGPIPE, SIG_IGN);
  HW_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
  thread_ = std::jthread([this](const std::stop_token& stop) { Work(stop); });
}

FeedFetcher::~FeedFetcher() {
  thread_.request_stop();
  thread_.join();
  curl_global_cleanup();
}

void FeedFetcher::Fetch(FeedJob job, Done done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(job), std::move(done)});
  }
  wake_.notify_one();
}

void FeedFetcher::Work(const std::stop_token& stop) {
  // Of this thread alone, in Linux: a fetch may take longer, an answer of the loop may not.
  setpriority(PRIO_PROCESS, 0, kNice);
  while (true) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    {
      FetchedFeed fetched = FetchAndRead(next.job, stop);
      if (fetched.status.ok() && !fetched.not_modified)
        fetched.status = Compare(database_, next.job.directory, fetched.diff);
      bool taken = false;  // guarded by mutex_
      // The references are gone only with the thread, and then `alive_` is expired.
      loop_.Post([this, alive = std::weak_ptr(alive_), done = std::move(next.done), &fetched,
                  &taken]() mutable {
        if (alive.expired()) return;
        done(fetched);
        {
          const std::lock_guard lock(mutex_);
          taken = true;
        }
        wake_.notify_one();
      });
      // The next document is compared with what this one leaves in force.
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [&taken] { return taken; })) return;
    }
    // A document is large and was taken apart into small pieces: what is free goes back.
    malloc_trim(0);
  }
}

}  // namespace headwater::directory_resolver
