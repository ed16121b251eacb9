#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "services/dvb-tuner/carrier.h"

namespace headwater::tuner {

// A person's file of dvblast command lines, one for each transmission; '#' begins a comment. What a
// comment says behind a line, or in the line just above it, names the carrier.
class CarriersFile {
 public:
  static constexpr size_t kBytesMax = 1 << 20;
  static constexpr size_t kCarriersMax = 4096;
  static constexpr size_t kErrorsMax = 1000;

  struct Error {
    size_t line = 0;  // from 1
    std::string text;
    bool operator==(const Error&) const = default;
  };

  // With any wrong line there are errors, one for each, and no carriers.
  static CarriersFile Parse(std::string_view text, const Positions& positions);

  const std::vector<Carrier>& carriers() const { return carriers_; }
  const std::vector<Error>& errors() const { return errors_; }
  // "carriers:3: -v 17: allowed are 0, 13 or 18", a line each.
  std::string ErrorText(std::string_view file_name) const;

  // One more at the end, under its name as a comment.
  void Add(const Carrier& carrier);
  // As it was read, byte for byte (but for line ends), and what was added.
  std::string ToString() const;

 private:
  void ReadLine(std::string_view line, size_t number, const Positions& positions);

  std::vector<std::string> lines_;
  std::vector<Carrier> carriers_;
  std::vector<size_t> carrier_lines_;
  std::vector<Error> errors_;
};

}  // namespace headwater::tuner
