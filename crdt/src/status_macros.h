#pragma once

#include <absl/status/statusor.h>

#include <utility>

#define CRDT_CONCAT_INNER(a, b) a##b
#define CRDT_CONCAT(a, b) CRDT_CONCAT_INNER(a, b)

/// Returns the status of `expression` from the enclosing function unless it is OK.
#define CRDT_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                  \
    if (absl::Status crdt_status = (expression); !crdt_status.ok()) return crdt_status; \
  } while (false)

/// Declares or assigns `target` from a StatusOr; returns its status from the enclosing function if it has no value.
#define CRDT_ASSIGN_OR_RETURN(target, expression) \
  CRDT_ASSIGN_OR_RETURN_INNER(CRDT_CONCAT(crdt_status_or_, __LINE__), target, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): what is declared takes none.
#define CRDT_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                   \
  if (!holder.ok()) return holder.status();                     \
  target = *std::move(holder)
// NOLINTEND(bugprone-macro-parentheses)
