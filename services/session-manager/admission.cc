#include "services/session-manager/admission.h"

#include <algorithm>

#include "services/common/base/check.h"
#include "services/common/base/fault.h"

namespace headwater::session_manager {

std::string_view ToString(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone:
      return "none";
    case Refusal::kSessions:
      return "sessions_max";
    case Refusal::kLinkSessions:
      return "sessions_per_link_max";
    case Refusal::kStartRate:
      return "starts_per_second";
    case Refusal::kSenderSessions:
      return "sender_sessions_max";
  }
  return "?";
}

Admission::Admission(const ReconcilerOptions& options)
    : options_(options), tokens_(options.starts_burst) {}

void Admission::Refill(MonoTime now) {
  const double seconds = std::chrono::duration<double>(now - refilled_).count();
  tokens_ = std::min(options_.starts_burst,
                     tokens_ + std::max(0.0, seconds) * options_.starts_per_second);
  refilled_ = now;
}

bool Admission::HasRoom() const {
  return sessions_ < options_.sessions_max || FaultInjected("limits");
}

bool Admission::HasRoom(const std::string& link) const {
  const auto count = sessions_by_link_.find(link);
  return count == sessions_by_link_.end() || count->second < options_.sessions_per_link_max;
}

Refusal Admission::Admit(std::vector<std::string>& links, MonoTime now) {
  if (!HasRoom()) return Refusal::kSessions;
  std::erase_if(links, [this](const std::string& link) { return !HasRoom(link); });
  if (links.empty()) return Refusal::kLinkSessions;
  Refill(now);
  if (tokens_ < 1) return Refusal::kStartRate;
  tokens_ -= 1;
  Adopt(links);
  return Refusal::kNone;
}

Refusal Admission::AdmitLink(const std::string& link) {
  if (!HasRoom(link)) return Refusal::kLinkSessions;
  ++sessions_by_link_[link];
  return Refusal::kNone;
}

void Admission::Adopt(const std::vector<std::string>& links) {
  ++sessions_;
  for (const std::string& link : links) ++sessions_by_link_[link];
}

void Admission::ReleaseLink(const std::string& link) {
  const auto count = sessions_by_link_.find(link);
  HW_CHECK(count != sessions_by_link_.end() && count->second > 0);
  if (--count->second == 0) sessions_by_link_.erase(count);
}

void Admission::Release() {
  HW_CHECK(sessions_ > 0);
  --sessions_;
}

MonoTime Admission::NextToken(MonoTime now) const {
  if (tokens_ >= 1) return now;
  const std::chrono::duration<double> wait((1 - tokens_) / options_.starts_per_second);
  return std::max(now, refilled_ + std::chrono::ceil<Duration>(wait));
}

}  // namespace headwater::session_manager
