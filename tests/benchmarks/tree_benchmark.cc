// Measures the tree engine beside the textbook engine of tests/crdt, in one run, in processor time.
//
//   copse_tree_benchmark measure ROUNDS SIZE CASE   our median of one case, and the textbook engine's
//   copse_tree_benchmark run ROUNDS SIZE...   one JSON object: SIZE -> case -> {copse, textbook, unit}, medians;
//   `sizes` of copse_tree_benchmark table FILE           such a run, as Markdown copse_tree_benchmark check FILE
//   Markdown of the goals; exits with 1 if one is missed

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "goals.h"
#include "tree_measurements.h"

namespace copse::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

/// Measures in a process of its own, so that no figure depends on what was measured before it.
double InOwnProcess(const std::function<double()>& measure) {
  int ends[2];
  if (pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  const pid_t child = fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  double figure = 0;
  if (child == 0) {
    figure = measure();
    _exit(write(ends[1], &figure, sizeof figure) == sizeof figure ? 0 : 1);
  }
  close(ends[1]);
  const bool is_read = read(ends[0], &figure, sizeof figure) == sizeof figure;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (!is_read) throw std::runtime_error("a measurement did not end");
  return figure;
}

Json MedianOf(const std::function<double()>& measure, std::size_t rounds) {
  if (!measure) return nullptr;
  std::vector<double> figures;
  for (std::size_t round = 0; round < rounds; ++round) figures.push_back(InOwnProcess(measure));
  std::sort(figures.begin(), figures.end());
  return figures[figures.size() / 2];
}

Json Run(std::size_t size, std::size_t rounds) {
  Json cases;
  for (const TreeCase& one : TreeCases(size)) {
    std::cerr << "bench tree: " << size << ": " << one.name << "\n";
    const std::size_t times = one.is_exact ? 1 : rounds;
    Json ours = MedianOf(one.ours, times);
    cases[one.name] = Json{{"copse", std::move(ours)}, {"textbook", MedianOf(one.textbook, times)}, {"unit", one.unit}};
  }
  return cases;
}

std::string Figure(const Json& figure) { return figure.is_number() ? Rounded(figure.get<double>()) : ""; }

void Table(const Json& run) {
  for (const auto& [size, cases] : run.at("sizes").items()) {
    std::cout << "\n" << size << " ops:\n\n| case | copse | textbook | ratio |\n|---|---:|---:|---:|\n";
    for (const auto& [name, figures] : cases.items()) {
      const Json& ours = figures.at("copse");
      const Json& textbook = figures.at("textbook");
      const Json ratio = textbook.is_number() ? Json(ours.get<double>() / textbook.get<double>()) : Json();
      std::cout << "| " << name << ", " << figures.at("unit").get<std::string>() << " | " << Figure(ours) << " | "
                << Figure(textbook) << " | " << Figure(ratio) << " |\n";
    }
  }
}

/// At 1,000,000 ops: a bound on our figure, times the figure of another case, or of the textbook engine in the same
/// case, where one is named.
struct Goal {
  const char* name;
  enum Kind { kAtLeast, kAtMost } kind;
  double bound;
  const char* of = nullptr;
};
constexpr const char* kTextbook = "the textbook engine";

const Goal kGoals[] = {
    {"create without names, one by one", Goal::kAtLeast, 20e6},
    {"create, one by one", Goal::kAtLeast, 8e6},
    {"create, one by one", Goal::kAtLeast, 0.9, kTextbook},
    {"mixed ops in order, one by one, both tell events", Goal::kAtLeast, 0.9, kTextbook},
    {"mixed ops in order, one by one, neither tells events", Goal::kAtLeast, 0.9, kTextbook},
    {"merge concurrent creates, one batch", Goal::kAtLeast, 10e6},
    {"merge concurrent mixed ops, one batch", Goal::kAtLeast, 10e6},
    {"merge concurrent creates, frames of 64", Goal::kAtLeast, 3e6},
    {"merge concurrent mixed ops, frames of 64", Goal::kAtLeast, 3e6},
    {"one op late by 1000000, leaf", Goal::kAtMost, 5},
    {"one op late by 1000000, directory", Goal::kAtMost, 100},
    {"one op late by 1000000, leaf", Goal::kAtMost, 10, "one op late by 1000, leaf"},
    {"one op late by 1000000, directory", Goal::kAtMost, 10, "one op late by 1000, directory"},
    {"random moves of 1000 directories (the paper's), batches of 64", Goal::kAtLeast, 1e6},
    {"replay of a log of creates, from bytes", Goal::kAtLeast, 8e6},
    {"replay of a log of mixed ops, from bytes", Goal::kAtLeast, 8e6},
    {"snapshot to first listing", Goal::kAtMost, 10},
    {"memory of a node with its op, without its name", Goal::kAtMost, 64},
    {"memory of a node after truncation, without its name", Goal::kAtMost, 40},
    {"a create in columns, without its name", Goal::kAtMost, 0.2},
    {"an op in columns, without its name", Goal::kAtMost, 3.5},
};

int Check(const Json& run) {
  const Json& cases = run.at("sizes").at("1000000");
  std::vector<GoalResult> results;
  for (const Goal& goal : kGoals) {
    const Json& figures = cases.at(goal.name);
    double measured = figures.at("copse").get<double>();
    std::string unit = figures.at("unit").get<std::string>();
    if (goal.of != nullptr) {
      const Json& other = goal.of == kTextbook ? figures.at("textbook") : cases.at(goal.of).at("copse");
      measured /= other.get<double>();
      unit = std::string("times ") + goal.of;
    }
    const bool is_least = goal.kind == Goal::kAtLeast;
    results.push_back({goal.name, (is_least ? "at least " : "at most ") + Rounded(goal.bound) + " " + unit,
                       Rounded(measured), is_least ? measured >= goal.bound : measured <= goal.bound});
  }
  return PrintGoals(results);
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() >= 3 && arguments[0] == "run") {
    Json run;
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      run[arguments[i]] = Run(std::stoul(arguments[i]), std::stoul(arguments[1]));
    }
    std::cout << run.dump(1) << "\n";
    return 0;
  }
  if (arguments.size() == 4 && arguments[0] == "measure") {
    for (const TreeCase& one : TreeCases(std::stoul(arguments[2]))) {
      if (one.name != arguments[3]) continue;
      const std::size_t rounds = std::stoul(arguments[1]);
      std::cout << Json{{"copse", MedianOf(one.ours, rounds)}, {"textbook", MedianOf(one.textbook, rounds)}} << "\n";
    }
    return 0;
  }
  if (arguments.size() == 2 && (arguments[0] == "table" || arguments[0] == "check")) {
    std::ifstream file(arguments[1]);
    const Json run = Json::parse(file);
    if (arguments[0] == "check") return Check(run);
    Table(run);
    return 0;
  }
  std::cerr << "usage: copse_tree_benchmark measure ROUNDS SIZE CASE | run ROUNDS SIZE... | table FILE | check FILE\n";
  return 2;
}

}  // namespace
}  // namespace copse::benchmarks

int main(int argc, char** argv) { return copse::benchmarks::Main(std::vector<std::string>(argv + 1, argv + argc)); }
