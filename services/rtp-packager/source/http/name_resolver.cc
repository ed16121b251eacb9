#include "services/rtp-packager/source/http/name_resolver.h"

#include <ares.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "services/common/base/check.h"

namespace headwater {
namespace {

constexpr size_t kAddressesMax = 16;
constexpr int kTries = 2;

// Differs whenever the file has been written or replaced; 0 when there is none.
int64_t FileStamp(const char* path) {
  struct stat status = {};
  if (stat(path, &status) != 0) return 0;
  return (int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec) ^
         static_cast<int64_t>(status.st_ino) << 20;
}

LookupError ErrorOf(int status) {
  const bool not_found = status == ARES_ENOTFOUND || status == ARES_ENODATA ||
                         status == ARES_EBADNAME || status == ARES_ESERVICE;
  return not_found ? LookupError::kNotFound : LookupError::kUnanswered;
}

}  // namespace

NameResolver::NameResolver(EventLoop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
  HW_CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
  OpenChannel();
}

NameResolver::~NameResolver() {
  for (auto& [id, lookup] : lookups_) loop_.Cancel(lookup.telling);
  lookups_.clear();
  CloseChannel();
  ares_library_cleanup();
}

void NameResolver::OpenChannel() {
  ares_options options = {};
  options.sock_state_cb = &NameResolver::OnSocketState;
  options.sock_state_cb_data = this;
  options.timeout = static_cast<int>(
      std::chrono::ceil<std::chrono::milliseconds>(options_.query_timeout).count());
  options.tries = kTries;
  // Files first, then DNS.
  static char lookups[] = "fb";
  options.lookups = lookups;
  const int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS;
  configuration_stamp_ = FileStamp("/etc/resolv.conf");
  HW_CHECK(ares_init_options(&channel_, &options, mask) == ARES_SUCCESS);
  if (!options_.name_servers.empty()) {
    HW_CHECK(ares_set_servers_ports_csv(channel_, options_.name_servers.c_str()) == ARES_SUCCESS);
  }
}

void NameResolver::CloseChannel() {
  ares_destroy(std::exchange(channel_, nullptr));
  for (const auto& [fd, events] : watched_) loop_.RemoveFd(fd);
  watched_.clear();
  loop_.Cancel(std::exchange(timer_, 0));
}

void NameResolver::ReopenIfConfigurationChanged() {
  // c-ares reads it once; a name server from DHCP may come later than this process.
  if (queries_ > 0 || !options_.name_servers.empty()) return;
  if (FileStamp("/etc/resolv.conf") == configuration_stamp_) return;
  CloseChannel();
  OpenChannel();
}

const NameResolver::Addresses* NameResolver::Cached(const std::string& name) {
  auto found = cache_.find(name);
  if (found == cache_.end() || found->second.expires <= loop_.now()) return nullptr;
  return &found->second.addresses;
}

NameResolver::LookupId NameResolver::Resolve(const std::string& name, Callback callback) {
  const LookupId id = next_id_++;
  lookups_.emplace(id, Lookup{name, std::move(callback)});
  if (const Addresses* cached = Cached(name)) {
    TellSoon(id, *cached);
    return id;
  }
  if (queries_ >= options_.lookups_max) {
    TellSoon(id, LookupError::kOverloaded);
    return id;
  }
  ReopenIfConfigurationChanged();
  ares_addrinfo_hints hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ++queries_;
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &NameResolver::OnAnswer,
                   new Query{this, id});
  ArmTimer();
  return id;
}

void NameResolver::Cancel(LookupId id) {
  auto found = lookups_.find(id);
  if (found == lookups_.end()) return;
  loop_.Cancel(found->second.telling);
  lookups_.erase(found);
}

void NameResolver::OnAnswer(void* data, int status, int, ares_addrinfo* result) {
  const std::unique_ptr<Query> query(static_cast<Query*>(data));
  NameResolver& self = *query->resolver;
  --self.queries_;
  Addresses addresses;
  Duration ttl = Duration::max();
  for (auto* node = result != nullptr ? result->nodes : nullptr; node != nullptr;
       node = node->ai_next) {
    const auto address = IpAddress::FromSockaddr(node->ai_addr);
    if (!address || addresses.size() == kAddressesMax) continue;
    if (std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) continue;
    addresses.push_back(*address);
    ttl = std::min<Duration>(ttl, std::chrono::seconds(std::max(0, node->ai_ttl)));
  }
  if (result != nullptr) ares_freeaddrinfo(result);
  auto found = self.lookups_.find(query->id);
  const bool wanted = found != self.lookups_.end();
  if (!addresses.empty()) {
    if (wanted) self.Keep(found->second.name, addresses, ttl);
    self.TellSoon(query->id, std::move(addresses));
  } else {
    self.TellSoon(query->id, status == ARES_SUCCESS ? LookupError::kNotFound : ErrorOf(status));
  }
}

void NameResolver::TellSoon(LookupId id, Result<Addresses, LookupError> result) {
  auto found = lookups_.find(id);
  if (found == lookups_.end()) return;
  found->second.telling = loop_.At(loop_.now(), [this, id, result = std::move(result)] {
    Callback callback = std::move(lookups_.extract(id).mapped().callback);
    callback(result);
  });
}

void NameResolver::Keep(const std::string& name, const Addresses& addresses, Duration ttl) {
  ttl = std::min(ttl, options_.cache);
  // Nothing from /etc/hosts: reading it again costs little, and whoever edits it expects an effect.
  if (ttl <= Duration::zero()) return;
  if (cache_.size() >= options_.cache_max) cache_.clear();
  cache_[name] = {addresses, loop_.now() + ttl};
}

void NameResolver::OnSocketState(void* self, int fd, int readable, int writable) {
  static_cast<NameResolver*>(self)->SetWatch(fd, readable != 0, writable != 0);
}

void NameResolver::SetWatch(int fd, bool readable, bool writable) {
  if (!readable && !writable) {
    if (watched_.erase(fd) > 0) loop_.RemoveFd(fd);
    return;
  }
  const uint32_t events =
      (readable ? uint32_t{EPOLLIN} : 0u) | (writable ? uint32_t{EPOLLOUT} : 0u);
  const auto [watch, added] = watched_.emplace(fd, events);
  if (!added) {
    if (watch->second != events) loop_.ModifyFd(fd, events);
    watch->second = events;
    return;
  }
  loop_.AddFd(fd, events, [this, fd](uint32_t ready) {
    const bool failed = (ready & (EPOLLERR | EPOLLHUP)) != 0;
    Process(failed || (ready & EPOLLIN) != 0 ? fd : ARES_SOCKET_BAD,
            (ready & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
  });
}

void NameResolver::Process(int read_fd, int write_fd) {
  ares_process_fd(channel_, read_fd, write_fd);
  ArmTimer();
}

void NameResolver::ArmTimer() {
  loop_.Cancel(std::exchange(timer_, 0));
  timeval wait = {};
  if (ares_timeout(channel_, nullptr, &wait) == nullptr) return;
  const Duration delay =
      std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec);
  // c-ares counts in real time and the loop's reading is a little older: a millisecond keeps the
  // timer from coming too early, again and again.
  timer_ = loop_.At(loop_.now() + delay + 1ms, [this] {
    timer_ = 0;
    Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace headwater
