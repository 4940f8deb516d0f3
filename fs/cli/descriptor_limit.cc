#include "cli/descriptor_limit.h"

#include <sys/resource.h>

namespace copse::cli {

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

std::size_t DescriptorLimit() {
  rlimit limit{};
  constexpr std::size_t kUsual = 1024;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : kUsual;
}

}  // namespace copse::cli
