#pragma once

#include <string>
#include <vector>

namespace headwater {

struct TableOptions {
  // Leave out columns that are empty in every row; with no rows the header is whole.
  bool hide_empty = false;
};

// Rows in aligned columns, the last one ragged: "GROUP    STATE\nff3e::1  live\n". A row may be
// shorter than the header. Control characters in cells are shown as '?', since titles come from
// outside and terminals obey. Widths are counted in code points.
std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows,
                        const TableOptions& options = {});

}  // namespace headwater
