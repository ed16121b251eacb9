#pragma once

#include <string>
#include <vector>

#include "services/headwaterctl/table.h"
#include "services/headwaterctl/views.h"

namespace headwater {

// One object on a line of standard output, at once. Text from outside may not be UTF-8; it is
// replaced, never fatal.
void PrintJson(const Json& object);

// A table without empty columns.
void PrintTable(const Row& header, const std::vector<Row>& rows);

// Items as objects or as rows of a table.
template <typename Items>
void Print(const Items& items, const Row& header, bool json) {
  if (json) {
    for (const auto& item : items) PrintJson(ToJson(item));
    return;
  }
  std::vector<Row> rows;
  for (const auto& item : items) rows.push_back(ToRow(item));
  PrintTable(header, rows);
}

}  // namespace headwater
