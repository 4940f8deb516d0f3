#include "cli/detach.h"

// The report is one byte and one message through a pipe: 'R' ready or 'F' failed, then text up to the end of the
// stream. A stream that ends without a byte means that the process died.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "cli/errors.h"
#include "cli/progress.h"

namespace copse::cli {
namespace {

class ConsoleReport final : public StartReport {
 public:
  void Ready(const std::string& message) override { Write(message); }
  void Failed(const absl::Status& error) override { Fail(error); }
};

class PipeReport final : public StartReport {
 public:
  explicit PipeReport(int pipe) : pipe_(pipe) {}
  ~PipeReport() override { Close(); }
  void Ready(const std::string& message) override { Send("R" + message); }
  void Failed(const absl::Status& error) override { Send("F" + std::string(error.message())); }

 private:
  void Send(const std::string& report) {
    if (pipe_ < 0) return;
    std::size_t sent = 0;
    while (sent < report.size()) {
      const ssize_t count = ::write(pipe_, report.data() + sent, report.size() - sent);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;  // The caller is gone: nobody is left to tell.
      sent += static_cast<std::size_t>(count);
    }
    Close();
  }
  void Close() {
    if (pipe_ >= 0) ::close(pipe_);
    pipe_ = -1;
  }

  int pipe_;
};

void LetGoOfTheTerminal() {
  ::setsid();
  if (::chdir("/") != 0) std::perror("copse: chdir /");
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  if (null > STDERR_FILENO) ::close(null);
}

std::string ReadAll(int descriptor) {
  std::string all;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return all;
    all.append(piece.data(), static_cast<std::size_t>(count));
  }
}

int ExplainSilentEnd(pid_t child, const std::string& log) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string how = WIFSIGNALED(status) ? "was ended by signal " + std::to_string(WTERMSIG(status))
                                              : "ended with code " + std::to_string(WEXITSTATUS(status));
  std::fputs(ErrorLine("the process of the mount " + how + " while it started; see " + log).c_str(), stderr);
  return kFailure;
}

}  // namespace

int RunInForeground(const std::function<int(StartReport&)>& work) {
  ConsoleReport report;
  return work(report);
}

int RunDetached(const std::string& log, const std::function<int(StartReport&)>& work) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return Fail(absl::InternalError(std::string("cannot make a pipe: ") + std::strerror(errno)));
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return Fail(absl::InternalError(std::string("cannot start a process: ") + std::strerror(errno)));
  if (child == 0) {
    ::close(pipe[0]);
    LetGoOfTheTerminal();
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    PipeReport report(pipe[1]);
    return work(report);
  }
  ::close(pipe[1]);
  std::string report;
  {
    const Progress progress("opening the store");
    report = ReadAll(pipe[0]);
  }
  ::close(pipe[0]);
  if (report.empty()) return ExplainSilentEnd(child, log);
  if (report.front() == 'R') return Write(report.substr(1));
  return Fail(absl::UnknownError(report.substr(1)));
}

}  // namespace copse::cli
