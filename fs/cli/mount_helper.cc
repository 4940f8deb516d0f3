#include "cli/mount_helper.h"

// Unknown letters are refused rather than guessed at; those below are all that mount(8) and umount(8) of util-linux
// pass on (libmount, exec_helper).

#include <copse/fs/frontend.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cli/errors.h"
#include "cli/locate.h"
#include "cli/mount_command.h"
#include "cli/unmount.h"

namespace copse::cli {
namespace {

constexpr std::string_view kMount = "mount.fuse.copse";
constexpr std::string_view kUnmount = "umount.fuse.copse";
constexpr int kWrongUse = 1;
constexpr int kMountFailed = 32;

std::string_view NameOf(std::string_view program) { return program.substr(program.rfind('/') + 1); }

/// The kernel alone changes a mount that is there: mount(8) again, told not to come back to us.
int Remount(const MountCommand& command) {
  std::string options;
  for (const std::string& option : command.given) options += (options.empty() ? "" : ",") + option;
  ::execl("/usr/bin/mount", "mount", "-i", "-o", options.c_str(), command.directory.c_str(), nullptr);
  Fail(absl::UnavailableError(std::string("cannot run /usr/bin/mount: ") + std::strerror(errno)));
  return kMountFailed;
}

/// What both are given and have no use for.
struct Ignored {
  bool flag = false;
  std::string value;
};

void AddIgnored(CLI::App& app, Ignored& ignored) {
  app.add_flag("-n", ignored.flag, "Nothing is written to /etc/mtab anyway");
  app.add_option("-t", ignored.value, "The type is known");
  app.add_option("-N", ignored.value, "mount(8) has entered the namespace");
}

int RunMountLetters(CLI::App& app, int argc, char** argv) {
  MountCommand command;
  bool is_verbose = false;
  bool is_sloppy = false;
  bool is_fake = false;
  Ignored ignored;
  app.add_option("STORE", command.store)->required();
  app.add_option("DIR", command.directory)->required();
  app.add_option("-o", command.given)->delimiter(',')->allow_extra_args(false);
  app.add_flag("-s", is_sloppy, "Ignore options that are not known");
  app.add_flag("-f", is_fake, "Do all but mount");
  app.add_flag("-v", is_verbose, "Say what was done");
  AddIgnored(app, ignored);
  app.parse(argc, argv);
  if (std::count(command.given.begin(), command.given.end(), "remount") != 0) return Remount(command);
  if (is_sloppy) {
    command.given.erase(std::remove_if(command.given.begin(), command.given.end(),
                                       [](const std::string& option) {
                                         MountOptions unused;
                                         return !TakeMountOptions({option}, unused).ok();
                                       }),
                        command.given.end());
  }
  if (is_fake) return kSuccess;
  command.quiet = !is_verbose;
  return RunMount(command) == kSuccess ? kSuccess : kMountFailed;
}

absl::Status Detach(const std::string& directory) {
  const absl::StatusOr<std::string> mount_point = Canonical(directory);
  return mount_point.ok() ? fs::Unmount(*mount_point, true) : mount_point.status();
}

int RunUnmountLetters(CLI::App& app, int argc, char** argv) {
  std::string directory;
  bool is_lazy = false;
  Ignored ignored;
  app.add_option("DIR", directory)->required();
  app.add_flag("-l", is_lazy, "Detach now though programs use it");
  app.add_flag("-f,-r,-v", ignored.flag, "There is nothing to force, to leave read-only or to say");
  AddIgnored(app, ignored);
  app.parse(argc, argv);
  const absl::Status unmounted = is_lazy ? Detach(directory) : UnmountDirectory(directory).status();
  if (unmounted.ok()) return kSuccess;
  Fail(unmounted);
  return kMountFailed;
}

}  // namespace

bool IsMountHelper(const char* program) {
  const std::string_view name = NameOf(program);
  return name == kMount || name == kUnmount;
}

int RunMountHelper(int argc, char** argv) {
  const bool mounts = NameOf(argv[0]) == kMount;
  CLI::App app(mounts ? "Mount a copse volume for mount(8)" : "Unmount a copse volume for umount(8)");
  try {
    return mounts ? RunMountLetters(app, argc, argv) : RunUnmountLetters(app, argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    std::fputs(ErrorLine(std::string(error.what()) + "; see mount.fuse.copse(8)").c_str(), stderr);
    return kWrongUse;
  }
}

}  // namespace copse::cli
