// Replaces the global operators of the program that links this. They still end in malloc, so sanitizers see every
// block.

#include <support/allocated_bytes.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::uint64_t> allocated_bytes{0};

}  // namespace

std::uint64_t copse::test_support::AllocatedBytes() { return allocated_bytes.load(std::memory_order_relaxed); }

void* operator new(std::size_t size) {
  allocated_bytes.fetch_add(size, std::memory_order_relaxed);
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}

void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
