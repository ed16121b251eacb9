#include "services/session-manager/describer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "services/session-manager/sender.h"

namespace headwater::session_manager {
namespace {

void Tell(const Question& question, std::variant<Announcement, NotFound, Unavailable> answer,
          DescriberActions& out) {
  out.push_back(AnswerQuestion{
      .sender = question.sender, .question = question.id, .answer = std::move(answer)});
}

std::string MessageOf(const absl::Status& status) { return std::string(status.message()); }

std::optional<IpAddress> GroupOf(const Question& question, uint32_t number,
                                 const NumberPlan& plan) {
  if (question.group) return question.group;
  const auto ipv4 = plan.GroupV4(number);
  const auto ipv6 = plan.GroupV6(number);
  return question.ipv4 ? (ipv4 ? ipv4 : ipv6) : (ipv6 ? ipv6 : ipv4);
}

// What is known of a station without a look at its source. All that is sent as a transport stream
// is announced alike (RFC 2250 section 2); a format learnt before the directory's container was
// changed is none to announce.
std::optional<MediaFormat> KnownFormat(const Station& station, const PlanDirectory* directory) {
  constexpr char kTransportStream[] = "MP2T";
  if (station.kind == StationKind::kDvb) {
    return MediaFormat{.encoding = kTransportStream, .payload_type = 33, .clock_rate = 90'000};
  }
  const bool is_known_ts =
      station.known_format && station.known_format->encoding == kTransportStream;
  if (directory == nullptr || directory->container == MediaContainer::kNone) {
    return is_known_ts ? std::nullopt : station.known_format;
  }
  if (is_known_ts) return station.known_format;
  return MediaFormat{.encoding = kTransportStream, .payload_type = 33, .clock_rate = 90'000};
}

size_t SourcesOf(const Station& station) {
  if (station.kind == StationKind::kTest) return 1;
  return station.kind == StationKind::kHttp ? std::min(station.urls.size(), kProbedUrlsMax) : 0;
}

}  // namespace

void Describer::OnQuestion(const Question& question, const NumberPlan* plan,
                           DescriberActions& out) {
  if (plan == nullptr) {
    return Tell(question, Unavailable{"The number plan is not known yet"}, out);
  }
  uint32_t number = question.number;
  if (question.group) {
    const auto match = plan->FindGroup(*question.group);
    if (!match) {
      return Tell(question, NotFound{question.group->ToString() + " is not in the number plan"},
                  out);
    }
    number = match->number;
  } else if (plan->DirectoryOf(number) == nullptr) {
    return Tell(question, NotFound{fmt::format("{:#010x} is not in the number plan", number)}, out);
  }
  const auto found = pending_.find(number);
  if (found == pending_.end() && pending_.size() >= kNumbersMax) {
    return Tell(question, Unavailable{"Too many stations are being looked up"}, out);
  }
  Pending& pending = pending_[number];
  // A stream of questions that begins anew repeats those that wait.
  const bool repeated =
      std::any_of(pending.questions.begin(), pending.questions.end(), [&](const Question& each) {
        return each.sender == question.sender && each.id == question.id;
      });
  if (repeated) return;
  if (pending.questions.size() >= kQuestionsMax) {
    return Tell(question, Unavailable{"Too many ask for this station"}, out);
  }
  pending.questions.push_back(question);
  if (pending.questions.size() == 1) out.push_back(LookUp{number});
}

void Describer::OnStation(uint32_t number, absl::StatusOr<Station> station, const NumberPlan* plan,
                          DescriberActions& out) {
  const auto found = pending_.find(number);
  if (found == pending_.end() || found->second.station) return;
  if (absl::IsNotFound(station.status())) {
    return Refuse(number, NotFound{MessageOf(station.status())}, out);
  }
  if (!station.ok()) return Refuse(number, Unavailable{MessageOf(station.status())}, out);
  const PlanDirectory* directory = plan == nullptr ? nullptr : plan->DirectoryOf(number);
  if (const auto format = KnownFormat(*station, directory)) {
    return Describe(number, *format, {.name = station->title}, plan, out);
  }
  if (SourcesOf(*station) == 0) {
    return Refuse(number, Unavailable{"Its format is not known before it has been played"}, out);
  }
  found->second.station = *std::move(station);
  Probe(number, plan, out);
}

void Describer::OnProbed(uint32_t number, const absl::StatusOr<Probed>& probed,
                         const NumberPlan* plan, DescriberActions& out) {
  const auto found = pending_.find(number);
  if (found == pending_.end() || !found->second.probing) return;
  Pending& pending = found->second;
  pending.probing = false;
  if (!probed.ok() && pending.next_source < SourcesOf(*pending.station)) {
    return Probe(number, plan, out);
  }
  if (!probed.ok()) {
    if (IsOfSource(probed.status())) {
      out.push_back(ReportCheck{
          .number = number, .format = std::nullopt, .error = MessageOf(probed.status())});
    }
    return Refuse(number, Unavailable{MessageOf(probed.status())}, out);
  }
  // Before the answer: the player's join is near, and the resolver is asked then.
  out.push_back(ReportCheck{.number = number, .format = probed->format, .error = {}});
  StreamInfo info = probed->info;
  if (info.name.empty()) info.name = pending.station->title;
  Describe(number, probed->format, info, plan, out);
}

size_t Describer::probes() const {
  return static_cast<size_t>(std::count_if(pending_.begin(), pending_.end(),
                                           [](const auto& entry) { return entry.second.probing; }));
}

void Describer::Probe(uint32_t number, const NumberPlan* plan, DescriberActions& out) {
  if (probes() >= kProbesMax) {
    return Refuse(number, Unavailable{"Too many sources are being looked at"}, out);
  }
  Pending& pending = pending_.at(number);
  const PlanDirectory* directory = plan == nullptr ? nullptr : plan->DirectoryOf(number);
  const bool is_tone = pending.station->kind == StationKind::kTest;
  out.push_back(ProbeSource{.number = number,
                            .sender = pending.questions.front().sender,
                            .url = is_tone ? "" : pending.station->urls[pending.next_source],
                            .local = directory != nullptr && directory->local});
  ++pending.next_source;
  pending.probing = true;
}

void Describer::Describe(uint32_t number, const MediaFormat& format, const StreamInfo& info,
                         const NumberPlan* plan, DescriberActions& out) {
  const PlanDirectory* directory = plan == nullptr ? nullptr : plan->DirectoryOf(number);
  const Pending pending = std::move(pending_.at(number));
  pending_.erase(number);
  for (const Question& question : pending.questions) {
    const auto group = directory == nullptr ? std::nullopt : GroupOf(question, number, *plan);
    if (!group) {
      Tell(question, NotFound{fmt::format("{:#010x} has no group in the number plan", number)},
           out);
      continue;
    }
    Tell(question,
         Announcement{.channel = {.group = *group, .source = std::nullopt},
                      .number = number,
                      .links = {},
                      .format = format,
                      .info = info,
                      .hop_limit = directory->hop_limit != 0 ? directory->hop_limit
                                                             : HopLimitByScope(*group),
                      .origin = {}},
         out);
  }
}

void Describer::Refuse(uint32_t number, const std::variant<NotFound, Unavailable>& refusal,
                       DescriberActions& out) {
  const Pending pending = std::move(pending_.at(number));
  pending_.erase(number);
  for (const Question& question : pending.questions) {
    std::visit([&](const auto& reason) { Tell(question, reason, out); }, refusal);
  }
}

}  // namespace headwater::session_manager
