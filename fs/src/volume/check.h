#pragma once

#include <cstdio>
#include <cstdlib>

namespace copse::fs {

/// Stops the program where one of our own assumptions is broken; stays on in release builds. Never for bad input.
inline void Check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "copse: internal error: %s\n", what);
  std::abort();
}

}  // namespace copse::fs
