// What the start of a large volume costs: makes a store that holds so many files, through the inode layer as a mount
// makes them, 1,000 in a directory; and prints what scripts/bench_start.sh has measured with it.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/open_volume.h"
#include "goals.h"

namespace {

using Json = nlohmann::json;

constexpr std::size_t kFilesInDirectory = 1000;

template <typename T>
T Value(absl::StatusOr<T> value) {
  if (!value.ok()) throw std::runtime_error(std::string(value.status().message()));
  return std::move(*value);
}

std::string Numbered(const char* format, std::size_t number) {
  char name[32];
  std::snprintf(name, sizeof name, format, number);
  return name;
}

int Make(const std::string& store, std::size_t files) {
  const copse::fs::Caller caller{.uid = getuid(), .gid = getgid()};
  const absl::Status made = copse::cli::OpenVolume::Create(store, "bench", caller);
  if (!made.ok()) throw std::runtime_error(std::string(made.message()));
  const auto opened = Value(copse::cli::OpenVolume::Open(store, {}));
  copse::fs::Volume& volume = opened->volume();
  copse::fs::NodeId directory;
  for (std::size_t file = 0; file < files; ++file) {
    if (file % kFilesInDirectory == 0) {
      const std::string name = Numbered("directory-%05zu", file / kFilesInDirectory);
      directory = Value(volume.MakeDirectory(caller, copse::crdt::kRoot, name, 0755)).node;
    }
    const std::string name = Numbered("file-%08zu.txt", file);
    const auto entry = Value(volume.MakeNode(caller, directory, name, copse::fs::Kind::kRegular, 0644, 0));
    volume.Forget(entry.node, 1);
  }
  return 0;
}

struct Figure {
  const char* name;
  const char* what;
  double goal;  // At most this; 0: none.
};

const Figure kFigures[] = {
    {"snapshot_ms", "from exec of `copse mount` to the first listing, with a snapshot, ms", 1000},
    {"snapshot_cpu_ms", "... processor time of the mount until then, ms", 0},
    {"replay_ms", "the same without a snapshot, ms", 0},
    {"replay_cpu_ms", "... processor time of the mount until then, ms", 0},
    {"write_ms", "umount that writes the snapshot, ms", 0},
    {"snapshot_mb", "size of the snapshot, MB", 0},
    {"idle_mb", "resident after the start from a snapshot, MB", 250},
    {"looked_up_mb", "resident after every file was looked up, MB", 250},
};

std::string Named(const Figure& figure, const Json& run) { return run.at("files").dump() + " files: " + figure.what; }

int PrintTable(const Json& run) {
  std::cout << "| figure | measured |\n|---|---:|\n";
  for (const Figure& figure : kFigures) {
    std::cout << "| " << Named(figure, run) << " | " << copse::benchmarks::Rounded(run.at(figure.name)) << " |\n";
  }
  return 0;
}

int CheckGoals(const Json& run) {
  std::vector<copse::benchmarks::GoalResult> results;
  for (const Figure& figure : kFigures) {
    if (figure.goal == 0) continue;
    const double measured = run.at(figure.name);
    results.push_back({Named(figure, run), "at most " + copse::benchmarks::Rounded(figure.goal),
                       copse::benchmarks::Rounded(measured), measured <= figure.goal});
  }
  return copse::benchmarks::PrintGoals(results);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc >= 3 ? argv[1] : "";
  try {
    if (verb == "make" && argc == 4) return Make(argv[2], std::strtoull(argv[3], nullptr, 10));
    if ((verb == "table" || verb == "check") && argc == 3) {
      std::ifstream file(argv[2]);
      const Json run = Json::parse(file);
      return verb == "table" ? PrintTable(run) : CheckGoals(run);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copse_start_benchmark: %s: %s\n", argv[2], error.what());
    return 2;
  }
  std::fprintf(stderr, "usage: copse_start_benchmark make STORE FILES | table FILE | check FILE\n");
  return 2;
}
