#pragma once

namespace copse::crdt {

/// Has the processor bring `address`, which need not be one of anything, into its cache. The statement that does
/// nothing is there because GCC 12 takes a function that only prefetches for one without effect, and leaves out calls
/// of it.
inline void BringNear(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

}  // namespace copse::crdt
