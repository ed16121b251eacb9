#include "services/common/nft/nft_shell.h"

#include <nftables/libnftables.h>

#include <string_view>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"

namespace headwater {

absl::StatusOr<std::unique_ptr<Nft>> Nft::Open() {
  nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
  if (context == nullptr) return absl::UnavailableError("nftables: no context");
  nft_ctx_buffer_output(context);
  nft_ctx_buffer_error(context);
  return std::unique_ptr<Nft>(new Nft(context));
}

Nft::~Nft() { nft_ctx_free(context_); }

absl::StatusOr<std::string> Nft::Run(const std::string& commands) {
  const int failed = nft_run_cmd_from_buffer(context_, commands.c_str());
  const char* output = nft_ctx_get_output_buffer(context_);
  const char* error = nft_ctx_get_error_buffer(context_);
  if (failed == 0) return std::string(output == nullptr ? "" : output);
  // The first line says what is wrong, the rest quotes the commands.
  std::string_view words = error == nullptr ? "" : error;
  words = words.substr(0, words.find('\n'));
  return absl::FailedPreconditionError(ToAbsl("nftables: " + CleanText(words, 300)));
}

void Nft::set_handles(bool wanted) {
  unsigned flags = nft_ctx_output_get_flags(context_);
  flags = wanted ? flags | NFT_CTX_OUTPUT_HANDLE : flags & ~unsigned{NFT_CTX_OUTPUT_HANDLE};
  nft_ctx_output_set_flags(context_, flags);
}

}  // namespace headwater
