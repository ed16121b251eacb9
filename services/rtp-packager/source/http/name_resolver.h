#pragma once

#include <absl/functional/any_invocable.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "services/common/base/result.h"
#include "services/common/loop/event_loop.h"
#include "services/common/net/ip_address.h"

struct ares_addrinfo;
struct ares_channeldata;

namespace headwater {

enum class LookupError {
  kNotFound,    // no such name, or no address of it
  kUnanswered,  // no name server answers
  kOverloaded,  // lookups_max are under way
};

// Host names to addresses on an EventLoop, by c-ares: /etc/hosts and DNS, A and AAAA at once,
// sorted by RFC 6724; no thread. Results are kept for their TTL, at most `cache`; failures are not
// kept. /etc/resolv.conf is read again when it has changed.
class NameResolver {
 public:
  struct Options {
    // "192.0.2.53:53,[2001:db8::53]:53"; empty means /etc/resolv.conf.
    std::string name_servers;
    Duration cache = 60s;
    // Names kept; one more throws all out.
    size_t cache_max = 1024;
    size_t lookups_max = 256;
    // Of one query, which is sent twice at most to each server.
    Duration query_timeout = 1500ms;
  };
  // At least one address; at most 16 are kept.
  using Addresses = std::vector<IpAddress>;
  using Callback = absl::AnyInvocable<void(const Result<Addresses, LookupError>&)>;
  using LookupId = uint64_t;

  NameResolver(EventLoop& loop, Options options);
  // Drops the lookups under way, unheard.
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // What is at hand, without asking; nullptr when nothing is. Valid until the next call.
  const Addresses* Cached(const std::string& name);
  // The callback comes once, later, on the loop's thread, unless cancelled.
  LookupId Resolve(const std::string& name, Callback callback);
  // Does nothing when it has been called back.
  void Cancel(LookupId id);

 private:
  struct Lookup {
    std::string name;
    Callback callback;
    EventLoop::TimerId telling = 0;  // the answer is here, to be told in the next turn
  };
  struct CacheEntry {
    Addresses addresses;
    MonoTime expires;
  };
  // What c-ares gives back; it may outlive the lookup's cancellation, never the resolver.
  struct Query {
    NameResolver* resolver;
    LookupId id;
  };

  static void OnSocketState(void* self, int fd, int readable, int writable);
  static void OnAnswer(void* query, int status, int timeouts, ares_addrinfo* result);

  void OpenChannel();
  void CloseChannel();
  void ReopenIfConfigurationChanged();
  void SetWatch(int fd, bool readable, bool writable);
  void Process(int read_fd, int write_fd);
  void ArmTimer();
  void TellSoon(LookupId id, Result<Addresses, LookupError> result);
  void Keep(const std::string& name, const Addresses& addresses, Duration ttl);

  EventLoop& loop_;
  Options options_;
  ares_channeldata* channel_ = nullptr;
  int64_t configuration_stamp_ = 0;
  size_t queries_ = 0;  // in c-ares, cancelled ones included
  EventLoop::TimerId timer_ = 0;
  LookupId next_id_ = 1;
  std::unordered_map<int, uint32_t> watched_;
  std::unordered_map<LookupId, Lookup> lookups_;
  std::unordered_map<std::string, CacheEntry> cache_;
};

}  // namespace headwater
