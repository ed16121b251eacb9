// The URI of a stranger's certificate, in any bytes: what is taken as a name is written as it was.
#include <cstdint>

#include "services/common/base/bytes.h"
#include "services/common/base/check.h"
#include "services/common/control/call_policy.h"
#include "services/common/control/peer_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace headwater;
  const std::string_view text = AsText({data, size});
  const std::optional<PeerName> name = PeerName::Parse(text);
  if (!name) return 0;
  HW_CHECK(name->ToString() == text && PeerName::Parse(text) == name);
  HW_CHECK(name->role == "session-manager" ||
           RefuseCall(name->role, "/headwater.packager.v1.PackagerService/ApplySession"));
  return 0;
}
