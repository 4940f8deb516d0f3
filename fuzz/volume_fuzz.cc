// Bytes as a row of file operations on a volume: it answers as the model of POSIX does
// (tests/fs/volume/posix_program.h), and the ops alone make the same tree.

#include "choices.h"
#include "fs/volume/posix_program.h"
#include "fuzz.h"

namespace {

constexpr int kStepsMax = 60;

void Run(std::string_view bytes) {
  // Where the fixture expects something, it does so through GoogleTest.
  testing::FLAGS_gtest_throw_on_failure = true;
  copse::fuzz::Choices choices(bytes);
  copse::fs::PosixProgram program([&](int begin, int end) {
    const auto bound = static_cast<unsigned>(end - begin);
    if (bound <= 256) return begin + static_cast<int>(choices.Below(bound));
    const unsigned high = choices.Below(256);
    return begin + static_cast<int>((high << 8 | choices.Below(256)) % bound);
  });
  for (int step = 0; step < kStepsMax && !choices.is_done(); ++step) program.Step();
  program.CompareTree();
  program.CompareReplay();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(copse::fuzz::Bytes(data, size));
  return 0;
}
