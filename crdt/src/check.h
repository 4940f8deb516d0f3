#pragma once

#include <cstdio>
#include <cstdlib>

/// Stops the program when our own code broke a promise; stays on in release builds. Bytes from outside and callers'
/// mistakes that can happen in a correct program are statuses, never this.
#define CRDT_CHECK(condition)                                                                       \
  do {                                                                                              \
    if (!(condition)) {                                                                             \
      std::fprintf(stderr, "%s:%d: broken promise in copse: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                 \
    }                                                                                               \
  } while (false)

namespace copse::crdt {

/// Whether to check what is too expensive to check in a release.
#if defined(NDEBUG) && !defined(COPSE_CHECK_INVARIANTS)
inline constexpr bool kChecksInvariants = false;
#else
inline constexpr bool kChecksInvariants = true;
#endif

}  // namespace copse::crdt
