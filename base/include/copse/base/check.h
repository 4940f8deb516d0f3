#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

/// Stops the program unless `condition` holds, in release builds too: for mistakes of our own, never for what comes
/// from a disk, a peer or a user.
#define COPSE_CHECK(condition) COPSE_CHECK_SAYING(condition, "")

/// The same; says `details`, a std::string, too.
#define COPSE_CHECK_SAYING(condition, details)                                             \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      std::fprintf(stderr, "%s:%d: check failed: %s %s\n", __FILE__, __LINE__, #condition, \
                   std::string(details).c_str());                                          \
      std::abort();                                                                        \
    }                                                                                      \
  } while (false)
