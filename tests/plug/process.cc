#include "plug/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace copse::plug {
namespace {

/// Starts `command` with its output in a pipe, whose other end is returned in `output`; -1 if it cannot.
pid_t Start(const std::vector<std::string>& command, const std::string& preload, int& output) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    if (!preload.empty()) setenv("LD_PRELOAD", preload.c_str(), 1);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  output = ends[0];
  return child;
}

ssize_t ReadSome(int from, std::string& text) {
  char buffer[4096];
  ssize_t count = 0;
  do count = read(from, buffer, sizeof buffer);
  while (count < 0 && errno == EINTR);
  if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  return count;
}

int Wait(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

bool Run(const std::vector<std::string>& command, std::string* output) {
  int from = -1;
  const pid_t child = Start(command, "", from);
  if (child < 0) return false;
  std::string text;
  while (ReadSome(from, text) > 0) {
  }
  close(from);
  if (output != nullptr) *output = std::move(text);
  const int status = Wait(child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

MountedProcess::MountedProcess(const std::string& program, const std::string& store, const std::string& directory,
                               const std::string& options, const std::string& preload) {
  pid_ = Start({program, "mount", store, directory, "--foreground", "--offline", "-o", options}, preload, output_);
  if (pid_ < 0) {
    failure_ = "no process could be started";
    return;
  }
  std::string said;
  // It says so in a line that begins like this, after those of its log.
  while (said.rfind("mounted ", 0) != 0 && said.find("\nmounted ") == said.npos) {
    if (ReadSome(output_, said) > 0) continue;
    failure_ = said.empty() ? "it ended without a word" : said;
    return;
  }
}

void MountedProcess::Kill() {
  if (pid_ >= 0) {
    kill(pid_, SIGKILL);
    Wait(pid_);
  }
  if (output_ >= 0) close(output_);
  pid_ = output_ = -1;
}

}  // namespace copse::plug
