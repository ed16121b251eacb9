#include "services/headwaterctl/print.h"

#include <fmt/format.h>

#include <cstdio>

namespace headwater {

void PrintJson(const Json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::fflush(stdout);
}

void PrintTable(const Row& header, const std::vector<Row>& rows) {
  fmt::print("{}", FormatTable(header, rows, {.hide_empty = true}));
  std::fflush(stdout);
}

}  // namespace headwater
