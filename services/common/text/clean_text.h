#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headwater {

// One line of text fit for logs, SDP and people, from bytes of unknown charset that come from
// outside. Valid UTF-8 is kept (a character cut off at the end is dropped); anything else is read
// as windows-1252, which is what stations send that do not send UTF-8. Control characters and white
// space become single spaces, none at the ends; direction overrides and other invisible marks are
// removed. At most `bytes_max` bytes, cut between characters.
std::string CleanText(std::string_view raw, size_t bytes_max);

// Well-formed by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace headwater
