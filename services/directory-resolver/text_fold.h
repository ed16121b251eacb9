#pragma once

#include <string>
#include <string_view>

namespace headwater::directory_resolver {

// Text for comparison without case: simple lower case of Latin, Greek, Cyrillic and Armenian
// letters, "ß" as "ss"; other characters and bytes that are not UTF-8 stay as they are. It needs no
// locale, so that a search finds the same everywhere.
std::string FoldCase(std::string_view text);
// The same to the end of `out`, which it never makes longer than by the text's size.
void AppendFolded(std::string_view text, std::string& out);

}  // namespace headwater::directory_resolver
