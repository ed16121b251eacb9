#include "services/headwaterctl/table.h"

#include <algorithm>

namespace headwater {
namespace {

std::string Clean(const std::string& cell) {
  std::string clean = cell;
  for (size_t i = 0; i < clean.size(); ++i) {
    const auto byte = static_cast<unsigned char>(clean[i]);
    if (byte < ' ' || byte == 0x7f) clean[i] = '?';
    // C1 controls are U+0080 to U+009F, in UTF-8 0xc2 0x80 to 0xc2 0x9f; some terminals obey them.
    if (byte == 0xc2 && i + 1 < clean.size() && static_cast<unsigned char>(clean[i + 1]) < 0xa0)
      clean.replace(i, 2, "?");
  }
  return clean;
}

size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Whether each column holds anything.
std::vector<bool> InUse(size_t columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<bool> used(columns, false);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size() && i < columns; ++i) used[i] = used[i] || !row[i].empty();
  }
  return used;
}

std::vector<std::string> Kept(const std::vector<std::string>& row, const std::vector<bool>& used) {
  std::vector<std::string> kept;
  for (size_t i = 0; i < row.size() && i < used.size(); ++i) {
    if (used[i]) kept.push_back(row[i]);
  }
  return kept;
}

}  // namespace

std::string FormatTable(const std::vector<std::string>& header,
                        const std::vector<std::vector<std::string>>& rows,
                        const TableOptions& options) {
  if (options.hide_empty && !rows.empty()) {
    const std::vector<bool> used = InUse(header.size(), rows);
    std::vector<std::vector<std::string>> kept;
    for (const auto& row : rows) kept.push_back(Kept(row, used));
    return FormatTable(Kept(header, used), kept);
  }
  std::vector<std::vector<std::string>> lines = {header};
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const std::string& cell : row) lines.back().push_back(Clean(cell));
  }
  std::vector<size_t> widths(header.size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size() && i < widths.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] - Width(line[i]) + 2, ' ');
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text;
}

}  // namespace headwater
