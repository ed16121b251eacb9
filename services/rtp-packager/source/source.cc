#include "services/rtp-packager/source/source.h"

namespace headwater {

std::string_view SourceErrorReasonName(SourceErrorReason reason) {
  switch (reason) {
    case SourceErrorReason::kDns:
      return "dns";
    case SourceErrorReason::kConnect:
      return "connect";
    case SourceErrorReason::kTls:
      return "tls";
    case SourceErrorReason::kHttpStatus:
      return "http_status";
    case SourceErrorReason::kRedirect:
      return "redirect";
    case SourceErrorReason::kHtml:
      return "html";
    case SourceErrorReason::kHeader:
      return "header";
    case SourceErrorReason::kCodec:
      return "codec";
    case SourceErrorReason::kPolicy:
      return "policy";
    case SourceErrorReason::kPlaylist:
      return "playlist";
    case SourceErrorReason::kSilence:
      return "silence";
    case SourceErrorReason::kClosed:
      return "closed";
    case SourceErrorReason::kInternal:
      break;
  }
  return "internal";
}

}  // namespace headwater
