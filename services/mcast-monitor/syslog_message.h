#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "services/common/base/bytes.h"

namespace headwater::monitor {

// One syslog datagram taken apart, as far as it can be: RFC 5424, RFC 3164, and what devices send
// that follow neither. Nothing is ever refused; what is not understood is text. Views into the
// datagram, as dirty as it.
struct SyslogMessage {
  static constexpr uint8_t kNotice = 5;

  // Nothing where there is no valid priority.
  std::optional<uint8_t> facility;
  // RFC 3164 section 4.3.3 has user.notice for what says nothing.
  uint8_t severity = kNotice;
  std::string_view host;
  std::string_view app;
  // Structured data included.
  std::string_view text;

  static SyslogMessage Parse(Bytes datagram);
};

}  // namespace headwater::monitor
