#include "services/sap-announcer/announcer_metrics.h"

namespace headwater {
namespace {

template <typename Builder>
auto& Family(Builder builder, prometheus::Registry& registry, const std::string& name,
             const std::string& help) {
  return builder.Name(name).Help(help).Register(registry);
}

void Advance(prometheus::Counter& counter, uint64_t& seen, uint64_t count) {
  counter.Increment(static_cast<double>(count - seen));
  seen = count;
}

}  // namespace

using prometheus::BuildCounter;
using prometheus::BuildGauge;

AnnouncerMetrics::AnnouncerMetrics(prometheus::Registry& registry)
    : announcements_(Family(BuildGauge(), registry, "headwater_sap_announcer_announcements",
                            "Sessions that are being announced.")
                         .Add({})),
      endings_(Family(BuildGauge(), registry, "headwater_sap_announcer_endings",
                      "Sessions in a link whose deletions are still to be sent.")
                   .Add({})),
      bytes_(Family(BuildCounter(), registry, "headwater_sap_announcer_sent_bytes_total",
                    "SAP bytes sent, without IP and UDP headers.")
                 .Add({})),
      deferred_(
          Family(
              BuildCounter(), registry, "headwater_sap_announcer_deferred_total",
              "Announcements for a change or a latecomer that waited for the session's bandwidth.")
              .Add({})),
      unfit_(Family(BuildCounter(), registry, "headwater_sap_announcer_unfit_total",
                    "Announcements that did not leave because they no longer fit the leg's MTU.")
                 .Add({})),
      orphaned_(Family(BuildCounter(), registry, "headwater_sap_announcer_orphaned_total",
                       "Announcements that ended because no manager was heard.")
                    .Add({})),
      errors_(Family(BuildCounter(), registry, "headwater_sap_announcer_send_errors_total",
                     "Datagrams that the kernel did not take.")),
      legs_(Family(BuildGauge(), registry, "headwater_sap_announcer_leg_up",
                   "1 while the leg in the link can send.")),
      rtsp_connections_(Family(BuildGauge(), registry, "headwater_sap_announcer_rtsp_connections",
                               "RTSP connections that are open.")
                            .Add({})),
      rtsp_refused_(Family(BuildCounter(), registry,
                           "headwater_sap_announcer_rtsp_connections_refused_total",
                           "RTSP connections that were over a limit.")
                        .Add({})),
      rtsp_responses_(Family(BuildCounter(), registry,
                             "headwater_sap_announcer_rtsp_responses_total",
                             "RTSP responses, by method and status.")) {
  auto& sent = Family(BuildCounter(), registry, "headwater_sap_announcer_sent_total",
                      "SAP datagrams sent, by reason.");
  for (size_t i = 0; i < kSendReasons; ++i) {
    sent_[i] = &sent.Add({{"reason", std::string(ToString(static_cast<SendReason>(i)))}});
  }
}

void AnnouncerMetrics::Update(const Announcer& announcer) {
  const Announcer::Stats& stats = announcer.stats();
  for (size_t i = 0; i < kSendReasons; ++i) Advance(*sent_[i], seen_.sent[i], stats.sent[i]);
  Advance(bytes_, seen_.bytes, stats.bytes);
  Advance(deferred_, seen_.deferred, stats.deferred);
  Advance(unfit_, seen_.unfit, stats.unfit);
  Advance(orphaned_, seen_.orphaned, stats.orphaned);
  announcements_.Set(static_cast<double>(announcer.announcements().size()));
  endings_.Set(static_cast<double>(announcer.endings()));
}

void AnnouncerMetrics::Update(const RtspServer& server) {
  const RtspServer::Stats& stats = server.stats();
  rtsp_connections_.Set(static_cast<double>(server.connections()));
  Advance(rtsp_refused_, rtsp_seen_.connections_refused, stats.connections_refused);
  for (const auto& [what, count] : stats.responses) {
    uint64_t& seen = rtsp_seen_.responses[what];
    if (seen == count) continue;
    Advance(rtsp_responses_.Add(
                {{"method", std::string(what.first)}, {"status", std::to_string(what.second)}}),
            seen, count);
  }
}

void AnnouncerMetrics::SetLegs(const std::vector<Leg>& legs) {
  for (const Leg& leg : legs) {
    legs_.Add({{"link", leg.link}}).Set(leg.up && (leg.service_ipv4 || leg.service_ipv6) ? 1 : 0);
    errors_.Add({{"link", leg.link}});
  }
}

void AnnouncerMetrics::CountSendError(const std::string& link) {
  errors_.Add({{"link", link}}).Increment();
}

}  // namespace headwater
