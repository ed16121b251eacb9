#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "services/common/base/check.h"

namespace headwater {

// A value or a small error enum: what packet parsers return. No text and no allocation, so that
// hostile input costs nothing. Replaced by std::expected when the compiler has it.
template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}   // NOLINT: implicit by design
  Result(E error) : state_(std::in_place_index<1>, error) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    HW_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T& value() & {
    HW_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    HW_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  E error() const {
    HW_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }

  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  std::variant<T, E> state_;
};

}  // namespace headwater
