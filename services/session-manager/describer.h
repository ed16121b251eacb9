#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "services/common/net/ip_address.h"
#include "services/common/plan/number_plan.h"
#include "services/session-manager/media.h"
#include "services/session-manager/outlet.h"
#include "services/session-manager/probing.h"

namespace headwater::session_manager {

// What an announcer asks for a player that wants to be told: how would this be announced?
struct Question {
  size_t sender = 0;
  uint64_t id = 0;
  // Else the number counts.
  std::optional<IpAddress> group;
  uint32_t number = 0;
  // Of a number's groups, the IPv4 one, if there is one.
  bool ipv4 = false;
};

// Ask the directory-resolver; answer with OnStation.
struct LookUp {
  uint32_t number = 0;
};
// Tell the announcer.
struct NotFound {
  std::string reason;
};
struct Unavailable {
  std::string reason;
};
struct AnswerQuestion {
  size_t sender = 0;
  uint64_t question = 0;
  std::variant<Announcement, NotFound, Unavailable> answer;
};
using DescriberAction = std::variant<LookUp, ProbeSource, ReportCheck, AnswerQuestion>;
using DescriberActions = std::vector<DescriberAction>;

// Describes stations that nobody plays: as the last play was, or else as a probe of the source
// finds them. It starts nothing and keeps nothing: the resolver keeps what a probe has shown. Each
// method takes the number plan in force, null when none is known. Pure; not thread-safe.
//
// Limits: kNumbersMax numbers at once, kQuestionsMax questions of one number, kProbesMax probes;
// one more is answered as unavailable. A station's first kProbedUrlsMax sources are tried. A
// question's time is the announcer's to watch; a probe that takes longer is of use to the next one
// who asks.
class Describer {
 public:
  static constexpr size_t kNumbersMax = 64;
  static constexpr size_t kQuestionsMax = 64;
  static constexpr size_t kProbesMax = 4;

  void OnQuestion(const Question& question, const NumberPlan* plan, DescriberActions& out);
  void OnStation(uint32_t number, absl::StatusOr<Station> station, const NumberPlan* plan,
                 DescriberActions& out);
  void OnProbed(uint32_t number, const absl::StatusOr<Probed>& probed, const NumberPlan* plan,
                DescriberActions& out);

 private:
  struct Pending {
    std::vector<Question> questions;
    std::optional<Station> station;
    // Of the station's URLs, or of the one test tone.
    size_t next_source = 0;
    bool probing = false;
  };

  void Probe(uint32_t number, const NumberPlan* plan, DescriberActions& out);
  void Describe(uint32_t number, const MediaFormat& format, const StreamInfo& info,
                const NumberPlan* plan, DescriberActions& out);
  void Refuse(uint32_t number, const std::variant<NotFound, Unavailable>& refusal,
              DescriberActions& out);
  size_t probes() const;

  std::map<uint32_t, Pending> pending_;
};

}  // namespace headwater::session_manager
