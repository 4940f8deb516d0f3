#pragma once

#include <absl/status/statusor.h>
#include <copse/base/clock.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace copse::cli {

enum class LogLevel { kError = 0, kInfo = 1, kDebug = 2 };

/// What a detached process has to say: lines of `2026-11-21T10:20:30.123Z error MESSAGE` in a file of mode 0600.
///
/// A file that would grow past kBytesMax becomes PATH.1, that one PATH.2, and the oldest goes. Callers pass no keys and
/// no contents of files. Thread-safe.
class Log {
 public:
  static constexpr std::uint64_t kBytesMax = 1 << 20;

  struct Options {
    LogLevel level = LogLevel::kError;  ///< Lines above it are dropped.
    bool to_stderr = false;             ///< Prints each line there as well.
    bool stderr_to_file = false;        ///< Lets stderr lead into the file: a failed assertion is kept.
    std::uint64_t bytes_max = kBytesMax;
  };

  /// Appends to `path`. `clock` must outlive the log. Errors: kPermissionDenied, kResourceExhausted, kInternal.
  static absl::StatusOr<std::unique_ptr<Log>> Open(std::string path, base::Clock& clock, const Options& options);
  ~Log();

  void Write(LogLevel level, std::string_view message);
  void Error(std::string_view message) { Write(LogLevel::kError, message); }
  void Info(std::string_view message) { Write(LogLevel::kInfo, message); }
  void Debug(std::string_view message) { Write(LogLevel::kDebug, message); }

 private:
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::cli
