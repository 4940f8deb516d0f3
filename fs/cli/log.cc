#include "cli/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <mutex>
#include <utility>

namespace copse::cli {
namespace {

std::string TimeText(base::UnixNanoseconds now) {
  const std::time_t seconds = static_cast<std::time_t>(now / 1'000'000'000);
  const long milliseconds = static_cast<long>(now / 1'000'000 % 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s.%03ldZ", date.data(), milliseconds);
  return text.data();
}

const char* NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "";
}

}  // namespace

struct Log::State {
  State(std::string file, base::Clock& time, const Options& chosen)
      : path(std::move(file)), clock(time), options(chosen) {}

  const std::string path;
  base::Clock& clock;
  const Options options;
  std::mutex mutex;
  int descriptor = -1;
  std::uint64_t size = 0;

  absl::Status OpenFile() {
    descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat found;
    if (descriptor < 0 || ::fchmod(descriptor, 0600) != 0 || ::fstat(descriptor, &found) != 0) {
      const std::string message = path + ": cannot write the log: " + std::strerror(errno);
      if (errno == EACCES) return absl::PermissionDeniedError(message);
      if (errno == ENOSPC) return absl::ResourceExhaustedError(message + "; free some space");
      return absl::InternalError(message);
    }
    size = static_cast<std::uint64_t>(found.st_size);
    if (options.stderr_to_file) ::dup2(descriptor, STDERR_FILENO);
    return absl::OkStatus();
  }

  // Where renaming or opening fails the log goes on in the file that it has, or stays silent: it is not worth a mount.
  void Rotate() {
    std::rename((path + ".1").c_str(), (path + ".2").c_str());
    if (std::rename(path.c_str(), (path + ".1").c_str()) != 0) return;
    const int old = descriptor;
    if (!OpenFile().ok()) descriptor = old;
    if (descriptor != old) ::close(old);
  }
};

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}

Log::~Log() {
  if (state_->descriptor >= 0) ::close(state_->descriptor);
}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(std::string path, base::Clock& clock, const Options& options) {
  auto state = std::make_unique<State>(std::move(path), clock, options);
  const absl::Status status = state->OpenFile();
  std::unique_ptr<Log> log(new Log(std::move(state)));
  if (!status.ok()) return status;
  return log;
}

void Log::Write(LogLevel level, std::string_view message) {
  if (level > state_->options.level) return;
  std::string line = TimeText(state_->clock.Now()) + " " + NameOf(level) + " ";
  for (const char c : message) line += c == '\n' ? ' ' : c;
  line += '\n';
  const std::lock_guard lock(state_->mutex);
  if (state_->size > 0 && state_->size + line.size() > state_->options.bytes_max) state_->Rotate();
  const ssize_t written = ::write(state_->descriptor, line.data(), line.size());
  if (written > 0) state_->size += static_cast<std::uint64_t>(written);
  if (state_->options.to_stderr) std::fputs(line.c_str(), stderr);
}

}  // namespace copse::cli
