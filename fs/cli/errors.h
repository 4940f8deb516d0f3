#pragma once

#include <absl/status/status.h>

#include <string>

namespace copse::cli {

/// What the program ends with.
enum ExitCode : int {
  kSuccess = 0,
  kFailure = 1,  ///< The command failed, or verify found damage.
  kUsage = 2,    ///< The command line makes no sense.
};

/// `copse: MESSAGE` on one line, whatever the message holds; with a newline.
std::string ErrorLine(const std::string& message);

/// Writes `text` to stdout; returns kSuccess, or kFailure where that cannot be.
int Write(const std::string& text);

/// Prints `error` to stderr that way; returns kFailure.
int Fail(const absl::Status& error);

}  // namespace copse::cli
