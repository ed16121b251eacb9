#pragma once

#include <cstddef>
#include <string>

#include "services/common/base/bytes.h"

namespace headwater::mpegts {

// Text as it stands in SI (EN 300 468 annex A), as one line of clean UTF-8 of at most `bytes_max`
// bytes: every charset of its tables that the C library knows; nothing for text that is compressed
// (encoding_type_id) or in a charset that is reserved. Bytes that the charset has not are left out.
std::string SiText(Bytes text, size_t bytes_max = 1024);

// Three letters of ISO 639-2, lower case; empty when they are none.
std::string LanguageCode(Bytes code);

}  // namespace headwater::mpegts
