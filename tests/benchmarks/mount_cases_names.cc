// What touches names and attributes.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "mount_cases.h"

namespace copse::benchmarks {
namespace {

constexpr int kFiles = 3000;

std::string FileName(const std::string& directory, int number) { return directory + "/file-" + std::to_string(number); }

void ForEachFile(const std::string& directory, const std::function<void(const std::string&)>& work) {
  for (int number = 0; number < kFiles; ++number) work(FileName(directory, number));
}

double PerSecond(const std::string& directory, const std::function<void(const std::string&)>& work) {
  return kFiles / SecondsOf([&] { ForEachFile(directory, work); });
}

void MakeFile(const std::string& path) { WriteFile(path, 0, false); }

void Stat(const std::string& path) {
  struct stat attributes {};
  Check(stat(path.c_str(), &attributes) == 0, path);
}

void StatAbsent(const std::string& path) {
  struct stat attributes {};
  Check(stat((path + "-absent").c_str(), &attributes) != 0 && errno == ENOENT, path);
}

double ListedPerSecond(const std::string& directory, bool with_attributes) {
  constexpr int kPasses = 20;
  int seen = 0;
  const auto pass = [&] {
    DIR* stream = opendir(directory.c_str());
    Check(stream != nullptr, directory);
    while (const dirent* entry = readdir(stream)) {
      ++seen;
      struct stat attributes {};
      if (with_attributes)
        Check(fstatat(dirfd(stream), entry->d_name, &attributes, AT_SYMLINK_NOFOLLOW) == 0, directory);
    }
    closedir(stream);
  };
  pass();
  seen = 0;
  const double seconds = SecondsOf([&] {
    for (int i = 0; i < kPasses; ++i) pass();
  });
  return seen / seconds;
}

/// A case that begins with kFiles files, looked at once, so that the kernel knows what it may keep.
MountCase WithFiles(const std::string& figure, std::function<double(const std::string& work)> measure) {
  return {figure, [measure = std::move(measure)](const std::string& work, const std::string&) {
            ForEachFile(work, MakeFile);
            ForEachFile(work, Stat);
            return measure(work);
          }};
}

MountCase OfEach(const std::string& figure, std::function<void(const std::string& path)> work_on) {
  return WithFiles(figure, [work_on](const std::string& work) { return PerSecond(work, work_on); });
}

MountCase Making(const std::string& figure, std::function<void(const std::string& path)> make) {
  return {figure, [make](const std::string& work, const std::string&) { return PerSecond(work, make); }};
}

}  // namespace

std::vector<MountCase> NameCases() {
  return {
      Making("create, files/s", MakeFile),
      Making("mkdir, directories/s", [](const std::string& path) { Check(mkdir(path.c_str(), 0755) == 0, path); }),
      Making("symlink, links/s", [](const std::string& path) { Check(symlink("target", path.c_str()) == 0, path); }),
      OfEach("link, links/s",
             [](const std::string& path) { Check(link(path.c_str(), (path + "-linked").c_str()) == 0, path); }),
      OfEach("rename, files/s",
             [](const std::string& path) { Check(rename(path.c_str(), (path + "-renamed").c_str()) == 0, path); }),
      OfEach("unlink, files/s", [](const std::string& path) { Check(unlink(path.c_str()) == 0, path); }),
      OfEach("stat, warm, files/s", Stat),
      WithFiles("stat of absent names, warm, names/s",
                [](const std::string& work) {
                  ForEachFile(work, StatAbsent);
                  return PerSecond(work, StatAbsent);
                }),
      WithFiles("list, warm, entries/s", [](const std::string& work) { return ListedPerSecond(work, false); }),
      WithFiles("list with attributes (ls -l), warm, entries/s",
                [](const std::string& work) { return ListedPerSecond(work, true); }),
  };
}

std::vector<double> LookUntilShown(const std::string& directory, const std::string& name) {
  std::vector<double> milliseconds;
  struct stat attributes {};
  for (int number = 0; stat((directory + "/" + name).c_str(), &attributes) != 0; ++number) {
    // Names that nobody has asked for yet: the kernel cannot answer by itself.
    for (int i = 0; i < 100; ++i) {
      const std::string path = directory + "/absent-" + std::to_string(number) + "-" + std::to_string(i);
      milliseconds.push_back(SecondsOf([&] { Check(stat(path.c_str(), &attributes) != 0, path); }) * 1e3);
    }
    usleep(1000);
  }
  return milliseconds;
}

}  // namespace copse::benchmarks
