#pragma once

#include <cstdio>
#include <cstdlib>

/// Stops the program unless `condition` holds, in release builds too: for mistakes of our own, never for what comes
/// from a disk, a peer or a user.
#define COPSE_CHECK(condition)                                                           \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
