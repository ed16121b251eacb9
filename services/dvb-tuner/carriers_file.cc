#include "services/dvb-tuner/carriers_file.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include "services/common/base/absl_text.h"
#include "services/common/text/clean_text.h"
#include "services/dvb-tuner/carrier_option.h"

namespace headwater::tuner {
namespace {

constexpr size_t kLineMax = 1024;
constexpr size_t kNameMax = 120;

std::string_view Trim(std::string_view text) {
  const size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

std::string_view CommentText(std::string_view comment) {
  const size_t start = comment.find_first_not_of('#');
  return start == std::string_view::npos ? std::string_view() : Trim(comment.substr(start));
}

}  // namespace

CarriersFile CarriersFile::Parse(std::string_view text, const Positions& positions) {
  CarriersFile file;
  if (text.size() > kBytesMax) {
    file.errors_.push_back({1, fmt::format("larger than {} bytes", kBytesMax)});
    return file;
  }
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    file.ReadLine(line, number, positions);
    if (file.errors_.size() == kErrorsMax) break;
  }
  absl::flat_hash_map<std::string, size_t> seen;
  for (size_t i = 0; i < file.carriers_.size(); ++i) {
    const auto [first, is_new] = seen.emplace(file.carriers_[i].id, file.carrier_lines_[i]);
    if (is_new) continue;
    file.errors_.push_back(
        {file.carrier_lines_[i],
         fmt::format("the same carrier as in line {}: {}", first->second, file.carriers_[i].id)});
  }
  if (!file.errors_.empty()) file.carriers_.clear();
  return file;
}

void CarriersFile::ReadLine(std::string_view line, size_t number, const Positions& positions) {
  lines_.emplace_back(line);
  const size_t hash = std::min(line.find('#'), line.size());
  const std::string_view command = Trim(line.substr(0, hash));
  if (command.empty()) return;
  const auto fail = [&](std::string text) { errors_.push_back({number, std::move(text)}); };
  if (line.size() > kLineMax) return fail(fmt::format("longer than {} bytes", kLineMax));
  if (carriers_.size() == kCarriersMax) {
    return fail(fmt::format("more than {} carriers", kCarriersMax));
  }
  absl::StatusOr<Carrier> carrier = ParseCarrier(command, positions);
  if (!carrier.ok()) {
    return fail(CleanText(FromAbsl(carrier.status().message()), 2 * kLineMax));
  }
  std::string_view comment = CommentText(line.substr(hash));
  if (comment.empty() && lines_.size() >= 2) {
    const std::string_view above = Trim(lines_[lines_.size() - 2]);
    if (above.starts_with('#')) comment = CommentText(above);
  }
  carrier->name = CleanText(comment, kNameMax);
  carriers_.push_back(*std::move(carrier));
  carrier_lines_.push_back(number);
}

std::string CarriersFile::ErrorText(std::string_view file_name) const {
  std::string text;
  for (const Error& error : errors_) {
    text += fmt::format("{}{}:{}: {}", text.empty() ? "" : "\n", file_name, error.line, error.text);
  }
  return text;
}

void CarriersFile::Add(const Carrier& carrier) {
  if (!carrier.name.empty()) lines_.push_back("# " + carrier.name);
  lines_.push_back("dvblast " + carrier.Command());
  carriers_.push_back(carrier);
  carrier_lines_.push_back(lines_.size());
}

std::string CarriersFile::ToString() const {
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

}  // namespace headwater::tuner
