#include "cli/program_test.h"

#include <copse/base/posix_storage.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "copse/fs/frontend.h"

namespace copse::cli {
namespace {

constexpr std::chrono::seconds kPatience{60};

pid_t Start(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
  std::vector<char*> argv;
  std::string program = COPSE_PROGRAM;
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kFlags, 0600);
  pid_t process = -1;
  EXPECT_EQ(::posix_spawn(&process, COPSE_PROGRAM, &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

std::string Joined(const std::vector<std::string>& arguments) {
  std::string line = "copse";
  for (const std::string& argument : arguments) line += " " + argument;
  return line;
}

}  // namespace

ProgramTest::~ProgramTest() {
  const auto mounts = fs::ListMounts();
  if (mounts.ok()) {
    for (const fs::MountedVolume& mount : *mounts) {
      if (mount.mount_point.rfind(directory.string() + "/", 0) != 0) continue;
      if (Run({"umount", mount.mount_point}).exit_code != 0) ::umount2(mount.mount_point.c_str(), MNT_DETACH);
    }
  }
}

pid_t ProgramTest::Spawn(const std::vector<std::string>& arguments, bool by_nohup) const {
  const auto before = std::signal(SIGHUP, by_nohup ? SIG_IGN : SIG_DFL);
  const pid_t process = Start(arguments, directory / "spawned-out", directory / "spawned-err");
  std::signal(SIGHUP, before);
  return process;
}

int ProgramTest::WaitFor(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Outcome ProgramTest::Run(const std::vector<std::string>& arguments) const {
  Outcome outcome;
  outcome.exit_code = WaitFor(Start(arguments, directory / "out", directory / "err"));
  outcome.out = ReadFile(directory / "out");
  outcome.err = ReadFile(directory / "err");
  return outcome;
}

std::string ProgramTest::RunWell(const std::vector<std::string>& arguments) const {
  const Outcome outcome = Run(arguments);
  EXPECT_EQ(outcome.exit_code, 0) << Joined(arguments) << "\n" << outcome.err;
  EXPECT_EQ(outcome.err, "") << Joined(arguments);
  return outcome.out;
}

Json ProgramTest::RunJson(std::vector<std::string> arguments) const {
  arguments.push_back("--json");
  const std::string out = RunWell(arguments);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1) << Joined(arguments);
  Json json = Json::parse(out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << Joined(arguments) << "\n" << out;
  return json;
}

std::string ProgramTest::RunBadly(const std::vector<std::string>& arguments, int exit_code) const {
  const Outcome outcome = Run(arguments);
  EXPECT_EQ(outcome.exit_code, exit_code) << Joined(arguments) << "\n" << outcome.out;
  EXPECT_EQ(outcome.out, "") << Joined(arguments);
  EXPECT_EQ(outcome.err.rfind("copse: ", 0), 0u) << Joined(arguments) << "\n" << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << Joined(arguments) << "\n" << outcome.err;
  return outcome.err;
}

std::string ProgramTest::MakeDirectory(const std::string& name) const {
  std::filesystem::create_directories(directory / name);
  return directory / name;
}

void MountedTest::SetUp() {
  const char* skip = std::getenv("COPSE_SKIP");
  if (skip != nullptr && std::strstr(skip, "fuse") != nullptr) GTEST_SKIP() << "COPSE_SKIP asks for it";
  Init();
}

void MountedTest::Init() const {
  RunWell({"init", store(), "--label", "tester"});
  MakeDirectory("mount");
}

void MountedTest::Mount(std::vector<std::string> options) const {
  options.insert(options.begin(), {"mount", store(), mount_point()});
  RunWell(options);
}

pid_t MountedTest::ProcessOfMount() const { return RunJson({"status", mount_point()}).at("pid").get<pid_t>(); }

void MountedTest::EndProcess(int signal) const {
  const pid_t process = ProcessOfMount();
  ASSERT_GT(process, 1);
  ASSERT_EQ(::kill(process, signal), 0);
  WaitForTheProcessToEnd();
}

void MountedTest::WaitForTheProcessToEnd() const {
  base::PosixStorage storage;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (absl::IsUnavailable(storage.Lock(store() + "/lock").status())) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the process did not end";
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

bool MountedTest::IsMounted() const {
  const auto mounts = fs::ListMounts();
  EXPECT_TRUE(mounts.ok());
  return std::any_of(mounts->begin(), mounts->end(),
                     [&](const fs::MountedVolume& mount) { return mount.mount_point == mount_point(); });
}

}  // namespace copse::cli
