#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "services/common/time/mono_time.h"
#include "services/session-manager/options.h"

namespace headwater::session_manager {

// Why a session may not start.
enum class Refusal { kNone, kSessions, kLinkSessions, kStartRate, kSenderSessions };

// "sessions_max", ...: the label of the metric and the word in explain.
std::string_view ToString(Refusal refusal);

// The limits on what runs at once and on how fast it starts. It counts what it has admitted until
// that is released.
class Admission {
 public:
  explicit Admission(const ReconcilerOptions& options);
  // What runs above a lowered limit runs on.
  void SetOptions(const ReconcilerOptions& options) { options_ = options; }

  // A session wants to start into `links`; links that are full are taken out of `links`. It is
  // refused when none is left, when too many run, or when the bucket is empty.
  Refusal Admit(std::vector<std::string>& links, MonoTime now);
  // A running session gets one more link, or not.
  Refusal AdmitLink(const std::string& link);
  // One more session may run, one more may be sent into `link`.
  bool HasRoom() const;
  bool HasRoom(const std::string& link) const;
  // Counted without question: it runs already.
  void Adopt(const std::vector<std::string>& links);
  void ReleaseLink(const std::string& link);
  // The session itself; its links are released one by one.
  void Release();
  // When the bucket has its next token.
  MonoTime NextToken(MonoTime now) const;

  size_t sessions() const { return sessions_; }

 private:
  void Refill(MonoTime now);

  ReconcilerOptions options_;
  size_t sessions_ = 0;
  std::map<std::string, size_t> sessions_by_link_;
  double tokens_;
  MonoTime refilled_{};
};

}  // namespace headwater::session_manager
