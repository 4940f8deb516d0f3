#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/json.h"
#include "support/files.h"
#include "support/temporary_directory.h"

namespace copse::cli {

using test::ReadFile;
using test::WriteFile;

/// How a run of the program ended.
struct Outcome {
  int exit_code = -1;  ///< -1: by a signal.
  std::string out;
  std::string err;
};

/// Runs the program as people do, in a directory of its own that holds stores and mount points. Whatever a test leaves
/// mounted there is unmounted at its end, pass or fail.
class ProgramTest : public testing::Test {
 protected:
  ~ProgramTest() override;

  /// Runs `copse ARGUMENTS` to its end.
  Outcome Run(const std::vector<std::string>& arguments) const;
  /// The same; the test fails unless it succeeds without a word on stderr. Returns its output.
  std::string RunWell(const std::vector<std::string>& arguments) const;
  /// The same with --json.
  Json RunJson(std::vector<std::string> arguments) const;
  /// The test fails unless the command fails with one line on stderr, `copse: ...`, and nothing on stdout.
  /// Returns that line.
  std::string RunBadly(const std::vector<std::string>& arguments, int exit_code = 1) const;
  /// Starts `copse ARGUMENTS` and does not wait for it. `by_nohup`: as nohup(1) does, with SIGHUP ignored.
  pid_t Spawn(const std::vector<std::string>& arguments, bool by_nohup = false) const;
  /// The exit code of `process`, or -1 where a signal ended it.
  static int WaitFor(pid_t process);

  std::string store() const { return directory / "store"; }
  std::string mount_point() const { return directory / "mount"; }
  /// A file or directory in the mount.
  std::filesystem::path in_mount(const std::string& name) const { return directory / "mount" / name; }
  std::string MakeDirectory(const std::string& name) const;

  const test::TemporaryDirectory temporary;
  const std::filesystem::path& directory = temporary.path();
};

/// The same, with a mounted volume; skipped where COPSE_SKIP contains "fuse".
class MountedTest : public ProgramTest {
 protected:
  void SetUp() override;

  /// Makes the store and the mount point, without mounting.
  void Init() const;
  void Mount(std::vector<std::string> options = {}) const;
  /// The process that serves the mount.
  pid_t ProcessOfMount() const;
  /// Ends it with `signal` and waits until it is gone.
  void EndProcess(int signal) const;
  /// Waits until no process has the store.
  void WaitForTheProcessToEnd() const;
  bool IsMounted() const;
};

}  // namespace copse::cli
