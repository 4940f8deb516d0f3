#pragma once

#include <cstddef>

namespace copse::cli {

/// Lets this process have as many descriptors as its hard limit allows. The soft one is 1,024 nearly everywhere, for
/// the sake of programs that call select(2) (systemd.exec(5), LimitNOFILE); each large file that is written and not yet
/// published takes one or two.
void RaiseDescriptorLimit();

/// How many this process may have now.
std::size_t DescriptorLimit();

}  // namespace copse::cli
