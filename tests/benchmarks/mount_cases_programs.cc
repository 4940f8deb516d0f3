// What programs do that people run.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "mount_cases.h"

extern char** environ;

namespace copse::benchmarks {
namespace {

/// Runs a program, quietly, and waits for it; it has to succeed.
void Run(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t process = -1;
  errno = posix_spawnp(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  Check(errno == 0, words[0]);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  Check(waitpid(process, &status, 0) == process && status == 0, words[0]);
}

double FilesIn(const std::string& directory) {
  double files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) files += !entry.is_directory();
  return files;
}

void Untar(const std::string& work, const std::string& material) {
  // Without times: passthrough_hp cannot set those of a directory.
  Run({"tar", "-xmf", material + "/tree.tar", "-C", work});
}

void Clone(const std::string& work, const std::string& material) {
  Run({"git", "-c", "safe.directory=*", "clone", "--quiet", "--no-local", material + "/repository", work + "/clone"});
}

}  // namespace

std::vector<MountCase> ProgramCases() {
  return {
      {"tar -x of a source tree, files/s",
       [](const std::string& work, const std::string& material) {
         const double seconds = SecondsOf([&] { Untar(work, material); });
         return FilesIn(work) / seconds;
       }},
      {"rm -r of a source tree, files/s",
       [](const std::string& work, const std::string& material) {
         Untar(work, material);
         const double files = FilesIn(work);
         return files / SecondsOf([&] { Run({"rm", "-r", work + "/tree"}); });
       }},
      {"git clone, files/s",
       [](const std::string& work, const std::string& material) {
         const double seconds = SecondsOf([&] { Clone(work, material); });
         return FilesIn(work + "/clone/tree") / seconds;
       }},
      {"git status, runs/s",
       [](const std::string& work, const std::string& material) {
         constexpr int kRuns = 5;
         Clone(work, material);
         // What was written within a second of the index git takes for changed, and reads again each time.
         std::this_thread::sleep_for(std::chrono::milliseconds(1100));
         const auto status = [&] { Run({"git", "-c", "safe.directory=*", "-C", work + "/clone", "status"}); };
         status();
         return kRuns / SecondsOf([&] {
                  for (int i = 0; i < kRuns; ++i) status();
                });
       }},
      {"cmake build, files/s",
       [](const std::string& work, const std::string& material) {
         std::filesystem::copy(material + "/project", work + "/project", std::filesystem::copy_options::recursive);
         const double files = FilesIn(work + "/project");
         return files / SecondsOf([&] {
                  Run({"cmake", "-S", work + "/project", "-B", work + "/build", "-G", "Ninja"});
                  Run({"cmake", "--build", work + "/build"});
                });
       }},
  };
}

}  // namespace copse::benchmarks
