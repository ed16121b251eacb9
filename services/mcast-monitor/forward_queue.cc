#include "services/mcast-monitor/forward_queue.h"

#include <algorithm>
#include <utility>

namespace headwater::monitor {

bool ForwardQueue::Push(Bytes bytes, const Endpoint& source) {
  if (waiting_.size() >= options_.datagrams_max || bytes_ + bytes.size() > options_.bytes_max) {
    ++stats_.dropped;
    return false;
  }
  // It may have been restarted while there was nothing to send.
  if (waiting_.empty() && visible_) {
    ready_ = false;
    look_ = MonoTime::min();
  }
  bytes_ += bytes.size();
  waiting_.push_back({{bytes.begin(), bytes.end()}, source});
  return true;
}

bool ForwardQueue::WindowFull() const {
  if (sent_ == 0 || sent_ >= waiting_.size()) return false;
  // One alone may be larger than the window.
  return sent_ >= kWindow || sent_bytes_ + waiting_[sent_].bytes.size() > kWindowBytes;
}

const ForwardQueue::Datagram* ForwardQueue::Next(MonoTime now) const {
  if (sent_ >= waiting_.size() || now < retry_ || WindowFull()) return nullptr;
  return ready_ || !visible_ ? &waiting_[sent_] : nullptr;
}

void ForwardQueue::OnSent(MonoTime now) {
  sent_bytes_ += waiting_[sent_].bytes.size();
  ++sent_;
  if (!visible_) {
    up_ = true;
    Confirm(sent_);
  } else {
    look_ = std::min(look_, now + (WindowFull() ? kLookSoon : kLookAfter));
  }
}

void ForwardQueue::OnRefused(MonoTime now) {
  up_ = false;
  ready_ = false;
  (visible_ ? look_ : retry_) = now + kRetry;
}

void ForwardQueue::OnUnsendable() {
  ++stats_.dropped;
  bytes_ -= waiting_[sent_].bytes.size();
  waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(sent_));
}

bool ForwardQueue::WantsLook(MonoTime now) const { return !waiting_.empty() && now >= look_; }

void ForwardQueue::OnLook(const std::optional<DaemonSocket>& socket, MonoTime now) {
  if (!socket) return OnRefused(now);
  const bool same = seen_ && seen_->inode == socket->inode;
  if (same && socket->drops > seen_->drops) stats_.lost += socket->drops - seen_->drops;
  seen_ = socket;
  up_ = ready_ = true;
  if (!same) {
    SendAgain();
  } else if (socket->unread == 0) {
    Confirm(sent_);
  }
  look_ = sent_ == 0 ? kNever : now + (WindowFull() ? kLookSoon : kLookAfter);
}

MonoTime ForwardQueue::NextDeadline() const {
  if (waiting_.empty()) return kNever;
  return visible_ ? look_ : retry_;
}

void ForwardQueue::SendAgain() {
  stats_.resent += sent_;
  sent_ = sent_bytes_ = 0;
}

void ForwardQueue::Confirm(size_t count) {
  stats_.forwarded += count;
  for (; count > 0; --count, --sent_) {
    bytes_ -= waiting_.front().bytes.size();
    sent_bytes_ -= waiting_.front().bytes.size();
    waiting_.pop_front();
  }
}

}  // namespace headwater::monitor
