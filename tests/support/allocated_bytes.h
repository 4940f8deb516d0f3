#pragma once

#include <cstdint>

namespace copse::test_support {

/// Bytes asked of operator new since the program began, whether or not they were given back: no less than what was in
/// use at one time. Programs that link allocated_bytes.cc count.
std::uint64_t AllocatedBytes();

}  // namespace copse::test_support
