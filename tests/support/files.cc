#include "support/files.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace copse::test {

void WriteFile(const std::filesystem::path& path, std::string_view contents) {
  std::ofstream file(path, std::ios::binary);
  file << contents;
  file.close();
  EXPECT_TRUE(file.good()) << path << ": " << std::strerror(errno);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path << ": " << std::strerror(errno);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

}  // namespace copse::test
