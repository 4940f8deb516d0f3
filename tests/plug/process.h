#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace copse::plug {

/// Runs a command to its end; whether it succeeded. Its output goes to `output`, if given.
bool Run(const std::vector<std::string>& command, std::string* output = nullptr);

/// `copse mount --foreground` as a child.
class MountedProcess {
 public:
  /// Waits until the mount is there; `options` are those of -o; `preload`: a library for LD_PRELOAD, or empty.
  MountedProcess(const std::string& program, const std::string& store, const std::string& directory,
                 const std::string& options, const std::string& preload);
  MountedProcess(const MountedProcess&) = delete;
  MountedProcess& operator=(const MountedProcess&) = delete;
  ~MountedProcess() { Kill(); }

  /// What it said instead of mounting; empty if it mounted.
  const std::string& failure() const { return failure_; }
  /// SIGKILL, and waits until it is gone.
  void Kill();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string failure_;
};

}  // namespace copse::plug
