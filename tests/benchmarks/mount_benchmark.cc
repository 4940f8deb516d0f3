// Measures a folder by system calls and programs, so that the same runs on ext4, on another FUSE file system and on
// ours.
//
//   copse_mount_benchmark run DIRECTORY MATERIAL [PART]  one JSON object: case -> figure; only cases that have PART in
//                                                        their names. MATERIAL: see mount_cases.h
//   copse_mount_benchmark fill DIRECTORY FILES           makes empty files, and "last" at the end
//   copse_mount_benchmark look DIRECTORY                 looks up absent names until "last" is there; prints JSON: the
//                                                        99th percentile in milliseconds, and how many were looked up
//   copse_mount_benchmark table FILE | check FILE        Markdown: see mount_report.h

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "mount_cases.h"
#include "mount_report.h"

namespace copse::benchmarks {

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

namespace {

using Json = nlohmann::ordered_json;

Json Run(const std::string& directory, const std::string& material, const std::string& part) {
  Json figures;
  const std::string work = directory + "/benchmark";
  for (const auto& cases : {NameCases(), ContentCases(), ProgramCases()}) {
    for (const MountCase& one : cases) {
      if (one.figure.find(part) == std::string::npos) continue;
      std::filesystem::create_directory(work);
      figures[one.figure] = one.measure(work, material);
      std::filesystem::remove_all(work);
    }
  }
  return figures;
}

void Fill(const std::string& directory, int files) {
  // Many directories, as in a tree that somebody works in.
  for (int number = 0; number < files; ++number) {
    const std::string place = directory + "/" + std::to_string(number / 1000);
    if (number % 1000 == 0) std::filesystem::create_directory(place);
    WriteFile(place + "/" + std::to_string(number), 0, false);
  }
  WriteFile(directory + "/last", 0, false);
}

Json Look(const std::string& directory) {
  std::vector<double> times = LookUntilShown(directory, "last");
  Check(!times.empty(), "nothing to look at: the merge was over");
  std::sort(times.begin(), times.end());
  return {times[times.size() * 99 / 100], times.size()};
}

int Main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto results = [&] {
    std::ifstream file(argv[2]);
    return Json::parse(file);
  };
  if (verb == "run" && (argc == 4 || argc == 5)) {
    std::cout << Run(argv[2], argv[3], argc == 5 ? argv[4] : "").dump(1) << "\n";
  } else if (verb == "fill" && argc == 4) {
    Fill(argv[2], std::atoi(argv[3]));
  } else if (verb == "look" && argc == 3) {
    std::cout << Look(argv[2]).dump() << "\n";
  } else if (verb == "table" && argc == 3) {
    PrintMountTable(results());
  } else if (verb == "check" && argc == 3) {
    return CheckMountGoals(results());
  } else {
    std::fprintf(
        stderr,
        "usage: copse_mount_benchmark run DIRECTORY MATERIAL [PART] | fill DIRECTORY FILES | look DIRECTORY |\n"
        "                             table FILE | check FILE\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace copse::benchmarks

int main(int argc, char** argv) {
  try {
    return copse::benchmarks::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copse_mount_benchmark: %s\n", error.what());
    return 2;
  }
}
