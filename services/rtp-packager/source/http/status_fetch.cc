#include "services/rtp-packager/source/http/status_fetch.h"

#include <string_view>
#include <utility>

namespace headwater {
namespace {

// Servers that answer every path with the same: the stream, or a page.
bool IsNoStatus(std::string_view content_type) {
  return content_type.starts_with("audio/") || content_type.starts_with("video/") ||
         content_type == "application/ogg" || content_type == "text/html";
}

}  // namespace

StatusFetch::StatusFetch(HttpClient client, const SourceUrl& stream, bool local,
                         StatusCounts& counts, OnTitle on_title)
    : client_(std::move(client)),
      local_(local),
      counts_(counts),
      on_title_(std::move(on_title)),
      watch_(client_.options.status, stream, client_.loop.now()) {
  Wait();
}

StatusFetch::~StatusFetch() { client_.loop.Cancel(timer_); }

void StatusFetch::SetTimer(MonoTime when, void (StatusFetch::*action)()) {
  client_.loop.Cancel(std::exchange(timer_, 0));
  if (when == kNever) return;
  timer_ = client_.loop.At(when, [this, action] {
    timer_ = 0;
    (this->*action)();
  });
}

void StatusFetch::Wait() {
  fetch_.reset();
  body_.clear();
  SetTimer(watch_.next(), &StatusFetch::Ask);
}

void StatusFetch::Ask() {
  SetTimer(client_.loop.now() + client_.options.document_timeout, &StatusFetch::Fail);
  HttpFetchObserver& self = *this;
  fetch_ = std::make_unique<HttpFetch>(client_, watch_.page(), local_, self);
}

void StatusFetch::OnFetchHead(const ResponseHead& head) {
  if (head.status() / 100 != 2 || head.bare() || IsNoStatus(head.head().content_type)) {
    return Fail();
  }
  decoder_.emplace(head.content_encoding());
}

void StatusFetch::OnFetchBody(Bytes body) {
  while (true) {
    const auto piece = decoder_->Take(body);
    if (!piece.ok()) return Fail();
    if (piece->empty()) return;
    body_ += AsText(*piece);
    if (body_.size() > kStatusBytesMax) return Fail();
  }
}

void StatusFetch::OnFetchEnd(const std::optional<SourceError>& error) {
  if (error) return Fail();
  Count(watch_.OnAnswer(body_, client_.loop.now()));
  Wait();
  if (const auto title = watch_.TakeNews()) on_title_(*title);
}

void StatusFetch::Fail() {
  Count(watch_.OnFailure(client_.loop.now()));
  Wait();
}

void StatusFetch::Count(StatusResult result) { ++counts_[static_cast<size_t>(result)]; }

}  // namespace headwater
