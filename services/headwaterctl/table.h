#pragma once

#include <string>
#include <vector>

namespace headwater {

// Rows in aligned columns, the last one ragged: "GROUP    STATE\nff3e::1  live\n". A row may be
// shorter than the header. Control characters in cells are shown as '?', since titles come from
// outside and terminals obey. Widths are counted in code points.
std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows);

}  // namespace headwater
