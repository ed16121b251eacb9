// What a zone's Avahi hands on of strangers' packets: records, names, and names against globs.
#include <cstdint>
#include <string>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/text/clean_text.h"
#include "services/mdns-zone-proxy/policy.h"
#include "services/mdns-zone-proxy/record.h"

namespace {

using namespace headwater;
using namespace headwater::zone;

// By recursion, as one would define it.
bool MatchesSlowly(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return MatchesSlowly(pattern.substr(1), text) ||
           (!text.empty() && MatchesSlowly(pattern, text.substr(1)));
  }
  return !text.empty() &&
         (pattern[0] == '?' || Fold(pattern.substr(0, 1)) == Fold(text.substr(0, 1))) &&
         MatchesSlowly(pattern.substr(1), text.substr(1));
}

void CheckName(std::string_view text) {
  if (!IsInstanceName(text)) return;
  for (int attempt = 0; attempt < 3; ++attempt) {
    HW_CHECK(IsInstanceName(AlternateName(text, "a-zone-of-thirty-two-characters-", attempt)));
  }
  for (const char c : FullName({"_ipp._tcp", std::string(text)})) HW_CHECK(c > ' ' && c < 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(data, size);
  if (const auto srv = ParseSrv(bytes)) {
    for (const char c : srv->host) HW_CHECK(c > ' ' && c < 0x7f);
    HW_CHECK(Fold(AlternateHost(srv->host, "iot", 2)).ends_with(".local"));
  }
  if (const auto txt = ParseTxt(bytes)) {
    HW_CHECK(WireSize(*txt) <= size);
    for (const std::string& one : CleanTxt(*txt)) HW_CHECK(IsUtf8(one) && one.size() <= 255);
  }
  CheckName(AsText(bytes));
  const std::string_view text = AsText(bytes.first(std::min<size_t>(size, 24)));
  const std::string_view pattern = text.substr(0, text.size() / 3);
  const std::string_view rest = text.substr(pattern.size());
  HW_CHECK(MatchesGlob(pattern, rest) == MatchesSlowly(pattern, rest));
  const auto subtype = ParseSubtype(text);
  HW_CHECK(!subtype || IsServiceType(subtype->type));
  return 0;
}
