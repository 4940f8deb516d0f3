// copse_random_user STORE SEED CALLS: works in an unmounted store as RandomUser does, and makes it durable.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "cli/open_volume.h"
#include "exchange/random_user.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);  // RandomUser reports through it.
  if (argc != 4) {
    std::fprintf(stderr, "usage: copse_random_user STORE SEED CALLS\n");
    return 2;
  }
  const auto opened = copse::cli::OpenVolume::Open(argv[1], {});
  if (!opened.ok()) {
    std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    return 1;
  }
  copse::test::RandomUser user((*opened)->volume(), std::strtoull(argv[2], nullptr, 10),
                               "user " + std::string(argv[2]));
  for (int call = std::atoi(argv[3]); call > 0; --call) user.Step();
  const absl::Status flushed = (*opened)->volume().Flush();
  if (!flushed.ok()) std::fprintf(stderr, "%s\n", flushed.ToString().c_str());
  return flushed.ok() && !testing::Test::HasFailure() ? 0 : 1;
}
