#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#define HW_CONCAT_INNER(a, b) a##b
#define HW_CONCAT(a, b) HW_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  HW_ASSIGN_OR_RETURN(HW_CONCAT(status_or_, __LINE__), target, expression)
#define HW_ASSIGN_OR_RETURN(holder, target, expression) \
  auto holder = (expression);                           \
  if (!holder.ok()) return std::move(holder).status();  \
  target = std::move(holder).value()
