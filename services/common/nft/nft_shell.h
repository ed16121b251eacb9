#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

struct nft_ctx;

namespace headwater {

// libnftables in this process and network namespace. Needs CAP_NET_ADMIN when it changes something.
// Not thread-safe.
class Nft {
 public:
  static absl::StatusOr<std::unique_ptr<Nft>> Open();
  ~Nft();

  // Commands as for `nft -f`; all of them happen, or none. Returns what they print.
  // FAILED_PRECONDITION with nft's own words.
  absl::StatusOr<std::string> Run(const std::string& commands);
  // Whether lists have handles, as with `nft -a`.
  void set_handles(bool wanted);

 private:
  explicit Nft(nft_ctx* context) : context_(context) {}

  nft_ctx* context_;
};

}  // namespace headwater
