#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "headwater/tuner/v1/tuner.pb.h"
#include "headwater/types/v1/types.pb.h"
#include "services/common/plan/number_plan.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// How the tuner's messages are shown; see views.h. Pure.

Json ToJson(const tuner::v1::Tuner& tuner);
Row ToRow(const tuner::v1::Tuner& tuner);
inline const Row kTunerHeader = {"TUNER",    "KIND", "STATE",     "CARRIER", "SNR",
                                 "STRENGTH", "RATE", "CC ERRORS", "NUMBERS", "ERROR"};
// "14.2 dB", or "71 %" where the driver tells no decibels; empty where it tells nothing.
std::string SnrText(const tuner::v1::Signal& signal);
std::string StrengthText(const tuner::v1::Signal& signal);

Json ToJson(const tuner::v1::Carrier& carrier);
Row ToRow(const tuner::v1::Carrier& carrier);
inline const Row kCarrierHeader = {"CARRIER", "SYSTEM",   "NAME", "NETWORK", "STREAM",
                                   "FROM",    "SERVICES", "READ", "COMMAND"};

// A service with the number and group that lead to it.
struct ShownService {
  std::string carrier;
  tuner::v1::Service service;
  // 0: no directory has it.
  uint32_t number = 0;
  std::string group_ipv6;
  std::string group_ipv4;
};
// In the order of the lineup.
std::vector<ShownService> FindNumbers(const std::vector<tuner::v1::Carrier>& carriers,
                                      const std::vector<types::v1::Station>& stations,
                                      const NumberPlan& plan);
Json ToJson(const ShownService& service);
Row ToRow(const ShownService& service);
inline const Row kServiceHeader = {"NUMBER", "GROUP",  "SERVICE", "NAME",
                                   "TYPE",   "ACCESS", "CHANNEL", "CARRIER"};

Json ToJson(const tuner::v1::ScanResponse& response);
// " 3/41  28.2E 11426.5H   14.2 dB  38 services".
std::string StepText(const tuner::v1::ScanStep& step);
Row ToRow(const tuner::v1::LineupChange& change);
inline const Row kLineupChangeHeader = {"CHANGE", "CARRIER", "SERVICE", "NAME", "WHAT"};
// "41 carriers (2 could not be read), 380 services: 3 added, 1 removed, 2 changed".
std::string ResultText(const tuner::v1::ScanResult& result);

}  // namespace headwater
