#include "mount_report.h"

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "goals.h"

namespace copse::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kBackings[] = {"RAM", "disk"};

struct Goal {
  const char* figure;
  const char* baseline;
  double times;
};

constexpr Goal kGoals[] = {
    {"create, files/s", "passthrough_ll", 1.5},
    {"mkdir, directories/s", "passthrough_ll", 1.5},
    {"symlink, links/s", "passthrough_ll", 1.5},
    {"link, links/s", "passthrough_ll", 1.5},
    {"rename, files/s", "passthrough_ll", 1.5},
    {"unlink, files/s", "passthrough_ll", 1.5},
    {"stat, warm, files/s", "ext4", 0.85},
    {"stat of absent names, warm, names/s", "ext4", 0.85},
    {"list, warm, entries/s", "ext4", 0.85},
    {"list with attributes (ls -l), warm, entries/s", "ext4", 0.85},
    {"write 4 KiB files, files/s", "passthrough_ll", 1.5},
    {"write 4 KiB files with fsync, files/s", "passthrough_ll", 1.0},
    {"sequential write with fsync, MiB/s", "passthrough_hp", 1.0},
    {"sequential read, pages dropped, MiB/s", "passthrough_hp", 1.0},
    {"sequential read, warm, MiB/s", "passthrough_hp", 1.0},
    {"random 4 KiB writes, writes/s", "passthrough_hp", 1.0},
    {"random 4 KiB reads, pages dropped, reads/s", "passthrough_hp", 1.0},
    {"tar -x of a source tree, files/s", "passthrough_ll", 1.3},
    {"rm -r of a source tree, files/s", "passthrough_ll", 1.3},
    {"git clone, files/s", "passthrough_ll", 1.3},
    {"git status, runs/s", "passthrough_ll", 1.3},
    {"cmake build, files/s", "passthrough_ll", 1.3},
};
constexpr double kMergeMilliseconds = 5;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

double MedianOf(const Json& runs, const std::string& name, const std::string& figure) {
  std::vector<double> values;
  for (const Json& run : runs) values.push_back(run.at(name).at(figure));
  return Median(std::move(values));
}

double MergeMedian(const Json& results, std::size_t column) {
  std::vector<double> values;
  for (const Json& one : results.at("merge")) values.push_back(one.at(column));
  return Median(std::move(values));
}

void PrintRuns(const Json& runs, const std::string& ours, const std::vector<std::string>& baselines) {
  std::cout << "| case |";
  for (const std::string& name : baselines) std::cout << " " << name << " |";
  std::cout << " " << ours << " |";
  for (const std::string& name : baselines) std::cout << " " << ours << " / " << name << " |";
  std::cout << "\n|---|";
  for (std::size_t i = 0; i < 2 * baselines.size() + 1; ++i) std::cout << "---:|";
  std::cout << "\n";
  for (const auto& figure : runs.at(0).at(ours).items()) {
    const auto median = [&](const std::string& name) { return MedianOf(runs, name, figure.key()); };
    std::cout << "| " << figure.key() << " |";
    for (const std::string& name : baselines) std::cout << " " << Rounded(median(name)) << " |";
    std::cout << " " << Rounded(median(ours)) << " |";
    for (const std::string& name : baselines) std::cout << " " << Rounded(median(ours) / median(name)) << " |";
    std::cout << "\n";
  }
}

}  // namespace

void PrintMountTable(const Json& results) {
  const std::string ours = results.at("ours");
  const std::vector<std::string> baselines = results.at("baselines");
  for (const char* const backing : kBackings) {
    if (!results.contains(backing)) continue;
    std::cout << "The ext4 on " << backing << ", medians of " << results.at(backing).size() << ":\n\n";
    PrintRuns(results.at(backing), ours, baselines);
    std::cout << "\n";
  }
  if (!results.contains("merge")) return;
  std::cout << "Lookups while 100,000 ops of another replica arrive and are merged: 99 of 100 took at most "
            << Rounded(MergeMedian(results, 0)) << " ms, of " << MergeMedian(results, 1) << " in one merge (medians of "
            << results.at("merge").size() << ").\n";
}

int CheckMountGoals(const Json& results) {
  std::vector<GoalResult> reached;
  for (const char* const backing : kBackings) {
    if (!results.contains(backing)) continue;
    for (const Goal& goal : kGoals) {
      const double ratio = MedianOf(results.at(backing), results.at("ours"), goal.figure) /
                           MedianOf(results.at(backing), goal.baseline, goal.figure);
      reached.push_back({std::string(goal.figure) + " (" + backing + ")",
                         "at least " + Rounded(goal.times) + " x " + goal.baseline, Rounded(ratio) + " x",
                         ratio >= goal.times});
    }
  }
  const double merge = MergeMedian(results, 0);
  reached.push_back({"lookup during a merge, 99th percentile", "below " + Rounded(kMergeMilliseconds) + " ms",
                     Rounded(merge) + " ms", merge < kMergeMilliseconds});
  return PrintGoals(reached);
}

}  // namespace copse::benchmarks
