// Measures how soon a change made in one mount is seen in another of the same volume.
//
//   copse_exchange_benchmark latency FROM TO     one JSON object: medians and 90th percentiles in milliseconds
//   copse_exchange_benchmark tree DIRECTORY N    makes N files of 100 bytes to 8 KiB in directories of 100
//   copse_exchange_benchmark table FILE          Markdown of a run's {"files", "files_per_second", "latency"}
//   copse_exchange_benchmark check FILE          Markdown of its goals; fails if one is missed

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
#include <thread>
#include <vector>

#include "goals.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 200;
constexpr std::chrono::seconds kPatience{30};

void Check(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "copse_exchange_benchmark: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void WriteFile(const std::string& path, const std::string& contents) {
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  Check(file >= 0, path);
  Check(write(file, contents.data(), contents.size()) == static_cast<ssize_t>(contents.size()), path);
  Check(close(file) == 0, path);
}

off_t SizeOf(const std::string& path) {
  struct stat shown {};
  return lstat(path.c_str(), &shown) == 0 ? shown.st_size : -1;
}

/// From the return of `change` until `is_seen`, in milliseconds. A short sleep between looks: on few cores a busy loop
/// would take the time from those who are measured.
double MillisecondsUntil(const std::function<void()>& change, const std::function<bool()>& is_seen) {
  change();
  const auto begin = Clock::now();
  while (!is_seen()) {
    Check(Clock::now() - begin < kPatience, "the change never came");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

nlohmann::ordered_json Figures(std::vector<double> milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  return {{"median_ms", milliseconds[milliseconds.size() / 2]}, {"p90_ms", milliseconds[milliseconds.size() * 9 / 10]}};
}

int Latency(const std::string& from, const std::string& to) {
  std::vector<double> created;
  std::vector<double> written;
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "/latency-" + std::to_string(round);
    created.push_back(MillisecondsUntil([&] { Check(mkdir((from + name).c_str(), 0755) == 0, name); },
                                        [&] { return SizeOf(to + name) >= 0; }));
    const std::string file = name + "/file";
    written.push_back(MillisecondsUntil([&] { WriteFile(from + file, std::string(4096, 'x')); },
                                        [&] { return SizeOf(to + file) == 4096; }));
  }
  std::cout << nlohmann::ordered_json{{"mkdir", Figures(created)}, {"file_4KiB_written", Figures(written)}} << "\n";
  return 0;
}

int MakeTree(const std::string& directory, int count) {
  std::mt19937 random(1);
  std::string below;
  for (int i = 0; i < count; ++i) {
    if (i % 100 == 0) {
      below = directory + "/d" + std::to_string(i / 100);
      Check(mkdir(below.c_str(), 0755) == 0, below);
    }
    std::string contents(100 + random() % 8092, '\0');
    for (char& byte : contents) byte = static_cast<char>(random());
    WriteFile(below + "/f" + std::to_string(i), contents);
  }
  return 0;
}

struct Latencies {
  const char* name;
  std::string what;
};

const Latencies kLatencies[] = {{"mkdir", "mkdir seen in the other mount"},
                                {"file_4KiB_written", "a written file seen in the other mount"}};

std::string TreeFigure(const nlohmann::json& run) {
  return "a tree of " + run.at("files").dump() + " files reaches a new replica, files/s";
}

int PrintTable(const nlohmann::json& run) {
  using copse::benchmarks::Rounded;
  std::cout << "| figure | measured |\n|---|---:|\n| " << TreeFigure(run) << " | "
            << Rounded(run.at("files_per_second")) << " |\n";
  for (const auto& [name, what] : kLatencies) {
    const nlohmann::json& figures = run.at("latency").at(name);
    std::cout << "| " << what << ", median (90th percentile), ms | " << Rounded(figures.at("median_ms")) << " ("
              << Rounded(figures.at("p90_ms")) << ") |\n";
  }
  return 0;
}

int CheckGoals(const nlohmann::json& run) {
  using copse::benchmarks::Rounded;
  constexpr double kFilesPerSecond = 5000;
  constexpr double kMilliseconds = 20;
  const double rate = run.at("files_per_second");
  std::vector<copse::benchmarks::GoalResult> results = {
      {TreeFigure(run), "at least " + Rounded(kFilesPerSecond), Rounded(rate), rate >= kFilesPerSecond}};
  for (const auto& [name, what] : kLatencies) {
    const double median = run.at("latency").at(name).at("median_ms");
    results.push_back(
        {what + ", median, ms", "below " + Rounded(kMilliseconds), Rounded(median), median < kMilliseconds});
  }
  return copse::benchmarks::PrintGoals(results);
}

int Report(const std::string& verb, const char* path) {
  try {
    std::ifstream file(path);
    const auto run = nlohmann::json::parse(file);
    return verb == "table" ? PrintTable(run) : CheckGoals(run);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copse_exchange_benchmark: %s: %s\n", path, error.what());
    return 2;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc == 3 ? argv[1] : "";
  if (verb == "table" || verb == "check") return Report(verb, argv[2]);
  const std::string what = argc == 4 ? argv[1] : "";
  if (what == "latency") return Latency(argv[2], argv[3]);
  if (what == "tree") return MakeTree(argv[2], std::atoi(argv[3]));
  std::fprintf(stderr,
               "usage: copse_exchange_benchmark latency FROM TO | tree DIRECTORY N | table FILE | check FILE\n");
  return 2;
}
