#pragma once

#include <string>
#include <string_view>

namespace headwater::directory_resolver {

// Text for comparison without case: simple lower case of Latin, Greek, Cyrillic and Armenian
// letters, "ß" as "ss"; other characters and bytes that are not UTF-8 stay as they are. It needs no
// locale, so that a search finds the same everywhere.
std::string FoldCase(std::string_view text);

}  // namespace headwater::directory_resolver
