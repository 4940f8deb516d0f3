#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <utility>

/// Returns from the enclosing function with the status of `expression` unless it is OK.
#define COPSE_RETURN_IF_ERROR(expression)                                                  \
  do {                                                                                     \
    if (absl::Status copse_status = (expression); !copse_status.ok()) return copse_status; \
  } while (false)

#define COPSE_STATUS_CONCAT_INNER(a, b) a##b
#define COPSE_STATUS_CONCAT(a, b) COPSE_STATUS_CONCAT_INNER(a, b)

/// Assigns the value of a StatusOr to `target` (a declaration or an lvalue), or returns its status.
#define COPSE_ASSIGN_OR_RETURN(target, expression) \
  COPSE_ASSIGN_OR_RETURN_INNER(COPSE_STATUS_CONCAT(copse_status_or_, __LINE__), target, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): what is declared takes none.
#define COPSE_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                    \
  if (!result.ok()) return std::move(result).status();           \
  target = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
