// Measures a folder by system calls, so that the same program runs on ext4, on another FUSE file system and on ours.
//
//   copse_mount_benchmark run DIRECTORY       one JSON object: case -> figure
//   copse_mount_benchmark table FILE          reads {"baseline": [...], "ours": NAME, "runs": [{name: {...}}, ...]},
//                                             writes Markdown: medians over the runs, and ratios to each baseline
//   copse_mount_benchmark check FILE          Markdown of the goals; fails if one is missed
//
// Every case makes its own files and removes them, so that the order of cases does not matter.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "goals.h"

namespace {

using Json = nlohmann::ordered_json;
using copse::benchmarks::Rounded;

constexpr int kFiles = 3000;
constexpr std::size_t kSmallBytes = 4096;
constexpr std::size_t kLargeBytes = 256 << 20;
constexpr std::size_t kBlockBytes = 128 << 10;

void Check(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "copse_mount_benchmark: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

double SecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string FileName(const std::string& directory, int number) { return directory + "/file-" + std::to_string(number); }

void WriteFile(const std::string& path, std::size_t bytes, bool sync) {
  const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  Check(file >= 0, path);
  const std::string contents(bytes, 'x');
  if (bytes > 0) Check(write(file, contents.data(), bytes) == static_cast<ssize_t>(bytes), path);
  if (sync) Check(fsync(file) == 0, path);
  close(file);
}

void ForEachFile(const std::string& directory, const std::function<void(const std::string&)>& work) {
  for (int number = 0; number < kFiles; ++number) work(FileName(directory, number));
}

double PerSecond(const std::string& directory, const std::function<void(const std::string&)>& work) {
  return kFiles / SecondsOf([&] { ForEachFile(directory, work); });
}

void Remove(const std::string& path) { Check(unlink(path.c_str()) == 0, path); }

void Stat(const std::string& path) {
  struct stat attributes {};
  Check(stat(path.c_str(), &attributes) == 0, path);
}

void StatAbsent(const std::string& path) {
  struct stat attributes {};
  Check(stat((path + "-absent").c_str(), &attributes) != 0 && errno == ENOENT, path);
}

double ListedPerSecond(const std::string& directory) {
  constexpr int kPasses = 20;
  int seen = 0;
  const auto pass = [&] {
    DIR* stream = opendir(directory.c_str());
    Check(stream != nullptr, directory);
    while (readdir(stream) != nullptr) ++seen;
    closedir(stream);
  };
  pass();
  seen = 0;
  const double seconds = SecondsOf([&] {
    for (int i = 0; i < kPasses; ++i) pass();
  });
  return seen / seconds;
}

double MebibytesPerSecond(double seconds) { return static_cast<double>(kLargeBytes >> 20) / seconds; }

void DropPages(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Check(file >= 0, path);
  Check(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0, path);
  close(file);
}

double SequentialWrite(const std::string& path) {
  // Bytes that neither compress nor repeat, as films and archives have: random once, then changed in every sector.
  std::vector<char> block(kBlockBytes);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i + 8 <= block.size(); i += 8) {
    const std::uint64_t word = random();
    std::memcpy(block.data() + i, &word, 8);
  }
  const double seconds = SecondsOf([&] {
    const int file = open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    Check(file >= 0, path);
    for (std::size_t done = 0; done < kLargeBytes; done += block.size()) {
      for (std::size_t i = 0; i < block.size(); i += 512) {
        const std::uint64_t word = random();
        std::memcpy(block.data() + i, &word, 8);
      }
      Check(write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()), path);
    }
    Check(fsync(file) == 0, path);
    close(file);
  });
  return MebibytesPerSecond(seconds);
}

double SequentialRead(const std::string& path) {
  std::vector<char> block(kBlockBytes);
  return MebibytesPerSecond(SecondsOf([&] {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    Check(file >= 0, path);
    std::size_t total = 0;
    for (ssize_t got = 0; (got = read(file, block.data(), block.size())) > 0;) total += static_cast<std::size_t>(got);
    Check(total == kLargeBytes, path);
    close(file);
  }));
}

Json Run(const std::string& directory) {
  Json figures;
  const std::string work = directory + "/benchmark";
  Check(mkdir(work.c_str(), 0755) == 0, work);
  figures["create, files/s"] = PerSecond(work, [](const std::string& path) { WriteFile(path, 0, false); });
  ForEachFile(work, Stat);
  figures["stat, warm, files/s"] = PerSecond(work, Stat);
  ForEachFile(work, StatAbsent);
  figures["stat of absent names, warm, names/s"] = PerSecond(work, StatAbsent);
  figures["list, warm, entries/s"] = ListedPerSecond(work);
  figures["rename, files/s"] = PerSecond(
      work, [](const std::string& path) { Check(rename(path.c_str(), (path + "-renamed").c_str()) == 0, path); });
  figures["unlink, files/s"] = PerSecond(work, [](const std::string& path) { Remove(path + "-renamed"); });
  figures["mkdir, directories/s"] =
      PerSecond(work, [](const std::string& path) { Check(mkdir(path.c_str(), 0755) == 0, path); });
  ForEachFile(work, [](const std::string& path) { Check(rmdir(path.c_str()) == 0, path); });
  figures["write 4 KiB files, files/s"] =
      PerSecond(work, [](const std::string& path) { WriteFile(path, kSmallBytes, false); });
  ForEachFile(work, Remove);
  figures["write 4 KiB files with fsync, files/s"] =
      PerSecond(work, [](const std::string& path) { WriteFile(path, kSmallBytes, true); });
  ForEachFile(work, Remove);
  const std::string large = work + "/large";
  figures["sequential write with fsync, MiB/s"] = SequentialWrite(large);
  DropPages(large);
  figures["sequential read, pages dropped, MiB/s"] = SequentialRead(large);
  figures["sequential read, warm, MiB/s"] = SequentialRead(large);
  Remove(large);
  Check(rmdir(work.c_str()) == 0, work);
  return figures;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double MedianOf(const Json& results, const std::string& name, const std::string& figure) {
  std::vector<double> values;
  for (const Json& run : results.at("runs")) values.push_back(run.at(name).at(figure));
  return Median(std::move(values));
}

void PrintTable(const Json& results) {
  const std::string ours = results.at("ours");
  const std::vector<std::string> baselines = results.at("baselines");
  std::cout << "| case |";
  for (const std::string& name : baselines) std::cout << " " << name << " |";
  std::cout << " " << ours << " |";
  for (const std::string& name : baselines) std::cout << " " << ours << " / " << name << " |";
  std::cout << "\n|---|";
  for (std::size_t i = 0; i < 2 * baselines.size() + 1; ++i) std::cout << "---:|";
  std::cout << "\n";
  for (const auto& figure : results.at("runs").at(0).at(ours).items()) {
    const auto median = [&](const std::string& name) { return MedianOf(results, name, figure.key()); };
    std::cout << "| " << figure.key() << " |";
    for (const std::string& name : baselines) std::cout << " " << Rounded(median(name)) << " |";
    std::cout << " " << Rounded(median(ours)) << " |";
    for (const std::string& name : baselines) std::cout << " " << Rounded(median(ours) / median(name)) << " |";
    std::cout << "\n";
  }
}

struct Goal {
  const char* figure;
  const char* baseline;
  double times;
};

constexpr Goal kGoals[] = {
    {"create, files/s", "passthrough_ll", 1.5},
    {"mkdir, directories/s", "passthrough_ll", 1.5},
    {"rename, files/s", "passthrough_ll", 1.5},
    {"unlink, files/s", "passthrough_ll", 1.5},
    {"stat, warm, files/s", "ext4", 0.85},
    {"stat of absent names, warm, names/s", "ext4", 0.85},
    {"list, warm, entries/s", "ext4", 0.85},
    {"write 4 KiB files, files/s", "passthrough_ll", 1.5},
    {"write 4 KiB files with fsync, files/s", "passthrough_ll", 1.0},
};

int CheckGoals(const Json& results) {
  std::vector<copse::benchmarks::GoalResult> reached;
  for (const Goal& goal : kGoals) {
    const double ratio =
        MedianOf(results, results.at("ours"), goal.figure) / MedianOf(results, goal.baseline, goal.figure);
    reached.push_back({goal.figure, "at least " + Rounded(goal.times) + " x " + goal.baseline, Rounded(ratio) + " x",
                       ratio >= goal.times});
  }
  return copse::benchmarks::PrintGoals(reached);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc == 3 ? argv[1] : "";
  try {
    if (verb == "run") {
      std::cout << Run(argv[2]).dump(1) << "\n";
      return 0;
    }
    if (verb == "table") {
      std::ifstream file(argv[2]);
      PrintTable(Json::parse(file));
      return 0;
    }
    if (verb == "check") {
      std::ifstream file(argv[2]);
      return CheckGoals(Json::parse(file));
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copse_mount_benchmark: %s: %s\n", argv[2], error.what());
    return 2;
  }
  std::fprintf(stderr, "usage: copse_mount_benchmark run DIRECTORY | table FILE | check FILE\n");
  return 2;
}
