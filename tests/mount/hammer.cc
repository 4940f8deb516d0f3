// One process of the storm in merge_storm_test.cc, a program of its own: a test that has threads cannot simply fork,
// since locks that another thread holds stay locked in the child, those of a sanitizer's allocator among them.
//
//   copse_hammer DIRECTORY SEED STOP   uses the directory until the file STOP is there
//
// Exits with how often what it read was torn or older than what it had read before, at most 250.
#include "mount/hammer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace copse::test {
namespace {

class Hammer {
 public:
  Hammer(std::string directory, unsigned seed) : directory_(std::move(directory)), random_(seed) {}

  void Strike() {
    const std::string path = AnyPath();
    struct stat found {};
    switch (random_() % 8) {
      case 0:
        close(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
        break;
      case 1:
        unlink(path.c_str());
        break;
      case 2:
        rename(path.c_str(), AnyPath().c_str());
        break;
      case 3:
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) continue;
        break;
      case 4:
        stat(path.c_str(), &found);
        break;
      default:
        CheckVersion(random_() % kHammeredFiles);
    }
  }
  int wrong() const { return wrong_; }

 private:
  std::string AnyPath() { return directory_ + "/" + HammeredName(static_cast<unsigned>(random_())); }

  void CheckVersion(std::size_t number) {
    std::ifstream file(directory_ + "/" + HammeredFile(number), std::ios::binary);
    std::string bytes(kVersionBytes + 8, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    const unsigned version = bytes.size() < 8 ? 0 : static_cast<unsigned>(std::atoi(bytes.substr(0, 7).c_str()));
    const bool is_whole = bytes == BytesOfVersion(version);
    wrong_ += !is_whole || version < newest_.at(number);
    newest_.at(number) = std::max(newest_.at(number), version);
  }

  const std::string directory_;
  std::mt19937 random_;
  std::array<unsigned, kHammeredFiles> newest_{};
  int wrong_ = 0;
};

}  // namespace
}  // namespace copse::test

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: copse_hammer DIRECTORY SEED STOP\n", stderr);
    return 255;
  }
  copse::test::Hammer hammer(arguments[1], static_cast<unsigned>(std::atoi(arguments[2])));
  while (access(arguments[3], F_OK) != 0) hammer.Strike();
  return std::min(hammer.wrong(), 250);
}
