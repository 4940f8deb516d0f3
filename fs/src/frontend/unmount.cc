#include "frontend/unmount.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace copse::fs {
namespace {

absl::Status InUse(const std::string& mount_point) {
  return absl::FailedPreconditionError(mount_point + ": in use; close the programs that have files or their working " +
                                       "directory there (fuser -vm " + mount_point + " lists them)");
}

absl::Status DetachAsRoot(const std::string& mount_point, bool lazy) {
  if (umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return absl::OkStatus();
  if (errno == EBUSY) return InUse(mount_point);
  const std::string message = mount_point + ": cannot unmount: " + std::strerror(errno);
  if (errno == EPERM) return absl::PermissionDeniedError(message);
  return absl::FailedPreconditionError(message);
}

/// What the program writes to stderr, up to its end.
std::string ReadAll(int descriptor) {
  std::string text;
  char buffer[512];
  while (true) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

absl::Status DetachThroughFusermount(const std::string& mount_point, bool lazy) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(std::string("cannot run fusermount3: ") + std::strerror(errno));
  }
  std::vector<std::string> words = {"fusermount3", "-u"};
  if (lazy) words.push_back("-z");
  words.insert(words.end(), {"--", mount_point});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, "fusermount3", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (error != 0) {
    close(pipe_ends[0]);
    return absl::UnavailableError(std::string("cannot run fusermount3 (install the package fuse3): ") +
                                  std::strerror(error));
  }
  const std::string complaint = ReadAll(pipe_ends[0]);
  close(pipe_ends[0]);
  int outcome = 0;
  while (waitpid(child, &outcome, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0) return absl::OkStatus();
  if (complaint.find("busy") != complaint.npos) return InUse(mount_point);
  return absl::FailedPreconditionError(mount_point + ": cannot unmount: " + complaint);
}

}  // namespace

absl::Status DetachMount(const std::string& mount_point, bool lazy) {
  return geteuid() == 0 ? DetachAsRoot(mount_point, lazy) : DetachThroughFusermount(mount_point, lazy);
}

}  // namespace copse::fs
