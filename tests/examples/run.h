#pragma once

#include <support/files.h>
#include <support/temporary_directory.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

namespace copse::examples_test {

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

/// Runs an example of the build, with `arguments` as a shell reads them.
inline Ran RunExample(const std::string& example, const std::string& arguments, const std::string& input) {
  const test::TemporaryDirectory directory;
  const std::string base = directory.path();
  test::WriteFile(base + "/in", input);
  const std::string command = std::string(COPSE_EXAMPLES) + "/" + example + " " + arguments + " <" + base + "/in >" +
                              base + "/out 2>" + base + "/err";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, test::ReadFile(base + "/out"), test::ReadFile(base + "/err")};
}

}  // namespace copse::examples_test
