#pragma once

#include <absl/status/status.h>

#include <functional>
#include <string>

namespace copse::cli {

/// How a process that is about to work in the background tells its caller how the start went. Once.
class StartReport {
 public:
  virtual ~StartReport() = default;
  /// All is well: the caller prints `message` and ends with success.
  virtual void Ready(const std::string& message) = 0;
  /// The caller prints `error` on stderr and ends with failure.
  virtual void Failed(const absl::Status& error) = 0;
};

/// Runs `work` in this process, reporting to its own stdout and stderr; returns the exit code that `work` returns.
int RunInForeground(const std::function<int(StartReport&)>& work);

/// Runs `work` in a process of its own, in a session of its own, with / as its directory and without standard streams.
/// Returns in the calling process once the start is reported, or the new process has ended, with the exit code to end
/// with. Must be called while the process has one thread. `log` is named where the process dies without a word.
int RunDetached(const std::string& log, const std::function<int(StartReport&)>& work);

}  // namespace copse::cli
